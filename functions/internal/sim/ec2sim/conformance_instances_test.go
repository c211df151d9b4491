package ec2sim_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

// dataDevice is an EBS volume of 2 GiB beside the root.
func dataDevice(name string, deleteOnTermination bool) types.BlockDeviceMapping {
	return types.BlockDeviceMapping{DeviceName: &name, Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(2), DeleteOnTermination: &deleteOnTermination}}
}

// devicesOf gives an instance's EBS volumes by device.
func devicesOf(i types.Instance) map[string]string {
	out := map[string]string{}
	for _, d := range i.BlockDeviceMappings {
		if d.Ebs != nil {
			out[*d.DeviceName] = *d.Ebs.VolumeId
		}
	}
	return out
}

func stateOf(i types.Instance) string {
	if i.State == nil {
		return ""
	}
	return string(i.State.Name)
}

var instanceCases = []ConformanceCase{
	{Name: "An instance says which of its devices it boots from", Run: func(t *testing.T, w *World) {
		image, _ := w.Image()
		for _, i := range w.Instances(filter("instance-id", w.Launch(image, 1)...)) {
			root := aws.ToString(i.RootDeviceName)
			if !slices.ContainsFunc(i.BlockDeviceMappings, func(m types.InstanceBlockDeviceMapping) bool { return aws.ToString(m.DeviceName) == root }) {
				t.Errorf("it boots from %q, which is none of its %d devices", root, len(i.BlockDeviceMappings))
			}
		}
	}},
	{Name: "An instance tells its tags and its volumes by device, and its volumes tell theirs", Run: func(t *testing.T, w *World) {
		imageID, _ := w.Image()
		id := w.Launch(imageID, 1, dataDevice("/dev/xvda", true), dataDevice("/dev/sdf", false))[0]
		i := w.Instances(filter("instance-id", id))[id]
		if diff := cmp.Diff(w.marked(), tagsOf(i.Tags)); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
		devices := devicesOf(i)
		if devices["/dev/xvda"] == "" || devices["/dev/sdf"] == "" || len(devices) != 2 {
			t.Fatalf("devices: %v", devices)
		}
		got := map[string]string{}
		for _, v := range w.Volumes(filter("attachment.instance-id", id)) {
			for _, at := range v.Attachments {
				got[*at.Device] = *v.VolumeId
			}
			if diff := cmp.Diff(w.marked(), tagsOf(v.Tags)); diff != "" {
				t.Errorf("tags of %s (-want +got):\n%s", *v.VolumeId, diff)
			}
			if v.State != types.VolumeStateInUse {
				t.Errorf("%s is %s", *v.VolumeId, v.State)
			}
		}
		if diff := cmp.Diff(devices, got); diff != "" {
			t.Errorf("attachments as the volumes tell them (-instance +volumes):\n%s", diff)
		}
	}},
	{Name: "The root volume comes from the image without being asked for",
		Differs: "moto makes none when other devices are asked for; EC2 User Guide, \"Block device mappings\"",
		Run: func(t *testing.T, w *World) {
			imageID, snapshotID := w.Image()
			id := w.Launch(imageID, 1, dataDevice("/dev/sdf", false))[0]
			root := devicesOf(w.Instances()[id])["/dev/xvda"]
			from := map[string]string{}
			for _, v := range w.Volumes() {
				from[*v.VolumeId] = aws.ToString(v.SnapshotId)
			}
			if root == "" || from[root] != snapshotID {
				t.Errorf("the root is %q, from %q", root, from[root])
			}
		}},
	{Name: "Instances are found by tag key, tag value and state", Run: func(t *testing.T, w *World) {
		imageID, _ := w.Image()
		ids := w.Launch(imageID, 2)
		tags := []types.Tag{{Key: aws.String(w.Mark + "-opt-in"), Value: aws.String("3")}}
		if _, err := w.Client.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: ids[:1], Tags: tags}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Client.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: ids[1:]}); err != nil {
			t.Fatal(err)
		}
		w.Eventually("it has stopped", func() bool { return len(w.Instances(filter("instance-state-name", "stopped"))) == 1 })
		for _, q := range []struct {
			what    string
			filters []types.Filter
			want    []string
		}{
			{"by key", []types.Filter{filter("tag-key", w.Mark+"-opt-in")}, ids[:1]},
			{"by value", []types.Filter{filter("tag:"+w.Mark+"-opt-in", "3")}, ids[:1]},
			{"by another value", []types.Filter{filter("tag:"+w.Mark+"-opt-in", "4")}, nil},
			{"running", []types.Filter{filter("instance-state-name", "running")}, ids[:1]},
			{"stopped", []types.Filter{filter("instance-state-name", "stopped")}, ids[1:]},
			{"either", []types.Filter{filter("instance-state-name", "stopped", "running")}, ids},
		} {
			var got []string
			for id := range w.Instances(q.filters...) {
				got = append(got, id)
			}
			slices.Sort(got)
			want := slices.Sorted(slices.Values(q.want))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", q.what, diff)
			}
		}
	}},
	{Name: "A terminated instance stays listed, and takes the volumes with it that are to go", Run: func(t *testing.T, w *World) {
		imageID, _ := w.Image()
		id := w.Launch(imageID, 1, dataDevice("/dev/xvda", true), dataDevice("/dev/sdf", false), dataDevice("/dev/sdg", true))[0]
		devices := devicesOf(w.Instances()[id])
		out, err := w.Client.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
		if err != nil {
			t.Fatal(err)
		}
		if got := out.TerminatingInstances[0]; *got.InstanceId != id || got.PreviousState.Name != types.InstanceStateNameRunning {
			t.Errorf("the answer tells %s in %s before", *got.InstanceId, got.PreviousState.Name)
		}
		w.Eventually("it is terminated", func() bool { return stateOf(w.Instances()[id]) == "terminated" })
		var left []string
		w.Eventually("the data volume is free", func() bool {
			left = nil
			for _, v := range w.Volumes(filter("volume-id", devices["/dev/xvda"], devices["/dev/sdf"], devices["/dev/sdg"])) {
				if v.State == types.VolumeStateAvailable {
					left = append(left, *v.VolumeId)
				}
			}
			return len(left) > 0
		})
		if diff := cmp.Diff([]string{devices["/dev/sdf"]}, left); diff != "" {
			t.Errorf("volumes that are left (-want +got):\n%s", diff)
		}
		_, _ = w.Client.DeleteVolume(t.Context(), &ec2.DeleteVolumeInput{VolumeId: &left[0]})
	}},
	{Name: "A volume tells whether it is attached, and to which instance",
		Differs: "moto fails on a call without the instance's ID; EC2 API Reference, DetachVolume: only the volume's is required",
		Run: func(t *testing.T, w *World) {
			imageID, _ := w.Image()
			id := w.Launch(imageID, 1)[0]
			volumeID := w.Volume()
			is := func(state types.VolumeState, instances ...string) {
				t.Helper()
				w.Eventually("the volume is "+string(state), func() bool {
					found := w.Volumes(filter("volume-id", volumeID))
					return len(found) == 1 && found[0].State == state && slices.EqualFunc(found[0].Attachments, instances, func(a types.VolumeAttachment, id string) bool {
						return aws.ToString(a.InstanceId) == id && a.State == types.VolumeAttachmentStateAttached
					})
				})
			}
			is(types.VolumeStateAvailable)
			if _, err := w.Client.AttachVolume(t.Context(), &ec2.AttachVolumeInput{VolumeId: &volumeID, InstanceId: &id, Device: aws.String("/dev/sdh")}); err != nil {
				t.Fatal(err)
			}
			is(types.VolumeStateInUse, id)
			if _, err := w.Client.DetachVolume(t.Context(), &ec2.DetachVolumeInput{VolumeId: &volumeID}); err != nil {
				t.Fatal(err)
			}
			is(types.VolumeStateAvailable)
			if got := devicesOf(w.Instances()[id])["/dev/sdh"]; got != "" {
				t.Errorf("the instance still has %s", got)
			}
		}},
	{Name: "A volume that is not attached can't be detached",
		Differs: "moto fails on a call without the instance's ID; EC2 API Reference, DetachVolume: only the volume's is required",
		Run: func(t *testing.T, w *World) {
			volumeID := w.Volume()
			w.Eventually("the volume is available", func() bool { return len(w.Volumes(filter("volume-id", volumeID))) == 1 })
			_, err := w.Client.DetachVolume(t.Context(), &ec2.DetachVolumeInput{VolumeId: &volumeID})
			refused(t, "detaching it", "IncorrectState", err)
		}},
	{Name: "An attached volume can't be deleted", Run: func(t *testing.T, w *World) {
		imageID, _ := w.Image()
		id := w.Launch(imageID, 1)[0]
		volumeID := w.Volume()
		w.Eventually("the volume is available", func() bool { return len(w.Volumes(filter("volume-id", volumeID))) == 1 })
		attach := &ec2.AttachVolumeInput{VolumeId: &volumeID, InstanceId: &id, Device: aws.String("/dev/sdh")}
		if _, err := w.Client.AttachVolume(t.Context(), attach); err != nil {
			t.Fatal(err)
		}
		if got := devicesOf(w.Instances()[id])["/dev/sdh"]; got != volumeID {
			t.Errorf("/dev/sdh is %q", got)
		}
		_, err := w.Client.DeleteVolume(t.Context(), &ec2.DeleteVolumeInput{VolumeId: &volumeID})
		refused(t, "deleting it", "VolumeInUse", err)
	}},
	{Name: "The same client token launches once",
		Differs: "moto launches again; EC2 Developer Guide, \"Ensuring idempotency\"",
		Run: func(t *testing.T, w *World) {
			imageID, _ := w.Image()
			in := &ec2.RunInstancesInput{
				ImageId: &imageID, MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ClientToken: aws.String(w.Mark),
				InstanceType: types.InstanceTypeT3Micro, TagSpecifications: tagSpec(types.ResourceTypeInstance, w.marked()),
			}
			for range 2 {
				if _, err := w.Client.RunInstances(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.Instances(); len(got) != 1 {
				t.Errorf("%d instances", len(got))
			}
			in.MaxCount = aws.Int32(2)
			_, err := w.Client.RunInstances(t.Context(), in)
			refused(t, "the token with another request", "IdempotentParameterMismatch", err)
		}},
	{Name: "An image that is not there can't be launched",
		Differs: "moto launches it; EC2 API error codes: InvalidAMIID.NotFound",
		Run: func(t *testing.T, w *World) {
			_, err := w.Client.RunInstances(t.Context(), &ec2.RunInstancesInput{ImageId: aws.String("ami-0ffffffffffffffff"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
			refused(t, "RunInstances", "InvalidAMIID.NotFound", err)
		}},
}
