// Package snapshot is the use case of snapshot-volume: one snapshot of one volume, once a run.
package snapshot

import (
	"context"
	"fmt"
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

// onTime is how long after the volume's turn an attempt with the number 0 counts as the first. A later one may not be the first: a redriven
// execution counts its attempts from 0 again, and an earlier attempt may have created the snapshot.
const onTime = time.Minute

// Snapshot creates the run's snapshot of the volume, or finds it. CreateSnapshot has no client token, so Snapshot first looks for what an
// earlier attempt may have created. The state machine waits before a retry, since EC2 lists a new snapshot late. A snapshot in state error
// does not count.
func (s *Service) Snapshot(ctx context.Context, req contract.SnapshotRequest) (contract.SnapshotResult, error) {
	if id := req.Volume.SnapshotID; id != "" {
		return contract.SnapshotResult{SnapshotID: id, Found: true}, nil
	}
	if req.Attempt > 0 || req.Run.Resumed || s.Now().Sub(req.StartAt) > onTime {
		found, err := s.EC2.VolumeRunSnapshots(ctx, req.Volume.ID, req.Run.ID)
		if err != nil {
			return contract.SnapshotResult{}, err
		}
		found = slices.DeleteFunc(found, func(s ebs.Snapshot) bool { return !ebs.ServesRun(s, req.Run.ID) })
		if len(found) > 0 {
			id := slices.MinFunc(found, ebs.OldestFirst).ID
			s.Log.InfoContext(ctx, "snapshot found", "snapshot_id", id, "volume_id", req.Volume.ID, "run_id", req.Run.ID)
			return contract.SnapshotResult{SnapshotID: id, Found: true}, nil
		}
	}
	stamp := ebs.StampOf(req.Run, req.Instance, req.Volume, s.Now())
	tags, dropped := ebs.SnapshotTags(stamp, req.Instance.Tags)
	want := ebs.Made(stamp, ebs.Snapshot{VolumeID: req.Volume.ID}, req.Instance.Tags)
	made, err := s.EC2.CreateSnapshot(ctx, req.Volume.ID, want.Description, tags)
	if err != nil {
		return contract.SnapshotResult{}, err
	}
	want.StartTime = made.StartTime
	if !made.StartTime.IsZero() && !ebs.MadeBy(want, req.Run.ID) {
		// Its start time does not fit the run. It would never be pruned, and each attempt would create another.
		return contract.SnapshotResult{}, fmt.Errorf("snapshot of %s: %w", req.Volume.ID, &contract.InvalidInputError{Message: fmt.Sprintf(
			"EC2 started %s at %s, which is not within a day of run %s. Check the ScheduledTime, or the clock that set it. No run will delete %s",
			made.ID, made.StartTime.UTC().Format(time.RFC3339), req.Run.ID, made.ID)})
	}
	s.Log.InfoContext(ctx, "snapshot created", "snapshot_id", made.ID, "volume_id", req.Volume.ID,
		"instance_id", req.Instance.ID, "run_id", req.Run.ID, "dropped_tags", dropped)
	return contract.SnapshotResult{SnapshotID: made.ID}, nil
}
