package workflow_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// days fires once a day, at midnight, from a day on.
func (l *lab) days(from, to int, before func(day int)) {
	l.t.Helper()
	for day := from; day < to; day++ {
		l.until(time.Duration(day) * 24 * time.Hour)
		if before != nil {
			before(day)
		}
		l.fire("SnapshotDaily")
	}
}

// runsOf lists the days of which the schedule holds a snapshot of the volume, the oldest first.
func (l *lab) runsOf(volume string) []string {
	var out []string
	for _, s := range l.of(volume, "SnapshotDaily") {
		out = append(out, s.StartTime.Format("02"))
	}
	return out
}

// Promise 3: exactly N in the end.
func TestPromise3ExactlyNAreLeft(t *testing.T) {
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprintf("after each run with retention %d", n), func(t *testing.T) {
			l := newLab(t)
			l.instance("web", 2, fmt.Sprintf("SnapshotDaily=%d", n))
			for day := range 6 {
				l.days(day, day+1, nil)
				for _, v := range []string{"vol-web-0", "vol-web-1"} {
					if held := l.runsOf(v); len(held) != min(day+1, n) || held[len(held)-1] != fmt.Sprint(22+day) {
						t.Errorf("day %d: %s holds %v", 22+day, v, held)
					}
				}
			}
			l.noMail()
		})
	}

	t.Run("after the retention was lowered from 5 to 2, and raised to 4", func(t *testing.T) {
		l := newLab(t)
		l.instance("web", 1, "SnapshotDaily=5")
		l.days(0, 6, nil)
		same(t, "with 5", l.runsOf("vol-web-0"), []string{"23", "24", "25", "26", "27"})
		l.account.TagInstance("i-web", "SnapshotDaily", "2")
		l.days(6, 7, nil)
		same(t, "with 2", l.runsOf("vol-web-0"), []string{"27", "28"})
		l.account.TagInstance("i-web", "SnapshotDaily", "4")
		l.days(7, 9, nil)
		same(t, "with 4", l.runsOf("vol-web-0"), []string{"27", "28", "29", "30"})
		l.noMail()
	})

	t.Run("with claimed ones in between, which do not count", func(t *testing.T) {
		l := newLab(t)
		l.instance("web", 1, "SnapshotDaily=2")
		l.days(0, 2, nil)
		l.claim(l.ids("vol-web-0")[1], func(id string) { l.account.UntagSnapshot(id, "SnapshotDaily") })
		l.days(2, 6, nil)
		same(t, "left", l.runsOf("vol-web-0"), []string{"23", "26", "27"})
	})

	t.Run("with failed ones in between, which do not count and go", func(t *testing.T) {
		l := newLab(t)
		l.instance("web", 1, "SnapshotDaily=3")
		l.days(0, 8, func(day int) {
			if day == 3 || day == 4 || day == 6 {
				l.account.FailNextSnapshotOf("vol-web-0")
			}
		})
		same(t, "left", l.runsOf("vol-web-0"), []string{"24", "27", "29"})
	})

	t.Run("after the retention was changed to calendar rules", func(t *testing.T) {
		l := newLab(t)
		l.instance("web", 1, "SnapshotDaily=10")
		l.days(0, 9, nil) // from a Sunday to the Monday of the week after
		l.account.TagInstance("i-web", "SnapshotDaily", "last=2 weekly=3")
		l.days(9, 10, nil)
		same(t, "left", l.runsOf("vol-web-0"), []string{"22", "29", "30", "01"})
	})

	t.Run("of each day as the schedule's time zone counts days", func(t *testing.T) {
		l := newLab(t)
		l.instance("web", 1, "SnapshotDaily=daily=3")
		for _, hour := range []int{15, 17, 39} { // 23:00, 01:00 and 23:00 in Shanghai: two days there, another two in UTC
			l.until(time.Duration(hour) * time.Hour)
			l.succeed("SnapshotDaily")
		}
		var hours []string
		for _, s := range l.of("vol-web-0", "SnapshotDaily") {
			hours = append(hours, s.StartTime.Format("02 15h"))
		}
		same(t, "left", hours, []string{"22 15h", "23 15h"})
	})

	t.Run("when more must go than one call deletes", func(t *testing.T) {
		l := newLab(t)
		l.instance("web", 1, "SnapshotDaily=3")
		for day := 260; day > 0; day-- {
			l.old("vol-web-0", day)
		}
		l.succeed("SnapshotDaily")
		same(t, "left", len(l.ids("vol-web-0")), 3)
		l.noMail()
	})

	t.Run("of each of two schedules on one instance, over days", func(t *testing.T) {
		l := newLab(t, func(s *setup) { s.EmptyPages = false })
		l.instance("web", 2, "SnapshotHourly=5", "SnapshotDaily=3")
		for hour := range 5*24 + 1 {
			l.until(time.Duration(hour) * time.Hour)
			if hour%24 != 0 {
				l.succeed("SnapshotHourly")
				continue
			}
			l.together(func() { l.succeed("SnapshotHourly") }, func() { l.succeed("SnapshotDaily") })
		}
		for _, v := range []string{"vol-web-0", "vol-web-1"} {
			same(t, "daily ones of "+v, l.runsOf(v), []string{"25", "26", "27"})
			var hours []string
			for _, s := range l.of(v, "SnapshotHourly") {
				hours = append(hours, s.Tags[ebs.TagRun])
			}
			same(t, "hourly ones of "+v, hours, []string{
				"SnapshotHourly/2026-11-26T20:00:00Z", "SnapshotHourly/2026-11-26T21:00:00Z", "SnapshotHourly/2026-11-26T22:00:00Z",
				"SnapshotHourly/2026-11-26T23:00:00Z", "SnapshotHourly/2026-11-27T00:00:00Z",
			})
		}
		same(t, "refusals for two snapshots of a volume within 15 seconds", l.account.Stats().Errors, map[string]int{})
		l.noMail()
	})
}
