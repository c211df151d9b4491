package retention

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

func BenchmarkApply(b *testing.B) {
	berlin := zone(b, "Europe/Berlin")
	for _, value := range []string{"3", "36525d", "hourly=24 daily=7 weekly=4 monthly=12 yearly=3", "hourly=1000000 daily=1000000"} {
		rules := mustParse(b, value)
		policy := Policy{Keyword: keyword, Zone: berlin, Rules: rules}
		for _, n := range []int{1, 1_000, 1_000_000} {
			b.Run(fmt.Sprintf("%v/%d snapshots", rules, n), func(b *testing.B) {
				snapshots := shuffled(n)
				b.ReportAllocs()
				for b.Loop() {
					Apply(policy, snapshots, noon)
				}
			})
		}
	}
}

// shuffled gives hourly snapshots in no order, the same one each time.
func shuffled(n int) []ebs.Snapshot {
	snapshots := make([]ebs.Snapshot, n)
	for i := range snapshots {
		snapshots[i] = managed(fmt.Sprintf("snap-%017x", i), noon.Add(-time.Duration(i)*time.Hour))
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(n, func(i, j int) { snapshots[i], snapshots[j] = snapshots[j], snapshots[i] })
	return snapshots
}
