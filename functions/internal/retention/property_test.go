package retention

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// situation is what Apply is given.
type situation struct {
	policy    Policy
	snapshots []ebs.Snapshot
	now       time.Time
}

func (s situation) apply() Plan { return Apply(s.policy, s.snapshots, s.now) }

// places are where and when the situations are: soon after changes of the clocks, mostly.
var places = []struct{ zone, now string }{
	{"UTC", "2026-11-22T12:00:00Z"},
	{"Asia/Shanghai", "1986-09-13T19:10:00Z"},
	{"Europe/Berlin", "2026-03-29T03:00:00Z"},
	{"Europe/Berlin", "2026-10-25T03:10:00Z"},
	{"America/New_York", "2026-11-01T08:10:00Z"},
	{"Asia/Kathmandu", "2027-01-01T00:00:00Z"},
	{"Australia/Lord_Howe", "2026-04-04T17:00:00Z"},
	{"America/St_Johns", "2006-10-29T04:00:00Z"},
}

// check draws situations with all kinds of snapshots, and rules in force.
func check(t *testing.T, property func(t *rapid.T, s situation)) {
	t.Helper()
	var situations []situation
	for _, p := range places {
		now, err := time.Parse(time.RFC3339, p.now)
		if err != nil {
			t.Fatal(err)
		}
		situations = append(situations, situation{policy: Policy{Keyword: keyword, Zone: zone(t, p.zone)}, now: now})
	}
	rapid.Check(t, func(t *rapid.T) {
		s := situations[rapid.IntRange(0, len(situations)-1).Draw(t, "place")]
		s.policy.Rules = drawRules(t)
		s.snapshots = drawSnapshots(t, s.now)
		property(t, s)
	})
}

// drawRules draws one rule as often as several together, which keep so much that they hide each other's faults.
func drawRules(t *rapid.T) Rules {
	names := rapid.SampledFrom([]string{"last", "hourly", "daily", "weekly", "monthly", "yearly", "within"})
	chosen := []string{names.Draw(t, "rule")}
	if rapid.Bool().Draw(t, "several") {
		chosen = append(chosen, rapid.SliceOfN(names, 1, 6).Draw(t, "rules")...)
	}
	var r Rules
	for _, name := range chosen {
		n := rapid.IntRange(1, 6).Draw(t, "n")
		if name == withinRule {
			r.Within = time.Duration(n) * rapid.SampledFrom([]time.Duration{time.Hour, day, week}).Draw(t, "unit")
		}
		for _, c := range counted {
			if c.name == name {
				*c.n(&r) = n
			}
		}
	}
	return r
}

// drawSnapshots draws starts close to each other, so that they share periods and moments, and some far off or in the future.
func drawSnapshots(t *rapid.T, now time.Time) []ebs.Snapshot {
	steps := []time.Duration{20 * time.Minute, time.Hour, 11 * time.Hour, 5 * day, 100 * day}
	snapshots := make([]ebs.Snapshot, rapid.IntRange(0, 30).Draw(t, "snapshots"))
	for i := range snapshots {
		age := time.Duration(rapid.IntRange(-1, 12).Draw(t, "age")) * rapid.SampledFrom(steps).Draw(t, "step")
		s := managed(fmt.Sprintf("snap-%02d", i), now.Add(-age))
		s.State = rapid.SampledFrom([]ebs.State{ebs.Completed, ebs.Completed, ebs.Completed, ebs.Completed, ebs.Pending, ebs.Error, ebs.Recoverable, ebs.Recovering, "odd"}).Draw(t, "state")
		switch rapid.SampledFrom([]string{"managed", "managed", "managed", "managed", "bare", "other", "removed", "changed", "unstamped"}).Draw(t, "tags") {
		case "bare":
			s.Tags = nil
		case "other":
			s = tagged(s, ebs.TagSchedule, "SnapshotHourly")
		case "removed":
			s = tagged(s, keyword, "")
		case "changed":
			s = tagged(s, keyword, "5")
		case "unstamped":
			s = tagged(s, ebs.TagRetention, "")
		}
		snapshots[i] = s
	}
	return rapid.Permutation(snapshots).Draw(t, "order")
}

func isOurs(s ebs.Snapshot) bool { return ebs.OwnershipOf(s, keyword) == ebs.Managed }

// completed gives those that count, newest first.
func completed(snapshots []ebs.Snapshot) []ebs.Snapshot {
	out := slices.DeleteFunc(slices.Clone(snapshots), func(s ebs.Snapshot) bool { return !isOurs(s) || s.State != ebs.Completed })
	slices.SortFunc(out, func(a, b ebs.Snapshot) int {
		if c := b.StartTime.Compare(a.StartTime); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

func snapshotsOf(decisions []Decision) []ebs.Snapshot {
	out := []ebs.Snapshot{}
	for _, d := range decisions {
		out = append(out, d.Snapshot)
	}
	return out
}

func byID(snapshots []ebs.Snapshot) []ebs.Snapshot {
	return slices.SortedFunc(slices.Values(snapshots), func(a, b ebs.Snapshot) int { return strings.Compare(a.ID, b.ID) })
}

func ids(snapshots []ebs.Snapshot) []string {
	out := []string{}
	for _, s := range snapshots {
		out = append(out, s.ID)
	}
	slices.Sort(out)
	return out
}

func TestThePlanIsAPartitionOfWhatIsGivenWithAReasonEach(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		plan := s.apply()
		if diff := cmp.Diff(byID(s.snapshots), byID(snapshotsOf(plan.Decisions))); diff != "" {
			t.Fatalf("decisions (-given +decided):\n%s", diff)
		}
		if len(plan.Kept())+len(plan.Removals()) != len(plan.Decisions) {
			t.Fatalf("%d kept and %d removed of %d", len(plan.Kept()), len(plan.Removals()), len(plan.Decisions))
		}
		for i, d := range plan.Decisions {
			if d.Reason.String() == "" {
				t.Fatalf("no reason for %s", d.Snapshot.ID)
			}
			if i > 0 && plan.Decisions[i-1].Snapshot.StartTime.Before(d.Snapshot.StartTime) {
				t.Fatalf("%s stands behind an older one", d.Snapshot.ID)
			}
		}
	})
}

func TestOnlyManagedOnesThatCompletedOrFailedAreEverRemoved(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		for _, d := range s.apply().Removals() {
			if !isOurs(d.Snapshot) || d.Snapshot.State != ebs.Completed && d.Snapshot.State != ebs.Error {
				t.Fatalf("removes %+v", d)
			}
		}
	})
}

func TestLastLeavesExactlySoManyCompletedOnes(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		n := rapid.IntRange(1, 9).Draw(t, "n")
		s.policy.Rules = Rules{Last: n}
		all := completed(s.snapshots)
		if diff := cmp.Diff(ids(all[:min(n, len(all))]), ids(completed(snapshotsOf(s.apply().Kept())))); diff != "" {
			t.Fatalf("completed ones left (-want +got):\n%s", diff)
		}
	})
}

func TestTheNewestCompletedOneSurvivesAnyRules(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		s.now = s.now.AddDate(rapid.IntRange(0, 9).Draw(t, "years later"), 0, 0)
		if rapid.Bool().Draw(t, "by age only") {
			s.policy.Rules = Rules{Within: time.Hour}
		}
		all := completed(s.snapshots)
		if len(all) > 0 && slices.ContainsFunc(s.apply().Removals(), func(d Decision) bool { return d.Snapshot.ID == all[0].ID }) {
			t.Fatalf("removes %s by %v", all[0].ID, s.policy.Rules)
		}
	})
}

func TestAFailedOneGoesAndSaysWhetherANewerOneHasCompleted(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		all := completed(s.snapshots)
		for _, d := range s.apply().Decisions {
			if !isOurs(d.Snapshot) || d.Snapshot.State != ebs.Error {
				continue
			}
			newer := len(all) > 0 && all[0].StartTime.After(d.Snapshot.StartTime)
			if d.Keep || d.Reason.Kind != Failed || (d.Reason.CompletedSince != "") != newer {
				t.Fatalf("a newer one has completed: %v; decision: %+v", newer, d)
			}
		}
	})
}

func TestWhatDoesNotCountChangesNothingForTheRest(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		want := Apply(s.policy, completed(s.snapshots), s.now)
		got := Plan{slices.DeleteFunc(s.apply().Decisions, func(d Decision) bool { return len(completed([]ebs.Snapshot{d.Snapshot})) == 0 })}
		if diff := cmp.Diff(lines(want), lines(got)); diff != "" {
			t.Fatalf("decisions about the completed ones (-alone +among others):\n%s", diff)
		}
	})
}

func TestTheOrderOfTheListDoesNotMatter(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		// Some IDs stand twice, alike or not.
		for _, other := range drawSnapshots(t, s.now) {
			if rapid.IntRange(0, 3).Draw(t, "repeat") == 0 {
				s.snapshots = append(s.snapshots, other)
			}
		}
		want := s.apply()
		s.snapshots = rapid.Permutation(s.snapshots).Draw(t, "another order")
		if diff := cmp.Diff(lines(want), lines(s.apply())); diff != "" {
			t.Fatalf("plan (-one order +another):\n%s", diff)
		}
	})
}

func TestAnIDThatIsListedTwiceIsNeverRemoved(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		s.snapshots = append(s.snapshots, drawSnapshots(t, s.now)...)
		listed := map[string]int{}
		for _, one := range s.snapshots {
			listed[one.ID]++
		}
		for _, d := range s.apply().Removals() {
			if listed[d.Snapshot.ID] > 1 {
				t.Fatalf("%s is listed %d times, and removed", d.Snapshot.ID, listed[d.Snapshot.ID])
			}
		}
	})
}

func TestAListThatRepeatsSomeRemovesNoneThatItKeepsWithoutTheRepeats(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		want := ids(snapshotsOf(s.apply().Removals()))
		for _, again := range slices.Clone(s.snapshots) {
			switch rapid.SampledFrom([]string{"once", "alike", "failed", "later", "claimed"}).Draw(t, "listed") {
			case "once":
				continue
			case "failed":
				again.State = ebs.Error
			case "later":
				again.StartTime = again.StartTime.Add(day)
			case "claimed":
				again = tagged(again, keyword, "for ever")
			}
			s.snapshots = append(s.snapshots, again)
		}
		for _, id := range ids(snapshotsOf(s.apply().Removals())) {
			if !slices.Contains(want, id) {
				t.Fatalf("removes %s, but without the repeats only %v", id, want)
			}
		}
	})
}

func TestApplyingAgainToWhatIsKeptChangesNothing(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		once := s.apply()
		s.snapshots = snapshotsOf(once.Kept())
		if diff := cmp.Diff(lines(Plan{once.Kept()}), lines(s.apply())); diff != "" {
			t.Fatalf("plan (-kept +applied again):\n%s", diff)
		}
	})
}

func TestTheListGivenIsNotChanged(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		before := slices.Clone(s.snapshots)
		for i := range before {
			before[i].Tags = maps.Clone(before[i].Tags)
		}
		s.apply()
		if diff := cmp.Diff(before, s.snapshots); diff != "" {
			t.Fatalf("the caller's slice (-before +after):\n%s", diff)
		}
	})
}

func TestWithoutARuleNothingIsEverRemoved(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		s.policy.Rules = rapid.SampledFrom([]Rules{{}, {Off: true}, {Off: true, Last: 1}, {Last: -1}}).Draw(t, "rules")
		if removals := s.apply().Removals(); len(removals) > 0 {
			t.Fatalf("removes %+v", removals)
		}
	})
}

// TestTheRulesKeepWhatTheirDefinitionSays compares with the definition, written down as plainly as can be: names of periods and
// sets, no walk.
func TestTheRulesKeepWhatTheirDefinitionSays(t *testing.T) {
	check(t, func(t *rapid.T, s situation) {
		if diff := cmp.Diff(keptByDefinition(s), ids(completed(snapshotsOf(s.apply().Kept())))); diff != "" {
			t.Fatalf("%v keeps (-definition +Apply):\n%s", s.policy.Rules, diff)
		}
	})
}

func keptByDefinition(s situation) []string {
	r, all, kept := s.policy.Rules, completed(s.snapshots), map[string]bool{}
	for i, c := range all {
		if i == 0 || i < r.Last || c.StartTime.Add(r.Within).After(s.now) && r.Within > 0 {
			kept[c.ID] = true
		}
	}
	for _, rule := range []struct {
		n    int
		name func(local time.Time) string
	}{
		{r.Hourly, func(l time.Time) string { return l.Format("2006-01-02 15 -07:00") }},
		{r.Daily, func(l time.Time) string { return l.Format("2006-01-02") }},
		{r.Weekly, func(l time.Time) string { y, w := l.ISOWeek(); return fmt.Sprint(y, w) }},
		{r.Monthly, func(l time.Time) string { return l.Format("2006-01") }},
		{r.Yearly, func(l time.Time) string { return l.Format("2006") }},
	} {
		seen := map[string]bool{}
		for _, c := range all {
			if name := rule.name(c.StartTime.In(s.policy.Zone)); !seen[name] && len(seen) < rule.n {
				seen[name], kept[c.ID] = true, true
			}
		}
	}
	return append([]string{}, slices.Sorted(maps.Keys(kept))...)
}

func TestWhatIsParsedReadsTheSameWhenWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRules(t)
		if got, err := Parse(want.String()); err != nil || got != want {
			t.Fatalf("Parse(%q) = %+v, %v; want %+v", want, got, err, want)
		}
	})
}
