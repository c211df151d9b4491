package explain

import "github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"

// Price is what a month of snapshots costs, in USD per GiB: AWS's list price in us-east-1, November 2026.
const Price = 0.05

// Bound is the most that snapshots can cost. EBS stores a block once, however many snapshots of a volume have it, and never says
// how much that is: each is counted here as if it shared nothing.
type Bound struct {
	Snapshots   int     `json:"snapshots"`
	GiB         float64 `json:"gib"`
	USDPerMonth float64 `json:"usdPerMonth"`
}

// Add counts a snapshot.
func (b *Bound) Add(s ebs.Snapshot) {
	size := float64(s.SizeGiB)
	if s.FullBytes > 0 {
		size = float64(s.FullBytes) / (1 << 30)
	}
	b.Snapshots++
	b.GiB += size
	b.USDPerMonth += size * Price
}

// Plus gives the sum of two.
func (b Bound) Plus(c Bound) Bound {
	return Bound{b.Snapshots + c.Snapshots, b.GiB + c.GiB, b.USDPerMonth + c.USDPerMonth}
}
