package bench

import (
	"maps"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
)

// Result is what a scenario's runs used, all of them together.
type Result struct {
	Scenario string
	Volumes  int // snapshots to be made: those of each schedule count

	Bound      float64 // seconds; see Scenario.Bound
	Creating   float64 // seconds from the start to the last creation
	WholeBound float64
	Took       float64 // seconds from the start to the end of the last run
	OthersTook float64 // seconds until the last volume was pruned that is no slow one

	Calls     map[string]int // of EC2, by action
	Throttled map[string]int // those of them that found no token
	Refused   map[string]int // those that EC2 refused otherwise, by code
	Lowest    map[string]int // the fewest tokens that a bucket had left

	Invocations  map[string]int // by function
	BilledMillis map[string]int
	ColdStarts   int
	AtOnce       int // invocations under way at the same time, at the most

	Transitions     int
	Children        int
	ChildrenAtOnce  int
	MaxChildEvents  int // of a child's history, which ends at 25,000
	LargestState    int // bytes; 256 KiB are allowed
	ManifestBytes   int
	S3Writes        int
	S3Reads         int
	Missing         int // volumes without a good snapshot
	Duplicated      int // snapshots that a run made of a volume beyond the first
	Surplus         int // good snapshots beyond those to keep
	Mails           int
	Dollars         float64
	DiscoverSeconds float64 // discover-instances' longest call
	ReportSeconds   float64

	// What follows depends on the machine, and is compared with nothing.
	RealSeconds float64
	HeapMiB     map[string]int // by fleet function: how far the heap grew, the simulated EC2's answers included
}

// Ratio is how the creating compares with the bound; 1 without one.
func (r Result) Ratio() float64 { return ratio(r.Creating, r.Bound) }

// WholeRatio is the same of the whole run.
func (r Result) WholeRatio() float64 { return ratio(r.Took, r.WholeBound) }

func ratio(got, bound float64) float64 {
	if bound == 0 {
		return 1
	}
	return got / bound
}

// PerVolume is how many calls of EC2 a volume took.
func (r Result) PerVolume() float64 { return float64(sum(r.Calls)) / float64(r.Volumes) }

// ThrottledShare is how many of the calls were throttled, in percent.
func (r Result) ThrottledShare() float64 {
	return 100 * float64(sum(r.Throttled)) / float64(max(1, sum(r.Calls)))
}

// Asleep is how much of the billed time no call of EC2 was under way: the SDK waited before a retry, or a function started.
func (r Result) Asleep() time.Duration {
	return time.Duration(sum(r.BilledMillis))*time.Millisecond - time.Duration(sum(r.Calls))*latency
}

// gbSeconds is what Lambda bills by.
func (r Result) gbSeconds() float64 {
	total := 0.0
	for _, function := range slices.Sorted(maps.Keys(r.BilledMillis)) {
		total += float64(r.BilledMillis[function]) / 1000 * memory(function)
	}
	return total
}

// Memory is what the functions are deployed with, in GiB: those for the whole fleet, and those for one volume.
const (
	fleetGiB  = 1.0
	volumeGiB = 0.25
)

func memory(function string) float64 {
	if ofFleet(function) {
		return fleetGiB
	}
	return volumeGiB
}

func ofFleet(function string) bool {
	return function == workflow.DiscoverInstances || function == workflow.ReportRun
}

func sum(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}
