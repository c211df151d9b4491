package ec2sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

func withBuckets(c *ec2sim.Config) { c.Buckets = ec2sim.DefaultBuckets() }

func TestABucketAllowsABurstAndThenItsRefill(t *testing.T) {
	f := newFixture(t, withBuckets)
	for n := range 1000 {
		f.AddVolume(ec2sim.BlockDevice{ID: fmt.Sprintf("vol-%d", n)})
	}
	made := map[int]int{} // by second
	for n := 0; n < 1000; {
		if _, body := post(t, f.Account, fmt.Sprintf("Action=CreateSnapshot&VolumeId=vol-%d", n)); firstCode(0, body) != "" {
			f.Advance(100 * time.Millisecond)
			continue
		}
		n++
		made[int(f.Now().Sub(begin)/time.Second)]++
	}
	if got := f.Now().Sub(begin); got != 180*time.Second {
		t.Errorf("1,000 snapshots took %v, want 180 s: (1,000 − 100) / 5", got)
	}
	if made[0] != 104 || made[1] != 5 || made[100] != 5 {
		t.Errorf("made in the seconds 0, 1 and 100: %d, %d, %d", made[0], made[1], made[100])
	}
}

func TestAnUnusedBucketNeverHoldsMoreThanItsCapacity(t *testing.T) {
	f := newFixture(t, withBuckets)
	f.Advance(time.Hour)
	burst := func() int {
		n := 0
		for firstCode(post(t, f.Account, "Action=DeleteSnapshot&SnapshotId=snap-none")) == "InvalidSnapshot.NotFound" {
			n++
		}
		return n
	}
	first := burst()
	f.Advance(time.Hour)
	if diff := cmp.Diff([]int{100, 100}, []int{first, burst()}); diff != "" {
		t.Errorf("calls in a burst (-want +got):\n%s", diff)
	}
}

func TestEachActionHasItsOwnBucketAndUnfilteredReadsASmallerOne(t *testing.T) {
	f := newFixture(t, withBuckets)
	burst := func(form string) int {
		n := 0
		for firstCode(post(t, f.Account, form)) != "RequestLimitExceeded" {
			n++
		}
		return n
	}
	got := map[string]int{
		"everything":  burst("Action=DescribeSnapshots"),
		"filtered":    burst("Action=DescribeSnapshots&Filter.1.Name=tag-key&Filter.1.Value.1=x"),
		"another":     burst("Action=DescribeInstances&MaxResults=5"),
		"a change":    burst("Action=CreateTags"),
		"not paged 2": burst("Action=DescribeInstances"),
	}
	want := map[string]int{"everything": 50, "filtered": 100, "another": 100, "a change": 100, "not paged 2": 50}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls in a burst (-want +got):\n%s", diff)
	}
	throttled := map[string]int{"DescribeSnapshots": 2, "DescribeInstances": 2, "CreateTags": 1}
	if diff := cmp.Diff(throttled, f.Throttled()); diff != "" {
		t.Errorf("throttled (-want +got):\n%s", diff)
	}
}

func TestAThrottledCallIsRefusedBeforeAnyOtherCheck(t *testing.T) {
	f := newFixture(t, func(c *ec2sim.Config) { c.Buckets = map[string]ec2sim.Bucket{"CreateSnapshot": {}} })
	if got := f.tryCreateOf(t, "vol-none"); got != "RequestLimitExceeded" {
		t.Errorf("got %q", got)
	}
}
