package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// began is when all schedules fire.
var began = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// bench is a scenario under way. In virtual time one task runs at a time, so that nothing here needs a lock.
type bench struct {
	Scenario
	world   *asl.Virtual
	account *ec2sim.Account
	bucket  *bucket
	lambda  *lambda
	mails   int
	last    time.Time // when the last volume was pruned that is no slow one

	children, childrenAtOnce, largestState int
}

// Machine is what a scenario is measured on.
type Machine struct {
	Now func() time.Time
	// Heap measures memory, too: of one scenario at a time, since it changes how the process collects its garbage.
	Heap bool
}

// Measure runs a scenario. The fleet has been running for days: each volume gets a snapshot and loses
// one.
func Measure(ctx context.Context, s Scenario, on Machine) (Result, error) {
	start := on.Now()
	b := &bench{Scenario: s, world: asl.NewVirtual(began), bucket: &bucket{Memory: &localstore.Memory{}}}
	b.account = b.newAccount()
	b.lambda = newLambda(b, on.Heap)
	w, err := workflow.New(workflow.Config{
		World: b.world, EC2: workflow.SimulatedEC2(b.account, b.world), Objects: b.bucket, Topic: b, Pace: s.pace(),
		Settle: s.settle(), MaxConcurrency: children, Aftermath: discover.LambdaAftermath, Log: slog.New(slog.DiscardHandler),
		Observe: b.observe, Around: b.lambda.around,
	})
	if err != nil {
		return Result{}, err
	}
	runs := make([]asl.Result, s.schedules())
	errs := make([]error, len(runs))
	b.world.Each(ctx, len(runs), 0, func(ctx context.Context, i int) {
		runs[i], errs[i] = w.Run(ctx, "run-"+strconv.Itoa(i), contract.Input{SnapshotKeyWord: s.keywords()[i]})
	})
	for i, r := range runs {
		switch {
		case errs[i] != nil:
			return Result{}, errs[i]
		case ctx.Err() != nil:
			return Result{}, ctx.Err()
		case r.Status != asl.Succeeded && r.Error != "VolumesFailed":
			return Result{}, fmt.Errorf("%s: a run ended %s: %s: %s", s.Name, r.Status, r.Error, r.Cause)
		}
	}
	r := b.result(runs)
	r.RealSeconds = on.Now().Sub(start).Seconds()
	return r, nil
}

func (b *bench) newAccount() *ec2sim.Account {
	buckets := ec2sim.DefaultBuckets()
	buckets["CreateSnapshot"] = b.Scenario.bucket()
	a := ec2sim.New(ec2sim.Config{
		Now: b.world.Now, Sleep: b.world.Sleep, Latency: latency, ListLag: listLag, Buckets: buckets,
		PendingPerAccount: b.Pending, MaxSnapshots: -1, Unlogged: true,
		Completion: func(volume string, _ int) time.Duration { return b.takes(number(volume)) },
	})
	instance := ec2sim.Instance{}
	for n := range b.Volumes {
		volume := fmt.Sprintf("vol-%06d", n)
		if n%b.perInstance() == 0 {
			instance = ec2sim.Instance{ID: fmt.Sprintf("i-%06d", n), State: "running", Tags: b.tags()}
		}
		instance.Volumes = append(instance.Volumes, ec2sim.BlockDevice{ID: volume, Device: fmt.Sprintf("/dev/sd%c", 'a'+n%b.perInstance())})
		if (n+1)%b.perInstance() == 0 || n+1 == b.Volumes {
			a.AddInstance(instance)
		}
		for _, keyword := range b.keywords() {
			for day := 1; day <= keep; day++ {
				at := began.AddDate(0, 0, -day)
				a.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Made(
					ebs.Stamp{Keyword: keyword, Retention: strconv.Itoa(keep), RunID: ebs.RunID(keyword, at), InstanceID: instance.ID},
					ebs.Snapshot{VolumeID: volume, StartTime: at}, nil)})
			}
		}
	}
	return a
}

// tags are an instance's: those of the schedules, and what people add.
func (b *bench) tags() map[string]string {
	tags := map[string]string{"Name": "web", "team": "shop", "environment": "production", "cost-center": "4711"}
	for _, keyword := range b.keywords() {
		tags[keyword] = strconv.Itoa(keep)
	}
	return tags
}

// number gives a volume's.
func number(volume string) int {
	n, err := strconv.Atoi(volume[len("vol-"):])
	if err != nil {
		panic(err) // no volume of the fleet
	}
	return n
}

// Publish counts the e-mails.
func (b *bench) Publish(context.Context, string, string) error {
	b.mails++
	return nil
}

func (b *bench) observe(e asl.Event) {
	b.largestState = max(b.largestState, len(e.Input), len(e.Output))
	switch {
	case e.Parent == "":
	case e.Kind == asl.ExecutionStarted:
		b.children++
		b.childrenAtOnce = max(b.childrenAtOnce, b.children)
	case slices.Contains([]asl.EventKind{asl.ExecutionSucceeded, asl.ExecutionFailed, asl.ExecutionAborted}, e.Kind):
		b.children--
	}
}

// pruned notes when a volume's work was done.
func (b *bench) pruned(request json.RawMessage) {
	var in contract.PruneRequest
	if json.Unmarshal(request, &in) == nil && !b.slow(number(in.Volume.ID)) {
		b.last = b.world.Now()
	}
}

func (b *bench) result(runs []asl.Result) Result {
	stats := b.account.Stats()
	r := Result{
		Scenario: b.Name, Volumes: b.Volumes * b.schedules(), Bound: b.Bound().Seconds(), WholeBound: b.WholeBound().Seconds(),
		OthersTook: since(b.last), Calls: stats.Calls, Throttled: stats.Throttled, Refused: stats.Errors, Lowest: map[string]int{},
		Invocations: b.lambda.invocations, BilledMillis: millis(b.lambda.billed), ColdStarts: b.lambda.coldStarts, AtOnce: b.lambda.mostAtOnce,
		ChildrenAtOnce: b.childrenAtOnce, LargestState: b.largestState, ManifestBytes: b.bucket.manifest,
		S3Writes: b.bucket.writes, S3Reads: b.bucket.reads, Mails: b.mails, HeapMiB: b.lambda.heapMiB,
		DiscoverSeconds: b.lambda.longest[workflow.DiscoverInstances].Seconds(), ReportSeconds: b.lambda.longest[workflow.ReportRun].Seconds(),
	}
	delete(r.Refused, "RequestLimitExceeded")
	for name, tokens := range stats.Lowest {
		r.Lowest[name] = int(tokens)
	}
	for _, run := range runs {
		r.Took = max(r.Took, since(run.Stop))
		r.Transitions += run.Transitions + run.ChildTransitions
		r.Children += run.Children
		r.MaxChildEvents = max(r.MaxChildEvents, run.MaxChildEvents)
	}
	b.inspect(&r)
	r.Dollars = r.Cost(ListPrices)
	return r
}

// inspect looks at what the account holds in the end.
func (b *bench) inspect(r *Result) {
	type of struct{ volume, run string }
	made, good := map[of]int{}, map[of]int{}
	for _, s := range b.account.Snapshots() {
		if s.State == ebs.Completed {
			good[of{s.VolumeID, s.Tags[ebs.TagSchedule]}]++
		}
		if run := s.Tags[ebs.TagRun]; !s.StartTime.Before(began) && s.State != ebs.Error {
			made[of{s.VolumeID, run}]++
			r.Creating = max(r.Creating, since(s.StartTime))
		}
	}
	r.Missing = r.Volumes - len(made)
	for _, n := range made {
		r.Duplicated += n - 1
	}
	for _, n := range good {
		r.Surplus += max(0, n-keep)
	}
}

func since(t time.Time) float64 { return max(0, t.Sub(began).Seconds()) }

func millis(spans map[string]time.Duration) map[string]int {
	out := map[string]int{}
	for name, d := range spans {
		out[name] = int(d.Milliseconds())
	}
	return out
}
