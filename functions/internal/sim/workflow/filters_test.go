package workflow_test

import (
	"context"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// EC2 reads * and ? in a filter's values as wildcards.
func TestFilterValuesAreLiteral(t *testing.T) {
	f := newFixture(t)
	f.fleet()
	f.succeed("SnapshotDaily")
	ctx, ec2 := context.Background(), f.gateway()
	ids := func(held []ebs.Snapshot, err error) []string {
		if err != nil {
			t.Fatal(err)
		}
		out := []string{}
		for _, s := range held {
			out = append(out, s.VolumeID)
		}
		return sorted(out)
	}
	same(t, "snapshots of one volume", ids(ec2.SnapshotsOf(ctx, "vol-web-0")), []string{"vol-web-0"})
	for _, wild := range []string{"vol-*", "vol-web-?", "*", `vol-\*`, `vol-\`} {
		same(t, "snapshots of the volume "+wild, ids(ec2.SnapshotsOf(ctx, wild)), []string{})
		same(t, "snapshots of the schedule "+wild, ids(ec2.ScheduleSnapshots(ctx, wild)), []string{})
		same(t, "snapshots of the run "+wild, ids(ec2.RunSnapshots(ctx, wild)), []string{})
		same(t, "snapshots with the tag "+wild, ids(ec2.KeywordSnapshots(ctx, wild)), []string{})
		if volumes, err := ec2.Volumes(ctx, []string{wild}); err != nil || len(volumes) != 0 {
			t.Errorf("volumes %s: %v, %v", wild, volumes, err)
		}
		if instances, err := ec2.Instances(ctx, wild); err != nil || len(instances) != 0 {
			t.Errorf("instances with the tag %s: %v, %v", wild, instances, err)
		}
	}
	f.claim(f.ids("vol-db-0")[0], func(id string) { f.account.TagSnapshot(id, ebs.TagRun, `a*b?c\d`) })
	f.wait(f.setup.ListLag)
	same(t, "the snapshot of a run that somebody named so", ids(ec2.RunSnapshots(ctx, `a*b?c\d`)), []string{"vol-db-0"})
}
