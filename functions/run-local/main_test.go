package main

import (
	"strings"
	"testing"
)

func TestAWrongCommandLineIsNamedAndEndsWithStatus2(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"an unknown flag":              {[]string{"-shedule", "x"}, "-shedule"},
		"a word that is no flag":       {[]string{"SnapshotDaily"}, "did you mean -schedule SnapshotDaily"},
		"an empty keyword":             {[]string{"-schedule", ""}, "can't be a keyword: it is empty"},
		"a wildcard":                   {[]string{"-schedule", "Snapshot*"}, "'*'"},
		"a time that is none":          {[]string{"-schedule", "SnapshotDaily", "-scheduled-time", "today"}, `"today" is not a time such as`},
		"a time still to come":         {[]string{"-schedule", "SnapshotDaily", "-scheduled-time", hoursBefore(-1)}, "in the future; a run starts at its"},
		"a year that is none":          {[]string{"-schedule", "SnapshotDaily", "-scheduled-time", "0000-01-01T00:00:00Z"}, "in the year 0"},
		"a zone that is none":          {[]string{"-schedule", "SnapshotDaily", "-time-zone", "Mars/Olympus"}, "Mars/Olympus"},
		"a plan of all for a time":     {[]string{"-plan", "-scheduled-time", at}, "-scheduled-time has no effect on -plan of all schedules"},
		"no volume to explain":         {[]string{"-explain", "i-1"}, `"i-1" is not the ID of a volume`},
		"all volumes to explain":       {[]string{"-explain", "vol-*"}, `"vol-*" is not the ID of a volume`},
		"some volumes to explain":      {[]string{"-explain", "vol-0?"}, `"vol-0?" is not the ID of a volume`},
		"an escaped volume to explain": {[]string{"-explain", `vol-\*`}, "is not the ID of a volume"},
		"two volumes to explain":       {[]string{"-explain", "vol-1,vol-2"}, "is not the ID of a volume"},
		"an explanation of a schedule": {[]string{"-explain", "vol-1", "-schedule", "SnapshotDaily"}, "-schedule has no effect on -explain"},
		"days with a schedule":         {[]string{"-schedule", "SnapshotDaily", "-days", "3"}, "-days has no effect on a run"},
		"a bench of one schedule":      {[]string{"-bench", "-schedule", "SnapshotDaily"}, "-schedule has no effect on -bench"},
		"an undo of one of two":        {[]string{"-adopt", "SnapshotDaily", "-undo", "-also-tagged", "X"}, "-also-tagged has no effect on -adopt -undo"},
		"an undo in a time zone":       {[]string{"-adopt", "SnapshotDaily", "-undo", "-time-zone", "UTC"}, "-time-zone has no effect on -adopt -undo"},
		"a yes to a plan":              {[]string{"-adopt", "SnapshotDaily", "-plan", "-yes"}, "-yes has no effect on -plan"},
		"other keywords that are none": {[]string{"-adopt", "SnapshotDaily", "-also-tagged", ""}, "-also-tagged "},
		"an undo of nothing":           {[]string{"-undo"}, "-undo needs -adopt KEYWORD"},
		"a yes to nothing":             {[]string{"-schedule", "SnapshotDaily", "-yes"}, "-yes needs -adopt KEYWORD"},
		"a wildcard to adopt":          {[]string{"-adopt", "Snapshot*"}, "-adopt "},
		"nothing to adopt":             {[]string{"-adopt", ""}, "can't be a keyword: it is empty"},
		"adopting in a run":            {[]string{"-adopt", "SnapshotDaily", "-schedule", "SnapshotDaily"}, "-schedule has no effect on -adopt"},
		"no days":                      {[]string{"-days", "0"}, "1 to 60"},
		"a rate above EC2's":           {[]string{"-schedule", "SnapshotDaily", "-create-rate", "50"}, "-create-rate 50"},
		"a burst that creates nothing": {[]string{"-schedule", "SnapshotDaily", "-create-burst", "0"}, "-create-burst 0"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := newCommand(t)
			if got := cmd.run(t.Context(), c.args...); got != exitUsage {
				t.Errorf("exit status %d, want %d", got, exitUsage)
			}
			if !strings.Contains(cmd.stderr.String(), c.says) || !strings.Contains(cmd.stderr.String(), "-h explains") {
				t.Errorf("it says %q, want something with %q", cmd.stderr.String(), c.says)
			}
		})
	}
}

func TestHelpExplainsEveryFlag(t *testing.T) {
	c := newCommand(t)
	if got := c.run(t.Context(), "-h"); got != exitOK {
		t.Errorf("exit status %d, want 0", got)
	}
	for _, text := range []string{"-schedule keyword", "-plan", "-scheduled-time time", "-json file", "AWS_ENDPOINT_URL", "Exit status", "Ctrl-C"} {
		if !strings.Contains(c.stderr.String(), text) {
			t.Errorf("the help does not mention %q:\n%s", text, c.stderr.String())
		}
	}
}

func TestAMissingConfigurationIsNamedWithWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		unset, says string
	}{
		"no Region":      {"AWS_REGION", "set AWS_REGION"},
		"no credentials": {"AWS_ACCESS_KEY_ID", "there are no AWS credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			server(t)
			t.Setenv(c.unset, "")
			t.Setenv("AWS_DEFAULT_REGION", "")
			cmd := newCommand(t)
			if got := cmd.run(t.Context(), "-schedule", "SnapshotDaily", "-dir", cmd.dir); got != exitFailed {
				t.Errorf("exit status %d, want %d", got, exitFailed)
			}
			if !strings.Contains(cmd.stderr.String(), c.says) {
				t.Errorf("it says %q, want something with %q", cmd.stderr.String(), c.says)
			}
		})
	}
}

func TestTheDefinitionIsPrintedAsItRunsHere(t *testing.T) {
	c := newCommand(t)
	if got := c.run(t.Context(), "-definition"); got != exitOK {
		t.Fatalf("exit status %d: %s", got, c.stderr.String())
	}
	if text := c.stdout.String(); !strings.Contains(text, `"MaxConcurrency": 10000`) || strings.Contains(text, "${") {
		t.Errorf("the definition is not rendered:\n%s", text)
	}
}
