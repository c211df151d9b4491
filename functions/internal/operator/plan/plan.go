// Package plan says what a run would create, keep and delete, and changes nothing.
package plan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Plan is what one run of each schedule would do.
type Plan struct {
	Totals
	Schedules []Schedule `json:"schedules"`
	Disabled  []string   `json:"disabled"` // keywords whose schedules are all disabled: no run of them is planned
}

// Totals counts snapshots.
type Totals struct {
	Create int `json:"create"`
	Keep   int `json:"keep"` // of those that are there
	Delete int `json:"delete"`
	// StorageBound is the most that the created and kept snapshots can cost.
	StorageBound ebs.StorageBound `json:"storageBound"`
}

func (t *Totals) add(more Totals) {
	t.Create += more.Create
	t.Keep += more.Keep
	t.Delete += more.Delete
	t.StorageBound = t.StorageBound.Plus(more.StorageBound)
}

// Schedule is what one run of a schedule would do, once its snapshots have completed.
type Schedule struct {
	Keyword       string    `json:"keyword"`
	RunID         string    `json:"runId"`
	ScheduledTime time.Time `json:"scheduledTime"`
	TimeZone      string    `json:"timeZone"` // IANA name, in which calendar rules count
	Totals
	Instances int        `json:"instances"`
	Volumes   []Volume   `json:"volumes"`  // by the instance's name, then the device
	Excluded  []Excluded `json:"excluded"` // of the run's instances
}

// Place is where a volume is attached.
type Place struct {
	InstanceID   string `json:"instanceId"`   // "" if the volume is attached to none
	InstanceName string `json:"instanceName"` // "" if it has none
	VolumeID     string `json:"volumeId"`
	Device       string `json:"device"`
}

// Volume is what the run would do with one volume.
type Volume struct {
	Place
	Retention   string     `json:"retention"`   // in force, as the tag says it
	Readable    bool       `json:"readable"`    // an unreadable retention deletes nothing
	DroppedTags []string   `json:"droppedTags"` // keys of the tags for which a snapshot has no room
	Create      int        `json:"create"`      // 0 if the run's snapshot is there already
	Keep        int        `json:"keep"`
	Delete      int        `json:"delete"`
	Snapshots   []Snapshot `json:"snapshots"` // newest first
	bound       ebs.StorageBound
}

func (v Volume) totals() Totals { return Totals{v.Create, v.Keep, v.Delete, v.bound} }

// Action is what the run would do with a snapshot.
type Action string

// Actions.
const (
	Create Action = "create"
	Keep   Action = "keep"
	Delete Action = "delete"
)

// Snapshot is one snapshot of the volume, and why it is kept or deleted.
type Snapshot struct {
	ID        string           `json:"id"` // "" for the one to be created
	StartTime time.Time        `json:"startTime"`
	State     ebs.State        `json:"state"` // "" for the one to be created
	Action    Action           `json:"action"`
	Reason    retention.Reason `json:"reason"`
}

// Excluded is a volume that the run does not snapshot.
type Excluded struct {
	Place
	Reason contract.Exclusion `json:"reason"`
}

// Inventory has the calls of EC2 that a plan needs.
type Inventory interface {
	discover.Fleet
	RunSnapshots(ctx context.Context, runID string) ([]ebs.Snapshot, error)
	ScheduleSnapshots(ctx context.Context, keyword string) ([]ebs.Snapshot, error)
	Volumes(ctx context.Context, ids []string) (map[string]ebs.Volume, error)
}

// Of plans the run as if it began now and the schedule had these snapshots besides its own. excludeBoot has the keywords whose runs
// exclude boot volumes.
func Of(ctx context.Context, ec2 Inventory, run contract.Run, excludeBoot []string, besides []ebs.Snapshot, now time.Time) (Schedule, error) {
	items, choices, err := (&discover.Service{EC2: ec2, ExcludeBoot: excludeBoot}).Survey(ctx, run)
	if err != nil {
		return Schedule{}, err
	}
	held, err := ec2.ScheduleSnapshots(ctx, run.SnapshotKeyWord)
	if err != nil {
		return Schedule{}, err
	}
	sizes, err := ec2.Volumes(ctx, volumeIDs(items))
	if err != nil {
		return Schedule{}, err
	}
	byVolume := map[string][]ebs.Snapshot{}
	for _, s := range slices.Concat(held, besides) {
		byVolume[s.VolumeID] = append(byVolume[s.VolumeID], s)
	}
	out := Schedule{
		Keyword: run.SnapshotKeyWord, RunID: run.ID, ScheduledTime: run.ScheduledTime, TimeZone: run.TimeZone,
		Volumes: []Volume{}, Excluded: []Excluded{},
	}
	for _, i := range items {
		for _, v := range i.Volumes {
			p := planned{run: run, instance: i.Instance, volume: v, now: now}
			one := p.decide(byVolume[v.ID], sizes[v.ID].SizeGiB)
			out.Volumes = append(out.Volumes, one)
			out.add(one.totals())
		}
	}
	out.countInstances()
	for _, e := range discover.ExcludedOf(choices) {
		out.Excluded = append(out.Excluded, Excluded{PlaceOf(ebs.Place{InstanceID: e.InstanceID, Name: e.Name, VolumeID: e.VolumeID, Device: e.Device}), e.Reason})
	}
	slices.SortStableFunc(out.Volumes, func(a, b Volume) int { return ByName(a.Place, b.Place) })
	slices.SortStableFunc(out.Excluded, func(a, b Excluded) int { return ByName(a.Place, b.Place) })
	return out, nil
}

// Add puts the plan of one more schedule beside the others.
func (p *Plan) Add(s Schedule) {
	p.Schedules = append(p.Schedules, s)
	p.add(s.Totals)
}

// Only leaves what is about the instance with the name or ID. It says whether anything is.
func (p *Plan) Only(instance string) bool {
	found, all := false, p.Schedules
	p.Totals, p.Schedules = Totals{}, []Schedule{}
	another := func(at Place) bool { return at.InstanceName != instance && at.InstanceID != instance }
	for _, s := range all {
		s.Totals = Totals{}
		s.Volumes = slices.DeleteFunc(s.Volumes, func(v Volume) bool { return another(v.Place) })
		s.Excluded = slices.DeleteFunc(s.Excluded, func(e Excluded) bool { return another(e.Place) })
		for _, v := range s.Volumes {
			s.add(v.totals())
		}
		s.countInstances()
		if len(s.Volumes)+len(s.Excluded) > 0 {
			found = true
			p.Add(s)
		}
	}
	return found
}

func (s *Schedule) countInstances() {
	instances := map[string]bool{}
	for _, v := range s.Volumes {
		if v.InstanceID != "" {
			instances[v.InstanceID] = true
		}
	}
	s.Instances = len(instances)
}

// PlaceOf gives the place without the name of a volume: only an instance's has a field.
func PlaceOf(p ebs.Place) Place {
	out := Place{p.InstanceID, p.Name, p.VolumeID, p.Device}
	if p.InstanceID == "" {
		out.InstanceName = ""
	}
	return out
}

// Name is what people call the instance.
func (p Place) Name() string {
	if p.InstanceID == "" && p.VolumeID != "" {
		return "(no instance)"
	}
	return cmp.Or(p.InstanceName, p.InstanceID)
}

// String names the volume and its instance: "web-1, vol-0123456789abcdef0 (/dev/xvda)".
func (p Place) String() string {
	if p.InstanceID == "" {
		return ebs.Place{VolumeID: p.VolumeID}.String()
	}
	return fmt.Sprintf("%s, %s (%s)", p.Name(), p.VolumeID, p.Device)
}

// Where counts the volumes: "3 volumes of 2 instances, and 1 volume attached to no instance".
func (s Schedule) Where() string {
	alone := 0
	for _, v := range s.Volumes {
		if v.InstanceID == "" {
			alone++
		}
	}
	attached := ebs.Count(len(s.Volumes)-alone, "volume") + " of " + ebs.Count(s.Instances, "instance")
	unattached := ebs.Count(alone, "volume") + " attached to no instance"
	switch alone {
	case 0:
		return attached
	case len(s.Volumes):
		return unattached
	}
	return attached + ", and " + unattached
}

// ByName orders volumes as people look for them: by the instance's name, then by device.
func ByName(a, b Place) int {
	return cmp.Or(cmp.Compare(a.Name(), b.Name()), cmp.Compare(a.InstanceID, b.InstanceID), cmp.Compare(a.Device, b.Device))
}

func volumeIDs(items []contract.Item) []string {
	var out []string
	for _, i := range items {
		for _, v := range i.Volumes {
			out = append(out, v.ID)
		}
	}
	return out
}

// planned is a volume of the run.
type planned struct {
	run      contract.Run
	instance contract.Instance
	volume   contract.Volume
	now      time.Time
}

// newID stands for the snapshot to be created. The retention counts it as completed, since a run prunes once it has.
const newID = "(new)"

func (p planned) decide(held []ebs.Snapshot, sizeGiB int) Volume {
	stamp := ebs.StampOf(p.run, p.instance, p.volume, p.now)
	_, dropped := ebs.SnapshotTags(stamp, p.instance.Tags)
	out := Volume{
		Place:     PlaceOf(ebs.PlaceOf(p.instance, p.volume)),
		Retention: p.volume.Retention, DroppedTags: append([]string{}, dropped...), Snapshots: []Snapshot{},
	}
	held = slices.Clone(held)
	for i := range held {
		if held[i].ID == p.volume.SnapshotID { // the run's own
			held[i].State = ebs.Completed
		}
	}
	if p.volume.SnapshotID == "" {
		held = append(held, ebs.Made(stamp, ebs.Snapshot{
			ID: newID, VolumeID: p.volume.ID, State: ebs.Completed, StartTime: p.now.UTC(), SizeGiB: sizeGiB,
		}, p.instance.Tags))
	}
	policy, err := retention.ReadPolicy(p.run.SnapshotKeyWord, p.volume.Retention, p.run.TimeZone)
	out.Readable = err == nil // if not, the policy keeps everything
	for _, d := range retention.Apply(policy, held, p.now).Decisions {
		s := Snapshot{ID: d.Snapshot.ID, StartTime: d.Snapshot.StartTime, State: d.Snapshot.State, Action: Keep, Reason: d.Reason}
		switch {
		case !d.Keep:
			s.Action = Delete
			out.Delete++
		case s.ID == newID:
			s.ID, s.State, s.Action = "", "", Create
			out.Create++
		default:
			out.Keep++
		}
		if d.Keep {
			out.bound.Add(d.Snapshot)
		}
		out.Snapshots = append(out.Snapshots, s)
	}
	return out
}

// Problem says in words why nothing would be deleted of the volume, "" if that is not so.
func (v Volume) Problem() string {
	if v.Readable {
		return ""
	}
	_, err := retention.Parse(v.Retention)
	return fmt.Sprintf("nothing would be deleted: %v", err)
}
