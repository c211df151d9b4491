package retention

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// TestAForecastIsWhatApplySaysRunByRun plays the runs ahead as they will be: each makes a snapshot, and removes what Apply does not keep.
func TestAForecastIsWhatApplySaysRunByRun(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		if s.policy.Zone.String() == "America/St_Johns" {
			t.Skip("its clocks went back across midnight; nowhere ahead do any")
		}
		for _, again := range s.snapshots {
			if rapid.IntRange(0, 9).Draw(t, "listed twice") == 0 {
				s.snapshots = append(s.snapshots, again)
			}
		}
		var runs []time.Time
		step := rapid.SampledFrom([]time.Duration{20 * time.Minute, time.Hour, 7 * time.Hour, day, 40 * day}).Draw(t, "step")
		for i := range rapid.IntRange(0, 60).Draw(t, "runs") {
			runs = append(runs, s.now.Add(time.Duration(i)*step))
		}
		if diff := cmp.Diff(playedRunByRun(s, runs), Forecast(s.policy, s.snapshots, runs)); diff != "" {
			t.Fatalf("%v (-run by run +forecast):\n%s", s.policy.Rules, diff)
		}
	})
}

const future = "future-"

func playedRunByRun(s situation, runs []time.Time) map[string]Departure {
	out := map[string]Departure{}
	held := slices.Clone(s.snapshots)
	for i := range held {
		if held[i].State == ebs.Pending {
			held[i].State = ebs.Completed
		}
	}
	twice := repeated(held)
	for _, at := range runs {
		if slices.ContainsFunc(completed(held), func(h ebs.Snapshot) bool { return !twice[h.ID] && !at.After(h.StartTime) }) {
			continue // EC2's clock is past this run
		}
		held = append(held, managed(future+at.Format(time.RFC3339), at))
		plan := Apply(s.policy, held, at)
		for _, r := range plan.Removals() {
			if !strings.HasPrefix(r.Snapshot.ID, future) && r.Reason.Kind != Failed {
				out[r.Snapshot.ID] = Departure{at, r.Reason}
			}
		}
		held = snapshotsOf(plan.Kept())
	}
	return out
}

func TestAForecastForAScheduleThatIsOffIsEmpty(t *testing.T) {
	for _, rules := range []Rules{{}, {Off: true}, {Off: true, Last: 1}} {
		if got := Forecast(Policy{Keyword: keyword, Rules: rules}, row(9), []time.Time{noon.Add(day)}); len(got) > 0 {
			t.Errorf("%+v: %v", rules, got)
		}
	}
}

// hourly gives the last so many snapshots of an hourly schedule, and its next so many runs.
func hourly(present, ahead int) (snapshots []ebs.Snapshot, runs []time.Time) {
	for i := range present {
		snapshots = append(snapshots, managed(fmt.Sprint("snap-", i), noon.Add(-time.Duration(i)*time.Hour)))
	}
	for i := range ahead {
		runs = append(runs, noon.Add(time.Duration(i+1)*time.Hour))
	}
	return snapshots, runs
}

func TestAForecastAllocatesAFewTimesForEachSnapshotAndRunHoweverManyThereAre(t *testing.T) {
	for _, value := range []string{"365d", "last=3 hourly=2000 daily=365 weekly=52 monthly=12 yearly=1 within=300d"} {
		snapshots, runs := hourly(2_000, 10_000)
		policy := Policy{Keyword: keyword, Rules: mustParse(t, value)}
		got := testing.AllocsPerRun(1, func() {
			if n := len(Forecast(policy, snapshots, runs)); n != len(snapshots) {
				t.Errorf("%s: %d of %d snapshots are removed", value, n, len(snapshots))
			}
		})
		if bound := 10 * float64(len(snapshots)+len(runs)); got > bound {
			t.Errorf("%s: %.0f allocations, more than %.0f", value, got, bound)
		}
	}
}

func BenchmarkForecast(b *testing.B) {
	for _, n := range []struct{ present, ahead int }{{2_000, 8_760}, {2_000, 50_000}, {43_800, 50_000}} {
		for _, value := range []string{"365d", "1825d", "last=3 hourly=24 daily=7 weekly=4 monthly=12 yearly=3", "hourly=43800 daily=1825"} {
			b.Run(fmt.Sprintf("%s/%d snapshots/%d runs", value, n.present, n.ahead), func(b *testing.B) {
				snapshots, runs := hourly(n.present, n.ahead)
				policy := Policy{Keyword: keyword, Zone: zone(b, "Europe/Berlin"), Rules: mustParse(b, value)}
				for b.Loop() {
					Forecast(policy, snapshots, runs)
				}
			})
		}
	}
}
