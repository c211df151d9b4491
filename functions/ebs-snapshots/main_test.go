package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

func TestAWrongCommandLineIsNamedAndEndsWithStatus2(t *testing.T) {
	for name, c := range map[string]struct{ args, says string }{
		"an unknown verb":              {"plna", `unknown command "plna"`},
		"an unknown flag":              {"plan --shedule x", "--shedule"},
		"a run of nothing":             {"run", "run needs the KEYWORD of a schedule"},
		"a run of two":                 {"run SnapshotDaily SnapshotHourly", "got 2 words"},
		"an adoption of nothing":       {"adopt", "adopt needs the KEYWORD of a schedule"},
		"a wildcard":                   {"run Snapshot*", `"Snapshot*" can't be a keyword: it contains '*'`},
		"a wildcard to plan":           {"plan Snapshot*", `"Snapshot*" can't be a keyword`},
		"a wildcard to adopt":          {"adopt Snapshot*", `"Snapshot*" can't be a keyword`},
		"a time that is none":          {"run SnapshotDaily --scheduled-time today", `"today" is not a time such as`},
		"a time still to come":         {"run SnapshotDaily --scheduled-time " + hoursBefore(-1), "in the future; a run starts at its"},
		"a year that is none":          {"run SnapshotDaily --scheduled-time 0000-01-01T00:00:00Z", "in the year 0"},
		"a zone that is none":          {"plan SnapshotDaily --time-zone Mars/Olympus", "Mars/Olympus"},
		"a plan of all for a time":     {"plan --scheduled-time " + at, "--scheduled-time needs a KEYWORD"},
		"a plan of all in a zone":      {"plan --time-zone UTC", "--time-zone needs a KEYWORD"},
		"an action that is none":       {"plan --only remove", `--only "remove": give create, keep or delete`},
		"a resumed run of a time":      {"run SnapshotDaily --resume --scheduled-time " + at, "[resume scheduled-time] were all set"},
		"a demo as JSON":               {"demo --output json", "demo has no JSON"},
		"days that are none":           {"demo --days x", `--days "x" is not a whole number, 1 to 60`},
		"two plans":                    {"plan A B", "plan takes at most one KEYWORD"},
		"no days":                      {"demo --days 0", "1 to 60"},
		"an undo of one of two":        {"adopt SnapshotDaily --undo --also-tagged X", "[also-tagged undo] were all set"},
		"an undo in a time zone":       {"adopt SnapshotDaily --undo --time-zone UTC", "[time-zone undo] were all set"},
		"a yes to a list":              {"adopt SnapshotDaily --dry-run --yes", "[dry-run yes] were all set"},
		"another keyword that is none": {"adopt SnapshotDaily --also-tagged Snapshot*", "--also-tagged"},
		"nothing to explain":           {"explain", "explain needs"},
		"all volumes to explain":       {"explain vol-*", `"vol-*" is not the ID of a volume`},
		"two volumes to explain":       {"explain vol-1,vol-2", `"vol-1,vol-2" is not the ID of a volume`},
		"some snapshots to explain":    {"explain snap-0?", `"snap-0?" is not the ID of a snapshot`},
		"a format that is none":        {"version --output yaml", `--output "yaml": give text or json`},
		"a word too many for the demo": {"demo 3", `unknown command "3"`},
		"a verb that config has not":   {"config chekc", `unknown command "chekc"`},
	} {
		t.Run(name, func(t *testing.T) {
			newCommand(t).says(t, 2, strings.Fields(c.args), c.says, "--help'.")
		})
	}
	t.Run("a topic that is none", func(t *testing.T) {
		account := server(t)
		addInstance(account, "i-1", "3", "vol-1")
		for arn, says := range map[string]string{
			"alerts": "is not the ARN of an SNS topic", "arn:aws:sqs:us-east-1:123456789012:alerts": "is not the ARN of an SNS topic",
			"arn:aws:sns:us-east-1:123456789012:alerts:1f8b": "is not the ARN of an SNS topic", "arn:aws:sns:eu-west-1:123456789012:alerts": "is in Region eu-west-1",
		} {
			newCommand(t).says(t, 2, []string{"run", "SnapshotDaily", "--yes", "--topic-arn", arn}, says)
		}
		if made := account.Snapshots(); len(made) > 0 {
			t.Errorf("snapshots were made: %v", made)
		}
	})
}

func TestAMistypedVerbIsAnsweredWithTheLikelyOne(t *testing.T) {
	newCommand(t).says(t, 2, []string{"explian"}, "Did you mean explain?")
}

// Scripts know the exit statuses by their numbers, so that these do, too.
func TestTheExitStatusesAreThoseOfTheHelp(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	c := newCommand(t)
	c.says(t, 0, nil, "Show, and change nothing:", "Exit status: 0", "130")
	c.says(t, 0, []string{"plan"})
	account.Inject(ec2sim.Fault{Action: "DescribeInstances", Code: "UnauthorizedOperation", Status: 403})
	c.says(t, 1, []string{"plan"}, "ec2:DescribeInstances was denied")
}

func TestHelpExplainsEveryVerbOnStandardOutputIn80Columns(t *testing.T) {
	c := newCommand(t)
	for _, verb := range []string{"", "demo", "plan", "run", "explain", "adopt", "config check", "version"} {
		c.says(t, 0, append(strings.Fields(verb), "--help"), "Usage:", "--region Region")
		if c.stderr.Len() > 0 {
			t.Errorf("%s --help writes to standard error: %s", verb, c.stderr.String())
		}
		for line := range strings.Lines(c.stdout.String()) {
			if len([]rune(strings.TrimSuffix(line, "\n"))) > 80 {
				t.Errorf("%s --help has a line of more than 80 characters: %s", verb, line)
			}
		}
	}
	for _, hidden := range []string{"  bench", "  definition"} {
		if c.says(t, 0, nil); strings.Contains(c.stdout.String(), hidden) {
			t.Errorf("the operator's help has%s", hidden)
		}
	}
}

func TestAMissingConfigurationIsNamedWithWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		unset, says string
	}{
		"no Region":      {"AWS_REGION", "give one with --region or AWS_REGION"},
		"no credentials": {"AWS_ACCESS_KEY_ID", "there are no AWS credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			server(t)
			t.Setenv(c.unset, "")
			t.Setenv("AWS_DEFAULT_REGION", "")
			newCommand(t).says(t, 1, []string{"run", "SnapshotDaily", "--yes"}, c.says)
		})
	}
}

func TestTheRegionOfTheCommandLineComesFirst(t *testing.T) {
	server(t)
	newCommand(t).says(t, 0, []string{"plan", "--region", "cn-north-1"}, "Account 123456789012, Region cn-north-1 at http://")
}

func TestAProfileThatIsNotThereIsNamed(t *testing.T) {
	server(t)
	newCommand(t).says(t, 1, []string{"plan", "--profile", "nobody"}, "nobody")
}

// Other settings than the deployed ones, silently, would keep and delete other snapshots.
func TestWithoutCDKJSONNothingIsGuessed(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "2", "vol-1")
	c := newCommand(t)
	if err := os.Remove(c.config); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"plan", "plan SnapshotDaily", "run SnapshotDaily --yes", "explain vol-1", "adopt SnapshotDaily --yes", "config check"} {
		c.says(t, 1, strings.Fields(args), "there is no "+c.config, "run this where it is, or name it with --config")
	}
	if n := len(account.Snapshots()); n > 0 {
		t.Errorf("%d snapshots were made", n)
	}
	c.says(t, 0, strings.Fields("plan SnapshotDaily --time-zone Asia/Shanghai"), "create 1")
}

func TestAConfigurationWithFaultsIsRefusedWithAllOfThem(t *testing.T) {
	server(t)
	c := newCommand(t)
	c.configured(t, `{"context": {"schedules": [{"keyword": "Name"}], "maxConcurrency": -1}}`)
	for _, args := range []string{"config check", "plan SnapshotDaily"} {
		c.says(t, 1, strings.Fields(args), "\n  schedules[0].expression: it is missing", "\n  maxConcurrency")
	}
	c.configured(t, `{"context": `)
	c.says(t, 1, []string{"config", "check"}, "is not a JSON object as cdk.json is")
	for _, text := range []string{`{}`, `{"name": "x", "dependencies": {}}`, `{"context": null}`} {
		c.configured(t, text)
		c.says(t, 1, []string{"config", "check"}, `has no object "context"`)
	}
	c.configured(t, `{"context": {"schedules": []}}`)
	c.says(t, 0, []string{"plan"}, "has no schedules")
}

func TestAConfigurationWithoutFaultsIsListed(t *testing.T) {
	c := newCommand(t)
	c.config = deployed(t)
	c.says(t, 0, []string{"config", "check"}, "has no faults. 4 schedules:", "SnapshotDaily   cron(0 8 * * ? *)  Asia/Shanghai  ", " 08:00 +08:00", "disabled")
}

func TestTheDefinitionIsPrintedAsItRunsHere(t *testing.T) {
	c := newCommand(t)
	c.says(t, 0, []string{"definition"}, `"MaxConcurrency": 10000`)
	if text := c.stdout.String(); strings.Contains(text, "${") {
		t.Errorf("the definition is not rendered:\n%s", text)
	}
}

func TestShellsCompleteKeywords(t *testing.T) {
	c := newCommand(t)
	if got := execute(t.Context(), c.app(), []string{"__complete", "--config", c.config, "plan", ""}); got != exitOK || !strings.Contains(c.stdout.String(), "SnapshotHourly\n") {
		t.Errorf("exit status %d: %s%s", got, c.stdout.String(), c.stderr.String())
	}
}

func TestTheStateOfRunsStandsBesideTheConfiguration(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	c := newCommand(t)
	if err := c.daily(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found, err := filepath.Glob(filepath.Join(c.dir, ".ebs-snapshots", "123456789012-us-east-1-*", "runs", "SnapshotDaily", "*", "run.json")); len(found) != 1 {
		t.Errorf("%v (%v)", found, err)
	}
}
