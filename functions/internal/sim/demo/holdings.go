package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
)

// holdings counts what EC2 holds of each volume and schedule.
func (e *evidence) holdings() []Holding {
	var out []Holding
	for _, k := range keywords {
		for _, h := range e.histories(k) {
			out = append(out, e.holding(h))
		}
	}
	return out
}

func (e *evidence) holding(h history) Holding {
	out := Holding{VolumeID: h.volume, Name: e.name(h.volume), Schedule: h.keyword, Retention: h.retention}
	out.VolumeGone = !e.volumes[h.volume]
	for _, s := range h.snaps {
		switch {
		case !s.exists():
		case ebs.OwnershipOf(s.Snapshot.Snapshot, h.keyword) == ebs.Claimed:
			out.Claimed++
		case e.refused(h, s):
			out.Refused++
		default:
			out.Kept++
		}
	}
	return out
}

// spared lists what no run deletes although no retention keeps it.
func (e *evidence) spared() []Spared {
	var out []Spared
	for _, id := range e.claimed {
		if s := e.find(id); s.exists() && s.ID != "" {
			out = append(out, e.spare("claimed", s, strings.TrimPrefix(e.whose(s, s.schedule()), claimedBy)))
		}
	}
	for _, id := range e.manual {
		if s := e.find(id); s.exists() && s.ID != "" {
			out = append(out, e.spare("by hand", s, e.whose(s, daily)+", though tagged as one"))
		}
	}
	for _, s := range e.snapshots {
		if r, ok := e.refusals[s.ID]; ok && s.exists() {
			out = append(out, e.spare("in use", s, fmt.Sprintf("refused %s: %s", count(r.times, "time"), messageOf(r.answer))))
		}
	}
	return append(out, e.orphans()...)
}

// whose gives the retention's reason to leave a snapshot alone that is not the schedule's own.
func (e *evidence) whose(s snap, keyword string) string {
	return retention.Apply(retention.Policy{Keyword: keyword}, []ebs.Snapshot{s.Snapshot.Snapshot}, e.end).Decisions[0].Reason.String()
}

func (e *evidence) spare(kind string, s snap, reason string) Spared {
	return Spared{kind, []string{s.ID}, e.name(s.VolumeID), s.StartTime, reason}
}

// orphans are the snapshots of volumes that are gone. No run looks at them any more: they may be the last backup there is.
func (e *evidence) orphans() []Spared {
	byVolume := map[string]*Spared{}
	for _, s := range e.snapshots {
		if e.volumes[s.VolumeID] || !s.exists() {
			continue
		}
		o := byVolume[s.VolumeID]
		if o == nil {
			o = &Spared{"orphans", nil, e.name(s.VolumeID), s.StartTime, "their volume is gone: no run prunes them, and no policy for orphans is set"}
			byVolume[s.VolumeID] = o
		}
		o.SnapshotIDs = append(o.SnapshotIDs, s.ID)
	}
	var out []Spared
	for _, v := range slices.Sorted(maps.Keys(byVolume)) {
		out = append(out, *byVolume[v])
	}
	return out
}

// find gives a snapshot that ever existed.
func (e *evidence) find(id string) snap {
	if i := slices.IndexFunc(e.snapshots, func(s snap) bool { return s.ID == id }); i >= 0 {
		return e.snapshots[i]
	}
	return snap{}
}
