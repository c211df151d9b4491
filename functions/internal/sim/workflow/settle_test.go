package workflow_test

import (
	"context"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

func TestARunWaitsForItsSnapshotsOnlyAsLongAsTheyNeed(t *testing.T) {
	t.Run("not at all, if they were there before it", func(t *testing.T) {
		l := newLab(t, func(s *setup) { s.EmptyPages = false })
		l.fleet()
		input := l.input("SnapshotDaily")
		stop := l.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Match: on("vol-web-0")})
		l.start(context.Background(), input) // fails for one volume
		stop()
		l.wait(time.Hour)
		first := l.world.Now()
		l.start(context.Background(), input)
		for _, e := range l.events {
			if e.Kind == asl.StateExited && e.State == "GiveItTime" && !e.Time.Before(first) {
				waited := e.Time.Sub(first) > discover.LambdaAftermath+time.Minute
				if volume := volumeIn(e.Output); waited != (volume == "vol-web-0") {
					t.Errorf("%s: was it waited for? %v", volume, waited)
				}
			}
		}
	})

	t.Run("for as long as is configured", func(t *testing.T) {
		l := newLab(t, slow(0), func(s *setup) { s.ListLag, s.EmptyPages, s.settle = 2*time.Second, false, 3*time.Second })
		l.fleet()
		if r := l.succeed("SnapshotDaily"); r.Stop.Sub(r.Start) > 5*time.Second {
			t.Errorf("the run took %v", r.Stop.Sub(r.Start))
		}
		l.noMail()
	})

	t.Run("until they are two minutes old, if they take that long", func(t *testing.T) {
		l := newLab(t, func(s *setup) { s.EmptyPages = false })
		l.fleet()
		if r := l.succeed("SnapshotDaily"); r.Stop.Sub(r.Start) > 125*time.Second {
			t.Errorf("the run took %v", r.Stop.Sub(r.Start))
		}
		same(t, "looks at pending snapshots", l.retries("PruneVolume", "SnapshotPendingError"), 0)
		l.noMail()
	})
}

// A look at a pending snapshot is a call of DescribeSnapshots, of which EC2 takes 20 a second. A fleet that is large enough for it has
// volumes at each age, so that the looks of one volume's life come at the rate of the creates; or, if the snapshots take so long that
// all 10,000 children of a Map Run wait for theirs, at the rate at which those end.
func TestTheLooksAtSlowSnapshotsOfALargeFleetStayWithinWhatEC2Takes(t *testing.T) {
	for _, minutes := range []int{1, 2, 3, 5, 8, 9, 15, 30, 32, 34, 45, 60, 90, 120, 180, 360} {
		l := newLab(t, slow(time.Duration(minutes)*time.Minute), func(s *setup) { s.EmptyPages = false })
		l.instance("web", 1, "SnapshotDaily=3")
		r := l.succeed("SnapshotDaily")
		looks := float64(l.retries("PruneVolume", "SnapshotPendingError") + 1)
		rate := min(discover.DefaultPace.Rate, 10_000/r.Stop.Sub(r.Start).Seconds())
		if rate*looks > 18 {
			t.Errorf("snapshots that take %d minutes: %.0f looks each, %.1f a second", minutes, looks, rate*looks)
		}
	}
}
