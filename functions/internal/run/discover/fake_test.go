package discover

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// fakeEC2 is an account with one keyword and one run.
type fakeEC2 struct {
	instances []ebs.Instance
	untagged  []ebs.Instance // found by ID only
	tagged    []ebs.Volume
	existing  []ebs.Snapshot
	err       map[string]error // by call
	calls     []string
	lookedUp  []string // instances, by ID
}

func (f *fakeEC2) call(name, got, want string) error {
	f.calls = append(f.calls, name)
	if got != want {
		return fmt.Errorf("the fake EC2 knows %s, and not %s", want, got)
	}
	return f.err[name]
}

func (f *fakeEC2) Instances(_ context.Context, k string) ([]ebs.Instance, error) {
	return f.instances, f.call("Instances", k, keyword)
}

func (f *fakeEC2) TaggedVolumes(_ context.Context, k string) ([]ebs.Volume, error) {
	return f.tagged, f.call("TaggedVolumes", k, keyword)
}

func (f *fakeEC2) InstancesByID(_ context.Context, ids []string) ([]ebs.Instance, error) {
	f.lookedUp = append(f.lookedUp, ids...)
	var out []ebs.Instance
	for _, i := range f.untagged {
		if slices.Contains(ids, i.ID) {
			out = append(out, i)
		}
	}
	return out, f.call("InstancesByID", "", "")
}

func (f *fakeEC2) RunSnapshots(_ context.Context, run string) ([]ebs.Snapshot, error) {
	return f.existing, f.call("RunSnapshots", run, dailyRun.ID)
}

// What fakeExecutions has of an execution.
const (
	running = true
	ended   = false
)

// fakeExecutions has which executions are running, by ARN. It calls wait before each answer.
type fakeExecutions struct {
	status map[string]bool
	wait   func()
}

func (f *fakeExecutions) Running(_ context.Context, arn string) (bool, error) {
	if f.wait != nil {
		f.wait()
	}
	s, ok := f.status[arn]
	if !ok {
		return false, fmt.Errorf("the fake Step Functions knows no execution %s", arn)
	}
	return s, nil
}

const (
	executions1 = "arn:aws:states:eu-central-1:111122223333:execution:snapshot-lifecycle:"
	first       = executions1 + "first"
	second      = executions1 + "second"
	third       = executions1 + "third"
)

// world is everything that discovery uses.
type world struct {
	ec2        *fakeEC2
	bucket     *localstore.Memory
	executions *fakeExecutions
	service    *Service
}

func newWorld() *world {
	w := &world{
		ec2:        &fakeEC2{instances: []ebs.Instance{instance("i-1", "3", "vol-1", "vol-2")}, err: map[string]error{}},
		bucket:     &localstore.Memory{},
		executions: &fakeExecutions{status: map[string]bool{}},
	}
	w.service = &Service{
		EC2: w.ec2, Objects: w.bucket, Executions: w.executions, Pace: Pace{Burst: 10, Rate: 2}, Aftermath: LambdaAftermath,
		Now: func() time.Time { return midnight.Add(20 * time.Second) }, Log: slog.New(slog.DiscardHandler),
	}
	return w
}

func (w *world) discover(t *testing.T, execution string) (contract.Discovery, error) {
	t.Helper()
	return w.service.Discover(t.Context(), contract.DiscoverRequest{
		Input:     json.RawMessage(`{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "2026-11-22T00:00:00Z"}`),
		Execution: execution, StartTime: midnight.Add(10 * time.Second),
	})
}

func (w *world) put(t *testing.T, key, body string) {
	t.Helper()
	if err := w.bucket.Put(t.Context(), key, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

// read reads an object into a value of its type.
func read[T any](t *testing.T, w *world, key string) T {
	t.Helper()
	body, _, err := w.bucket.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatalf("%s: %v in %s", key, err, body)
	}
	return out
}
