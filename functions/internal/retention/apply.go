package retention

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// Policy is what one schedule asks for one volume.
type Policy struct {
	Keyword string         // the schedule
	Zone    *time.Location // of the calendar rules; nil is UTC
	Rules   Rules
}

// Decision says what becomes of one snapshot, and why, in words for a person.
type Decision struct {
	Snapshot ebs.Snapshot
	Keep     bool
	Reason   string
}

// Plan holds one decision for each snapshot given, newest first, those of the same moment by ID.
type Plan struct {
	Decisions []Decision
}

// Removals gives the decisions to delete, newest first.
func (p Plan) Removals() []Decision { return p.where(false) }

// Kept gives the decisions to keep, newest first.
func (p Plan) Kept() []Decision { return p.where(true) }

func (p Plan) where(keep bool) []Decision {
	var out []Decision
	for _, d := range p.Decisions {
		if d.Keep == keep {
			out = append(out, d)
		}
	}
	return out
}

// Apply decides about the snapshots of one volume, in any order. Only managed ones may go, only completed ones count, and the newest
// completed one stays whatever the rules say. Rules that keep nothing at all (none, or off) remove nothing.
func Apply(p Policy, snapshots []ebs.Snapshot, now time.Time) Plan {
	order := newestFirst(p.Keyword, snapshots)
	w := newWalk(p, now, repeated(p.Keyword, snapshots))
	plan := Plan{Decisions: make([]Decision, 0, len(snapshots))}
	for _, place := range order {
		s := &snapshots[place.index]
		keep, reason := w.decide(s)
		plan.Decisions = append(plan.Decisions, Decision{Snapshot: *s, Keep: keep, Reason: reason})
	}
	return plan
}

// place is a snapshot's position in the caller's slice beside what it is sorted by: moving whole snapshots about, or looking each
// one up for each comparison, takes several times as long.
type place struct {
	seconds     int64
	nanoseconds int32
	index       int32
}

func newestFirst(keyword string, snapshots []ebs.Snapshot) []place {
	order := make([]place, len(snapshots))
	for i := range snapshots {
		t := snapshots[i].StartTime
		order[i] = place{t.Unix(), int32(t.Nanosecond()), int32(i)}
	}
	slices.SortFunc(order, func(a, b place) int {
		if c := cmp.Compare(b.seconds, a.seconds); c != 0 {
			return c
		}
		if c := cmp.Compare(b.nanoseconds, a.nanoseconds); c != 0 {
			return c
		}
		return compareTwins(keyword, &snapshots[a.index], &snapshots[b.index])
	})
	return order
}

// compareTwins orders snapshots of the same moment by all that the decisions about them may differ in, so that the plan does not
// depend on the order in which EC2 lists them. What comes after the ID is for one that is listed twice.
func compareTwins(keyword string, a, b *ebs.Snapshot) int {
	if c := strings.Compare(a.ID, b.ID); c != 0 {
		return c
	}
	whose := ebs.OwnershipOf(*a, keyword)
	if c := cmp.Compare(whose, ebs.OwnershipOf(*b, keyword)); c != 0 || whose != ebs.Claimed {
		return c
	}
	return strings.Compare(claimReason(a.Tags, keyword), claimReason(b.Tags, keyword))
}

// repeat is an ID that stands in the list more than once, as it may when the list changes between two of its pages.
type repeat struct {
	disagree bool // in what a decision rests on
	decided  bool
	keep     bool
	reason   string
}

// repeated finds them beforehand, since nothing may be decided about the first before the others are seen.
func repeated(keyword string, snapshots []ebs.Snapshot) map[string]*repeat {
	var found map[string]*repeat
	firsts := make(map[string]int32, len(snapshots))
	for i := range snapshots {
		s := &snapshots[i]
		index, again := firsts[s.ID]
		if !again {
			firsts[s.ID] = int32(i)
			continue
		}
		if found == nil {
			found = map[string]*repeat{}
		}
		if found[s.ID] == nil {
			found[s.ID] = &repeat{}
		}
		first := &snapshots[index]
		same := first.State == s.State && first.StartTime.Equal(s.StartTime) &&
			ebs.OwnershipOf(*first, keyword) == ebs.OwnershipOf(*s, keyword)
		found[s.ID].disagree = found[s.ID].disagree || !same
	}
	return found
}
