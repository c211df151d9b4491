package workflow_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
)

// maxPoints is much larger than the calls of a function, so that even a failing test ends.
const maxPoints = 100

// A function may die before, during or after each of its calls. A retry must finish the work, and nothing may be created twice or lost.
func TestAFunctionMayDieAtAnyPoint(t *testing.T) {
	start := func(t *testing.T) *fixture {
		f := newFixture(t, func(s *setup) { s.EmptyPages = false })
		f.instance("db", 1, "SnapshotDaily=2", "Name=db-1")
		f.instance("odd", 1, "SnapshotDaily=abc", "Name=odd-1") // so that there is an e-mail to send
		for day := 1; day <= 4; day++ {
			f.old("vol-db-0", day, "SnapshotDaily=2", ebs.TagRetention+"=2")
		}
		f.oldState("vol-db-0", 5, ebs.Error, "SnapshotDaily=2", ebs.TagRetention+"=2")
		return f
	}
	undisturbed := start(t)
	undisturbed.succeed("SnapshotDaily")
	want := undisturbed.held()
	same(t, "what a run leaves of the volume that is pruned", want["vol-db-0"], []string{"completed SnapshotDaily/2026-11-21T00:00:00Z", made[0]})
	// At each point, before the call and after it. A changed number of points must be noticed.
	points := map[string]int{}
	for _, function := range []string{workflow.DiscoverInstances, workflow.SnapshotVolume, workflow.PruneVolume, workflow.ReportRun} {
		for _, after := range []bool{false, true} {
			for n := 1; ; n++ {
				died := true
				passed := t.Run(fmt.Sprintf("%s dies at call %d, after it %v", function, n, after), func(t *testing.T) {
					f := start(t)
					f.meddle(function, "", diesAt(n, after, 1))
					f.succeed("SnapshotDaily")
					died = f.retriesOf(function) > 0
					same(t, "what EC2 holds", f.held(), want)
					if mails := len(f.topic.mails); mails != 1 && !(mails == 2 && function == workflow.ReportRun) { // it sends the mail first, and then marks the run as done
						t.Errorf("%d e-mails:\n%s", mails, f.allMail())
					}
				})
				if !passed || n == maxPoints {
					t.Fatalf("%s: no end of the points at which it may die, after %d", function, n)
				}
				if !died {
					break
				}
				points[function]++
			}
		}
	}
	same(t, "points", points, map[string]int{
		workflow.DiscoverInstances: 14, workflow.SnapshotVolume: 2, workflow.PruneVolume: 10, workflow.ReportRun: 20,
	})
}

// retriesOf counts how often a function's state was retried.
func (f *fixture) retriesOf(function string) int {
	n := 0
	for _, e := range f.events {
		if e.Kind == "StateRetried" && stateOf[function] == e.State {
			n++
		}
	}
	return n
}

var stateOf = map[string]string{
	workflow.DiscoverInstances: "DiscoverInstances", workflow.SnapshotVolume: "SnapshotVolume",
	workflow.PruneVolume: "PruneVolume", workflow.ReportRun: "ReportRun",
}

func TestAClockThatIsDaysOffDeletesNoYoungSnapshots(t *testing.T) {
	for _, off := range []time.Duration{10 * 24 * time.Hour, -10 * 24 * time.Hour} {
		f := newFixture(t, func(s *setup) { s.ahead = map[string]time.Duration{workflow.PruneVolume: off} })
		f.instance("web", 1, "SnapshotDaily=3d")
		f.days(0, 6, nil)
		same(t, fmt.Sprintf("days of which snapshots are left, by a clock %v off", off), f.runsOf("vol-web-0"), []string{"25", "26", "27"})
	}
}

func TestClocksThatDisagreeBreakNothing(t *testing.T) {
	for _, ahead := range []time.Duration{-5 * time.Minute, -40 * time.Second, 40 * time.Second, 5 * time.Minute} {
		t.Run(fmt.Sprintf("EC2's clock is %v ahead of the functions'", ahead), func(t *testing.T) {
			f := newFixture(t, func(s *setup) {
				s.EmptyPages = false
				now := s.Now
				s.Now = func() time.Time { return now().Add(ahead) }
			})
			f.instance("web", 2, "SnapshotDaily=last=2 within=1d")
			f.days(0, 4, nil)
			same(t, "snapshots", len(f.of("vol-web-0", "SnapshotDaily")), 2)
			f.noMail()
		})
	}
}
