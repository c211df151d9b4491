package main

import (
	"testing"
	"time"
)

func TestATimeZoneOfTheCommandLineIsNotReplacedByTheSchedules(t *testing.T) {
	for given, want := range map[string]string{"": "Asia/Shanghai", "America/New_York": "America/New_York"} {
		a := &app{config: deployed(t)}
		run, _, err := a.runOf(choice{keyword: "SnapshotDaily", timeZone: given}, time.Now())
		if err != nil || run.TimeZone != want {
			t.Errorf("given %q, the time zone is %q, want %q: %v", given, run.TimeZone, want, err)
		}
	}
}

func TestAKeywordThatNoScheduleHasIsRefusedUnlessAPersonMeansIt(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "2", "vol-1")
	c := newCommand(t)
	c.configured(t, `{"context": {"schedules": [{"keyword": "SnapshotWeekly", "expression": "rate(7 days)"}]}}`)
	for _, args := range [][]string{{"run", "SnapshotDaily", "--yes"}, {"plan", "SnapshotDaily"}} {
		c.says(t, 1, args, `no schedule has the keyword "SnapshotDaily"`, "SnapshotWeekly", "--any-keyword")
	}
	c.says(t, 1, []string{"plan", "Snapshotweekly"}, `did you mean "SnapshotWeekly"?`)
	if made := account.Snapshots(); len(made) != 0 {
		t.Errorf("snapshots were made: %v", made)
	}
	if err := c.daily(t.Context(), "--any-keyword"); err != nil {
		t.Error(err)
	}
	if made := account.Snapshots(); len(made) != 1 {
		t.Errorf("%d snapshots were made, want 1", len(made))
	}
}
