package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATimeZoneOfTheCommandLineIsNotReplacedByTheSchedules(t *testing.T) {
	for given, want := range map[string]string{"": "Asia/Shanghai", "America/New_York": "America/New_York"} {
		o := options{schedule: "SnapshotDaily", timeZone: given, config: deployed(t)}
		if err := o.asDeployed(); err != nil || o.timeZone != want {
			t.Errorf("given %q, the time zone is %q, want %q: %v", given, o.timeZone, want, err)
		}
	}
}

func TestAKeywordThatNoScheduleHasIsRefusedUnlessAPersonMeansIt(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "2", "vol-1")
	c := newCommand(t)
	file := filepath.Join(t.TempDir(), "cdk.json")
	if err := os.WriteFile(file, []byte(`{"context": {"schedules": [{"keyword": "SnapshotWeekly", "expression": "rate(7 days)"}]}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-config", file}, {"-config", file, "-plan"}} {
		err := c.daily(t.Context(), args...)
		for _, text := range []string{`no schedule has the keyword "SnapshotDaily"`, "SnapshotWeekly", "-any-keyword"} {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%v does not say %s: %v", args, text, err)
			}
		}
	}
	if made := account.Snapshots(); len(made) != 0 {
		t.Errorf("snapshots were made: %v", made)
	}
	if err := c.daily(t.Context(), "-config", file, "-any-keyword"); err != nil {
		t.Error(err)
	}
	if made := account.Snapshots(); len(made) != 1 {
		t.Errorf("%d snapshots were made, want 1", len(made))
	}
	o := options{schedule: "SnapshotDaily", anyKeyword: true, scheduledTime: due}
	run, err := runOf(o)
	if err != nil || !strings.Contains(o.again(run), "-any-keyword") {
		t.Errorf("the command that finishes the run would be refused: %s, %v", o.again(run), err)
	}
}
