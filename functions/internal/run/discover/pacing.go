package discover

import (
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Pace is how fast runs create snapshots. EC2 allows 5 creates a second in an account and Region, after a burst of 100 (EC2 API throttling).
// It throttles more requests than that, and a throttled request costs a token too.
type Pace struct {
	Burst int     // creates that may come at once after a pause
	Rate  float64 // creates per second
}

// DefaultPace stays just under EC2's limits.
var DefaultPace = Pace{Burst: 95, Rate: 4.95}

const (
	// volumeInterval is a little more than the 15 s that EC2 requires between two snapshots of one volume. Two schedules of the same minute
	// often work on the same volumes in the same order, so the second run begins that much later.
	volumeInterval = 17 * time.Second
	// tooLong is much longer than any run, and much shorter than the longest Duration.
	tooLong = 1000 * time.Hour
)

// timeFor is how long n creates take at the rate, without the burst.
func (p Pace) timeFor(n int) time.Duration {
	return time.Duration(min(float64(n)/p.Rate*float64(time.Second), float64(tooLong)))
}

// lastTurn is how long after the first turn the last of n creates has its turn.
func (p Pace) lastTurn(n int) time.Duration { return max(0, p.timeFor(n-p.Burst)) }

// plan gives each item its turn: the time at which its creates and all before it fit into the pace. At from the token bucket is full with a
// burst, and it refills at the rate.
func (p Pace) plan(found []contract.Item, from time.Time) {
	n := 0
	for i := range found {
		n += itemCreates(&found[i])
		found[i].StartAt = from.Add(p.lastTurn(n)).UTC().Truncate(time.Millisecond)
	}
}
