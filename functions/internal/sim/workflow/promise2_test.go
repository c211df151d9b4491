package workflow_test

import (
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// Promise 2: only completed snapshots count, and the newest completed one stays.
func TestPromise2OnlyCompletedSnapshotsCount(t *testing.T) {
	t.Run("while this run's snapshot is pending, nothing goes", func(t *testing.T) {
		l := newLab(t, slow(5*time.Hour))
		l.instance("web", 1, "SnapshotDaily=2")
		old := []string{l.old("vol-web-0", 2), l.old("vol-web-0", 1)}
		l.together(func() { l.succeed("SnapshotDaily") }, func() {
			l.wait(4*time.Hour + 55*time.Minute)
			same(t, "held before it completes", l.ids("vol-web-0")[:2], old)
		})
		same(t, "pruned once it has completed", l.pruned(""), old[:1])
		l.noMail()
	})

	for _, state := range []ebs.State{ebs.Pending, ebs.Error, ebs.Recoverable, ebs.Recovering, "unheard-of"} {
		t.Run("a newer one in state "+string(state)+" takes nobody's place", func(t *testing.T) {
			l := newLab(t)
			l.instance("web", 1, "SnapshotDaily=3")
			third, second := l.old("vol-web-0", 9), l.old("vol-web-0", 8)
			for day := 3; day > 0; day-- {
				l.oldState("vol-web-0", day, state)
			}
			l.succeed("SnapshotDaily")
			left := l.ids("vol-web-0")
			if len(left) < 3 || left[0] != third || left[1] != second {
				t.Errorf("left are %v; %s and %s must be among them", left, third, second)
			}
			l.noMail()
		})
	}

	t.Run("when this run's snapshot fails, the good ones stay", func(t *testing.T) {
		l := newLab(t)
		l.instance("web", 1, "SnapshotDaily=1", "Name=web-1")
		last := l.old("vol-web-0", 1)
		for day := range 4 {
			l.until(time.Duration(day) * 24 * time.Hour)
			l.account.FailNextSnapshotOf("vol-web-0")
			if r := l.fire("SnapshotDaily"); r.Status != asl.Failed {
				t.Errorf("day %d: the run ended %s", day, r.Status)
			}
		}
		same(t, "pruned, the failed ones", len(l.pruned("")), 4)
		l.lastMail("vol-web-0", "ended in state error")
		if _, ok := l.account.Snapshot(last); !ok {
			t.Error("the last good snapshot is gone")
		}
	})

	t.Run("the newest completed one stays although it is older than its retention allows", func(t *testing.T) {
		l := newLab(t)
		l.instance("web", 1, "SnapshotDaily=1d")
		l.old("vol-web-0", 60)
		l.old("vol-web-0", 50)
		newest := l.old("vol-web-0", 40)
		l.account.FailNextSnapshotOf("vol-web-0")
		l.fire("SnapshotDaily")
		same(t, "left", l.ids("vol-web-0"), []string{newest})
	})

	t.Run("also when the newer ones are claimed, deleted or another's", func(t *testing.T) {
		l := newLab(t)
		l.instance("web", 1, "SnapshotDaily=1h")
		newest := l.old("vol-web-0", 3)
		l.old("vol-web-0", 2, "SnapshotDaily=keep")
		l.old("vol-web-0", 1, "owner=999999999999")
		l.account.FailNextSnapshotOf("vol-web-0")
		l.fire("SnapshotDaily")
		if _, ok := l.account.Snapshot(newest); !ok {
			t.Error("the newest completed one that is managed is gone")
		}
	})

	t.Run("a person deletes this run's snapshot just before the prune", func(t *testing.T) {
		l := newLab(t)
		l.instance("web", 1, "SnapshotDaily=1")
		last := l.old("vol-web-0", 1)
		l.meddle(workflow.PruneVolume, "", meanwhile(func() {
			l.account.DeleteSnapshotByPerson(l.ids("vol-web-0")[1])
			l.wait(l.setup.ListLag)
		}))
		l.fire("SnapshotDaily")
		same(t, "left", l.ids("vol-web-0"), []string{last})
	})
}

// slow makes all snapshots take so long.
func slow(d time.Duration) func(*setup) {
	return func(s *setup) { s.Completion = func(string, int) time.Duration { return d } }
}
