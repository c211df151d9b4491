package discover

import (
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Pace is how fast runs create snapshots. EC2 lets an account and Region create 5 a second after a burst of 100 (EC2 API
// throttling); whoever asks for more is refused, and asking costs tokens too.
type Pace struct {
	Burst int     // creates at once after a rest
	Rate  float64 // creates per second
}

// DefaultPace stays just under EC2's own.
var DefaultPace = Pace{Burst: 95, Rate: 4.95}

const (
	// volumeInterval is what EC2 demands between two snapshots of one volume (15 s), and a little. Two schedules that fire in
	// the same minute work on much the same volumes in the same order, so the second begins that much later.
	volumeInterval = 17 * time.Second
	// tooLong is far more than any run may take, and far less than a Duration holds.
	tooLong = 1000 * time.Hour
)

// after is how long n creates take at the rate, the burst left aside.
func (p Pace) after(n int) time.Duration {
	return time.Duration(min(float64(n)/p.Rate*float64(time.Second), float64(tooLong)))
}

// lastTurn is how long after the first turn the last of n creates comes.
func (p Pace) lastTurn(n int) time.Duration { return max(0, p.after(n-p.Burst)) }

// plan gives each item its turn, when the creates that come before it and its own fit into the pace. from is when the token
// bucket was last full: it holds a burst then, and refills at the rate.
func (p Pace) plan(found []contract.Item, from time.Time) {
	n := 0
	for i := range found {
		n += itemCreates(&found[i])
		found[i].StartAt = from.Add(p.lastTurn(n)).UTC().Truncate(time.Millisecond)
	}
}
