package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const (
	// strangersTime bounds the look for strangers: a report does not wait for the list of a very large fleet.
	strangersTime = time.Minute
	// maxStrangers is how many a report names of each maker.
	maxStrangers = 10
)

// strangers are the snapshots that carry the schedule's tags although none of its runs made them: another tool copied the tags, or a
// person wrote them. They are never deleted and never count, and a report tells of each once.
type strangers struct {
	key     string   // of the object that holds the IDs that were told
	told    []string // there still, and told by a report before this one
	changed bool     // what is remembered has to be written
	fresh   []ebs.Snapshot
}

// strangers looks for them. What goes wrong is logged, and stands in no report's way: plan and explain name them, too.
func (s *Service) strangers(ctx context.Context, r contract.Run) strangers {
	out := strangers{key: contract.StrangersKey(r)}
	ctx, cancel := context.WithTimeout(ctx, strangersTime)
	defer cancel()
	before, err := s.toldBefore(ctx, out.key)
	var tagged []ebs.Snapshot
	if err == nil {
		tagged, err = s.EC2.ScheduleSnapshots(ctx, r.SnapshotKeyWord)
	}
	if err != nil {
		s.Log.WarnContext(ctx, "snapshots that only carry our tags not looked for", "run_id", r.ID, "error", err.Error())
		return strangers{}
	}
	for _, one := range tagged {
		switch {
		case ebs.OwnershipOf(one, r.SnapshotKeyWord) != ebs.Foreign:
		case slices.Contains(before, one.ID):
			out.told = append(out.told, one.ID)
		default:
			out.fresh = append(out.fresh, one)
		}
	}
	out.changed = len(out.fresh) > 0 || len(out.told) != len(before)
	return out
}

// toldBefore reads the IDs that were told of; none, if what is written there can't be read, so that all are told of once more.
func (s *Service) toldBefore(ctx context.Context, key string) ([]string, error) {
	if there, err := s.isThere(ctx, key); err != nil || !there {
		return nil, err
	}
	return store.Load[[]string](ctx, s.Objects, key, s.Log)
}

// problems tells of those that are new, by who made them.
func (f strangers) problems(keyword string) []Problem {
	if len(f.fresh) == 0 {
		return nil
	}
	byMaker := map[ebs.Maker][]string{}
	for _, s := range f.fresh {
		byMaker[ebs.MakerOf(s)] = append(byMaker[ebs.MakerOf(s)], s.ID)
	}
	var made []string
	for maker, ids := range byMaker {
		slices.Sort(ids)
		list := strings.Join(ids[:min(len(ids), maxStrangers)], ", ")
		if more := len(ids) - maxStrangers; more > 0 {
			list += fmt.Sprintf(" and %d more", more)
		}
		made = append(made, fmt.Sprintf("%s by %s", list, maker))
	}
	slices.Sort(made)
	return []Problem{{
		What: fmt.Sprintf("%s with the tags of the schedule %s that none of its runs made: %s",
			count(len(f.fresh), "snapshot"), keyword, strings.Join(made, "; ")),
		Advice: "Nothing: they are never deleted here, and do not count. Another tool may have copied the tags, or a volume was restored with them. You will not be told of these again.",
	}}
}

// remember writes down what has been told by now.
func (s *Service) remember(ctx context.Context, f strangers) {
	if !f.changed {
		return
	}
	ids := slices.Clone(f.told)
	for _, one := range f.fresh {
		ids = append(ids, one.ID)
	}
	slices.Sort(ids)
	if err := store.Save(ctx, s.Objects, f.key, ids); err != nil { // they are told of once more
		s.Log.WarnContext(ctx, "which snapshots only carry our tags not written down", "key", f.key, "error", err.Error())
	}
}
