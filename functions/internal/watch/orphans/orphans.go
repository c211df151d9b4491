// Package orphans is the use case of tidy-orphans: snapshots whose volume or instance is gone, or whose instance has lost its tag,
// belong to no run any more, and no run prunes them. It lists them, and deletes what a configured policy does not keep.
package orphans

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
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
	Time() time.Time // EC2's clock at its last answer; the zero time: unknown
}

type objects interface {
	Get(ctx context.Context, key string) (body []byte, etag string, err error)
	Put(ctx context.Context, key string, body []byte) error
}

type topic interface {
	Publish(ctx context.Context, subject, message string) error
}

// Key is the object in which a check leaves what it found, for people and for the next check.
const Key = "orphans.json"

// The log's lines for what happens to a snapshot, as prune-volume has them.
const (
	LogDeleted = "snapshot deleted"
	LogKept    = "snapshot kept" // the policy would drop it, and EC2 does not let it go
)

// Service tidies up.
type Service struct {
	EC2      account
	Objects  objects
	Topic    topic
	Keywords []string // the schedules'
	Policy   Policy
	Base     string // what stands before Key in the message: s3://bucket/
	Now      func() time.Time
	Wait     func(ctx context.Context, d time.Duration) error
	Log      *slog.Logger
}

// Request is what it is called with: nothing.
type Request struct{}

// Result is what it found and did.
type Result struct{ Orphans, Deleted int }

// Tidy finds the orphans of all schedules, tells of new ones, and deletes what the policy lets go.
func (s *Service) Tidy(ctx context.Context, _ Request) (Result, error) {
	before, err := store.Load[State](ctx, s.Objects, Key, s.Log)
	if err != nil {
		return Result{}, err
	}
	now, err := s.find(ctx, before)
	if err != nil {
		return Result{}, err
	}
	var untold error
	if now.news() {
		listed, told := now.tell()
		if untold = s.Topic.Publish(ctx, subject(now), message(told, listed, s.Policy, s.Base+Key)); untold == nil {
			now = told
		}
	}
	// Written before anything goes: a week has to be over at each check, and this was one, also if nobody could be told.
	if err := errors.Join(untold, store.Save(ctx, s.Objects, Key, now)); err != nil {
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
		// The snapshots first: what is tagged after that has its instance listed.
		snapshots, err := s.EC2.ScheduleSnapshots(ctx, keyword)
		if err != nil {
			return State{}, err
		}
		volumes, err := s.known(ctx, keyword)
		if err != nil {
			return State{}, err
		}
		if n == 0 {
			// By EC2's clock: to one of ours that is ahead, young snapshots are old, and weeks are over.
			now := s.EC2.Time()
			if now.IsZero() {
				return State{}, errors.New("EC2's answers do not say what time it is, so nothing can be told by age")
			}
			before = before.notAfter(now)
			out = begin(before, s.Policy, now)
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

// known gives the volumes about which a person says something: those of instances with the schedule's tag, and those that carry it
// themselves, attached or not.
func (s *Service) known(ctx context.Context, keyword string) (map[string]bool, error) {
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
