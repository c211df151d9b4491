package workflow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/freshness"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/orphans"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Promise 9: each role allows exactly what its function calls. This test records the calls of the functions and the state machine;
// infra/lifecycle compares them with the roles.
const permissionsFile = "../../../../infra/lifecycle/testdata/permissions.json"

// `go test ./functions/internal/sim/workflow -run Permissions -update-permissions` updates the file.
var updatePermissions = flag.Bool("update-permissions", false, "write "+permissionsFile)

// stateMachine is the caller if no function is.
const stateMachine = "state-machine"

type callerKey struct{}

// ledger records who called what, with IAM's names.
type ledger struct {
	mu    sync.Mutex
	calls map[string]map[string]bool
}

func (f *ledger) note(ctx context.Context, action string) {
	caller, ok := ctx.Value(callerKey{}).(string)
	if !ok {
		caller = stateMachine
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls[caller] == nil {
		f.calls[caller] = map[string]bool{}
	}
	f.calls[caller][action] = true
}

// object records a call for a key, which is in one of the bucket's folders or at its top.
func (f *ledger) object(ctx context.Context, action, key string) {
	if folder, _, ok := strings.Cut(key, "/"); ok {
		key = folder + "/*"
	}
	f.note(ctx, action+" "+key)
}

// function puts the function's name into the context of its calls. The invocation is recorded as a call of the state machine.
func (f *ledger) function(name string, call asl.Task) asl.Task {
	return func(ctx context.Context, in json.RawMessage) (json.RawMessage, error) {
		f.note(ctx, "lambda:InvokeFunction "+name)
		return call(context.WithValue(ctx, callerKey{}, name), in)
	}
}

// notedEC2 records the calls between the SDK's client and the simulated account.
type notedEC2 struct {
	*ledger
	account *ec2sim.Account
}

func (n notedEC2) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	n.note(r.Context(), "ec2:"+form.Get("Action"))
	for name := range form {
		if strings.HasPrefix(name, "TagSpecification.") {
			n.note(r.Context(), "ec2:CreateTags") // EC2 asks for it when a call sets tags
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return n.account.Do(r)
}

type notedObjects struct {
	*ledger
	*localstore.Memory
}

func (n notedObjects) Get(ctx context.Context, key string) ([]byte, string, error) {
	n.object(ctx, "s3:GetObject", key)
	body, etag, err := n.Memory.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		n.note(ctx, "s3:ListBucket") // without it, S3 answers AccessDenied for what is not there
	}
	return body, etag, err
}

func (n notedObjects) Put(ctx context.Context, key string, body []byte) error {
	n.object(ctx, "s3:PutObject", key)
	return n.Memory.Put(ctx, key, body)
}

func (n notedObjects) Create(ctx context.Context, key string, body []byte) error {
	n.object(ctx, "s3:PutObject", key)
	return n.Memory.Create(ctx, key, body)
}

func (n notedObjects) Replace(ctx context.Context, key string, body []byte, etag string) error {
	n.object(ctx, "s3:PutObject", key)
	return n.Memory.Replace(ctx, key, body, etag)
}

func (n notedObjects) List(ctx context.Context, prefix string) ([]string, error) {
	n.object(ctx, "s3:ListBucket", prefix)
	return n.Memory.List(ctx, prefix)
}

type notedTopic struct {
	*ledger
	*topic
}

func (n notedTopic) Publish(ctx context.Context, subject, message string) error {
	n.note(ctx, "sns:Publish")
	return n.topic.Publish(ctx, subject, message)
}

type notedExecutions struct {
	*ledger
	of *workflow.Workflow
}

func (n *notedExecutions) Running(ctx context.Context, id string) (bool, error) {
	n.note(ctx, "states:DescribeExecution")
	return n.of.Running(ctx, id)
}

// audited is a workflow whose calls are recorded.
type audited struct {
	ledger   *ledger
	world    *asl.Virtual
	account  *ec2sim.Account
	objects  *localstore.Memory
	workflow *workflow.Workflow
	mangle   func(function string) (answer string, ok bool)
}

func newAudited(t *testing.T) *audited {
	t.Helper()
	a := &audited{
		ledger: &ledger{calls: map[string]map[string]bool{}}, world: asl.NewVirtual(start), objects: &localstore.Memory{},
	}
	a.account = ec2sim.New(ec2sim.Config{
		Now: a.world.Now, Sleep: a.world.Sleep, Buckets: ec2sim.DefaultBuckets(), PageSize: 100,
		Completion: func(string, int) time.Duration { return time.Minute },
	})
	executions := &notedExecutions{ledger: a.ledger}
	w, err := workflow.New(workflow.Config{
		World: a.world, Objects: notedObjects{a.ledger, a.objects}, Topic: notedTopic{a.ledger, &topic{}}, Executions: executions,
		EC2: a.gateway(), Pace: discover.DefaultPace, Settle: 2 * time.Minute, MaxConcurrency: 100,
		Log: slog.New(slog.DiscardHandler), Around: a.around,
	})
	if err != nil {
		t.Fatal(err)
	}
	a.workflow, executions.of = w, w
	a.account.AddInstance(ec2sim.Instance{
		ID: "i-web", State: "running", Tags: map[string]string{"SnapshotDaily": "1"},
		Volumes: []ec2sim.BlockDevice{{ID: "vol-web-0", Device: "/dev/sda", SizeGiB: 8}, {ID: "vol-web-1", Device: "/dev/sdb", SizeGiB: 8}},
	})
	return a
}

func (a *audited) around(function string, call asl.Task) asl.Task {
	noted := a.ledger.function(function, call)
	return func(ctx context.Context, in json.RawMessage) (json.RawMessage, error) {
		if a.mangle != nil {
			if answer, ok := a.mangle(function); ok {
				return json.RawMessage(answer), nil
			}
		}
		return noted(ctx, in)
	}
}

func (a *audited) run(t *testing.T, name string, at time.Time) asl.Result {
	t.Helper()
	r, err := a.workflow.Run(context.Background(), name, contract.Input{SnapshotKeyWord: "SnapshotDaily", ScheduledTime: at.Format(time.RFC3339)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// call calls a function that has its own schedule.
func (a *audited) call(function string, do func(context.Context) error) error {
	return do(context.WithValue(context.Background(), callerKey{}, function))
}

// gateway is the functions' gateway. Its calls are recorded.
func (a *audited) gateway() *ec2gw.Gateway {
	return ec2gw.New(aws.Config{
		Region: "us-east-1", HTTPClient: notedEC2{a.ledger, a.account},
		Credentials: credentials.NewStaticCredentialsProvider("simulated", "simulated", ""),
	}, ec2gw.Options{Backoff: func(d time.Duration) { _ = a.world.Sleep(context.Background(), d) }})
}

// checkFreshness calls check-freshness.
func (a *audited) checkFreshness(t *testing.T) {
	t.Helper()
	s := &freshness.Service{
		EC2: a.gateway(), Objects: notedObjects{a.ledger, a.objects}, Topic: notedTopic{a.ledger, &topic{}},
		Limits: map[string]time.Duration{"SnapshotDaily": 48 * time.Hour}, Now: a.world.Now, Log: slog.New(slog.DiscardHandler),
	}
	err := a.call("check-freshness", func(ctx context.Context) error {
		_, err := s.Check(ctx, freshness.Request{})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// orphan adds two snapshots of each volume of a deleted instance.
func (a *audited) orphan(t *testing.T) {
	t.Helper()
	a.account.TagInstance("i-web", "SnapshotDaily", "5")
	a.run(t, "first", start)
	_ = a.world.Sleep(context.Background(), time.Hour)
	a.run(t, "second", start.Add(time.Hour))
	a.account.SetInstanceState("i-web", ec2sim.InstanceTerminated)
}

// tidyOrphans calls tidy-orphans. It has another role if it deletes.
func (a *audited) tidyOrphans(t *testing.T, policy string) {
	t.Helper()
	p, err := orphans.ReadPolicy(policy, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &orphans.Service{
		EC2: a.gateway(), Objects: notedObjects{a.ledger, a.objects}, Topic: notedTopic{a.ledger, &topic{}},
		Keywords: []string{"SnapshotDaily"}, Policy: p, Now: a.world.Now, Wait: a.world.Sleep, Log: slog.New(slog.DiscardHandler),
	}
	caller := "tidy-orphans"
	if policy != orphans.Report {
		caller = "tidy-orphans, deleting"
	}
	err = a.call(caller, func(ctx context.Context) error {
		_, err := s.Tidy(ctx, orphans.Request{})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Together these make the functions and the state machine do everything that they can do.
var auditedScenarios = map[string]func(*testing.T, *audited){
	"all is well, and the second run prunes": func(t *testing.T, a *audited) {
		a.run(t, "first", start)
		_ = a.world.Sleep(context.Background(), time.Hour)
		if r := a.run(t, "second", start.Add(time.Hour)); r.Status != asl.Succeeded {
			t.Errorf("the run is %s: %s", r.Status, r.Cause)
		}
	},
	"the second run's snapshot takes long, and its tag is read again": func(t *testing.T, a *audited) {
		a.run(t, "first", start)
		_ = a.world.Sleep(context.Background(), time.Hour)
		a.account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Code: "RequestLimitExceeded", Times: 40})
		a.run(t, "second", start.Add(time.Hour))
	},
	"the response of a create is lost, and it is retried": func(t *testing.T, a *audited) {
		a.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", After: true, Times: 3})
		a.run(t, "first", start)
	},
	"a volume fails, and is recorded and reported": func(t *testing.T, a *audited) {
		a.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Times: 1})
		a.run(t, "first", start)
	},
	"S3 refuses the record of a failure": func(t *testing.T, a *audited) {
		a.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Times: 1})
		a.objects.Fault = refuses(always, "put", func(key string) bool { return strings.Contains(key, "/failures/") })
		a.run(t, "first", start)
	},
	"a child execution ends without a record, and the report reads why": func(t *testing.T, a *audited) {
		a.mangle = func(function string) (string, bool) { return "{}", function == workflow.SnapshotVolume }
		a.run(t, "first", start)
	},
	"volumes become stale": func(t *testing.T, a *audited) {
		a.run(t, "first", start)
		for range 3 {
			a.checkFreshness(t)
			_ = a.world.Sleep(context.Background(), 25*time.Hour)
		}
	},
	"orphans are reported": func(t *testing.T, a *audited) {
		a.orphan(t)
		a.tidyOrphans(t, orphans.Report)
	},
	"orphans are deleted": func(t *testing.T, a *audited) {
		a.orphan(t)
		for range 9 {
			a.tidyOrphans(t, "last=1")
			_ = a.world.Sleep(context.Background(), 24*time.Hour)
		}
		if left := len(a.account.Snapshots()); left != 2 {
			t.Errorf("%d snapshots are left, want the newest of each volume", left)
		}
	},
	"a volume fails, and another execution finishes the run": func(t *testing.T, a *audited) {
		a.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Times: 2,
			Match: func(r ec2sim.Request) bool { return r.Get("VolumeId") == "vol-web-0" }})
		for n := range 3 {
			a.run(t, fmt.Sprint(n), start)
		}
	},
	"a run fails, and another execution takes it over": func(t *testing.T, a *audited) {
		a.account.Inject(ec2sim.Fault{Action: "DescribeInstances", Code: "UnauthorizedOperation", Times: 1})
		if r := a.run(t, "first", start); r.Status != asl.Failed {
			t.Errorf("the first execution is %s", r.Status)
		}
		if r := a.run(t, "second", start); r.Status != asl.Succeeded {
			t.Errorf("the second execution is %s: %s", r.Status, r.Cause)
		}
	},
}

func TestPermissionsAreThoseOfTheCallsThatAreMade(t *testing.T) {
	calls := map[string]map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(auditedScenarios)) {
		t.Run(name, func(t *testing.T) {
			a := newAudited(t)
			auditedScenarios[name](t, a)
			for caller, actions := range a.ledger.calls {
				if calls[caller] == nil {
					calls[caller] = map[string]bool{}
				}
				maps.Copy(calls[caller], actions)
			}
		})
	}
	got := map[string][]string{}
	for caller, actions := range calls {
		got[caller] = slices.Sorted(maps.Keys(actions))
	}
	if *updatePermissions {
		writePermissions(t, got)
	}
	body, err := os.ReadFile(permissionsFile)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]string
	if err := json.Unmarshal(body, &want); err != nil {
		t.Fatal(err)
	}
	same(t, "what is called; if that is meant, -update-permissions writes it down, and infra/lifecycle's roles have to follow", got, want)
}

func writePermissions(t *testing.T, calls map[string][]string) {
	t.Helper()
	body, err := json.MarshalIndent(calls, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(permissionsFile), 0o755)
	}
	if err == nil {
		err = os.WriteFile(permissionsFile, fmt.Appendln(body), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
