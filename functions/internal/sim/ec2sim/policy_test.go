package ec2sim_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

func TestAPermissionThatRequiresATagIsDeniedWithoutTheTagOrTheSnapshot(t *testing.T) {
	f := newFixture(t, func(c *ec2sim.Config) {
		c.ListLag = time.Minute // IAM looks at what is, not at a list
		c.RequireTag = map[string]string{"DeleteSnapshot": "ours", "DeleteTags": "ours"}
	})
	tagged := func() string {
		return f.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Snapshot{Tags: map[string]string{"ours": "x"}}})
	}
	remove := func(id string) error {
		_, err := f.client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &id})
		return err
	}
	other, lost, kept := "other", tagged(), tagged()
	f.UntagSnapshot(lost, "ours")
	if err := remove(kept); err != nil {
		t.Errorf("a snapshot with the tag: %v", err)
	}
	refused(t, "the same, once it is gone", "UnauthorizedOperation", remove(kept))
	refused(t, "one that never was", "UnauthorizedOperation", remove("snap-0123456789abcdef0"))
	refused(t, "one that has lost the tag", "UnauthorizedOperation", remove(lost))

	untag := func(ids ...string) error {
		_, err := f.client.DeleteTags(t.Context(), &ec2.DeleteTagsInput{Resources: ids, Tags: []types.Tag{{Key: &other}}})
		return err
	}
	if err := untag(tagged(), tagged()); err != nil {
		t.Errorf("snapshots with the tag: %v", err)
	}
	refused(t, "several, of which one has lost the tag", "UnauthorizedOperation", untag(tagged(), lost))
	if _, err := f.client.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{lost}, Tags: []types.Tag{{Key: &other, Value: &other}}}); err != nil {
		t.Errorf("an action without such a condition: %v", err)
	}
}
