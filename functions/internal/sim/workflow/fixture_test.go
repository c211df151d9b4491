package workflow_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/report"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/snssim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

var start = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// fixture runs the product over a simulated account in virtual time, with the real definition, the real handlers and the real SDK client.
type fixture struct {
	t          *testing.T
	world      *asl.Virtual
	account    *ec2sim.Account
	objects    *localstore.Memory
	topic      *topic
	setup      setup
	w          *workflow.Workflow
	events     []asl.Event
	meddlers   []*meddler
	executions int
	touched    map[string]time.Time // when a person last changed the tags of a volume's snapshots
}

// setup is the configuration of a fixture.
type setup struct {
	ec2sim.Config
	pace       discover.Pace
	atOnce     int // child executions
	settle     time.Duration
	executions workflow.Executions
	timeZones  map[string]string        // by the schedules' keywords; nil: each keyword will do
	noBoot     []string                 // keywords whose runs exclude boot volumes
	ahead      map[string]time.Duration // the functions' clocks
	log        *slog.Logger             // of the functions; nil: nobody reads it
	unguarded  bool                     // see fixture.guard; a large fleet is slow with it
}

// mail is a message sent to the topic.
type mail struct{ subject, message string }

type topic struct {
	mails []mail
	fault func(subject string) error
}

func (p *topic) Publish(_ context.Context, subject, message string) error {
	if p.fault != nil {
		if err := p.fault(subject); err != nil {
			return err
		}
	}
	if err := snssim.Check(subject, message); err != nil {
		return err
	}
	p.mails = append(p.mails, mail{subject, message})
	return nil
}

// newFixture makes a fixture whose account has EC2's documented limits. change changes its setup.
func newFixture(t *testing.T, change ...func(*setup)) *fixture {
	t.Helper()
	f := &fixture{t: t, world: asl.NewVirtual(start), objects: &localstore.Memory{}, topic: &topic{}, touched: map[string]time.Time{}}
	f.setup = setup{
		Config: ec2sim.Config{
			Now: f.world.Now, Sleep: f.world.Sleep, Latency: 80 * time.Millisecond, ListLag: 5 * time.Second,
			Buckets: ec2sim.DefaultBuckets(), PageSize: 100, EmptyPages: true,
			// Like the stack's roles.
			RequireTag: map[string]string{"DeleteSnapshot": ebs.TagSchedule},
			Completion: func(string, int) time.Duration { return 2 * time.Minute },
		},
		pace: discover.DefaultPace, atOnce: 10_000, settle: 2 * time.Minute,
	}
	for _, c := range change {
		c(&f.setup)
	}
	f.account = ec2sim.New(f.setup.Config)
	w, err := workflow.New(workflow.Config{
		World: f.world, EC2: workflow.SimulatedEC2(mortalEC2{f.account}, f.world), Objects: mortalObjects{f.objects}, Topic: mortalTopic{f.topic}, Executions: f.setup.executions,
		Pace: f.setup.pace, Settle: f.setup.settle, MaxConcurrency: f.setup.atOnce, Aftermath: discover.LambdaAftermath,
		TimeZones: f.setup.timeZones, ExcludeBoot: f.setup.noBoot, Ahead: f.setup.ahead,
		Log:     cmp.Or(f.setup.log, slog.New(slog.DiscardHandler)),
		Observe: func(e asl.Event) { f.events = append(f.events, e) },
		Around:  f.around,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.w = w
	if !f.setup.unguarded {
		f.guard()
	}
	return f
}

// gateway is the product's gateway, to the fixture's account.
func (f *fixture) gateway() *ec2gw.Gateway { return workflow.SimulatedEC2(f.account, f.world) }

// fire starts an execution like the schedule, at the present virtual time, and waits for its end.
func (f *fixture) fire(keyword string) asl.Result {
	f.t.Helper()
	return f.start(context.Background(), f.input(keyword))
}

// input is the input that the schedule would give to an execution now.
func (f *fixture) input(keyword string) contract.Input {
	return contract.Input{
		SnapshotKeyWord: keyword, ScheduledTime: f.world.Now().Format(time.RFC3339), TimeZone: "Asia/Shanghai",
	}
}

func (f *fixture) start(ctx context.Context, input any) asl.Result {
	f.t.Helper()
	f.executions++
	r, err := f.w.Run(ctx, fmt.Sprintf("run-%d", f.executions), input)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// succeed fires, and requires success.
func (f *fixture) succeed(keyword string) asl.Result {
	f.t.Helper()
	r := f.fire(keyword)
	if r.Status != asl.Succeeded {
		f.t.Fatalf("the run of %s ended %s: %s: %s\n%s", keyword, r.Status, r.Error, r.Cause, f.allMail())
	}
	return r
}

// inParallel runs functions in parallel.
func (f *fixture) inParallel(what ...func()) {
	f.world.Each(context.Background(), len(what), 0, func(_ context.Context, i int) { what[i]() })
}

// wait lets virtual time pass.
func (f *fixture) wait(d time.Duration) {
	_ = f.world.Sleep(context.Background(), d)
}

// until lets virtual time pass until so long after the fixture's start.
func (f *fixture) until(d time.Duration) {
	f.wait(start.Add(d).Sub(f.world.Now()))
}

// instance adds a running instance with n volumes vol-<id>-0… and tags from "key=value" texts.
func (f *fixture) instance(id string, n int, tags ...string) {
	in := ec2sim.Instance{ID: "i-" + id, State: "running", Tags: tagsOf(tags)}
	for v := range n {
		in.Volumes = append(in.Volumes, ec2sim.BlockDevice{
			ID: fmt.Sprintf("vol-%s-%d", id, v), Device: fmt.Sprintf("/dev/sd%c", 'a'+v%26), SizeGiB: 8,
		})
	}
	f.account.AddInstance(in)
}

// fleet adds two instances with three volumes in all. Failures happen to vol-web-0, and must not affect the others.
func (f *fixture) fleet() {
	f.instance("db", 1, "SnapshotDaily=3", "Name=db-1")
	f.instance("web", 2, "SnapshotDaily=3", "Name=web-1")
}

func tagsOf(texts []string) map[string]string {
	tags := map[string]string{}
	for _, s := range texts {
		k, v, _ := strings.Cut(s, "=")
		tags[k] = v
	}
	return tags
}

// states lists the states that an execution, or its children at the path, entered, in order.
func (f *fixture) states(execution, path string) []string {
	var out []string
	for _, e := range f.events {
		if e.Kind == asl.StateEntered && e.Path == path && (e.Execution == execution || e.Parent == execution) {
			out = append(out, e.State)
		}
	}
	return out
}

// volumeStates lists the states that an execution entered for each volume, in order.
func (f *fixture) volumeStates(execution string) map[string][]string {
	out, volumeAt := map[string][]string{}, map[string]string{}
	for _, e := range f.events {
		if e.Kind != asl.StateEntered || e.Parent != execution || !strings.Contains(e.Path, ".SnapshotVolumes[") {
			continue
		}
		if volumeAt[e.Path] == "" {
			var task contract.VolumeTask
			if err := json.Unmarshal(e.Input, &task); err != nil || task.Volume.ID == "" {
				f.t.Fatalf("no volume in the input of %s: %s", e.Path, e.Input)
			}
			volumeAt[e.Path] = task.Volume.ID
		}
		out[volumeAt[e.Path]] = append(out[volumeAt[e.Path]], e.State)
	}
	return out
}

// retries counts how often a state was retried after the error.
func (f *fixture) retries(state, errorName string) int {
	n := 0
	for _, e := range f.events {
		if e.Kind == asl.StateRetried && e.State == state && e.Error == errorName {
			n++
		}
	}
	return n
}

// report reads the last report.json.
func (f *fixture) report() report.Report {
	f.t.Helper()
	keys, err := f.objects.List(context.Background(), "runs/")
	if err != nil {
		f.t.Fatal(err)
	}
	var last report.Report
	for _, k := range keys {
		if !strings.HasSuffix(k, "/report.json") {
			continue
		}
		body, _, err := f.objects.Get(context.Background(), k)
		if err != nil {
			f.t.Fatal(err)
		}
		var r report.Report
		if err := json.Unmarshal(body, &r); err != nil {
			f.t.Fatal(err)
		}
		if !r.WrittenAt.Before(last.WrittenAt) {
			last = r
		}
	}
	if last.WrittenAt.IsZero() {
		f.t.Fatal("there is no report.json")
	}
	return last
}

func (f *fixture) subjects() []string {
	var out []string
	for _, m := range f.topic.mails {
		out = append(out, m.subject)
	}
	return out
}

func (f *fixture) allMail() string {
	var b strings.Builder
	for _, m := range f.topic.mails {
		fmt.Fprintf(&b, "%s\n\n%s\n", m.subject, m.message)
	}
	return b.String()
}

// lastMail gives the last mail, which must contain all these texts.
func (f *fixture) lastMail(texts ...string) mail {
	f.t.Helper()
	if len(f.topic.mails) == 0 {
		f.t.Fatalf("no mail was sent; it should say %q", texts)
	}
	m := f.topic.mails[len(f.topic.mails)-1]
	for _, s := range texts {
		if !strings.Contains(m.subject+"\n"+m.message, s) {
			f.t.Errorf("the mail does not say %q:\n%s\n\n%s", s, m.subject, m.message)
		}
	}
	return m
}

// noMail requires that no mail was sent.
func (f *fixture) noMail() {
	f.t.Helper()
	if len(f.topic.mails) > 0 {
		f.t.Errorf("mail was sent:\n%s", f.allMail())
	}
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func contains(s, part string) bool { return strings.Contains(s, part) }

// volumeIn gives the volume of a state's input.
func volumeIn(input json.RawMessage) string {
	var task contract.VolumeTask
	_ = json.Unmarshal(input, &task)
	return task.Volume.ID
}
