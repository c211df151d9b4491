// Package snapshot is the use case of snapshot-volume: one snapshot of one volume, once a run.
package snapshot

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

type snapshots interface {
	CreateSnapshot(ctx context.Context, volumeID, description string, tags []ebs.Tag) (ebs.Snapshot, error)
	VolumeRunSnapshots(ctx context.Context, volumeID, runID string) ([]ebs.Snapshot, error)
}

// Service creates snapshots.
type Service struct {
	EC2 snapshots
	Now func() time.Time
	Log *slog.Logger
}

// punctual is how long after a volume's turn came its first attempt is believed to be the first. Later, the state may have
// been entered before: a redriven execution counts its retries from 0 again, and an earlier attempt may have created the
// snapshot.
const punctual = time.Minute

// maxDescription is EC2's limit, in characters.
const maxDescription = 255

// Snapshot creates the run's snapshot of the volume, or finds it. CreateSnapshot has no client token, so whatever may have
// been tried before is looked for first; the state machine waits before it retries, since a list shows a new snapshot late.
func (s *Service) Snapshot(ctx context.Context, req contract.SnapshotRequest) (contract.SnapshotResult, error) {
	if id := req.Volume.SnapshotID; id != "" {
		// An execution before this one created it, and this run's turns began minutes after that execution's end.
		return contract.SnapshotResult{SnapshotID: id, Found: true}, nil
	}
	if req.Attempt > 0 || req.Run.Resumed || s.Now().Sub(req.StartAt) > punctual {
		found, err := s.EC2.VolumeRunSnapshots(ctx, req.Volume.ID, req.Run.ID)
		if err != nil {
			return contract.SnapshotResult{}, err
		}
		found = slices.DeleteFunc(found, failed)
		if len(found) > 0 {
			first := slices.MinFunc(found, oldest)
			s.Log.InfoContext(ctx, "snapshot found", "snapshot_id", first.ID, "volume_id", req.Volume.ID, "run_id", req.Run.ID)
			age := s.Now().Sub(first.StartTime)
			return contract.SnapshotResult{SnapshotID: first.ID, Found: true, WaitSeconds: wait(first, req.SettleSeconds, age)}, nil
		}
	}
	tags, dropped := ebs.SnapshotTags(StampOf(req.Run, req.Instance, req.Volume), req.Instance.Tags)
	made, err := s.EC2.CreateSnapshot(ctx, req.Volume.ID, describe(req), tags)
	if err != nil {
		return contract.SnapshotResult{}, err
	}
	s.Log.InfoContext(ctx, "snapshot created", "snapshot_id", made.ID, "volume_id", req.Volume.ID,
		"instance_id", req.Instance.ID, "run_id", req.Run.ID, "dropped_tags", dropped)
	return contract.SnapshotResult{SnapshotID: made.ID, WaitSeconds: wait(made, req.SettleSeconds, 0)}, nil
}

// listed is how long EC2's lists take to show a snapshot, in seconds; usually they do.
const listed = 3

// wait gives how many seconds a snapshot of this age is left alone before it is looked at: until it is settle seconds old, or, if
// it has completed, only until the lists show it. A clock that is off makes it wait no longer than that.
func wait(snap ebs.Snapshot, settle int, age time.Duration) int {
	if snap.State == ebs.Completed {
		settle = min(settle, listed)
	}
	return max(0, settle-int(max(0, age).Seconds()))
}

// StampOf gives what the run writes on its snapshot of the volume.
func StampOf(r contract.Run, i contract.Instance, v contract.Volume) ebs.Stamp {
	return ebs.Stamp{Keyword: r.SnapshotKeyWord, Retention: v.Retention, RunID: r.ID, InstanceID: i.ID}
}

// failed: a snapshot in state error holds nothing. A run that is taken over makes it anew, and must not find the old one.
func failed(s ebs.Snapshot) bool { return s.State == ebs.Error }

func oldest(a, b ebs.Snapshot) int {
	if c := a.StartTime.Compare(b.StartTime); c != 0 {
		return c
	}
	if a.ID < b.ID {
		return -1
	}
	return 1
}

// describe says what a person wants to know of a snapshot in a list, much as the tool that this one replaces did.
func describe(req contract.SnapshotRequest) string {
	name := req.Instance.Tags["Name"]
	if name == "" {
		name = req.Instance.ID
	}
	text, where := []rune(req.Run.SnapshotKeyWord+" "+name), []rune(" - "+req.Volume.ID+" ("+req.Volume.Device+")")
	room := max(0, maxDescription-len(where))
	return string(text[:min(len(text), room)]) + string(where)
}
