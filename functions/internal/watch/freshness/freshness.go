// Package freshness is the use case of check-freshness: it finds volumes whose newest snapshot is too old. It does not depend on any run: a
// disabled schedule, a broken role or a run that never started leave no run that could report them.
package freshness

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
)

type inventory interface {
	discover.Fleet
	ScheduleSnapshots(ctx context.Context, keyword string) ([]ebs.Snapshot, error)
}

type objects interface {
	Get(ctx context.Context, key string) (body []byte, etag string, err error)
	Put(ctx context.Context, key string, body []byte) error
}

type topic interface {
	Publish(ctx context.Context, subject, message string) error
}

// Key is the object in which a check saves what it found, for people and for the next check.
const Key = "freshness.json"

// Service checks.
type Service struct {
	EC2     inventory
	Objects objects
	Topic   topic
	Limits  map[string]time.Duration // by keyword: how old a volume's newest completed snapshot may get
	// ExcludeBoot has the keywords whose runs exclude boot volumes.
	ExcludeBoot []string
	Base        string // put before Key in the message: s3://bucket/
	Now         func() time.Time
	Log         *slog.Logger
}

// Request is the empty input of the check.
type Request struct{}

// Result is what it found.
type Result struct{ Volumes, Stale int }

// Check finds the stale volumes of all schedules. It sends a mail if one of them is new, or if the last mail is a day old.
func (s *Service) Check(ctx context.Context, _ Request) (Result, error) {
	before, err := store.Load[State](ctx, s.Objects, Key, s.Log)
	if err != nil {
		return Result{}, err
	}
	var all []Watched
	for _, keyword := range slices.Sorted(maps.Keys(s.Limits)) {
		watched, err := s.watched(ctx, keyword)
		if err != nil {
			return Result{}, err
		}
		all = append(all, watched...)
	}
	at := s.Now().UTC()
	before = before.withoutFuture(at)
	now := Judge(before, s.Limits, all, at)
	for _, v := range now.Stale {
		s.Log.WarnContext(ctx, "snapshots are stale", "volume_id", v.VolumeID, "keyword", v.Keyword, "snapshot_id", v.SnapshotID)
	}
	var mailErr error
	if now.needsMail(before) {
		if mailErr = s.Topic.Publish(ctx, subject(now), message(now, s.Base+Key)); mailErr == nil {
			now.markTold()
		}
	}
	// Save even if the mail failed: a check that forgets when it first saw a volume never finds it stale.
	if err := store.Save(ctx, s.Objects, Key, now); err != nil {
		return Result{}, errors.Join(mailErr, err)
	}
	// A metric and two alarms read this line (infra/lifecycle). A check that could not save its state does not count.
	s.Log.InfoContext(ctx, "freshness checked", "volumes", now.Volumes, "stale", len(now.Stale))
	return Result{now.Volumes, len(now.Stale)}, mailErr
}

// watched gives the volumes that the runs of a schedule work on, each with its newest completed snapshot. A claimed snapshot counts: it is
// a backup, and it shows that the runs work.
func (s *Service) watched(ctx context.Context, keyword string) ([]Watched, error) {
	choices, err := discover.Choices(ctx, s.EC2, keyword, slices.Contains(s.ExcludeBoot, keyword))
	if err != nil || len(choices) == 0 {
		return nil, err
	}
	snapshots, err := s.EC2.ScheduleSnapshots(ctx, keyword)
	if err != nil {
		return nil, err
	}
	newest := map[string]ebs.Snapshot{}
	for _, one := range snapshots {
		if one.State == ebs.Completed && ebs.OwnershipOf(one, keyword) != ebs.Foreign && one.StartTime.After(newest[one.VolumeID].StartTime) {
			newest[one.VolumeID] = one
		}
	}
	var out []Watched
	for _, c := range choices {
		if c.Excluded == "" {
			out = append(out, Watched{Keyword: keyword, Choice: c, Newest: newest[c.Volume.VolumeID]})
		}
	}
	return out, nil
}
