package explain

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/orphans"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Deployed is a schedule as it is deployed.
type Deployed struct {
	Keyword     string
	TimeZone    string
	Expressions []string
	Runs        []time.Time // ahead, in order
	ExcludeBoot bool
	// Orphans is what becomes of snapshots that no run works on, as cdk.json has it, and OrphanDays when all of those are deleted (0: never).
	// "" if tidy-orphans does not look for those of this schedule.
	Orphans    string
	OrphanDays int
}

// Explained is all that there is to say of a volume's snapshots.
type Explained struct {
	VolumeID     string              `json:"volumeId"`
	Exists       bool                `json:"exists"`
	SizeGiB      int                 `json:"sizeGiB"` // 0 if it is gone
	Schedules    []ExplainedSchedule `json:"schedules"`
	Snapshots    []ExplainedSnapshot `json:"snapshots"` // newest first
	StorageBound ebs.StorageBound    `json:"storageBound"`
}

// ExplainedSchedule is what a schedule does with the volume.
type ExplainedSchedule struct {
	Keyword       string     `json:"keyword"`
	TimeZone      string     `json:"timeZone"`
	Expressions   []string   `json:"expressions"`
	NextRun       *time.Time `json:"nextRun"`    // null if there is none
	InstanceID    string     `json:"instanceId"` // "" if the volume is attached to none, or the schedule does not work on it
	InstanceName  string     `json:"instanceName"`
	Device        string     `json:"device"`
	Retention     string     `json:"retention"`     // in force; "" if the schedule does not work on the volume
	VolumeTag     bool       `json:"volumeTag"`     // the retention is from the volume's own tag, not from its instance's
	Exempt        Exempt     `json:"exempt"`        // why no run of it deletes anything of the volume; "" if one does
	OrphanPolicy  string     `json:"orphanPolicy"`  // in force for its snapshots, since no run works on them; "" if none is
	ForecastUntil *time.Time `json:"forecastUntil"` // what is deleted later is not said
}

// Chosen says whether runs of the schedule meet the volume, even if they exclude it.
func (s ExplainedSchedule) Chosen() bool { return s.InstanceID != "" || s.VolumeTag }

// ExplainedSnapshot is what becomes of a snapshot.
type ExplainedSnapshot struct {
	ID        string            `json:"id"`
	StartTime time.Time         `json:"startTime"`
	State     ebs.State         `json:"state"`
	SizeGiB   int               `json:"sizeGiB"`
	Owner     Owner             `json:"owner"`
	Managed   bool              `json:"managed"` // a schedule keeps or deletes it
	Keep      bool              `json:"keep"`    // now; false: the next run deletes it
	Reason    retention.Reason  `json:"reason"`
	Exempt    Exempt            `json:"exempt"`    // why no run deletes it, in place of the reason
	DeletedAt *time.Time        `json:"deletedAt"` // by a run; null if none of the runs ahead deletes it
	Because   *retention.Reason `json:"because"`   // of that run
	Orphaned  *retention.Reason `json:"orphaned"`  // why tidy-orphans deletes it
}

// Why says in words why the snapshot is kept now, or not.
func (s ExplainedSnapshot) Why() string {
	text := Fate{Owner: s.Owner, Reason: s.Reason, Exempt: s.Exempt}.Why()
	if s.Orphaned != nil {
		text += "; tidy-orphans deletes it a week after it reported the volume: " + s.Orphaned.String()
	}
	return text
}

// Inventory has the calls of EC2 that an explanation needs.
type Inventory interface {
	discover.Fleet
	SnapshotsOf(ctx context.Context, volumeID string) ([]ebs.Snapshot, error)
	Volumes(ctx context.Context, ids []string) (map[string]ebs.Volume, error)
}

// Inquiry asks about volumes.
type Inquiry struct {
	EC2       Inventory
	Schedules []Deployed
	choices   map[string][]discover.Choice // by keyword
}

// Of explains the volume. It changes nothing.
func (q *Inquiry) Of(ctx context.Context, volumeID string, now time.Time) (Explained, error) {
	held, err := q.EC2.SnapshotsOf(ctx, volumeID)
	if err != nil {
		return Explained{}, err
	}
	volumes, err := q.EC2.Volumes(ctx, []string{volumeID})
	if err != nil {
		return Explained{}, err
	}
	volume, exists := volumes[volumeID]
	out := Explained{VolumeID: volumeID, Exists: exists, SizeGiB: volume.SizeGiB, Schedules: []ExplainedSchedule{}, Snapshots: []ExplainedSnapshot{}}
	var schedules []Schedule
	orphaned := map[string]retention.Reason{}
	for _, d := range q.Schedules {
		choice, err := q.choice(ctx, d, volumeID)
		if err != nil {
			return Explained{}, err
		}
		s, said := d.schedule(choice, exists)
		if choice == nil && d.Orphans != "" {
			policy, err := orphans.ReadPolicy(d.Orphans, d.OrphanDays)
			if err != nil {
				return Explained{}, err
			}
			said.OrphanPolicy = policy.String()
			maps.Copy(orphaned, policy.Outlook(d.Keyword, held, now))
		}
		schedules = append(schedules, s)
		out.Schedules = append(out.Schedules, said)
	}
	for _, f := range Volume(schedules, held, now) {
		out.Snapshots = append(out.Snapshots, explained(f, orphaned))
		out.StorageBound.Add(f.Snapshot)
	}
	return out, nil
}

func explained(f Fate, orphaned map[string]retention.Reason) ExplainedSnapshot {
	s := ExplainedSnapshot{
		ID: f.Snapshot.ID, StartTime: f.Snapshot.StartTime, State: f.Snapshot.State, SizeGiB: f.Snapshot.SizeGiB,
		Owner: f.Owner, Managed: f.Managed, Keep: f.Keep, Reason: f.Reason, Exempt: f.Exempt,
	}
	if !f.DeletedAt.IsZero() {
		s.DeletedAt, s.Because = &f.DeletedAt, &f.Because
	}
	if reason, goes := orphaned[s.ID]; goes {
		s.Orphaned = &reason
	}
	return s
}

// choice gives what the runs of the schedule do with the volume; nil if they never meet it.
func (q *Inquiry) choice(ctx context.Context, d Deployed, volumeID string) (*discover.Choice, error) {
	if q.choices == nil {
		q.choices = map[string][]discover.Choice{}
	}
	if _, asked := q.choices[d.Keyword]; !asked {
		choices, err := discover.Choices(ctx, q.EC2, d.Keyword, d.ExcludeBoot)
		if err != nil {
			return nil, err
		}
		q.choices[d.Keyword] = choices
	}
	all := q.choices[d.Keyword]
	if i := slices.IndexFunc(all, func(c discover.Choice) bool { return c.Volume.VolumeID == volumeID }); i >= 0 {
		return &all[i], nil
	}
	return nil, nil
}

// schedule puts together how the schedule treats the volume.
func (d Deployed) schedule(choice *discover.Choice, exists bool) (Schedule, ExplainedSchedule) {
	said := ExplainedSchedule{Keyword: d.Keyword, TimeZone: d.TimeZone, Expressions: append([]string{}, d.Expressions...)}
	s := Schedule{Policy: retention.Policy{Keyword: d.Keyword}, Runs: d.Runs}
	if len(d.Runs) > 0 {
		said.NextRun, said.ForecastUntil = &d.Runs[0], &d.Runs[len(d.Runs)-1]
	}
	switch {
	case !exists:
		s.Exempt = VolumeGone
	case choice == nil:
		s.Exempt = NotTagged
	default:
		s.Exempt = Exempt(choice.Excluded)
	}
	if choice != nil {
		said.InstanceID, said.Device = choice.Instance.ID, choice.Volume.Device
		if said.InstanceID != "" { // else the tags are the volume's
			said.InstanceName = choice.Instance.Tags[contract.NameTag]
		}
		said.Retention, said.VolumeTag = choice.Retention, choice.OwnTag
		var err error
		if s.Policy, err = retention.ReadPolicy(d.Keyword, choice.Retention, d.TimeZone); err != nil {
			s.Exempt = Unreadable
		}
	}
	said.Exempt = s.Exempt
	return s, said
}

// DeletedAt says when runs of the schedule will delete which snapshots of a volume that has the retention, by ID.
func (d Deployed) DeletedAt(value string, snapshots []ebs.Snapshot, now time.Time) map[string]time.Time {
	policy, err := retention.ReadPolicy(d.Keyword, value, d.TimeZone)
	if err != nil {
		return nil // such a value deletes nothing
	}
	out := map[string]time.Time{}
	for _, f := range (Schedule{Policy: policy, Runs: d.Runs}).fates(snapshots, now) {
		if !f.DeletedAt.IsZero() {
			out[f.Snapshot.ID] = f.DeletedAt
		}
	}
	return out
}
