package ec2sim_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// Set snapshots the volumes of an instance with one call.
func (w *World) Set(spec types.InstanceSpecification) ([]types.SnapshotInfo, error) {
	w.t.Helper()
	out, err := w.Client.CreateSnapshots(w.t.Context(), &ec2.CreateSnapshotsInput{
		InstanceSpecification: &spec,
		Description:           aws.String("one moment"),
		TagSpecifications:     tagSpec(types.ResourceTypeSnapshot, w.marked()),
	})
	if err != nil {
		return nil, err
	}
	w.cleanup(func(ctx context.Context) {
		for _, s := range out.Snapshots {
			_, _ = w.Client.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: s.SnapshotId})
		}
	})
	return out.Snapshots, nil
}

// mustSet is Set for a call that succeeds.
func (w *World) mustSet(spec types.InstanceSpecification) []types.SnapshotInfo {
	w.t.Helper()
	set, err := w.Set(spec)
	if err != nil {
		w.t.Fatalf("snapshot the volumes of %s: %v", *spec.InstanceId, err)
	}
	return set
}

// server launches an instance with two data volumes, and gives its volumes by device.
func (w *World) server() (instanceID string, volumes map[string]string) {
	w.t.Helper()
	imageID, _ := w.Image()
	instanceID = w.Launch(imageID, 1, dataDevice("/dev/xvda", true), dataDevice("/dev/sdf", true), dataDevice("/dev/sdg", true))[0]
	return instanceID, devicesOf(w.Instances(filter("instance-id", instanceID))[instanceID])
}

// attached creates and attaches one more volume.
func (w *World) attached(volumeID, instanceID, device string) {
	w.t.Helper()
	if _, err := w.Client.AttachVolume(w.t.Context(), &ec2.AttachVolumeInput{VolumeId: &volumeID, InstanceId: &instanceID, Device: &device}); err != nil {
		w.t.Fatalf("attach %s to %s: %v", volumeID, instanceID, err)
	}
	w.Eventually("the volume is attached", func() bool {
		return slices.Contains(sortedValues(devicesOf(w.Instances(filter("instance-id", instanceID))[instanceID])), volumeID)
	})
	w.cleanup(func(ctx context.Context) {
		_, _ = w.Client.DetachVolume(ctx, &ec2.DetachVolumeInput{VolumeId: &volumeID, InstanceId: &instanceID})
	})
}

func sortedValues(m map[string]string) []string { return slices.Sorted(maps.Values(m)) }

// volumesOf gives the volumes of a set, sorted.
func volumesOf(set []types.SnapshotInfo) []string {
	var out []string
	for _, s := range set {
		out = append(out, aws.ToString(s.VolumeId))
	}
	slices.Sort(out)
	return out
}

// of finds the snapshots of an instance's volumes.
func of(volumes map[string]string) types.Filter { return filter("volume-id", sortedValues(volumes)...) }

var setCases = []ConformanceCase{
	{Name: "CreateSnapshots snapshots each attached volume, with one description and one set of tags", Run: func(t *testing.T, w *World) {
		id, volumes := w.server()
		set := w.mustSet(types.InstanceSpecification{InstanceId: &id})
		if diff := cmp.Diff(sortedValues(volumes), volumesOf(set)); diff != "" || len(set) != 3 {
			t.Fatalf("volumes (-want +got):\n%s", diff)
		}
		type told struct {
			VolumeID, Description string
			Size                  int32
			Tags                  map[string]string
		}
		for _, s := range set {
			want := told{*s.VolumeId, "one moment", *s.VolumeSize, w.marked()}
			if diff := cmp.Diff(want, told{*s.VolumeId, aws.ToString(s.Description), *s.VolumeSize, tagsOf(s.Tags)}); diff != "" {
				t.Errorf("CreateSnapshots (-want +got):\n%s", diff)
			}
			l := w.ByID(*s.SnapshotId)
			if diff := cmp.Diff(want, told{*l.VolumeId, *l.Description, *l.VolumeSize, tagsOf(l.Tags)}); diff != "" {
				t.Errorf("DescribeSnapshots (-want +got):\n%s", diff)
			}
			if l.StartTime == nil || !l.StartTime.Equal(*s.StartTime) {
				t.Errorf("the create says %v as start, the list %v", s.StartTime, l.StartTime)
			}
		}
	}},
	{Name: "The snapshots of a set become completed", Run: func(t *testing.T, w *World) {
		id, _ := w.server()
		for _, s := range w.mustSet(types.InstanceSpecification{InstanceId: &id}) {
			w.Eventually("it is completed", func() bool { return w.ByID(*s.SnapshotId).State == types.SnapshotStateCompleted })
		}
	}},
	// EC2 API Reference, SnapshotInfo. moto starts one after the other and shows whole seconds, so it may show two that follow each other.
	{Name: "The snapshots of a set begin at the same time", Run: func(t *testing.T, w *World) {
		id, _ := w.server()
		set := w.mustSet(types.InstanceSpecification{InstanceId: &id})
		exact := time.Duration(0)
		if w.foreign {
			exact = time.Second
		}
		for _, s := range set {
			if s.StartTime.Sub(*set[0].StartTime).Abs() > exact {
				t.Errorf("%s begins at %v, %s at %v", *s.SnapshotId, s.StartTime, *set[0].SnapshotId, set[0].StartTime)
			}
		}
	}},
	{Name: "A new set is pending at first",
		Differs: "moto gives no state; EC2 API Reference, SnapshotInfo, and EBS User Guide, \"Create Amazon EBS snapshots\"",
		Run: func(t *testing.T, w *World) {
			id, _ := w.server()
			for _, s := range w.mustSet(types.InstanceSpecification{InstanceId: &id}) {
				if s.State != types.SnapshotStatePending {
					t.Errorf("%s is %s", *s.SnapshotId, s.State)
				}
			}
		}},
	{Name: "A set can leave out the root volume",
		Differs: "moto takes /dev/sda1 for the root, not the image's root device; EC2 API Reference, InstanceSpecification",
		Run: func(t *testing.T, w *World) {
			id, volumes := w.server()
			set := w.mustSet(types.InstanceSpecification{InstanceId: &id, ExcludeBootVolume: aws.Bool(true)})
			delete(volumes, "/dev/xvda")
			if diff := cmp.Diff(sortedValues(volumes), volumesOf(set)); diff != "" {
				t.Errorf("volumes (-want +got):\n%s", diff)
			}
		}},
	{Name: "A set can leave out data volumes",
		Differs: "moto ignores ExcludeDataVolumeIds; EC2 API Reference, InstanceSpecification",
		Run: func(t *testing.T, w *World) {
			id, volumes := w.server()
			set := w.mustSet(types.InstanceSpecification{InstanceId: &id, ExcludeDataVolumeIds: []string{volumes["/dev/sdf"]}})
			if diff := cmp.Diff(sortedValues(map[string]string{"root": volumes["/dev/xvda"], "data": volumes["/dev/sdg"]}), volumesOf(set)); diff != "" {
				t.Errorf("volumes (-want +got):\n%s", diff)
			}
		}},
	{Name: "Of the volumes to leave out, none may be the root, and there are 40 at most",
		Differs: "moto ignores ExcludeDataVolumeIds; EC2 API Reference, InstanceSpecification: the request fails",
		Run: func(t *testing.T, w *World) {
			id, volumes := w.server()
			_, err := w.Set(types.InstanceSpecification{InstanceId: &id, ExcludeDataVolumeIds: []string{volumes["/dev/xvda"]}})
			refused(t, "the root", "InvalidParameterValue", err)
			_, err = w.Set(types.InstanceSpecification{InstanceId: &id, ExcludeDataVolumeIds: slices.Repeat([]string{volumes["/dev/sdf"]}, 41)})
			refused(t, "41", "InvalidParameterValue", err)
			if got := w.List(of(volumes)); got != nil {
				t.Errorf("created: %v", got)
			}
		}},
	{Name: "A volume that is attached between two sets is in the second, unasked", Run: func(t *testing.T, w *World) {
		id, volumes := w.server()
		w.mustSet(types.InstanceSpecification{InstanceId: &id})
		volumes["/dev/sdh"] = w.Volume()
		w.attached(volumes["/dev/sdh"], id, "/dev/sdh")
		w.pass(15 * time.Second)
		if diff := cmp.Diff(sortedValues(volumes), volumesOf(w.mustSet(types.InstanceSpecification{InstanceId: &id}))); diff != "" {
			t.Errorf("volumes (-want +got):\n%s", diff)
		}
	}},
	{Name: "A set of an instance that is not there is refused by its own code", Run: func(t *testing.T, w *World) {
		_, err := w.Set(types.InstanceSpecification{InstanceId: aws.String(noInstance)})
		refused(t, "CreateSnapshots", "InvalidInstanceID.NotFound", err)
	}},
	{Name: "A set of an ID that is not an instance's is refused by its own code",
		Differs: "moto says InvalidInstanceID.NotFound; EC2 API error codes: InvalidInstanceID.Malformed",
		Run: func(t *testing.T, w *World) {
			_, err := w.Set(types.InstanceSpecification{InstanceId: aws.String(noVolume)})
			refused(t, "CreateSnapshots", "InvalidInstanceID.Malformed", err)
		}},
	{Name: "An instance without volumes has no set",
		Differs: "moto returns a set; a call recorded at AWS: \"There are no attached EBS-backed volumes on the instance id\"",
		Run: func(t *testing.T, w *World) {
			imageID, _ := w.Image()
			id := w.Launch(imageID, 1)[0]
			_, err := w.Set(types.InstanceSpecification{InstanceId: &id, ExcludeBootVolume: aws.Bool(true)})
			refused(t, "CreateSnapshots", "InvalidParameterValue", err)
		}},
	{Name: "Two snapshots of a volume need 15 seconds between them, or the whole set is refused",
		Differs: "moto has no such limit; EC2 API error codes: SnapshotCreationPerVolumeRateExceeded",
		Run: func(t *testing.T, w *World) {
			id, volumes := w.server()
			single := *w.Snapshot(volumes["/dev/sdg"], nil).SnapshotId
			w.pass(14 * time.Second)
			_, err := w.Set(types.InstanceSpecification{InstanceId: &id})
			refused(t, "a set 14 s after a snapshot of one of its volumes", "SnapshotCreationPerVolumeRateExceeded", err)
			if diff := cmp.Diff([]string{single}, w.List(of(volumes))); diff != "" {
				t.Errorf("snapshots (-want +got):\n%s", diff)
			}
			w.mustSet(types.InstanceSpecification{InstanceId: &id, ExcludeDataVolumeIds: []string{volumes["/dev/sdg"]}})
			_, err = w.Client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: aws.String(volumes["/dev/sdf"])})
			refused(t, "a snapshot just after a set", "SnapshotCreationPerVolumeRateExceeded", err)
		}},
	{Name: "A volume with 5 snapshots in progress refuses the whole set",
		Differs: "moto has no such limit; EC2 API error codes: ConcurrentSnapshotLimitExceeded",
		Sim:     func(c *ec2sim.Config) { c.Completion = func(string, int) time.Duration { return 10 * time.Minute } },
		Run: func(t *testing.T, w *World) {
			id, volumes := w.server()
			for range 5 {
				w.Snapshot(volumes["/dev/sdf"], nil)
				w.pass(15 * time.Second)
			}
			_, err := w.Set(types.InstanceSpecification{InstanceId: &id})
			refused(t, "the set", "ConcurrentSnapshotLimitExceeded", err)
			if got := len(w.List(of(volumes))); got != 5 {
				t.Errorf("%d snapshots", got)
			}
		}},
	{Name: "A volume of several instances is in the set of each", Run: func(t *testing.T, w *World) {
		imageID, _ := w.Image()
		out, err := w.Client.CreateVolume(t.Context(), &ec2.CreateVolumeInput{
			AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(4), VolumeType: types.VolumeTypeIo2, Iops: aws.Int32(100),
			MultiAttachEnabled: aws.Bool(true), TagSpecifications: tagSpec(types.ResourceTypeVolume, w.marked()),
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range w.Launch(imageID, 2) {
			w.attached(*out.VolumeId, id, "/dev/sdf")
			w.pass(15 * time.Second)
			if set := w.mustSet(types.InstanceSpecification{InstanceId: &id}); len(set) != 2 || !slices.Contains(volumesOf(set), *out.VolumeId) {
				t.Errorf("%s: %v", id, volumesOf(set))
			}
		}
		if got := len(w.List(filter("volume-id", *out.VolumeId))); got != 2 {
			t.Errorf("the shared volume has %d snapshots", got)
		}
	}},
	{Name: "A dry run of a set makes nothing", Run: func(t *testing.T, w *World) {
		id, volumes := w.server()
		_, err := w.Client.CreateSnapshots(t.Context(), &ec2.CreateSnapshotsInput{
			InstanceSpecification: &types.InstanceSpecification{InstanceId: &id}, DryRun: aws.Bool(true),
			TagSpecifications: tagSpec(types.ResourceTypeSnapshot, w.marked()),
		})
		refused(t, "a dry run", "DryRunOperation", err)
		if got := w.List(of(volumes)); got != nil {
			t.Errorf("created: %v", got)
		}
	}},
	{Name: "A set of an instance that is terminated is refused",
		Differs: "moto returns a set; EC2 API error codes: IncorrectState",
		Run: func(t *testing.T, w *World) {
			id, _ := w.server()
			if _, err := w.Client.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}}); err != nil {
				t.Fatal(err)
			}
			w.Eventually("it is terminated", func() bool { return stateOf(w.Instances(filter("instance-id", id))[id]) == "terminated" })
			_, err := w.Set(types.InstanceSpecification{InstanceId: &id})
			refused(t, "the set", "IncorrectState", err)
		}},
	{Name: "The description of a set is ASCII, of 255 characters at most",
		Differs: "moto does not check it; see the cases of CreateSnapshot",
		Run: func(t *testing.T, w *World) {
			id, _ := w.server()
			for _, text := range []string{"数据库", fmt.Sprintf("%0256d", 0)} {
				_, err := w.Client.CreateSnapshots(t.Context(), &ec2.CreateSnapshotsInput{
					InstanceSpecification: &types.InstanceSpecification{InstanceId: &id}, Description: &text,
				})
				refused(t, text, "InvalidParameterValue", err)
			}
		}},
}
