package explain

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// daily is the schedule of each midnight, with a retention.
func daily(t *testing.T, value string, days int) Schedule {
	t.Helper()
	rules, err := retention.Parse(value)
	if err != nil {
		t.Fatal(err)
	}
	s := Schedule{Policy: retention.Policy{Keyword: "Daily", Rules: rules}}
	for i := range days {
		s.Runs = append(s.Runs, time.Date(2026, 11, 26+i, 0, 0, 0, 0, time.UTC))
	}
	return s
}

// of is a snapshot of a day's midnight in November, made by a run of a schedule.
func of(keyword string, day int, state ebs.State, change ...string) ebs.Snapshot {
	at := time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC)
	s := ebs.Made(ebs.Stamp{Keyword: keyword, Retention: "3", RunID: ebs.RunID(keyword, at), InstanceID: "i-1"},
		ebs.Snapshot{ID: fmt.Sprintf("snap-%s-%02d", keyword, day), VolumeID: "vol-1", StartTime: at, State: state, SizeGiB: 8}, nil)
	for i := 0; i < len(change); i += 2 {
		if s.Tags[change[i]] = change[i+1]; change[i+1] == "-" {
			delete(s.Tags, change[i])
		}
	}
	return s
}

// lines writes fates down, a line each.
func lines(fates []Fate) []string {
	var out []string
	for _, f := range fates {
		line := f.Snapshot.ID + " | " + f.Owner.Words() + " | "
		if !f.Keep {
			line += "GOES: "
		}
		line += f.Why()
		if !f.DeletedAt.IsZero() {
			line += " | " + f.DeletedAt.Format("2006-01-02") + ": " + f.Because.String()
		}
		out = append(out, line)
	}
	return out
}

func TestVolume(t *testing.T) {
	off := daily(t, "off", 3)
	off.Exempt = Exempt(contract.VolumeTagOff)
	adopted := of("Daily", 15, ebs.Completed, ebs.TagRun, "adopted", "Daily", "keep")
	adopted.Description = "AutoSnapshot web-1 - vol-1 (/dev/xvda)"
	cases := []struct {
		name      string
		schedules []Schedule
		snapshots []ebs.Snapshot
		want      []string
	}{
		{
			"each goes when the runs ahead have made newer ones", []Schedule{daily(t, "3", 10)},
			[]ebs.Snapshot{of("Daily", 23, ebs.Completed), of("Daily", 24, ebs.Completed), of("Daily", 25, ebs.Completed)},
			[]string{
				"snap-Daily-25 | Daily | last 1 of 3 | 2026-11-28: beyond last=3 (3 newer kept)",
				"snap-Daily-24 | Daily | last 2 of 3 | 2026-11-27: beyond last=3 (3 newer kept)",
				"snap-Daily-23 | Daily | last 3 of 3 | 2026-11-26: beyond last=3 (3 newer kept)",
			},
		}, {
			"what is too many already goes with the next run", []Schedule{daily(t, "1", 10)},
			[]ebs.Snapshot{of("Daily", 24, ebs.Completed), of("Daily", 25, ebs.Pending)},
			[]string{
				"snap-Daily-25 | Daily | not completed yet (state pending) | 2026-11-26: beyond last=1 (1 newer kept)",
				"snap-Daily-24 | Daily | last 1 of 1 | 2026-11-26: beyond last=1 (1 newer kept)",
			},
		}, {
			"a calendar rule keeps one for longer", []Schedule{daily(t, "last=1 weekly=2", 14)},
			[]ebs.Snapshot{of("Daily", 22, ebs.Completed), of("Daily", 25, ebs.Completed)},
			[]string{
				"snap-Daily-25 | Daily | last 1 of 1; weekly 2026-W48 (1 of 2) | 2026-11-26: beyond last=1; not the newest of its week (1 newer kept)",
				"snap-Daily-22 | Daily | weekly 2026-W47 (2 of 2) | 2026-11-30: beyond last=1 weekly=2 (2 newer kept)",
			},
		}, {
			"a failed one goes at once", []Schedule{daily(t, "3", 2)},
			[]ebs.Snapshot{of("Daily", 24, ebs.Error), of("Daily", 25, ebs.Completed)},
			[]string{
				"snap-Daily-25 | Daily | last 1 of 3",
				"snap-Daily-24 | Daily | GOES: failed (state error); snap-Daily-25 has completed since | 2026-11-26: failed (state error); snap-Daily-25 has completed since",
			},
		}, {
			"whose it is, and that it stays", []Schedule{daily(t, "1", 30)},
			[]ebs.Snapshot{
				of("Daily", 20, ebs.Completed, "Daily", "keep"), of("Hourly", 19, ebs.Completed), of("Daily", 18, ebs.Completed, "Daily", "-"),
				of("Daily", 17, ebs.Completed, ebs.TagSchedule, "-"), of("Daily", 16, ebs.Completed, ebs.TagSchedule, "-", "aws:backup:source-resource", "x"),
				adopted, of("Daily", 14, ebs.Completed, "aws:dlm:lifecycle-policy-id", "policy-1"),
			},
			[]string{
				`snap-Daily-20 | claimed by a person (Daily) | claimed by a person: tag Daily changed from "3" to "keep"`,
				"snap-Hourly-19 | Hourly | no schedule Hourly is configured, so nothing deletes it",
				"snap-Daily-18 | claimed by a person (Daily) | claimed by a person: tag Daily removed",
				"snap-Daily-17 | claimed by a person (run Daily/2026-11-17T00:00:00Z) | claimed by a person: tag snapshot-lifecycle:schedule removed",
				"snap-Daily-16 | not ours, made by AWS Backup | no run of this tool made it",
				`snap-Daily-15 | claimed by a person (Daily, adopted) | claimed by a person: tag Daily changed from "3" to "keep"`,
				"snap-Daily-14 | not ours, made by Amazon Data Lifecycle Manager | no run of this tool made it, although it carries the tags of the schedule Daily",
			},
		}, {
			"where no run works, nothing goes", []Schedule{off}, []ebs.Snapshot{of("Daily", 24, ebs.Completed), of("Daily", 20, ebs.Error)},
			[]string{
				"snap-Daily-24 | Daily | its own tag Daily is off",
				"snap-Daily-20 | Daily | its own tag Daily is off",
			},
		}, {
			"two schedules do not count for each other", []Schedule{daily(t, "1", 1), {Policy: retention.Policy{Keyword: "Hourly", Rules: retention.Rules{Last: 1}}}},
			[]ebs.Snapshot{of("Hourly", 25, ebs.Completed, "Daily", "1"), of("Daily", 24, ebs.Completed, "Hourly", "1")},
			[]string{
				"snap-Hourly-25 | Hourly | last 1 of 1",
				"snap-Daily-24 | Daily | last 1 of 1 | 2026-11-26: beyond last=1 (1 newer kept)",
			},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, lines(Volume(c.schedules, c.snapshots, now))); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// Counted, not timed: to decide about each snapshot again at each run would take minutes, and billions of allocations.
func TestAYearOfAnHourlyScheduleIsExplainedWithAFewAllocationsForEachSnapshotAndRun(t *testing.T) {
	s := Schedule{Policy: retention.Policy{Keyword: "Hourly", Rules: retention.Rules{Within: 365 * 24 * time.Hour}}}
	for i := range 8_784 {
		s.Runs = append(s.Runs, now.Add(time.Duration(i+1)*time.Hour))
	}
	var held []ebs.Snapshot
	for i := range 2_000 {
		at := now.Add(-time.Duration(i) * time.Hour)
		held = append(held, ebs.Made(ebs.Stamp{Keyword: "Hourly", Retention: "365d", RunID: ebs.RunID("Hourly", at), InstanceID: "i-1"},
			ebs.Snapshot{ID: fmt.Sprint("snap-", i), VolumeID: "vol-1", StartTime: at, State: ebs.Completed}, nil))
	}
	got := testing.AllocsPerRun(1, func() {
		for _, f := range Volume([]Schedule{s}, held, now) {
			if want := f.Snapshot.StartTime.Add(365 * 24 * time.Hour); !f.DeletedAt.Equal(want) {
				t.Errorf("%s goes at %v, want %v", f.Snapshot.ID, f.DeletedAt, want)
			}
		}
	})
	if bound := 20 * float64(len(held)+len(s.Runs)); got > bound {
		t.Errorf("%.0f allocations, more than %.0f", got, bound)
	}
}

func TestTheBoundCountsEachSnapshotWhole(t *testing.T) {
	var b ebs.StorageBound
	b.Add(ebs.Snapshot{SizeGiB: 100})
	b.Add(ebs.Snapshot{SizeGiB: 100, FullBytes: 20 << 30})
	if d := cmp.Diff(ebs.StorageBound{Snapshots: 2, GiB: 120, USDPerMonth: 6}, b); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
