// Package demo is the demonstration: a small fleet in a simulated account, its schedules fired over some days of virtual time
// through the real definition, handlers and SDK client, and what a newcomer wants to see of it. All that it tells is read
// from what EC2, the bucket and the topic hold in the end; what the product promises is checked there too.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/snssim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Options says what to show.
type Options struct {
	Days int          // how long the fleet is watched
	Log  slog.Handler // gets the functions' logs, in virtual time; nil: nobody does
	// Progress is told when a simulated day begins, from 1; nil: nobody is.
	Progress func(day int)
}

// Run plays the demonstration. It is the same each time. A cancelled ctx ends it with an error.
func Run(ctx context.Context, o Options) (*Result, error) {
	s, err := newStage(o)
	if err != nil {
		return nil, err
	}
	cues := s.script()
	for day := range o.Days {
		if o.Progress != nil {
			cues = append(cues, cue{s.start.AddDate(0, 0, day), func(context.Context) error { o.Progress(day + 1); return nil }})
		}
	}
	if err := s.play(ctx, cues); err != nil {
		return nil, err
	}
	e, err := s.evidence(ctx)
	if err != nil {
		return nil, err
	}
	return e.result(), nil
}

// The account is one as documented, with lists that run behind, and the workflow paces itself as deployed.
const (
	latency  = 80 * time.Millisecond
	listLag  = 5 * time.Second
	pageSize = 30
	settle   = 2 * time.Minute
	children = 10_000
)

// stage is where the demonstration is played.
type stage struct {
	world    *asl.Virtual
	account  *ec2sim.Account
	objects  *localstore.Memory
	recorder *recorder
	workflow *workflow.Workflow
	mails    []Mail

	zone       *time.Location
	start, end time.Time
	fleet      []member

	executions []execution
	acts       []Event              // what people did
	claimed    []string             // snapshots that a person claimed
	manual     []string             // snapshots that a person made
	deleted    map[string]time.Time // volumes that a person deleted
}

// execution is one start of the state machine.
type execution struct {
	name       string
	keyword    string
	run        string // its ID
	byHand     bool
	result     asl.Result
	start, end time.Time
}

func newStage(o Options) (*stage, error) {
	zone, err := time.LoadLocation(zoneName)
	if err != nil {
		return nil, err
	}
	start := time.Date(2026, time.November, 26, 0, 0, 0, 0, zone) // a week and a month end within the seven days
	s := &stage{
		world: asl.NewVirtual(start), objects: &localstore.Memory{}, fleet: fleet(),
		deleted: map[string]time.Time{}, zone: zone, start: start, end: start.AddDate(0, 0, o.Days),
	}
	s.recorder = &recorder{now: s.world.Now, also: o.Log}
	s.account = ec2sim.New(ec2sim.Config{
		Now: s.world.Now, Sleep: s.world.Sleep, Latency: latency, ListLag: listLag,
		Buckets: ec2sim.DefaultBuckets(), PageSize: pageSize,
		Completion: completion(s.fleet),
	})
	s.workflow, err = workflow.New(workflow.Config{
		World: s.world, EC2: workflow.SimulatedEC2(s.account, s.world), Objects: s.objects, Topic: s,
		Pace: discover.DefaultPace, Settle: settle, Aftermath: discover.LambdaAftermath, MaxConcurrency: children, Log: slog.New(s.recorder),
	})
	return s, err
}

// Publish makes the stage the alerts' topic.
func (s *stage) Publish(_ context.Context, subject, message string) error {
	if err := snssim.Check(subject, message); err != nil {
		return err
	}
	s.mails = append(s.mails, Mail{s.world.Now(), subject, message})
	return nil
}

// completion says how long snapshots are pending: the first one holds the whole volume, the others what has changed since.
func completion(fleet []member) func(volumeID string, nth int) time.Duration {
	size := map[string]int{}
	for _, m := range fleet {
		for _, v := range m.Volumes {
			size[v.ID] = v.SizeGiB
		}
	}
	return func(volumeID string, nth int) time.Duration {
		if nth == 1 {
			return 2*time.Minute + time.Duration(size[volumeID])*12*time.Second
		}
		return time.Minute + time.Duration(nth%3)*45*time.Second
	}
}

// cue is something that happens at its time.
type cue struct {
	at time.Time
	do func(ctx context.Context) error
}

// play lets each cue happen at its time, whatever others are still at: runs that fire in the same minute really compete.
func (s *stage) play(ctx context.Context, cues []cue) error {
	cues = append(cues, cue{s.end, func(context.Context) error { return nil }}) // so that the clock gets there
	errs := make([]error, len(cues))
	s.world.Each(ctx, len(cues), 0, func(ctx context.Context, i int) {
		if s.world.Sleep(ctx, cues[i].at.Sub(s.world.Now())) == nil {
			errs[i] = cues[i].do(ctx)
		}
	})
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the demonstration was stopped: %w", err)
	}
	return errors.Join(errs...)
}

// fire starts an execution and waits for its end.
func (s *stage) fire(ctx context.Context, name string, input contract.Input, byHand bool) error {
	e := execution{
		name: name, keyword: input.SnapshotKeyWord, run: input.SnapshotKeyWord + "/" + input.ScheduledTime,
		byHand: byHand, start: s.world.Now(),
	}
	var err error
	e.result, err = s.workflow.Run(ctx, name, input)
	e.end = s.world.Now()
	s.executions = append(s.executions, e)
	return err
}

// person notes what a person does.
func (s *stage) person(format string, args ...any) {
	s.acts = append(s.acts, event(s.world.Now(), byPerson, format, args...))
}

// told names a snapshot as people know it: its volume and when it was made.
func (s *stage) told(x ec2sim.Snapshot) string {
	return nameIn(s.fleet, x.VolumeID) + " of " + x.StartTime.In(s.zone).Format(shortTime)
}

// shortTime is a layout.
const shortTime = "Mon 15:04"

// newest gives the newest completed snapshot that the schedule's runs made of the volume.
func (s *stage) newest(volume, keyword string) (ec2sim.Snapshot, error) {
	for _, x := range slices.Backward(s.account.Snapshots()) {
		if x.VolumeID == volume && x.Tags[ebs.TagSchedule] == keyword && x.State == ebs.Completed {
			return x, nil
		}
	}
	return ec2sim.Snapshot{}, fmt.Errorf("there is no completed %s snapshot of %s to go on with", keyword, volume)
}

// proposed gives the input that the e-mail about the run proposes for trying again.
func (s *stage) proposed(run string) (string, error) {
	for _, m := range s.mails {
		if !strings.Contains(m.Message, run) {
			continue
		}
		for line := range strings.Lines(m.Message) {
			if strings.HasPrefix(line, `{"SnapshotKeyWord"`) {
				return line, nil
			}
		}
	}
	return "", fmt.Errorf("no e-mail proposes how to try run %s again", run)
}
