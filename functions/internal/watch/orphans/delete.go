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
	// maxRemovals bounds one call, and so what a mistake can cost in a day: Lambda does not repeat a call that failed (infra/lifecycle).
	maxRemovals = 500
	// spare is how long before the function is killed it stops, so that it can still say what it did.
	spare = time.Minute
	// pace leaves most of EC2's 5 deletes a second to the runs.
	pace = time.Second
	// lookAgain is how old what was seen of a volume may be when one of its snapshots goes. Deleting takes minutes, and people claim
	// snapshots, and attach volumes, meanwhile.
	lookAgain = time.Minute
)

// deletion is one call's deleting.
type deletion struct {
	*Service
	state   State
	seen    map[string]seen // the known volumes, by keyword
	done    int
	refused bool // state.Refused has changed
	denied  bool // EC2 denied a deletion, and did so again after a while
}

type seen struct {
	volumes map[string]bool
	at      time.Time
}

// deleteAll deletes what the policy lets go. One snapshot's trouble does not keep the others from going; a throttle ends it for today.
// refused says that now.Refused has changed.
func (s *Service) deleteAll(ctx context.Context, now State) (deleted int, refused bool, err error) {
	d := &deletion{Service: s, state: now, seen: map[string]seen{}}
	var errs []error
	for _, o := range now.Orphans {
		more, err := d.orphan(ctx, o)
		errs = append(errs, err)
		if !more {
			break // the rest goes tomorrow
		}
	}
	return d.done, d.refused, errors.Join(errs...)
}

// orphan deletes what goes of one volume, and says whether there may be more today.
func (d *deletion) orphan(ctx context.Context, o Orphan) (more bool, err error) {
	var errs []error
	var still map[string]bool
	var at time.Time
	for _, r := range o.removals(d.state.PolicySince, d.state.CheckedAt) {
		if _, refused := d.state.Refused[r.Snapshot.ID]; refused {
			continue
		}
		if d.done == maxRemovals || d.late(ctx) {
			return false, errors.Join(errs...)
		}
		if err := d.Wait(ctx, pace); err != nil {
			return false, errors.Join(append(errs, err)...)
		}
		if at.IsZero() || d.Now().Sub(at) > lookAgain {
			if still, err = d.again(ctx, o); err != nil {
				return !contract.Is[*contract.ThrottledError](err), errors.Join(append(errs, err)...)
			}
			at = d.Now()
		}
		if !still[r.Snapshot.ID] {
			d.Log.InfoContext(ctx, LogKept, "snapshot_id", r.Snapshot.ID, "volume_id", o.VolumeID, "keyword", o.Keyword,
				"reason", "it, or its volume, is no longer what it was when it was looked for")
			continue
		}
		if err := d.one(ctx, o, r); err != nil {
			errs = append(errs, err)
			if contract.Is[*contract.ThrottledError](err) {
				return false, errors.Join(errs...)
			}
		}
	}
	return true, errors.Join(errs...)
}

// late says that the call's time is nearly over.
func (d *deletion) late(ctx context.Context) bool {
	end, bound := ctx.Deadline()
	return bound && end.Sub(d.Now()) < spare
}

// again decides once more about one volume, from what EC2 holds now, and gives which of its snapshots go.
func (d *deletion) again(ctx context.Context, o Orphan) (map[string]bool, error) {
	held, err := d.EC2.VolumeSnapshots(ctx, o.VolumeID, o.Keyword)
	if err != nil {
		return nil, err
	}
	known, err := d.known(ctx, o.Keyword)
	if err != nil {
		return nil, err
	}
	before := State{CheckedAt: d.state.CheckedAt, Policy: d.state.Policy, Orphans: []Orphan{o}}
	out := map[string]bool{}
	for _, now := range Find(o.Keyword, known, held, d.Policy, before, d.state.CheckedAt) {
		for _, r := range now.removals(d.state.PolicySince, d.state.CheckedAt) {
			out[r.Snapshot.ID] = true
		}
	}
	return out, nil
}

// known gives the known volumes as they were a moment ago: there may be many, and listing them for each orphan would take too long.
func (d *deletion) known(ctx context.Context, keyword string) (map[string]bool, error) {
	last, ok := d.seen[keyword]
	if ok && d.Now().Sub(last.at) <= lookAgain {
		return last.volumes, nil
	}
	volumes, err := d.Service.known(ctx, keyword)
	if err == nil {
		d.seen[keyword] = seen{volumes, d.Now()}
	}
	return volumes, err
}

// one deletes one snapshot. That EC2 refuses one for good is no error.
func (d *deletion) one(ctx context.Context, o Orphan, r retention.Decision) error {
	err := d.EC2.DeleteSnapshot(ctx, r.Snapshot.ID)
	if contract.Is[*contract.AccessDeniedError](err) && !d.denied {
		// A person may just have deleted or claimed it, and EC2's lists do not show it yet. Once is enough: a denial for good is
		// the same for all.
		d.denied = true
		if d.Wait(ctx, ebs.ListsSettle) == nil {
			err = d.EC2.DeleteSnapshot(ctx, r.Snapshot.ID)
			d.denied = contract.Is[*contract.AccessDeniedError](err)
		}
	}
	if refused, ok := errors.AsType[*ebs.RefusedError](err); ok {
		d.state.Refused[r.Snapshot.ID], d.refused = d.state.CheckedAt, true
		d.Log.InfoContext(ctx, LogKept, "snapshot_id", r.Snapshot.ID, "volume_id", o.VolumeID, "keyword", o.Keyword, "reason", refused.Error())
		return nil
	}
	if err != nil {
		return err
	}
	d.done++
	d.Log.InfoContext(ctx, LogDeleted, "snapshot_id", r.Snapshot.ID, "volume_id", o.VolumeID, "keyword", o.Keyword,
		"reason", "orphaned since "+o.Since.Format(time.DateOnly)+", "+r.Reason.String())
	return nil
}
