package retention

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// every gives snapshots at a steady pace in UTC, whatever the local clocks do; the first is the newest, of until.
func every(step time.Duration, from, until time.Time) []ebs.Snapshot {
	var snapshots []ebs.Snapshot
	for t := until; !t.Before(from); t = t.Add(-step) {
		snapshots = append(snapshots, managed("snap-"+t.UTC().Format("060102-1504"), t))
	}
	return snapshots
}

// localLines writes a plan down with the moment in the policy's zone, as its people see it.
func localLines(p Policy, plan Plan) string {
	var b strings.Builder
	for _, d := range plan.Decisions {
		fmt.Fprintf(&b, "%s  %-6s  %s\n", d.Snapshot.StartTime.In(p.Zone).Format("Mon 2006-01-02 15:04 -07:00"), verb(d), d.Reason)
	}
	return b.String()
}

// TestPlansAcrossClockChanges holds what is kept around changes of the clocks: the repeated hour is two, the skipped one none, and a
// day is a day whether it has 23, 24 or 25 hours.
func TestPlansAcrossClockChanges(t *testing.T) {
	for _, c := range []struct{ zone, change, at string }{
		{"Europe/Berlin", "spring", "2026-03-29T01:00:00Z"},
		{"Europe/Berlin", "autumn", "2026-10-25T01:00:00Z"},
		{"America/New_York", "spring", "2026-03-08T07:00:00Z"},
		{"America/New_York", "autumn", "2026-11-01T06:00:00Z"},
		{"Asia/Shanghai", "spring-1986", "1986-05-03T18:00:00Z"},
		{"Asia/Shanghai", "autumn-1986", "1986-09-13T17:00:00Z"},
		{"Asia/Shanghai", "none-2026", "2026-03-28T18:00:00Z"},
		{"Australia/Lord_Howe", "autumn-by-half-an-hour", "2026-04-04T15:00:00Z"},
		{"America/St_Johns", "autumn-across-midnight", "2006-10-29T02:31:00Z"},
	} {
		name := strings.ReplaceAll(c.zone, "/", "-") + "-" + c.change
		t.Run(name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			policy := Policy{Keyword: keyword, Zone: zone(t, c.zone), Rules: mustParse(t, "hourly=8 daily=3")}
			checkMoment(t, policy.Zone, at, !strings.HasPrefix(c.change, "none"))
			now := at.Add(3 * time.Hour)
			snapshots := append(every(30*time.Minute, at.Add(-3*time.Hour), now), every(6*time.Hour, at.Add(-3*day), at.Add(-6*time.Hour))...)
			checkGolden(t, "clock-"+name, localLines(policy, Apply(policy, snapshots, now)))
		})
	}
}

// checkMoment keeps a table's slip from testing nothing: the clocks must change at the moment given.
func checkMoment(t *testing.T, z *time.Location, at time.Time, want bool) {
	t.Helper()
	_, before := at.Add(-time.Second).In(z).Zone()
	_, after := at.In(z).Zone()
	if (before != after) != want {
		t.Fatalf("the clocks of %s go from %d s to %d s at %v", z, before, after, at)
	}
}

func TestCalendarRulesCountInTheZoneOfTheSchedule(t *testing.T) {
	// 15:30 and 16:30 in UTC are two days in Shanghai (+8), one in Kathmandu (+5:45), where an hour ends at a quarter past.
	at := func(clock string) ebs.Snapshot {
		start, err := time.Parse("2006-01-02 15:04", clock)
		if err != nil {
			t.Fatal(err)
		}
		return managed(clock, start)
	}
	for _, c := range []struct {
		name, zone, rules string
		clocks            []string
		want              []string
	}{
		{"days of Shanghai", "Asia/Shanghai", "daily=9", []string{"2026-11-22 16:30", "2026-11-22 15:30"}, []string{
			"keep 2026-11-22 16:30: daily 2026-11-23 (1 of 9)",
			"keep 2026-11-22 15:30: daily 2026-11-22 (2 of 9)",
		}},
		{"days of Kathmandu", "Asia/Kathmandu", "daily=9", []string{"2026-11-22 16:30", "2026-11-22 15:30"}, []string{
			"keep 2026-11-22 16:30: daily 2026-11-22 (1 of 9)",
			"remove 2026-11-22 15:30: not the newest of its day (1 newer kept)",
		}},
		{"hours of Kathmandu", "Asia/Kathmandu", "hourly=9", []string{"2026-11-22 16:20", "2026-11-22 16:10", "2026-11-22 15:20"}, []string{
			"keep 2026-11-22 16:20: hourly 2026-11-22 22:00+05:45 (1 of 9)",
			"keep 2026-11-22 16:10: hourly 2026-11-22 21:00+05:45 (2 of 9)",
			"remove 2026-11-22 15:20: not the newest of its hour (2 newer kept)",
		}},
		{"ISO weeks around New Year, which may be the old year's", "", "weekly=9", []string{"2027-01-04 00:00", "2027-01-03 23:59", "2026-12-28 00:00", "2026-12-27 23:59"}, []string{
			"keep 2027-01-04 00:00: weekly 2027-W01 (1 of 9)",
			"keep 2027-01-03 23:59: weekly 2026-W53 (2 of 9)",
			"remove 2026-12-28 00:00: not the newest of its week (2 newer kept)",
			"keep 2026-12-27 23:59: weekly 2026-W52 (3 of 9)",
		}},
		{"the year turns in the zone", "America/New_York", "monthly=9 yearly=9", []string{"2027-01-01 05:00", "2027-01-01 04:59"}, []string{
			"keep 2027-01-01 05:00: monthly 2027-01 (1 of 9); yearly 2027 (1 of 9)",
			"keep 2027-01-01 04:59: monthly 2026-12 (2 of 9); yearly 2026 (2 of 9)",
		}},
		{"a day that comes up again behind an older one is one", "America/St_Johns", "daily=9", []string{"2006-10-29 03:40", "2006-10-29 02:40", "2006-10-29 02:30", "2006-10-29 02:20"}, []string{
			"keep 2006-10-29 03:40: daily 2006-10-29 (1 of 9)",
			"keep 2006-10-29 02:40: daily 2006-10-28 (2 of 9)",
			"remove 2006-10-29 02:30: not the newest of its day (2 newer kept)",
			"remove 2006-10-29 02:20: not the newest of its day (2 newer kept)",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			policy := Policy{Keyword: keyword, Rules: mustParse(t, c.rules)}
			if c.zone != "" {
				policy.Zone = zone(t, c.zone)
			}
			var snapshots []ebs.Snapshot
			for _, clock := range c.clocks {
				snapshots = append(snapshots, at(clock))
			}
			if diff := cmp.Diff(c.want, lines(Apply(policy, snapshots, noon))); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}
