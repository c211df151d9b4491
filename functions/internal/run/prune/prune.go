// Package prune is the use case of prune-volume: it deletes what the retention of a volume no longer keeps.
package prune

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

type snapshots interface {
	VolumeSnapshots(ctx context.Context, volumeID, keyword string) ([]ebs.Snapshot, error)
	SnapshotByID(ctx context.Context, id string) (ebs.Snapshot, bool, error)
	DeleteSnapshot(ctx context.Context, id string) error
	TagValues(ctx context.Context, key string, resourceIDs ...string) (map[string]string, error)
}

// Service prunes.
type Service struct {
	EC2 snapshots
	Now func() time.Time
	// Wait waits for EC2's lists to show a change.
	Wait func(ctx context.Context, d time.Duration) error
	Log  *slog.Logger
}

// The linter wants the messages of a log in the package that logs.
const (
	logDeleted = contract.LogDeleted
	logKept    = contract.LogKept
)

const (
	// maxRemovals bounds one call: at EC2's 5 deletes a second it ends well before the function's timeout. The state machine's retry
	// continues.
	maxRemovals = 100
	// maxRefusals bounds the refused deletions of one call: locked snapshots, or those that AMIs use. Each costs a request of the 5 a second
	// that the account has, in each run. The next run continues.
	maxRefusals = 100
	// maxListAge bounds how long a call trusts its list. A person who claims a snapshot by changing its keyword tag is protected by this alone:
	// the role's condition looks at another tag.
	maxListAge = 30 * time.Second
	// unlisted is in how many attempts, minutes apart, a created snapshot may be missing from EC2's lists before it counts as deleted.
	unlisted = 3
)

// Prune deletes what the volume's retention no longer keeps. While this run's snapshot is pending, it deletes what the completed snapshots
// already allow, and returns a SnapshotPendingError: a run is not done before its snapshots have completed.
func (s *Service) Prune(ctx context.Context, req contract.PruneRequest) (contract.PruneResult, error) {
	if req.Snapshot.SnapshotID == "" {
		// Without a snapshot to wait for, it would prune and report success.
		return contract.PruneResult{}, fmt.Errorf("snapshot of %s: %w", req.Volume.ID, &contract.InvalidInputError{
			Message: "snapshot-volume returned no snapshot ID: it may be of another version than the state machine. Deploy the stack again"})
	}
	until := s.Now().Add(maxListAge)
	snaps, err := s.EC2.VolumeSnapshots(ctx, req.Volume.ID, req.Run.SnapshotKeyWord)
	if err != nil {
		return contract.PruneResult{}, err
	}
	own, err := s.own(ctx, req, snaps)
	if err != nil {
		return contract.PruneResult{}, err
	}
	if own.VolumeID != "" && own.VolumeID != req.Volume.ID {
		// It must not count as a snapshot of this volume.
		return contract.PruneResult{}, fmt.Errorf("snapshot of %s: %w", req.Volume.ID, &contract.InvalidInputError{
			Message: "snapshot-volume returned " + own.ID + ", which is a snapshot of " + own.VolumeID})
	}
	if !slices.ContainsFunc(snaps, func(s ebs.Snapshot) bool { return s.ID == own.ID }) && own.VolumeID != "" {
		snaps = append(snaps, own) // EC2 lists it late; the retention must count it
	}
	var out contract.PruneResult
	policy, err := retention.ReadPolicy(req.Run.SnapshotKeyWord, req.Volume.Retention, req.Run.TimeZone)
	if err != nil {
		out.Note = "nothing was pruned: " + err.Error()
		s.Log.WarnContext(ctx, "retention unreadable, nothing pruned", "volume_id", req.Volume.ID, "retention", req.Volume.Retention)
	} else {
		out, err = s.apply(ctx, req, policy, snaps, nowOf(own, snaps), until)
		out.Kept = managed(snaps, policy.Keyword) - len(out.Removed)
		if err != nil {
			// Classify it here: joined with a SnapshotPendingError, an unclassified error would be lost.
			return out, errors.Join(contract.Outermost(err), stateError(req, own))
		}
	}
	return out, stateError(req, own)
}

// apply deletes the snapshots that the policy does not keep, and that the tag's present value does not keep. It trusts the list until then.
func (s *Service) apply(ctx context.Context, req contract.PruneRequest, policy retention.Policy, snaps []ebs.Snapshot, now, until time.Time,
) (contract.PruneResult, error) {
	plan, note, err := s.recheckTag(ctx, req, retention.Apply(policy, snaps, now), snaps, now)
	switch {
	case err != nil:
		return contract.PruneResult{}, err
	case note != "":
		s.Log.InfoContext(ctx, "nothing pruned", "volume_id", req.Volume.ID, "run_id", req.Run.ID, "reason", note)
		return contract.PruneResult{Note: "nothing was pruned: " + note}, nil
	}
	return s.carryOut(ctx, req, plan, until)
}

// nowOf gives the time at which the ages of snapshots are measured: the start of this run's snapshot by EC2's clock or, if that is unknown, of
// the volume's newest. A clock that is days ahead, or a prune that is days late, would make snapshots too old.
func nowOf(own ebs.Snapshot, snaps []ebs.Snapshot) time.Time {
	now := own.StartTime
	if now.IsZero() {
		for _, s := range snaps {
			if s.StartTime.After(now) {
				now = s.StartTime
			}
		}
	}
	return now
}

// gone is the state of this run's snapshot if it no longer exists.
const gone ebs.State = "gone"

// own gives this run's snapshot.
func (s *Service) own(ctx context.Context, req contract.PruneRequest, listed []ebs.Snapshot) (ebs.Snapshot, error) {
	id := req.Snapshot.SnapshotID
	if i := slices.IndexFunc(listed, func(s ebs.Snapshot) bool { return s.ID == id }); i >= 0 {
		return listed[i], nil
	}
	// Not listed: new, or claimed by a person who removed our schedule tag, or deleted.
	own, ok, err := s.EC2.SnapshotByID(ctx, id)
	switch {
	case err != nil || ok:
		return own, err
	case req.Attempt < unlisted:
		return ebs.Snapshot{ID: id, State: ebs.Pending}, nil
	}
	return ebs.Snapshot{ID: id, State: gone}, nil
}

// stateError gives the error that the state of this run's snapshot means for the volume.
func stateError(req contract.PruneRequest, own ebs.Snapshot) error {
	var err error
	switch own.State {
	case ebs.Completed:
		return nil
	case ebs.Error:
		message := own.ID + " ended in state error"
		if own.Message != "" {
			message += ": " + own.Message
		}
		err = &contract.SnapshotFailedError{Message: message}
	case gone, ebs.Recoverable, ebs.Recovering:
		err = &contract.SnapshotFailedError{Message: own.ID + " no longer exists: someone deleted it during the run, or it failed and an earlier attempt deleted it"}
	default:
		err = &contract.SnapshotPendingError{Message: own.ID + " is not completed yet"}
	}
	return fmt.Errorf("snapshot of %s: %w", req.Volume.ID, err)
}

// carryOut deletes the plan's removals. If one fails, it continues with the others. This run's own snapshot, if it failed, is deleted only
// after all others: a retry must still see that it failed.
func (s *Service) carryOut(ctx context.Context, req contract.PruneRequest, plan retention.Plan, until time.Time) (contract.PruneResult, error) {
	var out contract.PruneResult
	var own, others []retention.Decision
	for _, r := range plan.Removals() {
		if r.Snapshot.ID == req.Snapshot.SnapshotID {
			own = append(own, r)
		} else {
			others = append(others, r)
		}
	}
	left, denied, errs := s.deleteSome(ctx, req, inOrder(others), until, &out)
	stopped := len(out.Removed) >= maxRemovals || s.Now().After(until)
	if len(denied) > 0 {
		// A person may just have deleted or claimed them, and EC2's lists do not show it yet.
		if ctx.Err() == nil && s.Wait(ctx, ebs.ListsSettle) == nil {
			errs = slices.DeleteFunc(errs, contract.Is[*contract.AccessDeniedError])
			_, _, denials := s.deleteSome(ctx, req, denied, s.Now().Add(maxListAge), &out)
			errs = append(errs, denials...)
		}
	}
	switch {
	case len(errs) > 0:
	case left > 0 && stopped && len(out.Removed) > 0:
		errs = append(errs, &contract.ThrottledError{Message: fmt.Sprintf("%d snapshots deleted, %d are left for the next attempt", len(out.Removed), left)})
	default:
		if left > 0 {
			s.Log.WarnContext(ctx, "too many deletions refused or slow, the rest is left to the next run", "volume_id", req.Volume.ID,
				"run_id", req.Run.ID, "deleted", len(out.Removed), "refused", len(out.Blocked), "left", left)
		}
		_, _, errs = s.deleteSome(ctx, req, own, s.Now().Add(maxListAge), &out)
	}
	return out, errors.Join(errs...)
}

// inOrder puts failed snapshots first, since EC2 counts them among those in progress, and then the oldest, so that an interruption leaves the
// newest.
func inOrder(removals []retention.Decision) []retention.Decision {
	slices.Reverse(removals)
	slices.SortStableFunc(removals, func(a, b retention.Decision) int {
		switch failed := a.Snapshot.State == ebs.Error; {
		case failed == (b.Snapshot.State == ebs.Error):
			return 0
		case failed:
			return -1
		}
		return 1
	})
	return removals
}

// deleteSome deletes snapshots until maxRemovals are deleted, maxRefusals could not be deleted, or the time is over. It adds the results to
// out, and returns how many it did not try, those whose deletion was denied, and the errors.
func (s *Service) deleteSome(
	ctx context.Context, req contract.PruneRequest, removals []retention.Decision, until time.Time, out *contract.PruneResult,
) (left int, denied []retention.Decision, errs []error) {
	rest := slices.Clone(removals)
	for removed, refused := 0, 0; len(rest) > 0 && removed < maxRemovals && refused+len(errs) < maxRefusals && !s.Now().After(until); {
		at := next(req.Run, refused+len(errs), len(rest))
		r := rest[at]
		rest = slices.Delete(rest, at, at+1)
		deleted, err := s.delete(ctx, req, r, out)
		switch {
		case deleted:
			removed++
		case err == nil:
			refused++
		default:
			errs = append(errs, err)
		}
		if contract.Is[*contract.AccessDeniedError](err) {
			denied = append(denied, r)
		}
		if contract.Is[*contract.ThrottledError](err) || ctx.Err() != nil {
			break // more requests would only be throttled too; the retry continues here
		}
	}
	return len(rest), denied, errs
}

// next says which of the remaining snapshots to delete. If very many can't be deleted, no single order reaches all that can: locks end first
// on the oldest, and each run adds to the newest. So it tries both ends, and then positions that differ from run to run.
func next(r contract.Run, refused, left int) int {
	switch {
	case refused < maxRefusals/2:
		return 0
	case refused < maxRefusals*3/4:
		return left - 1
	}
	return int(crc32.ChecksumIEEE(fmt.Append(nil, r.ID, left)) % uint32(left))
}

// delete deletes one snapshot, or adds to out why EC2 refuses.
func (s *Service) delete(ctx context.Context, req contract.PruneRequest, r retention.Decision, out *contract.PruneResult) (deleted bool, err error) {
	removal := contract.Removal{SnapshotID: r.Snapshot.ID, Reason: r.Reason.String()}
	err = s.EC2.DeleteSnapshot(ctx, r.Snapshot.ID)
	if refused, ok := errors.AsType[*ebs.RefusedError](err); ok {
		removal.Reason = refused.Error()
		out.Blocked = append(out.Blocked, removal)
		s.Log.InfoContext(ctx, logKept, "snapshot_id", r.Snapshot.ID, "volume_id", r.Snapshot.VolumeID,
			"run_id", req.Run.ID, "reason", removal.Reason)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	out.Removed = append(out.Removed, removal)
	s.Log.InfoContext(ctx, logDeleted, "snapshot_id", r.Snapshot.ID, "volume_id", r.Snapshot.VolumeID,
		"run_id", req.Run.ID, "reason", removal.Reason)
	return true, nil
}

func managed(snaps []ebs.Snapshot, keyword string) int {
	n := 0
	for _, s := range snaps {
		if ebs.OwnershipOf(s, keyword) == ebs.Managed {
			n++
		}
	}
	return n
}
