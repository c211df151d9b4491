package demo

import (
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
)

// history is what one schedule made of one volume.
type history struct {
	volume, keyword string
	retention       string                        // in force when the schedule last looked
	began, pruned   time.Time                     // its last run
	snaps           []snap                        // managed and claimed ones, deleted ones too; by start time
	plan            map[string]retention.Decision // by snapshot
}

// histories gives all of them, in the order of the fleet.
func (e *evidence) histories(keyword string) []history {
	byVolume := map[string]*history{}
	for _, r := range e.runs {
		if r.keyword != keyword {
			continue
		}
		for _, i := range r.items {
			for _, v := range i.Volumes {
				h := byVolume[v.ID]
				if h == nil {
					h = &history{volume: v.ID, keyword: keyword}
					byVolume[v.ID] = h
				}
				h.retention, h.began, h.pruned = v.Retention, r.start, r.end
			}
		}
	}
	for _, s := range e.snapshots {
		if h := byVolume[s.VolumeID]; h != nil && s.schedule() == keyword {
			h.snaps = append(h.snaps, s)
		}
	}
	var out []history
	for _, m := range e.fleet {
		for _, v := range m.Volumes {
			if h := byVolume[v.ID]; h != nil {
				h.plan = h.apply()
				out = append(out, *h)
			}
		}
	}
	return out
}

// refused says whether EC2 refused the last run to delete a snapshot that the retention drops.
func (e *evidence) refused(h history, s snap) bool {
	r, ok := e.refusals[s.ID]
	return ok && !h.plan[s.ID].Keep && !r.last.Before(h.began)
}

// apply asks the retention about all snapshots of the history as if none had been deleted yet, at the time when the schedule
// last looked. What it keeps is what EC2 must hold.
func (h *history) apply() map[string]retention.Decision {
	all := make([]ebs.Snapshot, len(h.snaps))
	for i, s := range h.snaps {
		all[i] = s.Snapshot.Snapshot
	}
	policy, _ := retention.ReadPolicy(h.keyword, h.retention, zoneName) // a value that can't be read deletes nothing
	plan := map[string]retention.Decision{}
	for _, d := range retention.Apply(policy, all, h.pruned).Decisions {
		plan[d.Snapshot.ID] = d
	}
	return plan
}
