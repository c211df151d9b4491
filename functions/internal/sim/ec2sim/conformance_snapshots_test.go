package ec2sim_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// IDs that are well formed and of nothing.
const (
	noVolume   = "vol-0ffffffffffffffff"
	noSnapshot = "snap-0ffffffffffffffff"
	noInstance = "i-0ffffffffffffffff"
)

var snapshotCases = []ConformanceCase{
	{Name: "CreateSnapshot tells the volume, its size, the description, the tags and a start time", Run: func(t *testing.T, w *World) {
		volumeID := w.Volume()
		out, err := w.Client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{
			VolumeId:          &volumeID,
			Description:       aws.String("AutoSnapshot <web & db> - ~"),
			TagSpecifications: tagSpec(types.ResourceTypeSnapshot, map[string]string{w.Mark: "conformance", "Name": `a "name" & <more>`}),
		})
		if err != nil {
			t.Fatal(err)
		}
		type told struct {
			VolumeID, Description string
			Size                  int32
			Tags                  map[string]string
		}
		want := told{volumeID, "AutoSnapshot <web & db> - ~", 1, map[string]string{w.Mark: "conformance", "Name": `a "name" & <more>`}}
		if diff := cmp.Diff(want, told{*out.VolumeId, *out.Description, *out.VolumeSize, tagsOf(out.Tags)}); diff != "" {
			t.Errorf("CreateSnapshot (-want +got):\n%s", diff)
		}
		s := w.ByID(*out.SnapshotId)
		if diff := cmp.Diff(want, told{*s.VolumeId, *s.Description, *s.VolumeSize, tagsOf(s.Tags)}); diff != "" {
			t.Errorf("DescribeSnapshots (-want +got):\n%s", diff)
		}
		if s.StartTime == nil || !s.StartTime.Equal(*out.StartTime) || s.StartTime.IsZero() {
			t.Errorf("the create tells %v as start, the list %v", out.StartTime, s.StartTime)
		}
	}},
	{Name: "A new snapshot becomes completed", Run: func(t *testing.T, w *World) {
		id := *w.Snapshot(w.Volume(), nil).SnapshotId
		w.Eventually("it is completed", func() bool { return w.ByID(id).State == types.SnapshotStateCompleted })
	}},
	{Name: "A new snapshot is pending at first",
		Differs: "moto completes a snapshot at once; EC2 User Guide, \"Create Amazon EBS snapshots\": they occur asynchronously, and the status is pending until the snapshot is complete",
		Run: func(t *testing.T, w *World) {
			out := w.Snapshot(w.Volume(), nil)
			if out.State != types.SnapshotStatePending {
				t.Errorf("the create tells the state %s", out.State)
			}
			if diff := cmp.Diff([]string{*out.SnapshotId}, w.List(filter("status", "pending"))); diff != "" {
				t.Errorf("pending ones (-want +got):\n%s", diff)
			}
			if got := w.List(filter("status", "completed")); got != nil {
				t.Errorf("completed ones: %v", got)
			}
		}},
	{Name: "A pending snapshot can be deleted", Run: func(t *testing.T, w *World) {
		id := *w.Snapshot(w.Volume(), nil).SnapshotId
		if _, err := w.Client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &id}); err != nil {
			t.Fatal(err)
		}
		w.Eventually("it is gone from the list", func() bool { return len(w.List()) == 0 })
	}},
	{Name: "A deleted snapshot is gone, and deleting it again is NotFound", Run: func(t *testing.T, w *World) {
		id := w.Completed(nil)
		if _, err := w.Client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &id}); err != nil {
			t.Fatal(err)
		}
		w.Eventually("it is gone from the list", func() bool { return len(w.List()) == 0 })
		_, err := w.Client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &id})
		refused(t, "deleting it again", "InvalidSnapshot.NotFound", err)
		_, err = w.Client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}})
		refused(t, "describing it by ID", "InvalidSnapshot.NotFound", err)
	}},
	{Name: "A snapshot outlives its volume, of which no other can be made then", Run: func(t *testing.T, w *World) {
		id := w.Completed(nil)
		volumeID := *w.ByID(id).VolumeId
		if _, err := w.Client.DeleteVolume(t.Context(), &ec2.DeleteVolumeInput{VolumeId: &volumeID}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{id}, w.List(filter("volume-id", volumeID))); diff != "" {
			t.Errorf("its snapshots (-want +got):\n%s", diff)
		}
		w.pass(20 * time.Second)
		_, err := w.Client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID})
		refused(t, "another snapshot of it", "InvalidVolume.NotFound", err)
	}},
	{Name: "What is not there is refused by its own code", Run: func(t *testing.T, w *World) {
		_, err := w.Client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: aws.String(noVolume)})
		refused(t, "CreateSnapshot", "InvalidVolume.NotFound", err)
		_, err = w.Client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: aws.String(noSnapshot)})
		refused(t, "DeleteSnapshot", "InvalidSnapshot.NotFound", err)
		_, err = w.Client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{noVolume}})
		refused(t, "DescribeVolumes", "InvalidVolume.NotFound", err)
		_, err = w.Client.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{noInstance}})
		refused(t, "DescribeInstances", "InvalidInstanceID.NotFound", err)
	}},
	{Name: "A snapshot that an image uses can't be deleted until the image is deregistered",
		Differs: "moto 5.2.1 deletes it if the image was registered and not created from an instance; EC2 API error codes: InvalidSnapshot.InUse",
		Run: func(t *testing.T, w *World) {
			imageID, snapshotID := w.Image()
			_, err := w.Client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &snapshotID})
			refused(t, "deleting it", "InvalidSnapshot.InUse", err)
			if _, err := w.Client.DeregisterImage(t.Context(), &ec2.DeregisterImageInput{ImageId: &imageID}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &snapshotID}); err != nil {
				t.Errorf("deleting it later: %v", err)
			}
		}},
	{Name: "Two snapshots of a volume need 15 seconds between them",
		Differs: "moto has no such limit; EC2 API error codes: SnapshotCreationPerVolumeRateExceeded, wait at least 15 seconds",
		Run: func(t *testing.T, w *World) {
			volumeID := w.Volume()
			w.Snapshot(volumeID, nil)
			w.pass(14 * time.Second)
			_, err := w.Client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID})
			refused(t, "one after 14 s", "SnapshotCreationPerVolumeRateExceeded", err)
			w.pass(time.Second)
			w.Snapshot(volumeID, nil)
		}},
	{Name: "A volume has at most 5 snapshots in progress, those deleted while pending included",
		Differs: "moto has no such limit; EC2 API error codes: ConcurrentSnapshotLimitExceeded",
		Sim:     func(c *ec2sim.Config) { c.Completion = func(string, int) time.Duration { return time.Hour } },
		Run: func(t *testing.T, w *World) {
			volumeID := w.Volume()
			var last string
			for range 5 {
				last = *w.Snapshot(volumeID, nil).SnapshotId
				w.pass(15 * time.Second)
			}
			_, err := w.Client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID})
			refused(t, "the sixth", "ConcurrentSnapshotLimitExceeded", err)
			if _, err := w.Client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &last}); err != nil {
				t.Fatal(err)
			}
			_, err = w.Client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID})
			refused(t, "the sixth, one being deleted", "ConcurrentSnapshotLimitExceeded", err)
			w.pass(time.Hour)
			w.Snapshot(volumeID, nil)
		}},
	{Name: "Calls beyond the token bucket are RequestLimitExceeded with the status 503, until it refills",
		Differs: "moto never throttles; EC2 Developer Guide, \"Request throttling\": 100 filtered reads, 20 more each second",
		Sim:     func(c *ec2sim.Config) { c.Buckets = ec2sim.DefaultBuckets() },
		Run: func(t *testing.T, w *World) {
			in := &ec2.DescribeVolumesInput{Filters: []types.Filter{w.own()}}
			for n := range 100 {
				if _, err := w.Client.DescribeVolumes(t.Context(), in); err != nil {
					t.Fatalf("call %d: %v", n+1, err)
				}
			}
			_, err := w.Client.DescribeVolumes(t.Context(), in)
			refused(t, "call 101", "RequestLimitExceeded", err)
			if r, ok := errors.AsType[*awshttp.ResponseError](err); !ok || r.HTTPStatusCode() != 503 {
				t.Errorf("the status is not 503: %v", err)
			}
			w.pass(time.Second)
			if _, err := w.Client.DescribeVolumes(t.Context(), in); err != nil {
				t.Errorf("a second later: %v", err)
			}
		}},
	{Name: "A dry run changes nothing and answers DryRunOperation", Run: func(t *testing.T, w *World) {
		id := w.Completed(nil)
		_, err := w.Client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &id, DryRun: aws.Bool(true)})
		refused(t, "a dry run", "DryRunOperation", err)
		if diff := cmp.Diff([]string{id}, w.List()); diff != "" {
			t.Errorf("what is there (-want +got):\n%s", diff)
		}
	}},
	{Name: "A description has at most 255 characters",
		Differs: "moto does not check it; EC2 API Reference, CreateSnapshot",
		Run: func(t *testing.T, w *World) {
			volumeID := w.Volume()
			_, err := w.Client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID, Description: aws.String(fmt.Sprintf("%0256d", 0))})
			refused(t, "256 characters", "InvalidParameterValue", err)
		}},
	{Name: "A description is ASCII",
		Differs: "moto does not check it; a call recorded at AWS: \"Character sets beyond ASCII are not supported\"",
		Run: func(t *testing.T, w *World) {
			volumeID := w.Volume()
			for _, text := range []string{"数据库", "café"} {
				_, err := w.Client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID, Description: &text})
				refused(t, text, "InvalidParameterValue", err)
			}
		}},
}
