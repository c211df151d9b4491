package demo

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// four are the first four days: there are failures, claims and a refusal in them.
var four = sync.OnceValues(func() (*evidence, error) {
	s, err := newStage(Options{Days: 4})
	if err != nil {
		return nil, err
	}
	if err := s.play(context.Background(), s.script()); err != nil {
		return nil, err
	}
	return s.evidence(context.Background())
})

// A check that can't fail proves nothing: each of these breaks one promise, as a bug would.
func TestABrokenPromiseIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*evidence)
		promise string // that is broken
		detail  string
	}{
		"a volume without a snapshot": {
			func(e *evidence) { e.drop(e.index(func(s snap) bool { return s.schedule() == daily })) },
			noSilence, "no e-mail names it",
		},
		"a snapshot that failed and no e-mail": {
			func(e *evidence) { e.mails = nil },
			noSilence, star + " has no snapshot of run SnapshotHourly/2026-11-28T23:00:00Z",
		},
		"a failed run without an e-mail": {
			func(e *evidence) { e.mails = nil },
			noSilence, "ended FAILED, and no e-mail says so",
		},
		"two snapshots of a volume by a run": {
			func(e *evidence) {
				s := e.snapshots[e.index(func(s snap) bool { return s.schedule() == hourly })]
				s.ID, s.StartTime = "snap-twin", s.StartTime.Add(time.Minute)
				e.snapshots = append(e.snapshots, s)
			},
			once, "has two snapshots of run SnapshotHourly/",
		},
		"one deleted that the retention keeps": {
			func(e *evidence) {
				s := &e.snapshots[e.last(func(s snap) bool { return s.schedule() == hourly && s.VolumeID == star })]
				s.deletedAt, s.deletedBy = e.end, ec2sim.ByPerson
			},
			exactlyN, "24 keeps ",
		},
		"one kept that the retention drops": {
			func(e *evidence) {
				s := &e.snapshots[e.index(func(s snap) bool { return s.deletedBy == ec2sim.ByAPI })]
				s.deletedAt, s.deletedBy = time.Time{}, ""
			},
			exactlyN, "and it is still there",
		},
		"one kept although EC2 would let it go": {
			func(e *evidence) { e.refusals = nil },
			exactlyN, "and it is still there",
		},
		"a claimed one deleted": {
			func(e *evidence) {
				s := &e.snapshots[e.index(func(s snap) bool { return s.ID == e.claimed[0] })]
				s.deletedAt, s.deletedBy = e.end, ec2sim.ByAPI
			},
			onlyOurs, "is not ours",
		},
		"the newest deleted": {
			func(e *evidence) {
				i := e.last(func(s snap) bool {
					return s.schedule() == daily && ebs.OwnershipOf(s.Snapshot.Snapshot, daily) == ebs.Managed
				})
				s := &e.snapshots[i]
				s.deletedAt, s.deletedBy = e.end, ec2sim.ByAPI
				e.reasons[s.ID] = "a bug"
			},
			onlyOurs, "was the newest of",
		},
		"one deleted without a reason": {
			func(e *evidence) { clear(e.reasons) },
			onlyOurs, "without a logged reason",
		},
		"one made by hand that is gone": {
			func(e *evidence) { e.drop(e.index(func(s snap) bool { return s.ID == e.manual[0] })) },
			onlyOurs, "is gone",
		},
		"no run at all": {
			func(e *evidence) { e.runs, e.snapshots = nil, nil },
			noSilence, "nothing to snapshot",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := fresh(t)
			c.change(e)
			r := e.result()
			i := slices.IndexFunc(r.Checks, func(x Check) bool { return x.Promise == c.promise })
			if i < 0 {
				t.Fatalf("there is no promise %q", c.promise)
			}
			if x := r.Checks[i]; x.Held || !strings.Contains(strings.Join(x.Broken, "\n"), c.detail) {
				t.Errorf("%v: held %v, want it broken: %s", x, x.Held, c.detail)
			}
			if err := r.Err(); err == nil || !strings.Contains(err.Error(), c.promise) {
				t.Errorf("the error is %v", err)
			}
			if text := textOf(r, false); !strings.Contains(flat(text), "NO "+c.promise) {
				t.Error("the text does not say NO")
			}
		})
	}
	if err := fresh(t).result().Err(); err != nil {
		t.Errorf("unchanged: %v", err)
	}
	if err := (&Result{}).Err(); err == nil {
		t.Error("a result without checks is no success")
	}
}

// fresh gives evidence that a test may change.
func fresh(t *testing.T) *evidence {
	t.Helper()
	original, err := four()
	if err != nil {
		t.Fatal(err)
	}
	e := *original
	e.snapshots = slices.Clone(e.snapshots)
	e.readLog()
	return &e
}

func (e *evidence) index(is func(snap) bool) int { return slices.IndexFunc(e.snapshots, is) }

func (e *evidence) last(is func(snap) bool) int {
	for i, s := range slices.Backward(e.snapshots) {
		if is(s) {
			return i
		}
	}
	return -1
}

func (e *evidence) drop(i int) { e.snapshots = slices.Delete(e.snapshots, i, i+1) }

func TestMeaningSaysWhatRulesKeep(t *testing.T) {
	for value, want := range map[string]string{
		"off":                    "exclude the volume: no snapshot is made, none is deleted",
		"36h":                    "keep all younger than 36 hours",
		"hourly=1":               "keep the newest of each of the latest 1 hour",
		"last=2 weekly=4":        "keep the newest 2, and the newest of each of the latest 4 weeks",
		"daily=7 within=2d":      "keep the newest of each of the latest 7 days, and all younger than 48 hours",
		"monthly=12 yearly=1000": "keep the newest of each of the latest 12 months, and the newest of each of the latest 1,000 years",
	} {
		rules, err := retention.Parse(value)
		if err != nil {
			t.Fatal(err)
		}
		if got := meaning(rules); got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}

func TestWrapBreaksAtSpacesAndStaysAsFarIn(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		"one two three":              "one two|three",
		"  one two three":            "  one two|  three",
		"incomprehensible a":         "incomprehensible|a",
		"ab" + hardSpace + "cd efgh": "ab cd|efgh",
	} {
		if got := strings.Join(wrap(text, 9), "|"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestTheChecksAreTheREADMEsPromises(t *testing.T) {
	body, err := os.ReadFile("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, promise := range []string{onlyOurs, exactlyN, once, noSilence} {
		number, title, _ := strings.Cut(promise, " ")
		if !strings.Contains(string(body), "\n"+number+" **"+title) {
			t.Errorf("the README has no promise %q", promise)
		}
	}
}
