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
	// Wait waits a few seconds, where EC2's lists need them.
	Wait func(ctx context.Context, d time.Duration) error
	Log  *slog.Logger
}

// The log's lines for what happens to a snapshot; those who follow a run read them (snapshot_id, volume_id, reason).
const (
	LogDeleted = "snapshot deleted"
	LogKept    = "snapshot kept" // the retention would drop it, and EC2 does not let it go
)

const (
	// maxRemovals bounds one call: at EC2's 5 deletes a second it is well inside the function's timeout. The state machine's
	// retry goes on with the rest.
	maxRemovals = 100
	// maxRefusals bounds how many snapshots one call finds that can't be deleted: locked ones, or those that AMIs use. Each asks EC2 in vain,
	// at 5 a second for the whole account, in each run. The next run goes on.
	maxRefusals = 100
	// unlisted is how many attempts, minutes apart, a snapshot that EC2 said it created may be missing from its
	// lists before it counts as deleted by somebody.
	unlisted = 3
)

// Prune deletes what the volume's retention no longer keeps. While this run's snapshot is not completed it deletes what may
// go all the same, and returns a SnapshotPendingError: only completed snapshots make older ones go, and a run has not done its
// work before its snapshots are good.
func (s *Service) Prune(ctx context.Context, req contract.PruneRequest) (contract.PruneResult, error) {
	if req.Snapshot.SnapshotID == "" {
		// With no snapshot to wait for, this would prune, and call the volume good.
		return contract.PruneResult{}, fmt.Errorf("snapshot of %s: %w", req.Volume.ID, &contract.InvalidInputError{
			Message: "snapshot-volume's answer names no snapshot; is another version of it deployed? Deploy the stack again"})
	}
	snaps, err := s.EC2.VolumeSnapshots(ctx, req.Volume.ID, req.Run.SnapshotKeyWord)
	if err != nil {
		return contract.PruneResult{}, err
	}
	own, err := s.own(ctx, req, snaps)
	if err != nil {
		return contract.PruneResult{}, err
	}
	if own.VolumeID != "" && own.VolumeID != req.Volume.ID {
		// It must not count for this volume.
		return contract.PruneResult{}, fmt.Errorf("snapshot of %s: %w", req.Volume.ID, &contract.InvalidInputError{
			Message: "snapshot-volume's answer names " + own.ID + ", which is of " + own.VolumeID})
	}
	if !slices.ContainsFunc(snaps, func(s ebs.Snapshot) bool { return s.ID == own.ID }) && own.VolumeID != "" {
		snaps = append(snaps, own) // the list shows it late; what it says of others counts with it
	}
	var out contract.PruneResult
	policy, err := retention.ReadPolicy(req.Run.SnapshotKeyWord, req.Volume.Retention, req.Run.TimeZone)
	if err != nil {
		out.Note = "nothing was pruned: " + err.Error()
		s.Log.WarnContext(ctx, "retention unreadable, nothing pruned", "volume_id", req.Volume.ID, "retention", req.Volume.Retention)
	} else {
		out, err = s.apply(ctx, req, policy, snaps, nowOf(own, snaps))
		out.Kept = managed(snaps, policy.Keyword) - len(out.Removed)
		if err != nil {
			// Classified at once, so that what went wrong here is not taken for the snapshot's being pending.
			return out, errors.Join(contract.Outermost(err), verdict(req, own))
		}
	}
	return out, verdict(req, own)
}

// apply deletes what the policy does not keep of the snapshots, unless the tag says otherwise by now.
func (s *Service) apply(ctx context.Context, req contract.PruneRequest, policy retention.Policy, snaps []ebs.Snapshot, now time.Time,
) (contract.PruneResult, error) {
	plan, note, err := s.heed(ctx, req, retention.Apply(policy, snaps, now), snaps, now)
	switch {
	case err != nil:
		return contract.PruneResult{}, err
	case note != "":
		s.Log.InfoContext(ctx, "nothing pruned", "volume_id", req.Volume.ID, "run_id", req.Run.ID, "reason", note)
		return contract.PruneResult{Note: "nothing was pruned: " + note}, nil
	}
	return s.carryOut(ctx, req, plan)
}

// nowOf gives the moment from which ages count: when this run's snapshot began, by EC2's clock, or, if that is not known, when the
// newest of the volume's did. To a machine whose clock is days ahead, or that prunes days late, snapshots would be older than they were.
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

// gone is the state of this run's snapshot when EC2 no longer has it.
const gone ebs.State = "gone"

// own gives this run's snapshot as it stands.
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

// verdict says what the state of this run's snapshot means for the volume.
func verdict(req contract.PruneRequest, own ebs.Snapshot) error {
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
		err = &contract.SnapshotFailedError{Message: own.ID + " is gone: someone deleted it while the run was under way, or it failed and an earlier attempt removed it"}
	default:
		err = &contract.SnapshotPendingError{Message: own.ID + " is not completed yet"}
	}
	return fmt.Errorf("snapshot of %s: %w", req.Volume.ID, err)
}

// carryOut deletes the plan's removals. One removal's trouble does not keep the others from being deleted. Only this run's own snapshot,
// which is deleted if it failed, stays until the others are done: a retry must still see that it failed.
func (s *Service) carryOut(ctx context.Context, req contract.PruneRequest, plan retention.Plan) (contract.PruneResult, error) {
	var out contract.PruneResult
	var own, others []retention.Decision
	for _, r := range plan.Removals() {
		if r.Snapshot.ID == req.Snapshot.SnapshotID {
			own = append(own, r)
		} else {
			others = append(others, r)
		}
	}
	left, denied, errs := s.deleteSome(ctx, req, inOrder(others), &out)
	if len(denied) > 0 {
		// A person may just have deleted or claimed them, and EC2's lists do not show it yet.
		if ctx.Err() == nil && s.Wait(ctx, ebs.ListsSettle) == nil {
			errs = slices.DeleteFunc(errs, contract.Is[*contract.AccessDeniedError])
			_, _, denials := s.deleteSome(ctx, req, denied, &out)
			errs = append(errs, denials...)
		}
	}
	switch {
	case len(errs) > 0:
	case left > 0 && len(out.Removed) >= maxRemovals:
		errs = append(errs, &contract.ThrottledError{Message: fmt.Sprintf("%d snapshots deleted, %d are left for the next attempt", len(out.Removed), left)})
	default:
		if left > 0 {
			s.Log.WarnContext(ctx, "too many snapshots can't be deleted, the rest is left to the next run", "volume_id", req.Volume.ID,
				"run_id", req.Run.ID, "deleted", len(out.Removed), "refused", len(out.Blocked), "left", left)
		}
		_, _, errs = s.deleteSome(ctx, req, own, &out)
	}
	return out, errors.Join(errs...)
}

// inOrder puts failed snapshots first, since EC2 counts them among those in progress, and then the oldest, so that what is left after an
// interruption is the newest.
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

// deleteSome deletes snapshots until it has deleted maxRemovals, or maxRefusals could not be deleted. It says in out what became of them,
// and gives the number of those that it did not come to, those whose deletion was denied, and what went wrong.
func (s *Service) deleteSome(
	ctx context.Context, req contract.PruneRequest, removals []retention.Decision, out *contract.PruneResult,
) (left int, denied []retention.Decision, errs []error) {
	rest := slices.Clone(removals)
	for removed, refused := 0, 0; len(rest) > 0 && removed < maxRemovals && refused+len(errs) < maxRefusals; {
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
			break // asking on would only be refused again; the retry goes on here
		}
	}
	return len(rest), denied, errs
}

// next says which of the snapshots that are left is asked for. Where very many can't be deleted, no order alone comes to all that can: locks
// end with the oldest, and what each run adds are the newest. So both ends are tried, and then places that differ from run to run.
func next(r contract.Run, refused, left int) int {
	switch {
	case refused < maxRefusals/2:
		return 0
	case refused < maxRefusals*3/4:
		return left - 1
	}
	return int(crc32.ChecksumIEEE(fmt.Append(nil, r.ID, left)) % uint32(left))
}

// delete deletes one snapshot, or says in out why EC2 does not let it go.
func (s *Service) delete(ctx context.Context, req contract.PruneRequest, r retention.Decision, out *contract.PruneResult) (deleted bool, err error) {
	removal := contract.Removal{SnapshotID: r.Snapshot.ID, Reason: r.Reason.String()}
	err = s.EC2.DeleteSnapshot(ctx, r.Snapshot.ID)
	if refused, ok := errors.AsType[*ebs.RefusedError](err); ok {
		removal.Reason = refused.Error()
		out.Blocked = append(out.Blocked, removal)
		s.Log.InfoContext(ctx, LogKept, "snapshot_id", r.Snapshot.ID, "volume_id", r.Snapshot.VolumeID,
			"run_id", req.Run.ID, "reason", removal.Reason)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	out.Removed = append(out.Removed, removal)
	s.Log.InfoContext(ctx, LogDeleted, "snapshot_id", r.Snapshot.ID, "volume_id", r.Snapshot.VolumeID,
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
