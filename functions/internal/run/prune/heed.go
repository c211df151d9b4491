package prune

import (
	"context"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// soon is how long after its run's time a prune believes the manifest. Later, minutes or hours after discovery read the tags, people may
// have written others.
const soon = 10 * time.Minute

// heed looks at the volume's tag once more, if the plan deletes anything and comes late, and keeps what the tag keeps by now: what nobody
// wants any more can go with the next run, and what somebody has just asked to keep would be gone. note says why nothing goes, if that is so.
func (s *Service) heed(ctx context.Context, req contract.PruneRequest, plan retention.Plan, snaps []ebs.Snapshot, now time.Time,
) (heeded retention.Plan, note string, err error) {
	if len(plan.Removals()) == 0 || s.Now().Sub(req.Run.ScheduledTime).Abs() <= soon {
		return plan, "", nil
	}
	keyword := req.Run.SnapshotKeyWord
	resources := []string{req.Volume.ID}
	if req.InstanceID != "" { // an execution of before the upgrade does not name it
		resources = append(resources, req.InstanceID)
	}
	values, err := s.EC2.TagValues(ctx, keyword, resources...)
	if err != nil {
		return plan, "", err
	}
	value, tagged := values[req.Volume.ID] // the volume's own goes first
	if !tagged {
		value, tagged = values[req.InstanceID]
	}
	switch {
	case !tagged:
		return retention.Plan{}, "the tag " + keyword + " has been taken away since the run began", nil
	case value == req.Volume.Retention:
		return plan, "", nil
	}
	policy, err := retention.ReadPolicy(keyword, value, req.Run.TimeZone)
	switch {
	case err != nil:
		//nolint:nilerr // a value that can't be read costs nothing but this prune
		return retention.Plan{}, "the tag " + keyword + " has been changed since the run began: " + err.Error(), nil
	case policy.Rules.Off:
		return retention.Plan{}, "the tag " + keyword + " has been set to off since the run began", nil
	}
	return both(plan, retention.Apply(policy, snaps, now)), "", nil
}

// both keeps what either of two plans about the same snapshots keeps.
func both(a, b retention.Plan) retention.Plan {
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
