// Package orphans is the use case of tidy-orphans. A volume is an orphan if the volume or its instance was deleted, or the tag was
// removed: no run prunes its snapshots any more. The check lists orphans, and deletes what a configured policy does not keep of them.
package orphans

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

type account interface {
	inventory
	snapshots
}

type inventory interface {
	Instances(ctx context.Context, keyword string) ([]ebs.Instance, error)
	TaggedVolumes(ctx context.Context, keyword string) ([]ebs.Volume, error)
	ExistingVolumes(ctx context.Context, ids []string) (map[string]bool, error)
}

type snapshots interface {
	ScheduleSnapshots(ctx context.Context, keyword string) ([]ebs.Snapshot, error)
	VolumeSnapshots(ctx context.Context, volumeID, keyword string) ([]ebs.Snapshot, error)
	DeleteSnapshot(ctx context.Context, id string) error
	Time() time.Time // EC2's clock at its last answer; zero if unknown
}

type objects interface {
	Get(ctx context.Context, key string) (body []byte, etag string, err error)
	Put(ctx context.Context, key string, body []byte) error
}

type topic interface {
	Publish(ctx context.Context, subject, message string) error
}

// Key is the object in which a check saves what it found, for people and for the next check.
const Key = "orphans.json"

// The linter wants the messages of a log in the package that logs.
const (
	logDeleted = contract.LogDeleted
	logKept    = contract.LogKept
)

// Service finds orphans and deletes their snapshots.
type Service struct {
	EC2      account
	Objects  objects
	Topic    topic
	Keywords []string // the schedules'
	Policy   Policy
	Base     string // put before Key in the message: s3://bucket/
	Now      func() time.Time
	Wait     func(ctx context.Context, d time.Duration) error
	Log      *slog.Logger
}

// Request is the empty input.
type Request struct{}

// Result counts the orphans found and the snapshots deleted.
type Result struct{ Orphans, Deleted int }

// Tidy finds the orphans of all schedules, reports new ones, and deletes the snapshots that the policy does not keep.
func (s *Service) Tidy(ctx context.Context, _ Request) (Result, error) {
	before, err := store.Load[State](ctx, s.Objects, Key, s.Log)
	if err != nil {
		return Result{}, err
	}
	now, err := s.find(ctx, before)
	if err != nil {
		return Result{}, err
	}
	var mailErr error
	if now.needsMail() {
		listed, told := now.listForMail()
		if mailErr = s.Topic.Publish(ctx, subject(now), message(told, listed, s.Policy, s.Base+Key)); mailErr == nil {
			now = told
		}
	}
	// Save before anything is deleted, and even if the mail failed: the week of grace counts only days with a check, and this was one.
	if err := errors.Join(mailErr, store.Save(ctx, s.Objects, Key, now)); err != nil {
		return Result{}, err
	}
	deleted, refused, err := s.deleteAll(ctx, now)
	if refused {
		err = errors.Join(err, store.Save(ctx, s.Objects, Key, now))
	}
	s.Log.InfoContext(ctx, "orphans looked for", "orphans", len(now.Orphans), "deleted", deleted)
	return Result{len(now.Orphans), deleted}, err
}

func (s *Service) find(ctx context.Context, before State) (State, error) {
	var out State
	for n, keyword := range s.Keywords {
		// List the snapshots before the instances: the first snapshots of a new instance must not look like an orphan's.
		snapshots, err := s.EC2.ScheduleSnapshots(ctx, keyword)
		if err != nil {
			return State{}, err
		}
		volumes, err := s.scheduledVolumes(ctx, keyword)
		if err != nil {
			return State{}, err
		}
		if n == 0 {
			// EC2's clock: by a local clock that is ahead, young snapshots would be old, and weeks of grace over.
			now := s.EC2.Time()
			if now.IsZero() {
				return State{}, errors.New("EC2's answers carry no time, so the age of snapshots is unknown")
			}
			before = before.withoutFuture(now)
			out = newState(before, s.Policy, now)
		}
		out.Orphans = append(out.Orphans, Find(keyword, volumes, snapshots, s.Policy, before, out.CheckedAt)...)
	}
	var ids []string
	for _, o := range out.Orphans {
		ids = append(ids, o.VolumeID)
	}
	exists, err := s.EC2.ExistingVolumes(ctx, ids)
	if err != nil {
		return State{}, err
	}
	for i := range out.Orphans {
		out.Orphans[i].Exists = exists[out.Orphans[i].VolumeID]
	}
	return out, nil
}

// scheduledVolumes gives the volumes that belong to the schedule: those of instances with its tag, and those that carry the tag themselves,
// attached or not.
func (s *Service) scheduledVolumes(ctx context.Context, keyword string) (map[string]bool, error) {
	instances, err := s.EC2.Instances(ctx, keyword)
	if err != nil {
		return nil, err
	}
	tagged, err := s.EC2.TaggedVolumes(ctx, keyword)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, i := range instances {
		for _, v := range i.Volumes {
			out[v.VolumeID] = true
		}
	}
	for _, v := range tagged {
		out[v.ID] = true
	}
	return out, nil
}
