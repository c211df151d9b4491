package ec2sim_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

func TestManagedResourcesAreOnlyListedIfTheRequestIncludesThem(t *testing.T) {
	f := newFixture(t)
	f.AddInstance(ec2sim.Instance{ID: "i-1", Volumes: []ec2sim.BlockDevice{{ID: "vol-1"}}})
	f.AddInstance(ec2sim.Instance{ID: "i-eks", Managed: true, Volumes: []ec2sim.BlockDevice{{ID: "vol-eks"}}})
	list := func(too *bool) []string {
		instances, err := f.client.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{IncludeManagedResources: too})
		if err != nil {
			t.Fatal(err)
		}
		volumes, err := f.client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{IncludeManagedResources: too})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, r := range instances.Reservations {
			ids = append(ids, *r.Instances[0].InstanceId)
		}
		for _, v := range volumes.Volumes {
			ids = append(ids, *v.VolumeId)
		}
		slices.Sort(ids)
		return ids
	}
	no, yes := false, true
	for what, c := range map[string]struct {
		too  *bool
		want []string
	}{
		"without a word": {nil, []string{"i-1", "vol-1"}},
		"not asked for":  {&no, []string{"i-1", "vol-1"}},
		"asked for":      {&yes, []string{"i-1", "i-eks", "vol-1", "vol-eks"}},
	} {
		if diff := cmp.Diff(c.want, list(c.too)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	_, err := f.client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{"vol-eks"}})
	refused(t, "a managed volume by its ID", "InvalidVolume.NotFound", err)
	_, err = f.client.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{"i-eks"}})
	refused(t, "a managed instance by its ID", "InvalidInstanceID.NotFound", err)
	f.create(t, "vol-eks", nil) // it can be snapshotted by its ID
}
