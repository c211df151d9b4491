package retention

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// TestAYearOfASchedule lives through a year as a volume does: each firing takes a snapshot, and the plan is carried out at once. So the
// goldens show that what the calendar rules want later is still there by then.
func TestAYearOfASchedule(t *testing.T) {
	for _, c := range []struct {
		name, rules string
		step        time.Duration
	}{
		{"daily", "daily=7 weekly=4 monthly=12 yearly=3", day},
		{"hourly", "last=3 hourly=24 daily=7 weekly=4 monthly=12 yearly=3", time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			policy := Policy{Keyword: keyword, Zone: zone(t, "Europe/Berlin"), Rules: mustParse(t, c.rules)}
			checkGolden(t, "year-"+c.name, liveThroughAYear(policy, c.step))
		})
	}
}

func liveThroughAYear(p Policy, step time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v, one snapshot each %v, in %v\n", p.Rules, step, p.Zone)
	end := time.Date(2027, 1, 1, 0, 30, 0, 0, time.UTC)
	var held []ebs.Snapshot
	removed := 0
	for now := time.Date(2025, 12, 31, 23, 30, 0, 0, time.UTC); now.Before(end); now = now.Add(step) {
		held = append(held, managed("snap-"+now.Format("060102-1504"), now))
		plan := Apply(p, held, now)
		held = held[:0]
		for _, d := range plan.Kept() {
			held = append(held, d.Snapshot)
		}
		removed += len(plan.Removals())
		next := now.Add(step)
		if next.In(p.Zone).Month() != now.In(p.Zone).Month() || !next.Before(end) {
			fmt.Fprintf(&b, "\nafter %s: %d kept, %d removed since the last list\n%s",
				now.In(p.Zone).Format(time.DateOnly), len(held), removed, localLines(p, Plan{plan.Kept()}))
			removed = 0
		}
	}
	return b.String()
}
