package orphans

import (
	"context"
	"errors"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const (
	// maxRemovals bounds one call, and so the damage of a mistake in a day: Lambda does not retry a failed call (infra/lifecycle).
	maxRemovals = 500
	// timeToReport is left for reporting the result: the call stops deleting that long before the function is killed.
	timeToReport = time.Minute
	// deleteInterval leaves most of EC2's 5 deletes a second to the runs.
	deleteInterval = time.Second
	// recheckAfter is how old the view of a volume may be when one of its snapshots is deleted. Deleting takes minutes, in which people may
	// claim snapshots and attach volumes.
	recheckAfter = time.Minute
)

// deletion is the deleting of one call.
type deletion struct {
	*Service
	state     State
	scheduled map[string]listing // by keyword
	done      int
	refused   bool // state.Refused has changed
	denied    bool // EC2 denied a deletion, and denied it again after a while
}

// listing is the result of Service.scheduledVolumes at a moment.
type listing struct {
	volumes map[string]bool
	at      time.Time
}

// deleteAll deletes the snapshots that the policy does not keep. If one fails, it continues with the others, but a throttle ends it for
// today. refused says that now.Refused has changed.
func (s *Service) deleteAll(ctx context.Context, now State) (deleted int, refused bool, err error) {
	d := &deletion{Service: s, state: now, scheduled: map[string]listing{}}
	var errs []error
	for _, o := range now.Orphans {
		more, err := d.deleteOf(ctx, o)
		errs = append(errs, err)
		if !more {
			break // the rest is deleted tomorrow
		}
	}
	return d.done, d.refused, errors.Join(errs...)
}

// deleteOf deletes snapshots of one orphan, and says whether more may be deleted today.
func (d *deletion) deleteOf(ctx context.Context, o Orphan) (more bool, err error) {
	var errs []error
	var removable map[string]bool
	var checkedAt time.Time
	for _, r := range o.removals(d.state.PolicySince, d.state.CheckedAt) {
		if _, refused := d.state.Refused[r.Snapshot.ID]; refused {
			continue
		}
		if d.done == maxRemovals || d.almostOutOfTime(ctx) {
			return false, errors.Join(errs...)
		}
		if err := d.Wait(ctx, deleteInterval); err != nil {
			return false, errors.Join(append(errs, err)...)
		}
		if checkedAt.IsZero() || d.Now().Sub(checkedAt) > recheckAfter {
			if removable, err = d.stillRemovable(ctx, o); err != nil {
				return !contract.Is[*contract.ThrottledError](err), errors.Join(append(errs, err)...)
			}
			checkedAt = d.Now()
		}
		if !removable[r.Snapshot.ID] {
			d.Log.InfoContext(ctx, logKept, "snapshot_id", r.Snapshot.ID, "volume_id", o.VolumeID, "keyword", o.Keyword,
				"reason", "the snapshot or its volume has changed since the check")
			continue
		}
		if err := d.deleteSnapshot(ctx, o, r); err != nil {
			errs = append(errs, err)
			if contract.Is[*contract.ThrottledError](err) {
				return false, errors.Join(errs...)
			}
		}
	}
	return true, errors.Join(errs...)
}

// almostOutOfTime says whether the function will be killed soon.
func (d *deletion) almostOutOfTime(ctx context.Context) bool {
	end, bound := ctx.Deadline()
	return bound && end.Sub(d.Now()) < timeToReport
}

// stillRemovable decides again about one orphan, from what EC2 holds now, and gives the IDs of the snapshots to delete.
func (d *deletion) stillRemovable(ctx context.Context, o Orphan) (map[string]bool, error) {
	held, err := d.EC2.VolumeSnapshots(ctx, o.VolumeID, o.Keyword)
	if err != nil {
		return nil, err
	}
	scheduled, err := d.scheduledVolumes(ctx, o.Keyword)
	if err != nil {
		return nil, err
	}
	before := State{CheckedAt: d.state.CheckedAt, Policy: d.state.Policy, Orphans: []Orphan{o}}
	out := map[string]bool{}
	for _, now := range Find(o.Keyword, scheduled, held, d.Policy, before, d.state.CheckedAt) {
		for _, r := range now.removals(d.state.PolicySince, d.state.CheckedAt) {
			out[r.Snapshot.ID] = true
		}
	}
	return out, nil
}

// scheduledVolumes gives the schedule's volumes, at most a minute old. There may be very many: to list them for each orphan would take too
// long.
func (d *deletion) scheduledVolumes(ctx context.Context, keyword string) (map[string]bool, error) {
	last, ok := d.scheduled[keyword]
	if ok && d.Now().Sub(last.at) <= recheckAfter {
		return last.volumes, nil
	}
	volumes, err := d.Service.scheduledVolumes(ctx, keyword)
	if err == nil {
		d.scheduled[keyword] = listing{volumes, d.Now()}
	}
	return volumes, err
}

// deleteSnapshot deletes one snapshot. It is not an error if EC2 refuses.
func (d *deletion) deleteSnapshot(ctx context.Context, o Orphan, r retention.Decision) error {
	err := d.EC2.DeleteSnapshot(ctx, r.Snapshot.ID)
	if contract.Is[*contract.AccessDeniedError](err) && !d.denied {
		// A person may just have deleted or claimed it, and EC2's lists do not show that yet. If the second try is denied too, the role
		// lacks the permission, and no other snapshot is tried twice.
		d.denied = true
		if d.Wait(ctx, ebs.ListsSettle) == nil {
			err = d.EC2.DeleteSnapshot(ctx, r.Snapshot.ID)
			d.denied = contract.Is[*contract.AccessDeniedError](err)
		}
	}
	if refused, ok := errors.AsType[*ebs.RefusedError](err); ok {
		d.state.Refused[r.Snapshot.ID], d.refused = d.state.CheckedAt, true
		d.Log.InfoContext(ctx, logKept, "snapshot_id", r.Snapshot.ID, "volume_id", o.VolumeID, "keyword", o.Keyword, "reason", refused.Error())
		return nil
	}
	if err != nil {
		return err
	}
	d.done++
	d.Log.InfoContext(ctx, logDeleted, "snapshot_id", r.Snapshot.ID, "volume_id", o.VolumeID, "keyword", o.Keyword,
		"reason", "orphaned since "+o.Since.Format(time.DateOnly)+", "+r.Reason.String())
	return nil
}
