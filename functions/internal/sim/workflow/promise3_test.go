package workflow_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// days runs the schedule once a day, at midnight, from a day on.
func (f *fixture) days(from, to int, before func(day int)) {
	f.t.Helper()
	for day := from; day < to; day++ {
		f.until(time.Duration(day) * 24 * time.Hour)
		if before != nil {
			before(day)
		}
		f.fire("SnapshotDaily")
	}
}

// runsOf lists the days of the schedule's snapshots of the volume, oldest first.
func (f *fixture) runsOf(volume string) []string {
	var out []string
	for _, s := range f.of(volume, "SnapshotDaily") {
		out = append(out, s.StartTime.Format("02"))
	}
	return out
}

// Promise 3: in the end exactly N are left.
func TestPromise3ExactlyNAreLeft(t *testing.T) {
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprintf("after each run with retention %d", n), func(t *testing.T) {
			f := newFixture(t)
			f.instance("web", 2, fmt.Sprintf("SnapshotDaily=%d", n))
			for day := range 6 {
				f.days(day, day+1, nil)
				for _, v := range []string{"vol-web-0", "vol-web-1"} {
					if held := f.runsOf(v); len(held) != min(day+1, n) || held[len(held)-1] != fmt.Sprint(22+day) {
						t.Errorf("day %d: %s holds %v", 22+day, v, held)
					}
				}
			}
			f.noMail()
		})
	}

	t.Run("after the retention was lowered from 5 to 2, and raised to 4", func(t *testing.T) {
		f := newFixture(t)
		f.instance("web", 1, "SnapshotDaily=5")
		f.days(0, 6, nil)
		same(t, "with 5", f.runsOf("vol-web-0"), []string{"23", "24", "25", "26", "27"})
		f.account.TagInstance("i-web", "SnapshotDaily", "2")
		f.days(6, 7, nil)
		same(t, "with 2", f.runsOf("vol-web-0"), []string{"27", "28"})
		f.account.TagInstance("i-web", "SnapshotDaily", "4")
		f.days(7, 9, nil)
		same(t, "with 4", f.runsOf("vol-web-0"), []string{"27", "28", "29", "30"})
		f.noMail()
	})

	t.Run("with claimed ones in between, which do not count", func(t *testing.T) {
		f := newFixture(t)
		f.instance("web", 1, "SnapshotDaily=2")
		f.days(0, 2, nil)
		f.claim(f.ids("vol-web-0")[1], func(id string) { f.account.UntagSnapshot(id, "SnapshotDaily") })
		f.days(2, 6, nil)
		same(t, "left", f.runsOf("vol-web-0"), []string{"23", "26", "27"})
	})

	t.Run("with failed ones in between, which do not count and are deleted", func(t *testing.T) {
		f := newFixture(t)
		f.instance("web", 1, "SnapshotDaily=3")
		f.days(0, 8, func(day int) {
			if day == 3 || day == 4 || day == 6 {
				f.account.FailNextSnapshotOf("vol-web-0")
			}
		})
		same(t, "left", f.runsOf("vol-web-0"), []string{"24", "27", "29"})
	})

	t.Run("after the retention was changed to calendar rules", func(t *testing.T) {
		f := newFixture(t)
		f.instance("web", 1, "SnapshotDaily=10")
		f.days(0, 9, nil) // from a Sunday to the Monday of the week after
		f.account.TagInstance("i-web", "SnapshotDaily", "last=2 weekly=3")
		f.days(9, 10, nil)
		same(t, "left", f.runsOf("vol-web-0"), []string{"22", "29", "30", "01"})
	})

	t.Run("of each day in the schedule's time zone", func(t *testing.T) {
		f := newFixture(t)
		f.instance("web", 1, "SnapshotDaily=daily=3")
		for _, hour := range []int{15, 17, 39} { // 23:00, 01:00 and 23:00 in Shanghai: two days there, another two in UTC
			f.until(time.Duration(hour) * time.Hour)
			f.succeed("SnapshotDaily")
		}
		var hours []string
		for _, s := range f.of("vol-web-0", "SnapshotDaily") {
			hours = append(hours, s.StartTime.Format("02 15h"))
		}
		same(t, "left", hours, []string{"22 15h", "23 15h"})
	})

	t.Run("if more must be deleted than one call can", func(t *testing.T) {
		f := newFixture(t)
		f.instance("web", 1, "SnapshotDaily=3")
		for day := 260; day > 0; day-- {
			f.old("vol-web-0", day)
		}
		f.succeed("SnapshotDaily")
		same(t, "left", len(f.ids("vol-web-0")), 3)
		f.noMail()
	})

	t.Run("of each of two schedules on one instance, over days", func(t *testing.T) {
		f := newFixture(t, func(s *setup) { s.EmptyPages = false })
		f.instance("web", 2, "SnapshotHourly=5", "SnapshotDaily=3")
		for hour := range 5*24 + 1 {
			f.until(time.Duration(hour) * time.Hour)
			if hour%24 != 0 {
				f.succeed("SnapshotHourly")
				continue
			}
			f.inParallel(func() { f.succeed("SnapshotHourly") }, func() { f.succeed("SnapshotDaily") })
		}
		for _, v := range []string{"vol-web-0", "vol-web-1"} {
			same(t, "daily ones of "+v, f.runsOf(v), []string{"25", "26", "27"})
			var hours []string
			for _, s := range f.of(v, "SnapshotHourly") {
				hours = append(hours, s.Tags[ebs.TagRun])
			}
			same(t, "hourly ones of "+v, hours, []string{
				"SnapshotHourly/2026-11-26T20:00:00Z", "SnapshotHourly/2026-11-26T21:00:00Z", "SnapshotHourly/2026-11-26T22:00:00Z",
				"SnapshotHourly/2026-11-26T23:00:00Z", "SnapshotHourly/2026-11-27T00:00:00Z",
			})
		}
		same(t, "refusals for two snapshots of a volume within 15 seconds", f.account.Stats().Errors, map[string]int{})
		f.noMail()
	})
}
