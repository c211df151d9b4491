package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/explain"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/orphans"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// How far ahead the runs are played.
const (
	yearsAhead   = 5
	firingsAhead = 50_000
)

// explained is all that is to be said of a volume's snapshots.
type explained struct {
	VolumeID   string
	Exists     bool
	SizeGiB    int `json:",omitempty"`
	Schedules  []explainedSchedule
	Snapshots  []explainedSnapshot
	UpperBound explain.Bound
}

type explainedSchedule struct {
	Keyword, TimeZone string
	Fires             []string   // the expressions
	Next              *time.Time `json:",omitempty"`
	InstanceID, Name  string     `json:",omitempty"`
	Device            string     `json:",omitempty"`
	Retention         string     `json:",omitempty"`
	OwnTag            bool       // the retention is the volume's own, not its instance's
	NothingIsDeleted  string     `json:",omitempty"` // why no run of it deletes anything of this volume
	PlayedAheadUntil  *time.Time `json:",omitempty"` // what goes later is not told
}

type explainedSnapshot struct {
	SnapshotID string
	StartTime  time.Time
	State      string
	SizeGiB    int
	Owner      string
	Managed    bool // a schedule's; what is not never goes by this tool
	Keep       bool // now; what is not kept goes with the next run
	Reason     string
	Goes       *time.Time `json:",omitempty"`
	Because    string     `json:",omitempty"`
}

// explainVolume is -explain.
func explainVolume(ctx context.Context, o options, stdout io.Writer) error {
	c, err := o.schedules("-explain")
	if err != nil {
		return err
	}
	cfg, err := awsConfig(ctx)
	if err != nil {
		return err
	}
	ec2 := ec2gw.New(cfg, ec2gw.Options{})
	held, err := ec2.SnapshotsOf(ctx, o.explain)
	if err != nil {
		return err
	}
	volumes, err := ec2.Volumes(ctx, []string{o.explain})
	if err != nil {
		return err
	}
	volume, exists := volumes[o.explain]
	e := explained{VolumeID: o.explain, Exists: exists, SizeGiB: volume.SizeGiB, Schedules: []explainedSchedule{}, Snapshots: []explainedSnapshot{}}
	now := time.Now()
	var schedules []explain.Schedule
	going := map[string]string{}
	for _, keyword := range keywordsOf(c) {
		choice, err := choiceOf(ctx, ec2, c, keyword, o.explain)
		if err != nil {
			return err
		}
		one, told := scheduleFor(keyword, c, choice, exists, now)
		if choice == nil && slices.Contains(c.OrphanKeywords(), keyword) && !ownTag(volume, keyword) {
			p, err := orphans.ReadPolicy(c.Orphans, c.OrphansExpire)
			if err != nil {
				return err
			}
			maps.Copy(going, p.Outlook(keyword, held, now))
			told.NothingIsDeleted += forOrphans(c)
			one.Not = told.NothingIsDeleted
		}
		schedules = append(schedules, one)
		e.Schedules = append(e.Schedules, told)
	}
	e.add(explain.Volume(schedules, held, now), going)
	return emit(o, stdout, e, func(w io.Writer) { e.print(w, where(cfg)) })
}

// choiceOf gives what the runs of a schedule do with the volume; nil if they never meet it.
func choiceOf(ctx context.Context, ec2 *ec2gw.Gateway, c config.Config, keyword, volumeID string) (*discover.Choice, error) {
	instances, err := ec2.Instances(ctx, keyword)
	if err != nil {
		return nil, err
	}
	tagged, err := ec2.TaggedVolumes(ctx, keyword)
	if err != nil {
		return nil, err
	}
	for _, one := range discover.Choose(keyword, slices.Contains(c.ExcludeBoot(), keyword), instances, tagged) {
		if one.Volume.VolumeID == volumeID {
			return &one, nil
		}
	}
	return nil, nil
}

// scheduleFor puts together how a schedule treats the volume.
func scheduleFor(keyword string, c config.Config, choice *discover.Choice, exists bool, now time.Time) (explain.Schedule, explainedSchedule) {
	told := explainedSchedule{Keyword: keyword, TimeZone: c.TimeZones()[keyword]}
	for _, s := range c.Schedules {
		if s.Keyword == keyword {
			told.Fires = append(told.Fires, s.String())
		}
	}
	zone, err := time.LoadLocation(told.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	s := explain.Schedule{
		Policy:  retention.Policy{Keyword: keyword, Zone: zone},
		Firings: c.Firings(keyword, now, now.AddDate(yearsAhead, 0, 0), firingsAhead),
	}
	if len(s.Firings) > 0 {
		told.Next, told.PlayedAheadUntil = &s.Firings[0], &s.Firings[len(s.Firings)-1]
	}
	switch {
	case !exists:
		s.Not = "the volume is gone, and no run works on it any more"
	case choice == nil:
		s.Not = "the volume is at no instance with the tag " + keyword
	case choice.Excluded != "":
		s.Not = choice.Excluded
	}
	if choice != nil {
		told.InstanceID, told.Name, told.Device = choice.Instance.ID, choice.Instance.Tags["Name"], choice.Volume.Device
		told.Retention, told.OwnTag = choice.Retention, choice.OwnTag
		rules, err := retention.Parse(choice.Retention)
		if err != nil {
			s.Not = "nothing is deleted: " + err.Error()
		}
		s.Policy.Rules = rules
	}
	told.NothingIsDeleted = s.Not
	return s, told
}

// forOrphans says what becomes of snapshots that no run prunes.
func forOrphans(c config.Config) string {
	switch {
	case !c.OrphansDeleted():
		return "; orphans are not deleted"
	case c.OrphansExpire > 0:
		return fmt.Sprintf("; of orphans stays %s, until they are %d days old", c.Orphans, c.OrphansExpire)
	}
	return "; of orphans stays " + c.Orphans
}

// ownTag: a volume that carries the keyword itself is no orphan, attached or not.
func ownTag(v ebs.Volume, keyword string) bool {
	_, ok := v.Tags[keyword]
	return ok
}

// add takes what becomes of the snapshots, and why the policy for orphans lets some go.
func (e *explained) add(fates []explain.Fate, orphaned map[string]string) {
	for _, v := range fates {
		reason, because := v.Why(), ""
		if why, goes := orphaned[v.Snapshot.ID]; goes {
			reason += "; tidy-orphans deletes it a week after it told of the volume: " + why
		}
		if !v.Goes.IsZero() {
			because = v.Because.String()
		}
		s := explainedSnapshot{
			SnapshotID: v.Snapshot.ID, StartTime: v.Snapshot.StartTime, State: string(v.Snapshot.State), SizeGiB: v.Snapshot.SizeGiB,
			Owner: v.Owner, Managed: v.Managed, Keep: v.Keep, Reason: reason, Because: because,
		}
		if !v.Goes.IsZero() {
			s.Goes = &v.Goes
		}
		e.Snapshots = append(e.Snapshots, s)
		e.UpperBound.Add(v.Snapshot)
	}
}

// utc is how times stand here, since schedules may have several zones.
const utc = "2006-01-02 15:04 MST"

func (e explained) print(w io.Writer, where string) {
	what := "which is gone"
	if e.Exists {
		what = fmt.Sprintf("%d GiB", e.SizeGiB)
	}
	ebs.Fprintf(w, "Volume %s, %s, in %s. Nothing is changed.\n", e.VolumeID, what, where)
	for _, s := range e.Schedules {
		s.print(w)
	}
	ebs.Fprintf(w, "\n%s of this account, newest first:\n", snapshots(len(e.Snapshots)))
	for _, s := range e.Snapshots {
		s.print(w)
	}
	if len(e.Snapshots) > 0 {
		fmt.Fprintln(w, "\nWhen one goes follows from today's schedules and retentions, if each run ahead works.")
		printBound(w, "What there is now", e.UpperBound)
	}
}

func (s explainedSchedule) print(w io.Writer) {
	ebs.Fprintf(w, "\nSchedule %s: %s\n", s.Keyword, strings.Join(s.Fires, " and "))
	if s.InstanceID != "" {
		by := "its instance's tag"
		if s.OwnTag {
			by = "the volume's own tag"
		}
		ebs.Fprintf(w, "  at %s as %s; keeps %q, %s\n", placeName(s.Name, s.InstanceID), s.Device, s.Retention, by)
	}
	switch {
	case s.NothingIsDeleted != "":
		ebs.Fprintf(w, "  %s\n", s.NothingIsDeleted)
	case s.Next == nil:
		fmt.Fprintln(w, "  it does not fire any more")
	default:
		ebs.Fprintf(w, "  fires next at %s\n", s.Next.UTC().Format(utc))
	}
}

func (s explainedSnapshot) print(w io.Writer) {
	ebs.Fprintf(w, "\n  %s  %s  %s  %s\n", s.SnapshotID, s.StartTime.UTC().Format(utc), s.State, s.Owner)
	switch {
	case !s.Managed:
		ebs.Fprintf(w, "    kept:  %s\n", s.Reason)
	case s.Goes == nil && s.Keep:
		ebs.Fprintf(w, "    kept:  %s\n    goes:  not in the runs ahead\n", s.Reason)
	case s.Goes == nil:
		ebs.Fprintf(w, "    goes:  with the next run, but none is ahead: %s\n", s.Reason)
	case s.Keep:
		ebs.Fprintf(w, "    kept:  %s\n    goes:  %s: %s\n", s.Reason, s.Goes.UTC().Format(utc), s.Because)
	default:
		ebs.Fprintf(w, "    goes:  with the next run, %s: %s\n", s.Goes.UTC().Format(utc), s.Because)
	}
}
