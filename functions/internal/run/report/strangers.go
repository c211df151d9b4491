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
	// strangersTime bounds the search for strangers: in a very large fleet the report does not wait for the whole list.
	strangersTime = time.Minute
	// maxStrangers is how many a report names of each maker.
	maxStrangers = 10
)

// strangers are snapshots with the schedule's tags that none of its runs made: another tool copied the tags, or a person wrote them. They
// are never deleted and never count, and the schedule's reports name each of them once.
type strangers struct {
	key      string         // of the object with the IDs of those that a report has named
	reported []string       // named by an earlier report, and still there
	news     []ebs.Snapshot // not named yet
	changed  bool           // the object has to be written
}

// strangers searches for them. If that fails it is only logged: `plan` and `explain` name them too.
func (s *Service) strangers(ctx context.Context, r contract.Run) strangers {
	out := strangers{key: contract.StrangersKey(r)}
	ctx, cancel := context.WithTimeout(ctx, strangersTime)
	defer cancel()
	before, err := s.alreadyReported(ctx, out.key)
	var tagged []ebs.Snapshot
	if err == nil {
		tagged, err = s.EC2.ScheduleSnapshots(ctx, r.SnapshotKeyWord)
	}
	if err != nil {
		s.Log.WarnContext(ctx, "search for foreign snapshots with our tags failed", "run_id", r.ID, "error", err.Error())
		return strangers{}
	}
	for _, one := range tagged {
		switch {
		case ebs.OwnershipOf(one, r.SnapshotKeyWord) != ebs.Foreign:
		case slices.Contains(before, one.ID):
			out.reported = append(out.reported, one.ID)
		default:
			out.news = append(out.news, one)
		}
	}
	out.changed = len(out.news) > 0 || len(out.reported) != len(before)
	return out
}

// alreadyReported reads the IDs that earlier reports named.
func (s *Service) alreadyReported(ctx context.Context, key string) ([]string, error) {
	if exists, err := s.exists(ctx, key); err != nil || !exists {
		return nil, err
	}
	return store.Load[[]string](ctx, s.Objects, key, s.Log)
}

// problems names the new ones, by who made them.
func (f strangers) problems(keyword string) []Problem {
	if len(f.news) == 0 {
		return nil
	}
	byMaker := map[ebs.Maker][]string{}
	for _, s := range f.news {
		byMaker[ebs.MakerOf(s)] = append(byMaker[ebs.MakerOf(s)], s.ID)
	}
	var made []string
	for maker, ids := range byMaker {
		slices.Sort(ids)
		list := strings.Join(ids[:min(len(ids), maxStrangers)], ", ")
		if more := len(ids) - maxStrangers; more > 0 {
			list += fmt.Sprintf(" and %d more", more)
		}
		made = append(made, list+" by "+maker.Words())
	}
	slices.Sort(made)
	return []Problem{{
		What: fmt.Sprintf("the tags of the schedule %s are on %s that none of its runs made: %s",
			keyword, ebs.Count(len(f.news), "snapshot"), strings.Join(made, "; ")),
		Advice: "Nothing. They are never deleted here and do not count. Another tool copied the tags, or a volume was restored with them. You will not be reminded of these snapshots.",
	}}
}

// saveReported saves which ones have been named.
func (s *Service) saveReported(ctx context.Context, f strangers) {
	if !f.changed {
		return
	}
	ids := slices.Clone(f.reported)
	for _, one := range f.news {
		ids = append(ids, one.ID)
	}
	slices.Sort(ids)
	if err := store.Save(ctx, s.Objects, f.key, ids); err != nil { // the next report names them once more
		s.Log.WarnContext(ctx, "list of foreign snapshots not saved", "key", f.key, "error", err.Error())
	}
}
