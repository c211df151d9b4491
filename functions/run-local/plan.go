package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/explain"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// planned is what a run would do.
type planned struct {
	Run     contract.Run
	Volumes []plannedVolume
	LeftOut []contract.Excluded
	Create  int
	Keep    int
	Delete  int
	// UpperBound is the most that the kept snapshots can cost.
	UpperBound explain.Bound
}

type plannedVolume struct {
	InstanceID, Name, VolumeID, Device string
	Retention                          string
	Problem                            string   `json:",omitempty"` // why nothing would be pruned
	Exists                             string   `json:",omitempty"` // the run's snapshot, if it is there already
	DroppedTags                        []string `json:",omitempty"`
	Keep, Delete                       []plannedSnapshot
}

type plannedSnapshot struct {
	SnapshotID string
	StartTime  time.Time
	State      string
	Reason     string
}

// allPlanned is what the runs of all schedules would do.
type allPlanned struct {
	Schedules            []planned
	Disabled             []string // keywords that have no enabled schedule: no run of them is ahead
	Create, Keep, Delete int
	UpperBound           explain.Bound
}

// toBe stands for the snapshot that the run would create.
const toBe = "(new)"

// plan says what a run would create, keep and delete, once its snapshots have completed. It changes nothing, here or in EC2.
func plan(ctx context.Context, o options, stdout io.Writer) error {
	cfg, err := awsConfig(ctx)
	if err != nil {
		return err
	}
	if err := o.asDeployed(); err != nil {
		return err
	}
	p, err := o.planned(ctx, ec2gw.New(cfg, ec2gw.Options{}), nil)
	if err != nil {
		return err
	}
	return emit(o, stdout, p, func(w io.Writer) {
		p.print(w, where(cfg))
		printBound(w, "What is kept", p.UpperBound)
	})
}

// planAll is plan for each schedule that is configured.
func planAll(ctx context.Context, o options, stdout io.Writer) error {
	c, err := o.schedules("-plan without -schedule")
	if err != nil {
		return err
	}
	cfg, err := awsConfig(ctx)
	if err != nil {
		return err
	}
	ec2 := ec2gw.New(cfg, ec2gw.Options{})
	all := allPlanned{Schedules: []planned{}, Disabled: []string{}}
	for _, keyword := range keywordsOf(c) {
		if !slices.ContainsFunc(c.Schedules, func(s config.Schedule) bool { return s.Keyword == keyword && s.Enabled }) {
			all.Disabled = append(all.Disabled, keyword)
			continue
		}
		one := o
		one.schedule, one.timeZone, one.excludeBoot = keyword, c.TimeZones()[keyword], c.ExcludeBoot()
		p, err := one.planned(ctx, ec2, nil)
		if err != nil {
			return err
		}
		all.Schedules = append(all.Schedules, p)
		all.Create += p.Create
		all.Keep += p.Keep
		all.Delete += p.Delete
		all.UpperBound = all.UpperBound.Plus(p.UpperBound)
	}
	return emit(o, stdout, all, func(w io.Writer) { all.print(w, where(cfg)) })
}

// planned finds out what a run would do if the schedule had these other snapshots, too.
func (o options) planned(ctx context.Context, ec2 *ec2gw.Gateway, more []ebs.Snapshot) (planned, error) {
	now := time.Now()
	if o.scheduledTime.IsZero() {
		o.scheduledTime = now
	}
	run, err := runOf(o)
	if err != nil {
		return planned{}, err
	}
	found, choices, err := (&discover.Service{EC2: ec2, ExcludeBoot: o.excludeBoot}).Survey(ctx, run)
	if err != nil {
		return planned{}, err
	}
	held, err := ec2.ScheduleSnapshots(ctx, run.SnapshotKeyWord)
	if err != nil {
		return planned{}, err
	}
	volumes, err := ec2.Volumes(ctx, volumeIDs(found))
	if err != nil {
		return planned{}, err
	}
	p := planOf(run, found, append(held, more...), volumes, now)
	p.LeftOut = append(p.LeftOut, discover.ExcludedOf(choices)...)
	return p, nil
}

func volumeIDs(found []contract.Item) []string {
	var out []string
	for _, i := range found {
		for _, v := range i.Volumes {
			out = append(out, v.ID)
		}
	}
	return out
}

func planOf(run contract.Run, found []contract.Item, held []ebs.Snapshot, volumes map[string]ebs.Volume, now time.Time) planned {
	p := planned{Run: run, Volumes: []plannedVolume{}, LeftOut: []contract.Excluded{}}
	byVolume := map[string][]ebs.Snapshot{}
	for _, s := range held {
		byVolume[s.VolumeID] = append(byVolume[s.VolumeID], s)
	}
	for _, i := range found {
		for _, v := range i.Volumes {
			pv := planVolume(run, i.Instance, v, byVolume[v.ID], volumes[v.ID], now, &p.UpperBound)
			if pv.Exists == "" {
				p.Create++
			}
			p.Keep += len(pv.Keep)
			p.Delete += len(pv.Delete)
			p.Volumes = append(p.Volumes, pv)
		}
	}
	return p
}

func planVolume(run contract.Run, i contract.Instance, v contract.Volume, held []ebs.Snapshot, volume ebs.Volume, now time.Time, bound *explain.Bound,
) plannedVolume {
	stamp := ebs.StampOf(run, i, v, now)
	_, dropped := ebs.SnapshotTags(stamp, i.Tags)
	pv := plannedVolume{
		InstanceID: i.ID, Name: i.Tags["Name"], VolumeID: v.ID, Device: v.Device, Retention: v.Retention,
		Exists: v.SnapshotID, DroppedTags: dropped, Keep: []plannedSnapshot{}, Delete: []plannedSnapshot{},
	}
	policy, err := retention.ReadPolicy(run.SnapshotKeyWord, v.Retention, run.TimeZone)
	if err != nil {
		pv.Problem = err.Error()
	}
	if v.SnapshotID == "" {
		held = append(held, ebs.Made(stamp, ebs.Snapshot{
			ID: toBe, VolumeID: v.ID, State: ebs.Completed, StartTime: now.UTC(), SizeGiB: volume.SizeGiB,
		}, i.Tags))
	}
	held = slices.Clone(held)
	for i := range held {
		if held[i].ID == v.SnapshotID { // the run's own: it prunes once this one has completed
			held[i].State = ebs.Completed
		}
	}
	for _, d := range retention.Apply(policy, held, now).Decisions {
		s := plannedSnapshot{d.Snapshot.ID, d.Snapshot.StartTime, string(d.Snapshot.State), d.Reason.String()}
		if s.SnapshotID == toBe {
			s.State = "to be" // it counts as completed, since a run prunes once it is
		}
		if d.Keep {
			pv.Keep = append(pv.Keep, s)
			bound.Add(d.Snapshot)
		} else {
			pv.Delete = append(pv.Delete, s)
		}
	}
	return pv
}

func (p planned) print(w io.Writer, where string) {
	ebs.Fprintf(w, "Plan of run %s in %s. Nothing is changed.\n", p.Run.ID, where)
	if len(p.Volumes) == 0 {
		ebs.Fprintf(w, "No volume to snapshot: no instance here carries the tag %s, or its value is off.\n", p.Run.SnapshotKeyWord)
		p.printLeftOut(w)
		return
	}
	zone, err := time.LoadLocation(p.Run.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	for _, v := range p.Volumes {
		ebs.Fprintf(w, "\n%s, %s (%s), %s=%s\n", placeName(v.Name, v.InstanceID), v.VolumeID, v.Device, p.Run.SnapshotKeyWord, v.Retention)
		if v.Problem != "" {
			ebs.Fprintf(w, "  note    nothing would be deleted: %s\n", v.Problem)
		}
		for _, t := range v.DroppedTags {
			ebs.Fprintf(w, "  note    tag %s finds no room on the snapshot\n", t)
		}
		for _, s := range v.Keep {
			verb := "keep  "
			if s.SnapshotID == toBe {
				verb = "create"
			}
			s.print(w, verb, zone)
		}
		for _, s := range v.Delete {
			s.print(w, "delete", zone)
		}
	}
	p.printLeftOut(w)
	ebs.Fprintf(w, "\nCreate %d, keep %d (the new ones included), delete %d snapshots of %d volumes, once the new ones have completed.\n",
		p.Create, p.Keep, p.Delete, len(p.Volumes))
	fmt.Fprintln(w, "EC2 may refuse to delete one that an AMI uses or that is locked: that one is kept.")
}

func (p planned) printLeftOut(w io.Writer) {
	for i, v := range p.LeftOut {
		if i == 0 {
			fmt.Fprintln(w, "\nLeft out:")
		}
		ebs.Fprintf(w, "  %s, %s (%s): %s\n", placeName(v.Name, v.InstanceID), v.VolumeID, v.Device, v.Reason)
	}
}

// printBound says what the snapshots cost at most, and that it is no estimate.
func printBound(w io.Writer, what string, b explain.Bound) {
	ebs.Fprintf(w, "%s costs at most %.2f USD a month (%.0f GiB at %.2f USD, us-east-1). It is an upper bound, not an estimate:\nEBS stores "+
		"a block once however many snapshots have it, and does not say how much that is, so that each is counted whole.\n",
		what, b.USDPerMonth, b.GiB, explain.Price)
}

func (a allPlanned) print(w io.Writer, where string) {
	for _, p := range a.Schedules {
		p.print(w, where)
		fmt.Fprintln(w)
	}
	for _, keyword := range a.Disabled {
		ebs.Fprintf(w, "The schedule %s is disabled: -schedule %s shows its plan.\n", keyword, quoted(keyword))
	}
	ebs.Fprintf(w, "All schedules: create %d, keep %d, delete %d snapshots.\n", a.Create, a.Keep, a.Delete)
	printBound(w, "What is kept", a.UpperBound)
}

func (s plannedSnapshot) print(w io.Writer, verb string, zone *time.Location) {
	ebs.Fprintf(w, "  %s  %-22s  %s  %-9s  %s\n", verb, s.SnapshotID, s.StartTime.In(zone).Format("2006-01-02 15:04 MST"), s.State, s.Reason)
}
