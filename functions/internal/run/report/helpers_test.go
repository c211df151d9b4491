package report

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have no time zones installed

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/snssim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

var update = flag.Bool("update", false, "write the goldens again; read the diff before you keep it")

const (
	keyword   = "SnapshotDaily"
	prefix    = "runs/SnapshotDaily/20261122T000000Z/execution-1/"
	execution = "arn:aws:states:eu-central-1:111122223333:execution:snapshot-lifecycle:execution-1"
)

var (
	midnight = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	later    = midnight.Add(2 * time.Hour)
	daily    = contract.Run{
		ID: keyword + "/2026-11-22T00:00:00Z", SnapshotKeyWord: keyword, ScheduledTime: midnight, TimeZone: "Asia/Shanghai",
	}
)

// world is what a report is made of: the manifest, EC2, the bucket and the topic.
type world struct {
	t         *testing.T
	discovery contract.Discovery
	items     []contract.Item
	snapshots []ebs.Snapshot // what EC2 holds of the run
	strangers []ebs.Snapshot // snapshots with the schedule's tags that no run made
	deleted   []string       // volumes that were deleted
	bucket    *localstore.Memory
	topic     *fakeTopic
	asked     []string // volumes whose existence was asked for
	ec2Err    error
}

// newWorld has a run of the items whose snapshots have all completed.
func newWorld(t *testing.T, items ...contract.Item) *world {
	t.Helper()
	w := &world{t: t, items: items, bucket: &localstore.Memory{}, topic: &fakeTopic{}}
	w.discovery = contract.Discovery{
		Outcome: contract.OutcomeWork, Run: daily, Execution: execution,
		ManifestKey: prefix + "manifest.json", FailurePrefix: prefix + "failures/", Instances: len(items), LastStartAt: midnight,
	}
	for n := range items {
		items[n].Run, items[n].FailurePrefix, items[n].StartAt = daily, w.discovery.FailurePrefix, midnight
		for _, v := range items[n].Volumes {
			w.snapshots = append(w.snapshots, snapshotOf(v.ID, ebs.Completed))
			w.discovery.Volumes++
		}
	}
	w.put(w.discovery.ManifestKey, items)
	return w
}

func snapshotOf(volumeID string, state ebs.State) ebs.Snapshot {
	return ebs.Made(ebs.Stamp{Keyword: keyword, Retention: "3", RunID: daily.ID, InstanceID: "i-web"},
		ebs.Snapshot{ID: "snap-of-" + volumeID, VolumeID: volumeID, State: state, StartTime: midnight.Add(time.Minute)}, nil)
}

// web is an instance with two volumes.
func web() contract.Item {
	return contract.Item{
		Instance: contract.Instance{ID: "i-web", Tags: map[string]string{"Name": "web", keyword: "3"}},
		Volumes:  []contract.Volume{{ID: "vol-1", Device: "/dev/xvda", Retention: "3"}, {ID: "vol-2", Device: "/dev/sdf", Retention: "3"}},
	}
}

func (w *world) put(key string, value any) {
	w.t.Helper()
	body, err := json.Marshal(value)
	if err == nil {
		err = w.bucket.Put(w.t.Context(), key, body)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// record does what RecordFailure does.
func (w *world) record(volumeID, name, message string) {
	w.t.Helper()
	w.put(w.discovery.FailurePrefix+volumeID+".json", contract.Failure{Error: name, Cause: cause(message)})
}

// cause is a Lambda's error as Step Functions hands it on.
func cause(message string) string {
	body, _ := json.Marshal(map[string]any{"errorMessage": message, "errorType": "whatever", "stackTrace": []string{}})
	return string(body)
}

// state changes the state of a volume's snapshot; without one it removes it.
func (w *world) state(volumeID string, state ebs.State) {
	w.t.Helper()
	i := slices.IndexFunc(w.snapshots, func(s ebs.Snapshot) bool { return s.VolumeID == volumeID })
	switch {
	case i < 0:
		w.t.Fatalf("there is no snapshot of %s", volumeID)
	case state == "":
		w.snapshots = slices.Delete(w.snapshots, i, i+1)
	default:
		w.snapshots[i].State = state
	}
}

func (w *world) service() *Service {
	return &Service{
		EC2: w, Objects: w.bucket, Topic: w.topic, Base: "s3://backups/",
		Now: func() time.Time { return later }, Log: slog.New(slog.DiscardHandler),
	}
}

// report runs the service, and reads the report that it wrote.
func (w *world) report() (contract.ReportResult, Report) {
	w.t.Helper()
	result, err := w.service().Report(w.t.Context(), w.discovery)
	if err != nil {
		w.t.Fatal(err)
	}
	body, _, err := w.bucket.Get(w.t.Context(), prefix+"report.json")
	if err != nil {
		w.t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(body, &r); err != nil {
		w.t.Fatal(err)
	}
	return result, r
}

// RunSnapshots is EC2's.
func (w *world) RunSnapshots(_ context.Context, runID string) ([]ebs.Snapshot, error) {
	if runID != daily.ID {
		return nil, fmt.Errorf("the fake EC2 knows no run %s", runID)
	}
	return slices.Clone(w.snapshots), w.ec2Err
}

// ScheduleSnapshots is EC2's.
func (w *world) ScheduleSnapshots(_ context.Context, asked string) ([]ebs.Snapshot, error) {
	if asked != keyword {
		return nil, fmt.Errorf("the fake EC2 knows no schedule %s", asked)
	}
	return slices.Concat(w.snapshots, w.strangers), w.ec2Err
}

// ExistingVolumes is EC2's.
func (w *world) ExistingVolumes(_ context.Context, ids []string) (map[string]bool, error) {
	w.asked = ids
	out := map[string]bool{}
	for _, id := range ids {
		if !slices.Contains(w.deleted, id) {
			out[id] = true
		}
	}
	return out, nil
}

type fakeTopic struct {
	subjects, messages []string
	err                error
}

func (f *fakeTopic) Publish(_ context.Context, subject, message string) error {
	if f.err != nil {
		return f.err
	}
	if err := snssim.Check(subject, message); err != nil {
		return err
	}
	f.subjects, f.messages = append(f.subjects, subject), append(f.messages, message)
	return nil
}

// one gives the only alert that was published.
func (f *fakeTopic) one(t *testing.T) (subject, message string) {
	t.Helper()
	if len(f.messages) != 1 {
		t.Fatalf("%d alerts were published, not 1: %q", len(f.messages), f.subjects)
	}
	return f.subjects[0], f.messages[0]
}

func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s differs (-want +got); if it should, run go test with -update:\n%s", path, diff)
	}
}
