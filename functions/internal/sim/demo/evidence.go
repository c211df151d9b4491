package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/report"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// evidence is what is left when the demonstration is over: what EC2, the bucket and the topic hold, and the functions' log.
// All that is told and checked comes from it.
type evidence struct {
	zone       *time.Location
	start, end time.Time
	fleet      []member
	runs       []ran                // executions, in the order in which they began
	snapshots  []snap               // all that ever existed, by start time
	volumes    map[string]bool      // that exist
	deleted    map[string]time.Time // that do not any more, and since when
	mails      []Mail
	log        []logged
	reasons    map[string]string  // of deletions, by snapshot, as logged
	refusals   map[string]refusal // by snapshot
	acts       []Event
	claimed    []string
	manual     []string
	calls      []ec2sim.Call
	stats      ec2sim.Stats
}

// ran is an execution with what it wrote.
type ran struct {
	execution
	items     []contract.Item
	report    *report.Report
	duplicate bool
}

// volumes are those of the manifest.
func (r ran) volumes() []string {
	var out []string
	for _, i := range r.items {
		for _, v := range i.Volumes {
			out = append(out, v.ID)
		}
	}
	return out
}

// snap is a snapshot, and what became of it.
type snap struct {
	ec2sim.Snapshot
	deletedAt time.Time // zero: it exists
	deletedBy string
}

func (s snap) exists() bool     { return s.deletedAt.IsZero() }
func (s snap) schedule() string { return s.Tags[ebs.TagSchedule] }
func (s snap) run() string      { return s.Tags[ebs.TagRun] }

// refusal is EC2's answer to the attempts to delete a snapshot.
type refusal struct {
	first, last time.Time
	times       int
	answer      string
}

// evidence collects it.
func (s *stage) evidence(ctx context.Context) (*evidence, error) {
	e := &evidence{
		zone: s.zone, start: s.start, end: s.end, fleet: s.fleet, volumes: map[string]bool{}, deleted: s.deleted, mails: s.mails,
		log: s.recorder.lines, acts: s.acts, claimed: s.claimed, manual: s.manual,
		calls: s.account.Log(), stats: s.account.Stats(),
	}
	for _, i := range s.account.Instances() {
		for _, v := range i.Volumes {
			e.volumes[v.ID] = true
		}
	}
	for _, x := range s.account.Snapshots() {
		e.snapshots = append(e.snapshots, snap{Snapshot: x})
	}
	for _, d := range s.account.Deleted() {
		e.snapshots = append(e.snapshots, snap{d.Snapshot, d.At, d.By})
	}
	slices.SortFunc(e.snapshots, func(a, b snap) int { return ebs.OldestFirst(a.Snapshot.Snapshot, b.Snapshot.Snapshot) })
	e.readLog()
	return e, s.readBucket(ctx, e)
}

func (e *evidence) readLog() {
	e.reasons, e.refusals = map[string]string{}, map[string]refusal{}
	for _, l := range e.log {
		id := l.attrs["snapshot_id"]
		switch l.text {
		case logDeleted:
			e.reasons[id] = l.attrs["reason"]
		case logRefused:
			r := e.refusals[id]
			if r.times == 0 {
				r.first, r.answer = l.at, l.attrs["reason"]
			}
			r.last = l.at
			r.times++
			e.refusals[id] = r
		}
	}
}

// readBucket adds the executions, each with the manifest and the report that it wrote.
func (s *stage) readBucket(ctx context.Context, e *evidence) error {
	keys, err := s.objects.List(ctx, "runs/")
	if err != nil {
		return err
	}
	written := map[string]string{} // by execution and file name
	for _, k := range keys {
		written[path.Base(path.Dir(k))+"/"+path.Base(k)] = k
	}
	for _, x := range s.executions {
		r := ran{execution: x, duplicate: wasDuplicate(x.result)}
		if key, ok := written[x.name+"/manifest.json"]; ok {
			if err := s.read(ctx, key, &r.items); err != nil {
				return err
			}
		}
		if key, ok := written[x.name+"/report.json"]; ok {
			if err := s.read(ctx, key, &r.report); err != nil {
				return err
			}
		}
		e.runs = append(e.runs, r)
	}
	slices.SortStableFunc(e.runs, func(a, b ran) int { return a.start.Compare(b.start) })
	return nil
}

func (s *stage) read(ctx context.Context, key string, into any) error {
	body, _, err := s.objects.Get(ctx, key)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return nil
}

func wasDuplicate(r asl.Result) bool {
	var d contract.Discovery
	return r.Status == asl.Succeeded && json.Unmarshal(r.Output, &d) == nil && d.Outcome == contract.OutcomeDuplicate
}

// name gives a volume as people know it: its instance's name and the device.
func (e *evidence) name(volume string) string { return nameIn(e.fleet, volume) }

func nameIn(fleet []member, volume string) string {
	for _, m := range fleet {
		for _, v := range m.Volumes {
			if v.ID == volume {
				return m.Tags["Name"] + " " + v.Device
			}
		}
	}
	return volume
}

// tell gives a time by the schedules' clock.
func (e *evidence) tell(t time.Time, layout string) string { return t.In(e.zone).Format(layout) }

// scheduledAt gives the time of the run that made a snapshot.
func scheduledAt(s snap) time.Time {
	_, text, _ := strings.Cut(s.run(), "/")
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return s.StartTime
	}
	return t
}
