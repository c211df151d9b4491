// Package bench measures runs of the workflow at EC2's limits: the real definition, handlers and SDK client over a simulated
// account, in virtual time. What a run uses of AWS, how near it comes to what EC2 allows, and what it costs.
package bench

import (
	"fmt"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// Scenario is a fleet, and what befalls its run.
type Scenario struct {
	Name    string // unique
	Volumes int

	PerInstance int           // volumes of an instance; 0: one, the kind that costs most for a volume
	Snapshot    time.Duration // how long a snapshot takes; 0: no time at all
	Schedules   int           // that fire in the same minute, on the same volumes; 0: one
	SlowEvery   int           // each so many volumes, one takes SlowFor instead; 0: none does
	SlowFor     time.Duration
	Pending     int           // how many snapshots of the account may be pending; 0: any number
	Taken       float64       // the share of EC2's bucket of creates that another tool takes, all the time
	Pace        discover.Pace // as configured; zero: the default
	ColdStart   time.Duration // how long a function takes to start that has no environment waiting
}

// The account's limits, and the time of everything.
const (
	latency   = 80 * time.Millisecond // of an EC2 call, what EC2 usually takes
	listLag   = 3 * time.Second       // until EC2's lists show what happened
	settle    = 2 * time.Minute
	children  = 10_000
	keep      = 3
	lastFor   = 10 * time.Minute // how long Lambda keeps an environment that is idle; it does not say
	usual     = 2 * time.Minute  // how long a snapshot takes, in most scenarios
	coldStart = 500 * time.Millisecond
)

// Sizes are runs over fleets of growing size. The snapshots take as long as most do, or no time at all.
func Sizes() []Scenario {
	var out []Scenario
	for _, n := range []int{100, 1_000, 5_000, 20_000, 100_000} {
		out = append(out, Scenario{Name: fmt.Sprintf("%d", n), Volumes: n, Snapshot: usual})
	}
	for _, n := range []int{1_000, 5_000, 20_000} {
		out = append(out, Scenario{Name: fmt.Sprintf("%d at once", n), Volumes: n})
	}
	return out
}

// Troubles are runs that something gets in the way of.
func Troubles() []Scenario {
	with := func(name string, volumes int, change func(*Scenario)) Scenario {
		s := Scenario{Name: name, Volumes: volumes, Snapshot: usual}
		change(&s)
		return s
	}
	return []Scenario{
		with("cold starts", 1_000, func(s *Scenario) { s.ColdStart = coldStart }),
		with("ten volumes an instance", 1_000, func(s *Scenario) { s.PerInstance = 10 }),
		with("two schedules", 1_000, func(s *Scenario) { s.Schedules = 2 }),
		with("half of the bucket", 1_000, func(s *Scenario) { s.Taken = 0.5 }),
		with("half of the bucket, told so", 1_000, func(s *Scenario) { s.Taken, s.Pace = 0.5, discover.Pace{Burst: 45, Rate: 2.45} }),
		with("half of the bucket of many", 10_000, func(s *Scenario) { s.Taken = 0.5 }),
		with("100 pending", 1_000, func(s *Scenario) { s.Pending, s.Snapshot = 100, 5*time.Minute }),
		with("100 pending for hours", 1_000, func(s *Scenario) { s.Pending, s.Snapshot = 100, time.Hour }),
		with("8 hours for some", 1_000, func(s *Scenario) { s.SlowEvery, s.SlowFor = 20, 8*time.Hour }),
		with("8 hours for some of many", 20_000, func(s *Scenario) { s.SlowEvery, s.SlowFor = 20, 8*time.Hour }),
		with("5 minutes for all", 5_000, func(s *Scenario) { s.Snapshot = 5 * time.Minute }),
		with("half an hour for all of many", 20_000, func(s *Scenario) { s.Snapshot = 30 * time.Minute }),
		with("1 hour for all of many", 20_000, func(s *Scenario) { s.Snapshot = time.Hour }),
		with("1 hour for all, on few", 20_000, func(s *Scenario) { s.Snapshot, s.PerInstance = time.Hour, 10 }),
	}
}

// Quick says whether a scenario is measured within seconds: those are, in each test.
func (s Scenario) Quick() bool { return s.Volumes <= 1_000 && s.Snapshot < time.Hour }

func (s Scenario) pace() discover.Pace {
	if s.Pace == (discover.Pace{}) {
		return discover.DefaultPace
	}
	return s.Pace
}

// settle is as configured: by default, or so that those that take no time are looked at once EC2's lists show them.
func (s Scenario) settle() time.Duration {
	if s.Snapshot == 0 {
		return listLag
	}
	return settle
}

func (s Scenario) perInstance() int { return max(1, s.PerInstance) }
func (s Scenario) schedules() int   { return max(1, s.Schedules) }

// keywords are the schedules' own.
func (s Scenario) keywords() []string {
	return []string{"SnapshotDaily", "SnapshotHourly"}[:s.schedules()]
}

// slow says whether a volume is one of the slow ones.
func (s Scenario) slow(volume int) bool { return s.SlowEvery > 0 && volume%s.SlowEvery == 0 }

func (s Scenario) takes(volume int) time.Duration {
	if s.slow(volume) {
		return s.SlowFor
	}
	return s.Snapshot
}

// bucket is what EC2 lets this account create: 100 at once and 5 a second, less what another tool takes.
func (s Scenario) bucket() ec2sim.Bucket {
	b := ec2sim.DefaultBuckets()["CreateSnapshot"]
	return ec2sim.Bucket{Capacity: b.Capacity * (1 - s.Taken), Refill: b.Refill * (1 - s.Taken)}
}

// Bound is how long the creates take at the least: after a burst EC2 takes so many a second, and where it lets only so many
// be pending, those have to complete first.
func (s Scenario) Bound() time.Duration {
	n, b := float64(s.Volumes*s.schedules()), s.bucket()
	seconds := max(0, n-b.Capacity) / b.Refill
	if s.Pending > 0 {
		seconds = max(seconds, (n/float64(s.Pending)-1)*s.Snapshot.Seconds())
	}
	return time.Duration(seconds * float64(time.Second))
}

// WholeBound is how long the run takes at the least: the last snapshot has to complete. Slow ones begin first.
func (s Scenario) WholeBound() time.Duration {
	whole := s.Bound() + s.Snapshot
	if s.SlowEvery > 0 {
		whole = max(whole, s.SlowFor)
	}
	return whole
}
