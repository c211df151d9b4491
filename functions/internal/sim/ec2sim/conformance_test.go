package ec2sim_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// The conformance suite says what EC2 does, through its API alone. It runs against the simulated account, and against any
// other endpoint that EC2_CONFORMANCE_ENDPOINT names:
//
//	MOTO_EC2_LOAD_DEFAULT_AMIS=false moto_server -H 127.0.0.1 -p 5000 &
//	EC2_CONFORMANCE_ENDPOINT=http://127.0.0.1:5000 go test -run Conformance -v ./functions/internal/sim/ec2sim
//
// So the simulation is checked by an emulator that somebody else wrote, or by EC2 itself. Where a public emulator is known to
// differ, the case says how, and who is right; it is skipped there unless EC2_CONFORMANCE_DIFFERENCES is set, which shows
// whether the differences still stand. The end-to-end tests (infra/e2e) do both. EC2_CONFORMANCE_PAUSE is how long the suite waits
// each time that EC2 has to get something done; an emulator needs next to nothing.

// ConformanceCase is one promise of EC2.
type ConformanceCase struct {
	Name    string
	Differs string               // how moto 5.2.5 differs, and AWS's document that says otherwise: skipped on another endpoint
	Sim     func(*ec2sim.Config) // what the simulated account is like for this case
	Run     func(t *testing.T, w *World)
}

// ConformanceCases are all promises that the simulation is checked for.
var ConformanceCases = slices.Concat(snapshotCases, setCases, listingCases, tagCases, instanceCases)

func TestConformance(t *testing.T) {
	if endpoint := os.Getenv("EC2_CONFORMANCE_ENDPOINT"); endpoint != "" {
		runConformance(t, func(t *testing.T, _ ec2sim.Config) *World { return foreignWorld(t, endpoint) })
		return
	}
	modes := map[string]func(*testing.T, ec2sim.Config) *World{
		"in process": simWorld,
		"in process with short and empty pages": func(t *testing.T, cfg ec2sim.Config) *World {
			cfg.PageSize, cfg.EmptyPages = 3, true
			return simWorld(t, cfg)
		},
		"over HTTP": httpWorld,
	}
	for _, mode := range slices.Sorted(maps.Keys(modes)) {
		t.Run(mode, func(t *testing.T) { runConformance(t, modes[mode]) })
	}
}

func runConformance(t *testing.T, world func(*testing.T, ec2sim.Config) *World) {
	for _, c := range ConformanceCases {
		t.Run(c.Name, func(t *testing.T) {
			var cfg ec2sim.Config
			if c.Sim != nil {
				c.Sim(&cfg)
			}
			w := world(t, cfg)
			if w.foreign && c.Differs != "" && os.Getenv("EC2_CONFORMANCE_DIFFERENCES") == "" {
				t.Skip("known difference: " + c.Differs)
			}
			c.Run(t, w)
		})
	}
}

// World is an endpoint with what a case needs to set itself up there.
type World struct {
	t       *testing.T
	Client  *ec2.Client
	Mark    string                // a tag key that is this case's own: other endpoints hold other resources too
	pass    func(d time.Duration) // lets time pass
	foreign bool
	images  int
}

func simWorld(t *testing.T, cfg ec2sim.Config) *World {
	c := newClock()
	cfg.Now, cfg.Sleep = c.Now, c.Sleep
	return &World{t: t, Client: newClient(ec2sim.New(cfg), "https://ec2.test"), Mark: "Conformance", pass: c.Advance}
}

func httpWorld(t *testing.T, cfg ec2sim.Config) *World {
	c := newClock()
	cfg.Now, cfg.Sleep = c.Now, c.Sleep
	server := httptest.NewServer(ec2sim.New(cfg))
	t.Cleanup(server.Close)
	return &World{t: t, Client: newClient(wholeCalls{}, server.URL), Mark: "Conformance", pass: c.Advance}
}

func foreignWorld(t *testing.T, endpoint string) *World {
	pause := 2 * time.Second
	if text := os.Getenv("EC2_CONFORMANCE_PAUSE"); text != "" {
		var err error
		if pause, err = time.ParseDuration(text); err != nil {
			t.Fatalf("EC2_CONFORMANCE_PAUSE: %v", err)
		}
	}
	return &World{
		t:       t,
		Client:  newClient(wholeCalls{}, endpoint),
		Mark:    fmt.Sprintf("Conformance%d", time.Now().UnixNano()),
		pass:    func(d time.Duration) { time.Sleep(min(d, pause)) },
		foreign: true,
	}
}

// Eventually waits for what EC2 does in its own time.
func (w *World) Eventually(what string, is func() bool) {
	w.t.Helper()
	for range 60 {
		if is() {
			return
		}
		w.pass(20 * time.Second)
	}
	w.t.Fatalf("never happened: %s", what)
}

// cleanup removes a resource from an endpoint that outlives the test.
func (w *World) cleanup(remove func(ctx context.Context)) {
	if w.foreign {
		w.t.Cleanup(func() { remove(context.Background()) })
	}
}

// marked gives the tags of a resource of the case, own the filter that finds it.
func (w *World) marked() map[string]string { return map[string]string{w.Mark: "conformance"} }
func (w *World) own() types.Filter         { return filter("tag:"+w.Mark, "conformance") }

// Volume makes a volume of 1 GiB with a tag of the case.
func (w *World) Volume() string {
	w.t.Helper()
	out, err := w.Client.CreateVolume(w.t.Context(), &ec2.CreateVolumeInput{
		AvailabilityZone:  aws.String("us-east-1a"),
		Size:              aws.Int32(1),
		VolumeType:        types.VolumeTypeGp3,
		TagSpecifications: tagSpec(types.ResourceTypeVolume, w.marked()),
	})
	if err != nil {
		w.t.Fatalf("create a volume: %v", err)
	}
	w.cleanup(func(ctx context.Context) {
		_, _ = w.Client.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: out.VolumeId})
	})
	return *out.VolumeId
}

// Snapshot snapshots a volume with these tags and the mark.
func (w *World) Snapshot(volumeID string, tags map[string]string) *ec2.CreateSnapshotOutput {
	w.t.Helper()
	all := w.marked()
	maps.Copy(all, tags)
	out, err := w.Client.CreateSnapshot(w.t.Context(), &ec2.CreateSnapshotInput{
		VolumeId:          &volumeID,
		TagSpecifications: tagSpec(types.ResourceTypeSnapshot, all),
	})
	if err != nil {
		w.t.Fatalf("create a snapshot of %s: %v", volumeID, err)
	}
	w.cleanup(func(ctx context.Context) {
		_, _ = w.Client.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: out.SnapshotId})
	})
	return out
}

// Completed snapshots a new volume and waits until that is completed.
func (w *World) Completed(tags map[string]string) string {
	w.t.Helper()
	id := *w.Snapshot(w.Volume(), tags).SnapshotId
	w.Eventually("snapshot "+id+" completed", func() bool { return w.ByID(id).State == types.SnapshotStateCompleted })
	return id
}

// ByID describes one snapshot.
func (w *World) ByID(id string) types.Snapshot {
	w.t.Helper()
	out, err := w.Client.DescribeSnapshots(w.t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}})
	if err != nil || len(out.Snapshots) != 1 {
		w.t.Fatalf("describe %s: %d snapshots, %v", id, len(out.Snapshots), err)
	}
	return out.Snapshots[0]
}

// List gives the IDs of the case's own snapshots that pass the filters, sorted.
func (w *World) List(filters ...types.Filter) []string {
	w.t.Helper()
	in := &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, Filters: append([]types.Filter{w.own()}, filters...)}
	return listSnapshots(w.t, w.Client, in)
}

// Image registers an image whose root is a new snapshot; it gives both.
func (w *World) Image() (imageID, snapshotID string) {
	w.t.Helper()
	snapshotID = w.Completed(nil)
	w.images++
	out, err := w.Client.RegisterImage(w.t.Context(), &ec2.RegisterImageInput{
		Name:               aws.String(fmt.Sprintf("%s-%d", w.Mark, w.images)),
		Architecture:       types.ArchitectureValuesX8664,
		VirtualizationType: aws.String("hvm"),
		RootDeviceName:     aws.String("/dev/xvda"),
		BlockDeviceMappings: []types.BlockDeviceMapping{{
			DeviceName: aws.String("/dev/xvda"),
			Ebs:        &types.EbsBlockDevice{SnapshotId: &snapshotID},
		}},
	})
	if err != nil {
		w.t.Fatalf("register an image: %v", err)
	}
	w.cleanup(func(ctx context.Context) {
		_, _ = w.Client.DeregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: out.ImageId})
	})
	return *out.ImageId, snapshotID
}

// Launch runs n instances of the image, with the mark and these block devices beside the root.
func (w *World) Launch(imageID string, n int32, devices ...types.BlockDeviceMapping) []string {
	w.t.Helper()
	tags := append(tagSpec(types.ResourceTypeInstance, w.marked()),
		tagSpec(types.ResourceTypeVolume, w.marked())...)
	out, err := w.Client.RunInstances(w.t.Context(), &ec2.RunInstancesInput{
		ImageId: &imageID, MinCount: &n, MaxCount: &n, InstanceType: types.InstanceTypeT3Micro,
		BlockDeviceMappings: devices, TagSpecifications: tags,
	})
	if err != nil {
		w.t.Fatalf("run instances: %v", err)
	}
	var ids []string
	for _, i := range out.Instances {
		ids = append(ids, *i.InstanceId)
	}
	w.cleanup(func(ctx context.Context) {
		_, _ = w.Client.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids})
	})
	w.Eventually("the instances run", func() bool {
		return len(w.Instances(filter("instance-state-name", "running"), filter("instance-id", ids...))) == len(ids)
	})
	return ids
}

// Instances gives the case's own instances that pass the filters, by ID.
func (w *World) Instances(filters ...types.Filter) map[string]types.Instance {
	w.t.Helper()
	found := map[string]types.Instance{}
	pages := ec2.NewDescribeInstancesPaginator(w.Client, &ec2.DescribeInstancesInput{Filters: append([]types.Filter{w.own()}, filters...)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatalf("list instances: %v", err)
		}
		for _, r := range out.Reservations {
			for _, i := range r.Instances {
				found[*i.InstanceId] = i
			}
		}
	}
	return found
}

// Volumes gives the case's own volumes that pass the filters, sorted by ID.
func (w *World) Volumes(filters ...types.Filter) []types.Volume {
	w.t.Helper()
	var found []types.Volume
	pages := ec2.NewDescribeVolumesPaginator(w.Client, &ec2.DescribeVolumesInput{Filters: append([]types.Filter{w.own()}, filters...)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatalf("list volumes: %v", err)
		}
		found = append(found, out.Volumes...)
	}
	slices.SortFunc(found, func(a, b types.Volume) int { return cmp.Compare(*a.VolumeId, *b.VolumeId) })
	return found
}

// refused checks that EC2 refused a call with that code.
func refused(t *testing.T, what, code string, err error) {
	t.Helper()
	if got := codeOf(err); got != code {
		t.Errorf("%s: got the error %q, want %q", what, got, code)
	}
}
