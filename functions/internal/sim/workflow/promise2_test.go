package workflow_test

import (
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// Promise 2: only completed snapshots count, and the newest completed one is kept.
func TestPromise2OnlyCompletedSnapshotsCount(t *testing.T) {
	t.Run("while this run's snapshot is pending, nothing is deleted", func(t *testing.T) {
		f := newFixture(t, slow(5*time.Hour))
		f.instance("web", 1, "SnapshotDaily=2")
		old := []string{f.old("vol-web-0", 2), f.old("vol-web-0", 1)}
		f.inParallel(func() { f.succeed("SnapshotDaily") }, func() {
			f.wait(4*time.Hour + 55*time.Minute)
			same(t, "held before it completes", f.ids("vol-web-0")[:2], old)
		})
		same(t, "pruned once it has completed", f.pruned(""), old[:1])
		f.noMail()
	})

	for _, state := range []ebs.State{ebs.Pending, ebs.Error, ebs.Recoverable, ebs.Recovering, "unheard-of"} {
		t.Run("a newer one in state "+string(state)+" does not replace an older one", func(t *testing.T) {
			f := newFixture(t)
			f.instance("web", 1, "SnapshotDaily=3")
			third, second := f.old("vol-web-0", 9), f.old("vol-web-0", 8)
			for day := 3; day > 0; day-- {
				f.oldState("vol-web-0", day, state)
			}
			f.succeed("SnapshotDaily")
			left := f.ids("vol-web-0")
			if len(left) < 3 || left[0] != third || left[1] != second {
				t.Errorf("left are %v; %s and %s must be among them", left, third, second)
			}
			f.noMail()
		})
	}

	t.Run("if this run's snapshot fails, the good ones are kept", func(t *testing.T) {
		f := newFixture(t)
		f.instance("web", 1, "SnapshotDaily=1", "Name=web-1")
		last := f.old("vol-web-0", 1)
		for day := range 4 {
			f.until(time.Duration(day) * 24 * time.Hour)
			f.account.FailNextSnapshotOf("vol-web-0")
			if r := f.fire("SnapshotDaily"); r.Status != asl.Failed {
				t.Errorf("day %d: the run ended %s", day, r.Status)
			}
		}
		same(t, "pruned, the failed ones", len(f.pruned("")), 4)
		f.lastMail("vol-web-0", "ended in state error")
		if _, ok := f.account.Snapshot(last); !ok {
			t.Error("the last good snapshot was deleted")
		}
	})

	t.Run("the newest completed one is kept even if it is older than its retention allows", func(t *testing.T) {
		f := newFixture(t)
		f.instance("web", 1, "SnapshotDaily=1d")
		f.old("vol-web-0", 60)
		f.old("vol-web-0", 50)
		newest := f.old("vol-web-0", 40)
		f.account.FailNextSnapshotOf("vol-web-0")
		f.fire("SnapshotDaily")
		same(t, "left", f.ids("vol-web-0"), []string{newest})
	})

	t.Run("even if the newer ones are claimed, deleted or another schedule's", func(t *testing.T) {
		f := newFixture(t)
		f.instance("web", 1, "SnapshotDaily=1h")
		newest := f.old("vol-web-0", 3)
		f.old("vol-web-0", 2, "SnapshotDaily=keep")
		f.old("vol-web-0", 1, "owner=999999999999")
		f.account.FailNextSnapshotOf("vol-web-0")
		f.fire("SnapshotDaily")
		if _, ok := f.account.Snapshot(newest); !ok {
			t.Error("the newest completed one that is managed was deleted")
		}
	})

	t.Run("a person deletes this run's snapshot just before the prune", func(t *testing.T) {
		f := newFixture(t)
		f.instance("web", 1, "SnapshotDaily=1")
		last := f.old("vol-web-0", 1)
		f.meddle(workflow.PruneVolume, "", meanwhile(func() {
			f.account.DeleteSnapshotByPerson(f.ids("vol-web-0")[1])
			f.wait(f.setup.ListLag)
		}))
		f.fire("SnapshotDaily")
		same(t, "left", f.ids("vol-web-0"), []string{last})
	})
}

// slow sets how long all snapshots take.
func slow(d time.Duration) func(*setup) {
	return func(s *setup) { s.Completion = func(string, int) time.Duration { return d } }
}
