package retention

import (
	"fmt"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// walk goes through a volume's snapshots, newest first, and decides about each one.
type walk struct {
	policy   Policy
	now      time.Time
	repeated map[string]*repeat
	inForce  bool
	calendar []*calendarRule

	newest    *ebs.Snapshot // the newest managed completed one
	completed int           // managed completed ones met so far
	kept      int           // those of them that are kept

	text    []byte        // the reason in the making
	again   string        // the last reason to keep: often the next one's too
	removal removalReason // the last reason to remove
	failed  string        // the reason to remove a failed one: the same for all
	within  string        // the rule of that name, as people read it
}

func newWalk(p Policy, now time.Time, repeated map[string]*repeat) *walk {
	if p.Zone == nil {
		p.Zone = time.UTC
	}
	return &walk{policy: p, now: now, repeated: repeated,
		inForce: p.Rules.inForce(), calendar: calendarRules(p.Rules), within: "within " + formatAge(p.Rules.Within)}
}

func (w *walk) decide(s *ebs.Snapshot) (keep bool, reason string) {
	switch ebs.OwnershipOf(*s, w.policy.Keyword) {
	case ebs.Managed:
	case ebs.Claimed:
		return true, claimReason(s.Tags, w.policy.Keyword)
	default:
		return true, foreignReason(s, w.policy.Keyword)
	}
	switch {
	case w.policy.Rules.Off:
		return true, "schedule is off for this volume"
	case !w.inForce:
		return true, "no retention"
	}
	again := w.repeated[s.ID]
	switch {
	case again == nil:
		return w.decideManaged(s)
	case again.disagree:
		return true, "listed more than once, with different details; kept until the list agrees"
	case !again.decided:
		again.keep, again.reason = w.decideManaged(s)
		again.decided = true
	}
	return again.keep, again.reason
}

func (w *walk) decideManaged(s *ebs.Snapshot) (keep bool, reason string) {
	switch s.State {
	case ebs.Completed:
		return w.decideCompleted(s)
	case ebs.Error:
		return w.decideFailed(s)
	case ebs.Pending:
		return true, "not completed yet (state pending)"
	case ebs.Recoverable:
		return true, "not completed yet (state recoverable)"
	case ebs.Recovering:
		return true, "not completed yet (state recovering)"
	default:
		return true, fmt.Sprintf("not completed (state %q)", s.State)
	}
}

// decideFailed removes a failed snapshot at once. It holds no data, and EC2 counts it as one in progress: five of them (one, on
// st1 and sc1 volumes) and the volume gets no snapshot any more, so that none could ever complete and make the failed ones go.
func (w *walk) decideFailed(s *ebs.Snapshot) (keep bool, reason string) {
	if w.newest == nil || !w.newest.StartTime.After(s.StartTime) {
		return false, "failed (state error); it holds no data"
	}
	if w.failed == "" { // the newest is named, since that one is sure to stay
		w.failed = "failed (state error); " + w.newest.ID + " has completed since"
	}
	return false, w.failed
}

func (w *walk) decideCompleted(s *ebs.Snapshot) (keep bool, reason string) {
	w.completed++
	if w.newest == nil {
		w.newest = s
	}
	w.text = w.text[:0]
	verdicts := w.meetRules(s.StartTime)
	switch {
	case len(w.text) > 0:
		if string(w.text) != w.again {
			w.again = string(w.text)
		}
		reason = w.again
	case w.newest == s:
		reason = "newest completed snapshot, always kept"
	default:
		return false, w.removal.get(w.policy.Rules, w.calendar, verdicts, w.kept)
	}
	w.kept++
	return true, reason
}

// meetRules asks each rule, also when another one keeps the snapshot already: it counts for all of them. What the
// rules that keep it say is left in w.text.
func (w *walk) meetRules(start time.Time) verdicts {
	r := w.policy.Rules
	if w.completed <= r.Last {
		w.keepLast()
	}
	var vs verdicts
	local := start.In(w.policy.Zone)
	for i, c := range w.calendar {
		vs[i] = c.meet(local)
		if vs[i] == newest {
			w.keepPeriod(c, local)
		}
	}
	// A start in the future, by a clock that is off, gives a negative age: young.
	if r.Within > 0 && w.now.Sub(start) < r.Within {
		w.text = append(separated(w.text), w.within...)
	}
	return vs
}
