package ec2sim_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// describe gives the answer to DescribeInstances by ID.
func (f fixture) describe(t *testing.T, filters ...types.Filter) map[string]types.Instance {
	t.Helper()
	out, err := f.client.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{Filters: filters})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]types.Instance{}
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			found[*i.InstanceId] = i
		}
	}
	return found
}

func TestAnInstanceCanHaveAWSTagsAndInstanceStores(t *testing.T) {
	f := newFixture(t)
	in := ec2sim.Instance{
		ID:    "i-1",
		State: ec2sim.InstanceStopped,
		Root:  "/dev/xvda",
		Tags:  map[string]string{"aws:autoscaling:groupName": "web", "SnapshotDaily": "3"},
		Volumes: []ec2sim.BlockDevice{
			{ID: "vol-1", Device: "/dev/xvda", SizeGiB: 30, Type: "gp3", Tags: map[string]string{"SnapshotDaily": "off"}, DeleteOnTermination: true},
			{Device: "/dev/sdb", InstanceStore: true},
		},
	}
	if diff := cmp.Diff(in, f.AddInstance(in)); diff != "" {
		t.Errorf("as added (-want +got):\n%s", diff)
	}
	got := f.describe(t, filter("tag-key", "SnapshotDaily"))["i-1"]
	if diff := cmp.Diff(in.Tags, tagsOf(got.Tags)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"/dev/xvda": "vol-1"}, devicesOf(got)); diff != "" || len(got.BlockDeviceMappings) != 2 {
		t.Errorf("EBS devices of %d (-want +got):\n%s", len(got.BlockDeviceMappings), diff)
	}
	if stateOf(got) != "stopped" || *got.State.Code != 80 {
		t.Errorf("state %v", got.State)
	}
}

func TestAVolumeCanBeAttachedToSeveralInstances(t *testing.T) {
	f := newFixture(t)
	shared := ec2sim.BlockDevice{ID: "vol-shared", Device: "/dev/sdf", DeleteOnTermination: true}
	for _, id := range []string{"i-1", "i-2"} {
		f.AddInstance(ec2sim.Instance{ID: id, Volumes: []ec2sim.BlockDevice{shared}})
	}
	f.AddInstance(ec2sim.Instance{ID: "i-3"})
	f.AttachVolume("vol-shared", "i-3", "/dev/sdg")
	attached := func() map[string]string {
		out, err := f.client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{Filters: []types.Filter{filter("attachment.instance-id", "i-*")}})
		if err != nil {
			t.Fatal(err)
		}
		at := map[string]string{}
		for _, v := range out.Volumes {
			for _, a := range v.Attachments {
				at[*a.InstanceId] = *a.Device
			}
		}
		return at
	}
	if diff := cmp.Diff(map[string]string{"i-1": "/dev/sdf", "i-2": "/dev/sdf", "i-3": "/dev/sdg"}, attached()); diff != "" {
		t.Errorf("attachments (-want +got):\n%s", diff)
	}
	f.SetInstanceState("i-1", ec2sim.InstanceTerminated)
	f.SetInstanceState("i-3", ec2sim.InstanceTerminated)
	if diff := cmp.Diff(map[string]string{"i-2": "/dev/sdf"}, attached()); diff != "" {
		t.Errorf("when two are terminated (-want +got):\n%s", diff)
	}
	f.SetInstanceState("i-2", ec2sim.InstanceTerminated)
	if got := f.tryCreateOf(t, "vol-shared"); got != "InvalidVolume.NotFound" {
		t.Errorf("a snapshot when all are terminated: %q", got)
	}
}

func TestAPersonDeletesAnAttachedVolume(t *testing.T) {
	f := newFixture(t)
	f.AddInstance(ec2sim.Instance{ID: "i-1", Volumes: []ec2sim.BlockDevice{{ID: "vol-1", Device: "/dev/xvda"}, {ID: "vol-2", Device: "/dev/sdf"}}})
	f.create(t, "vol-2", nil)
	f.DeleteVolume("vol-2")
	if diff := cmp.Diff(map[string]string{"/dev/xvda": "vol-1"}, devicesOf(f.describe(t)["i-1"])); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	f.Advance(time.Minute)
	if got := f.tryCreateOf(t, "vol-2"); got != "InvalidVolume.NotFound" {
		t.Errorf("another snapshot: %q", got)
	}
	if got := len(f.Snapshots()); got != 1 {
		t.Errorf("%d snapshots are left", got)
	}
}

func TestPeopleChangeTags(t *testing.T) {
	f := newFixture(t)
	f.AddInstance(ec2sim.Instance{ID: "i-1", Tags: map[string]string{"a": "1", "b": "2"}, Volumes: []ec2sim.BlockDevice{{ID: "vol-1"}}})
	id := f.create(t, "vol-1", map[string]string{"c": "3", "d": "4"})
	f.TagInstance("i-1", "aws:x", "new")
	f.UntagInstance("i-1", "a")
	f.TagVolume("vol-1", "v", "1")
	f.TagVolume("vol-1", "w", "2")
	f.UntagVolume("vol-1", "w")
	f.TagSnapshot(id, "c", "changed")
	f.UntagSnapshot(id, "d")
	i, _ := f.Instance("i-1")
	s, _ := f.Snapshot(id)
	got := []map[string]string{i.Tags, i.Volumes[0].Tags, s.Tags}
	want := []map[string]string{{"b": "2", "aws:x": "new"}, {"v": "1"}, {"c": "changed"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAMistakeOfTheTestPanicsAndSaysWhat(t *testing.T) {
	f := newFixture(t)
	f.AddInstance(ec2sim.Instance{ID: "i-1"})
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-1"})
	f.AddSnapshot(ec2sim.Snapshot{})
	for what, do := range map[string]func(){
		"no such instance":       func() { f.TagInstance("i-2", "k", "v") },
		"no such volume":         func() { f.DeleteVolume("vol-2") },
		"no such snapshot":       func() { f.Lock("snap-none") },
		"no such state":          func() { f.SetInstanceState("i-1", "asleep") },
		"the instance is there":  func() { f.AddInstance(ec2sim.Instance{ID: "i-1"}) },
		"the volume is there":    func() { f.AddVolume(ec2sim.BlockDevice{ID: "vol-1"}) },
		"a clock is required":    func() { ec2sim.New(ec2sim.Config{}) },
		"no such instance state": func() { f.AddInstance(ec2sim.Instance{State: "asleep"}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			do()
		}()
	}
	if _, ok := f.Instance("i-2"); ok {
		t.Error("there is an i-2")
	}
	if _, ok := f.Snapshot("snap-none"); ok {
		t.Error("there is a snap-none")
	}
}

func TestANewIDIsNeverOneThatTheTestGave(t *testing.T) {
	f := newFixture(t)
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-00000000000000002"})
	if got := f.AddVolume(ec2sim.BlockDevice{}); got == "vol-00000000000000002" {
		t.Error("the ID was given twice")
	}
}
