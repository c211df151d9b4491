package retention

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

type applyCase struct {
	name      string
	rules     string
	snapshots []ebs.Snapshot
	want      []string
}

func checkApply(t *testing.T, cases []applyCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var rules Rules
			if c.rules != "" {
				rules = mustParse(t, c.rules)
			}
			plan := Apply(Policy{Keyword: keyword, Rules: rules}, c.snapshots, noon)
			if diff := cmp.Diff(c.want, lines(plan)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplyRules(t *testing.T) {
	checkApply(t, []applyCase{
		{"no snapshots, no decisions", "3", nil, nil},
		{"keeps the newest so many", "2", row(4), []string{
			"keep snap-1: last 1 of 2",
			"keep snap-2: last 2 of 2",
			"remove snap-3: beyond last=2 (2 newer kept)",
			"remove snap-4: beyond last=2 (2 newer kept)",
		}},
		{"keeps all if there are fewer", "5", row(2), []string{
			"keep snap-1: last 1 of 5",
			"keep snap-2: last 2 of 5",
		}},
		{"keeps what is younger, and not what is exactly as old", "2d", row(4), []string{
			"keep snap-1: within 2d",
			"keep snap-2: within 2d",
			"remove snap-3: beyond within=2d (2 newer kept)",
			"remove snap-4: beyond within=2d (2 newer kept)",
		}},
		{"counts a start in the future as young", "1h", []ebs.Snapshot{
			managed("snap-1", noon.Add(time.Hour)), managed("snap-2", noon.Add(-time.Minute)), managed("snap-3", ago(1)),
		}, []string{
			"keep snap-1: within 1h",
			"keep snap-2: within 1h",
			"remove snap-3: beyond within=1h (2 newer kept)",
		}},
		{"keeps the newest completed one although its age is over", "7d", []ebs.Snapshot{
			managed("snap-1", ago(100)), managed("snap-2", ago(101)),
		}, []string{
			"keep snap-1: newest completed snapshot, always kept",
			"remove snap-2: beyond within=7d (1 newer kept)",
		}},
		{"keeps what any of the rules keeps, and says by which", "last=2 daily=3 weekly=2 within=1d", row(5), []string{
			"keep snap-1: last 1 of 2; daily 2026-11-22 (1 of 3); weekly 2026-W47 (1 of 2); within 1d",
			"keep snap-2: last 2 of 2; daily 2026-11-21 (2 of 3)",
			"keep snap-3: daily 2026-11-20 (3 of 3)",
			"remove snap-4: beyond last=2 daily=3 within=1d; not the newest of its week (3 newer kept)",
			"remove snap-5: beyond last=2 daily=3 within=1d; not the newest of its week (3 newer kept)",
		}},
		{"keeps the newest of each period", "daily=2 monthly=1", []ebs.Snapshot{
			managed("snap-1", noon), managed("snap-2", noon.Add(-time.Hour)), managed("snap-3", ago(9)), managed("snap-4", ago(9).Add(-1)),
			managed("snap-5", ago(10)),
		}, []string{
			"keep snap-1: daily 2026-11-22 (1 of 2); monthly 2026-11 (1 of 1)",
			"remove snap-2: not the newest of its day, month (1 newer kept)",
			"keep snap-3: daily 2026-11-13 (2 of 2)",
			"remove snap-4: not the newest of its day, month (2 newer kept)",
			"remove snap-5: beyond daily=2; not the newest of its month (2 newer kept)",
		}},
		{"counts only periods that have a snapshot", "yearly=2", []ebs.Snapshot{
			managed("snap-1", noon), managed("snap-2", noon.AddDate(-5, 0, 0)), managed("snap-3", noon.AddDate(-6, 0, 0)),
		}, []string{
			"keep snap-1: yearly 2026 (1 of 2)",
			"keep snap-2: yearly 2021 (2 of 2)",
			"remove snap-3: beyond yearly=2 (2 newer kept)",
		}},
		{"removes a failed one although nothing newer has completed, since it would count against EC2's limit", "1", []ebs.Snapshot{
			inState(managed("snap-1", noon), ebs.Error), managed("snap-2", ago(1)),
		}, []string{
			"remove snap-1: failed (state error); it holds no data",
			"keep snap-2: last 1 of 1",
		}},
		{"removes a failed one of the same moment", "1", []ebs.Snapshot{
			managed("snap-1", noon), inState(managed("snap-2", noon), ebs.Error),
		}, []string{
			"keep snap-1: last 1 of 1",
			"remove snap-2: failed (state error); it holds no data",
		}},
		{"removes failed ones once a newer one has completed", "3", []ebs.Snapshot{
			managed("snap-1", noon), inState(managed("snap-2", ago(1)), ebs.Error), managed("snap-3", ago(2)),
			inState(managed("snap-4", ago(3)), ebs.Error),
		}, []string{
			"keep snap-1: last 1 of 3",
			"remove snap-2: failed (state error); snap-1 has completed since",
			"keep snap-3: last 2 of 3",
			"remove snap-4: failed (state error); snap-1 has completed since",
		}},
	})
}

func TestApplyNeverRemovesNorCountsWhatIsNotCompletedAndOurs(t *testing.T) {
	newest := managed("snap-0", noon.Add(time.Minute))
	kept := []string{"keep snap-1: last 1 of 1", "remove snap-2: beyond last=1 (1 newer kept)"}
	with := func(s ebs.Snapshot) []ebs.Snapshot { return append(row(2), s) }
	old := managed("snap-9", ago(999))
	checkApply(t, []applyCase{
		{"pending", "1", with(inState(newest, ebs.Pending)),
			append([]string{"keep snap-0: not completed yet (state pending)"}, kept...)},
		{"pending for ages", "1", with(inState(old, ebs.Pending)), append(slices.Clone(kept), "keep snap-9: not completed yet (state pending)")},
		{"in the Recycle Bin", "1", with(inState(newest, ebs.Recoverable)),
			append([]string{"keep snap-0: not completed yet (state recoverable)"}, kept...)},
		{"on its way back from there", "1", with(inState(newest, ebs.Recovering)),
			append([]string{"keep snap-0: not completed yet (state recovering)"}, kept...)},
		{"in a state that EC2 may invent", "1", with(inState(newest, "thawing")),
			append([]string{`keep snap-0: not completed (state "thawing")`}, kept...)},
		{"in no state", "1", with(inState(old, "")), append(slices.Clone(kept), `keep snap-9: not completed (state "")`)},
		{"without tags", "1", with(ebs.Snapshot{ID: "snap-0", State: ebs.Completed, StartTime: newest.StartTime}),
			append([]string{"keep snap-0: not a snapshot of this schedule"}, kept...)},
		{"failed, but somebody else's", "1", with(ebs.Snapshot{ID: "snap-9", State: ebs.Error, StartTime: old.StartTime}),
			append(slices.Clone(kept), "keep snap-9: not a snapshot of this schedule")},
		{"of another schedule, although it carries our keyword", "1", with(tagged(newest, ebs.TagSchedule, "SnapshotHourly")),
			append([]string{"keep snap-0: not a snapshot of this schedule"}, kept...)},
		{"claimed by removing the keyword", "1", with(tagged(newest, keyword, "")),
			append([]string{"keep snap-0: claimed by a person: tag SnapshotDaily removed"}, kept...)},
		{"claimed by changing its value", "1", with(tagged(old, keyword, "for ever")),
			append(slices.Clone(kept), `keep snap-9: claimed by a person: tag SnapshotDaily changed from "3" to "for ever"`)},
		{"claimed by removing our stamp", "1", with(tagged(old, ebs.TagRetention, "")),
			append(slices.Clone(kept), "keep snap-9: claimed by a person: tag snapshot-lifecycle:retention removed")},
		{"claimed, then failed", "1", with(inState(tagged(old, keyword, ""), ebs.Error)),
			append(slices.Clone(kept), "keep snap-9: claimed by a person: tag SnapshotDaily removed")},
	})
}

func TestApplyWithoutARuleRemovesNothing(t *testing.T) {
	snapshots := append(row(2), inState(managed("snap-3", ago(5)), ebs.Error), tagged(managed("snap-4", ago(6)), keyword, ""))
	claimed := "keep snap-4: claimed by a person: tag SnapshotDaily removed"
	off := "schedule is off for this volume"
	for _, c := range []struct {
		name  string
		rules Rules
		want  []string
	}{
		{"off", Rules{Off: true}, []string{"keep snap-1: " + off, "keep snap-2: " + off, "keep snap-3: " + off, claimed}},
		{"off beside a rule", Rules{Off: true, Last: 1}, []string{"keep snap-1: " + off, "keep snap-2: " + off, "keep snap-3: " + off, claimed}},
		{"none", Rules{}, []string{"keep snap-1: no retention", "keep snap-2: no retention", "keep snap-3: no retention", claimed}},
		{"negative ones", Rules{Last: -1, Daily: -7, Within: -day},
			[]string{"keep snap-1: no retention", "keep snap-2: no retention", "keep snap-3: no retention", claimed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := Apply(Policy{Keyword: keyword, Rules: c.rules}, snapshots, noon)
			if diff := cmp.Diff(c.want, lines(plan)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplyWithoutAKeywordRemovesNothing(t *testing.T) {
	snapshots := []ebs.Snapshot{
		{ID: "snap-1", State: ebs.Completed, StartTime: noon},
		{ID: "snap-2", State: ebs.Completed, StartTime: ago(1), Tags: map[string]string{"": "", ebs.TagSchedule: "", ebs.TagRetention: ""}},
	}
	want := []string{"keep snap-1: not a snapshot of this schedule", "keep snap-2: not a snapshot of this schedule"}
	if diff := cmp.Diff(want, lines(Apply(Policy{Rules: Rules{Last: 1}}, snapshots, noon))); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestApplyOrdersTheSameMomentByID(t *testing.T) {
	snapshots := []ebs.Snapshot{
		managed("snap-c", noon), managed("snap-a", noon), managed("snap-d", noon.Add(1)), managed("snap-b", noon.In(zone(t, "Asia/Shanghai"))),
	}
	given := slices.Clone(snapshots)
	plan := Apply(Policy{Keyword: keyword, Rules: Rules{Last: 2}}, snapshots, noon)
	if diff := cmp.Diff([]string{
		"keep snap-d: last 1 of 2",
		"keep snap-a: last 2 of 2",
		"remove snap-b: beyond last=2 (2 newer kept)",
		"remove snap-c: beyond last=2 (2 newer kept)",
	}, lines(plan)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(given, snapshots); diff != "" {
		t.Errorf("the caller's slice has changed (-before +after):\n%s", diff)
	}
}

func TestApplyKeepsAnIDThatIsListedTwiceAndDoesNotCountIt(t *testing.T) {
	later := managed("snap-2", noon.Add(time.Hour))
	const repeated = "listed more than once; kept until it is listed once"
	checkApply(t, []applyCase{
		{"alike", "1", append(row(3), row(1)...), []string{
			"keep snap-1: " + repeated,
			"keep snap-1: " + repeated,
			"keep snap-2: last 1 of 1",
			"remove snap-3: beyond last=1 (1 newer kept)",
		}},
		{"alike in another time zone", "1", append(row(2), managed("snap-1", noon.In(zone(t, "Asia/Shanghai")))), []string{
			"keep snap-1: " + repeated,
			"keep snap-1: " + repeated,
			"keep snap-2: last 1 of 1",
		}},
		{"alike and failed", "1", append(row(1), inState(managed("snap-2", ago(1)), ebs.Error), inState(managed("snap-2", ago(1)), ebs.Error)), []string{
			"keep snap-1: last 1 of 1",
			"keep snap-2: " + repeated,
			"keep snap-2: " + repeated,
		}},
		{"alike but for one of three", "1", []ebs.Snapshot{row(1)[0], inState(row(1)[0], ebs.Error), row(1)[0], row(2)[1]}, []string{
			"keep snap-1: " + repeated,
			"keep snap-1: " + repeated,
			"keep snap-1: " + repeated,
			"keep snap-2: last 1 of 1",
		}},
		{"in two states", "1", append(row(3), inState(row(1)[0], ebs.Pending)), []string{
			"keep snap-1: " + repeated,
			"keep snap-1: " + repeated,
			"keep snap-2: last 1 of 1",
			"remove snap-3: beyond last=1 (1 newer kept)",
		}},
		{"with two starts", "1", append(row(3), later), []string{
			"keep snap-2: " + repeated,
			"keep snap-1: last 1 of 1",
			"keep snap-2: " + repeated,
			"remove snap-3: beyond last=1 (1 newer kept)",
		}},
		{"claimed between two pages", "1", append(row(2), tagged(row(2)[1], keyword, "")), []string{
			"keep snap-1: last 1 of 1",
			"keep snap-2: " + repeated,
			"keep snap-2: " + repeated,
		}},
	})
}

func TestPlanSplitsIntoKeptAndRemovals(t *testing.T) {
	plan := Apply(Policy{Keyword: keyword, Rules: Rules{Last: 1}}, row(3), noon)
	if diff := cmp.Diff(plan.Decisions[:1], plan.Kept()); diff != "" {
		t.Errorf("Kept (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(plan.Decisions[1:], plan.Removals()); diff != "" {
		t.Errorf("Removals (-want +got):\n%s", diff)
	}
}

// Counted, not timed: a clock would make this fail on a busy machine.
func TestApplyAllocatesAFewTimesForEachSnapshotHoweverManyThereAre(t *testing.T) {
	const n = 20_000
	snapshots := row(n)
	policy := Policy{Keyword: keyword, Rules: mustParse(t, "last=3 hourly=24 daily=7 weekly=4 monthly=12 yearly=3")}
	if got := testing.AllocsPerRun(1, func() { Apply(policy, snapshots, noon) }); got > 8*n {
		t.Errorf("%.0f allocations for %d snapshots", got, n)
	}
}
