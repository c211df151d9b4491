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
	t.Run("not at all, if they existed before", func(t *testing.T) {
		f := newFixture(t, func(s *setup) { s.EmptyPages = false })
		f.fleet()
		input := f.input("SnapshotDaily")
		stop := f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Match: on("vol-web-0")})
		f.start(context.Background(), input) // fails for one volume
		stop()
		f.wait(time.Hour)
		first := f.world.Now()
		f.start(context.Background(), input)
		for _, e := range f.events {
			if e.Kind == asl.StateExited && e.State == "GiveItTime" && !e.Time.Before(first) {
				waited := e.Time.Sub(first) > discover.LambdaAftermath+time.Minute
				if volume := volumeIn(e.Output); waited != (volume == "vol-web-0") {
					t.Errorf("%s: was it waited for? %v", volume, waited)
				}
			}
		}
	})

	t.Run("as long as configured", func(t *testing.T) {
		f := newFixture(t, slow(0), func(s *setup) { s.ListLag, s.EmptyPages, s.settle = 2*time.Second, false, 3*time.Second })
		f.fleet()
		if r := f.succeed("SnapshotDaily"); r.Stop.Sub(r.Start) > 5*time.Second {
			t.Errorf("the run took %v", r.Stop.Sub(r.Start))
		}
		f.noMail()
	})

	t.Run("until they are two minutes old, if they take that long", func(t *testing.T) {
		f := newFixture(t, func(s *setup) { s.EmptyPages = false })
		f.fleet()
		if r := f.succeed("SnapshotDaily"); r.Stop.Sub(r.Start) > 125*time.Second {
			t.Errorf("the run took %v", r.Stop.Sub(r.Start))
		}
		same(t, "looks at pending snapshots", f.retries("PruneVolume", "SnapshotPendingError"), 0)
		f.noMail()
	})
}

// Each look at a pending snapshot is a call of DescribeSnapshots, and EC2 allows 20 a second. In a large fleet snapshots of all ages are pending.
// So the calls come at the rate of the creates times the looks at one volume; or, if all 10,000 children of a Map Run wait, at the rate at which
// these end.
func TestTheLooksAtSlowSnapshotsOfALargeFleetStayWithinEC2sLimit(t *testing.T) {
	for _, minutes := range []int{1, 2, 3, 5, 8, 9, 15, 30, 32, 34, 45, 60, 90, 120, 180, 360} {
		f := newFixture(t, slow(time.Duration(minutes)*time.Minute), func(s *setup) { s.EmptyPages = false })
		f.instance("web", 1, "SnapshotDaily=3")
		r := f.succeed("SnapshotDaily")
		looks := float64(f.retries("PruneVolume", "SnapshotPendingError") + 1)
		rate := min(discover.DefaultPace.Rate, 10_000/r.Stop.Sub(r.Start).Seconds())
		if rate*looks > 18 {
			t.Errorf("snapshots that take %d minutes: %.0f looks each, %.1f a second", minutes, looks, rate*looks)
		}
	}
}
