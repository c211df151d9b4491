package ebs

import (
	"encoding/json"
	"math"
)

// StoragePrice is what a month of snapshots costs, in USD per GiB: AWS's list price in us-east-1, November 2026.
const StoragePrice = 0.05

// StorageBound is the most that snapshots can cost. EBS stores a block once, however many snapshots of a volume have it, and never says
// how much that is: each is counted here as if it shared nothing.
type StorageBound struct {
	Snapshots   int     `json:"snapshots"`
	GiB         float64 `json:"gib"`
	USDPerMonth float64 `json:"usdPerMonth"`
}

// Add counts a snapshot.
func (b *StorageBound) Add(s Snapshot) {
	size := float64(s.SizeGiB)
	if s.FullBytes > 0 {
		size = float64(s.FullBytes) / (1 << 30)
	}
	b.Snapshots++
	b.GiB += size
	b.USDPerMonth += size * StoragePrice
}

// Plus gives the sum of two.
func (b StorageBound) Plus(c StorageBound) StorageBound {
	return StorageBound{b.Snapshots + c.Snapshots, b.GiB + c.GiB, b.USDPerMonth + c.USDPerMonth}
}

// MarshalJSON writes the numbers rounded to hundredths.
func (b StorageBound) MarshalJSON() ([]byte, error) {
	type plain StorageBound
	b.GiB, b.USDPerMonth = math.Round(b.GiB*100)/100, math.Round(b.USDPerMonth*100)/100
	return json.Marshal(plain(b))
}
