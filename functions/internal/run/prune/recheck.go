package prune

import (
	"context"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// trustManifest is how long after the run's scheduled time prune trusts the tags in the manifest. Later, people may have changed them.
const trustManifest = 10 * time.Minute

// recheckTag reads the volume's tag again if the plan deletes anything and the manifest is old, and also keeps what the tag keeps by now. A
// snapshot kept too long is deleted by the next run; one that a person has just asked to keep could not be restored. note says why nothing is
// deleted, if so.
func (s *Service) recheckTag(ctx context.Context, req contract.PruneRequest, plan retention.Plan, snaps []ebs.Snapshot, now time.Time,
) (rechecked retention.Plan, note string, err error) {
	if len(plan.Removals()) == 0 || s.Now().Sub(req.Run.ScheduledTime).Abs() <= trustManifest {
		return plan, "", nil
	}
	keyword := req.Run.SnapshotKeyWord
	resources := []string{req.Volume.ID}
	if req.InstanceID != "" { // "" if the volume is attached to none
		resources = append(resources, req.InstanceID)
	}
	values, err := s.EC2.TagValues(ctx, keyword, resources...)
	if err != nil {
		return plan, "", err
	}
	value, tagged := values[req.Volume.ID] // the volume's own tag overrides its instance's
	if !tagged {
		value, tagged = values[req.InstanceID]
	}
	switch {
	case !tagged:
		return retention.Plan{}, "the tag " + keyword + " was removed since the run began", nil
	case value == req.Volume.Retention:
		return plan, "", nil
	}
	policy, err := retention.ReadPolicy(keyword, value, req.Run.TimeZone)
	switch {
	case err != nil:
		//nolint:nilerr // an unreadable value only stops this prune
		return retention.Plan{}, "the tag " + keyword + " was changed since the run began: " + err.Error(), nil
	case policy.Rules.Off:
		return retention.Plan{}, "the tag " + keyword + " was set to off since the run began", nil
	}
	return keptByEither(plan, retention.Apply(policy, snaps, now)), "", nil
}

// keptByEither keeps what either of two plans for the same snapshots keeps.
func keptByEither(a, b retention.Plan) retention.Plan {
	kept := map[string]retention.Decision{}
	for _, d := range b.Decisions {
		if d.Keep {
			kept[d.Snapshot.ID] = d
		}
	}
	var out retention.Plan
	for _, d := range a.Decisions {
		if by, ok := kept[d.Snapshot.ID]; ok && !d.Keep {
			d = by
		}
		out.Decisions = append(out.Decisions, d)
	}
	return out
}
