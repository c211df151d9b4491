package retention

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// Policy is what one schedule asks for one volume.
type Policy struct {
	Keyword string         // the schedule
	Zone    *time.Location // of the calendar rules; nil is UTC
	Rules   Rules
}

// ReadPolicy reads what a schedule asks for a volume: a retention, and the IANA name of the time zone in which it counts. Beside an error it
// gives a policy that keeps everything.
func ReadPolicy(keyword, retention, zone string) (Policy, error) {
	p := Policy{Keyword: keyword}
	rules, err := Parse(retention)
	if err != nil {
		return p, err
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return p, fmt.Errorf("time zone %q: %w", zone, err)
	}
	return Policy{keyword, location, rules}, nil
}

func (p Policy) local(t time.Time) time.Time {
	if p.Zone == nil {
		return t.UTC()
	}
	return t.In(p.Zone)
}

// Decision says whether one snapshot is kept, and why.
type Decision struct {
	Snapshot ebs.Snapshot
	Keep     bool
	Reason   Reason
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

// Apply decides about the snapshots of one volume, in any order. Only managed ones may be removed, only completed ones count, and the
// newest completed one is kept whatever the rules say. Rules that keep nothing at all (none, or off) remove nothing.
func Apply(p Policy, snapshots []ebs.Snapshot, now time.Time) Plan {
	w := newWalk(p, snapshots, now)
	ordered := slices.Clone(snapshots)
	slices.SortFunc(ordered, ebs.NewestFirst)
	plan := Plan{Decisions: make([]Decision, 0, len(ordered))}
	for _, s := range ordered {
		keep, reason := w.decide(s)
		plan.Decisions = append(plan.Decisions, Decision{s, keep, reason})
	}
	return plan
}

// walk goes through a volume's snapshots, newest first.
type walk struct {
	policy   Policy
	inForce  bool
	repeated map[string]bool
	rules    []func(local time.Time) (r RuleResult, keeps bool) // those in force

	newest ebs.Snapshot // the newest managed completed one
	kept   int          // managed completed ones kept so far; the newest is the first of them
}

func newWalk(p Policy, snapshots []ebs.Snapshot, now time.Time) *walk {
	w := &walk{policy: p, inForce: p.Rules.inForce(), repeated: repeated(snapshots)}
	for _, r := range counted {
		if n := *r.n(&p.Rules); n > 0 {
			t := tally{rule: r, n: n, oldest: math.MaxInt64}
			w.rules = append(w.rules, t.count)
		}
	}
	if within := p.Rules.Within; within > 0 {
		result := RuleResult{Rule: withinRule, Age: formatAge(within)}
		// A start in the future, by a clock that is off, gives a negative age: young.
		w.rules = append(w.rules, func(start time.Time) (RuleResult, bool) { return result, now.Sub(start) < within })
	}
	return w
}

// repeated gives the IDs that are listed more than once, as they may be when EC2's list changes between two of its pages.
func repeated(snapshots []ebs.Snapshot) map[string]bool {
	out := make(map[string]bool, len(snapshots))
	for _, s := range snapshots {
		_, listed := out[s.ID]
		out[s.ID] = listed
	}
	return out
}

func (w *walk) decide(s ebs.Snapshot) (keep bool, reason Reason) {
	whose := ebs.OwnershipOf(s, w.policy.Keyword)
	switch {
	case w.repeated[s.ID]:
		// Which of its entries is true is not known, so it is kept and does not count. That removes no other one either: with fewer that
		// count, each of the others ranks as high or higher. The next list will have it once.
		return true, Reason{Kind: Repeated}
	case whose == ebs.Foreign:
		return true, foreign(s, w.policy.Keyword)
	case whose == ebs.Claimed:
		return true, claimed(s, w.policy.Keyword)
	case w.policy.Rules.Off:
		return true, Reason{Kind: Off}
	case !w.inForce:
		return true, Reason{Kind: NoRetention}
	case s.State == ebs.Completed:
		return w.decideCompleted(s)
	case s.State == ebs.Error:
		return false, w.failed(s)
	}
	return true, Reason{Kind: NotCompleted, State: s.State}
}

// failed is why a failed snapshot is removed at once. It holds no data, and EC2 counts it as one in progress: five of them (one, on
// st1 and sc1 volumes) and the volume gets no snapshot any more, so that none could ever complete and make the failed ones go.
func (w *walk) failed(s ebs.Snapshot) Reason {
	r := Reason{Kind: Failed}
	if w.newest.StartTime.After(s.StartTime) {
		r.CompletedSince = w.newest.ID // this one is sure to be kept
	}
	return r
}

// decideCompleted asks each rule, also when another one keeps the snapshot already: it counts for all of them.
func (w *walk) decideCompleted(s ebs.Snapshot) (keep bool, reason Reason) {
	var keeping, others []RuleResult
	local := w.policy.local(s.StartTime)
	for _, rule := range w.rules {
		if r, keeps := rule(local); keeps {
			keeping = append(keeping, r)
		} else {
			others = append(others, r)
		}
	}
	switch {
	case len(keeping) > 0:
		reason = Reason{Kind: KeptByRules, Rules: keeping}
	case w.kept == 0:
		reason = Reason{Kind: NewestCompleted, Rules: others}
	default:
		return false, Reason{Kind: KeptByNoRule, Rules: others, NewerKept: w.kept}
	}
	if w.kept == 0 {
		w.newest = s
	}
	w.kept++
	return true, reason
}

// tally is a rule in force in the course of a walk.
type tally struct {
	rule
	n       int
	periods int   // met so far
	oldest  int64 // the number of the last of them
}

// count takes the volume's completed snapshots one by one, newest first, and says what the rule makes of each.
func (t *tally) count(local time.Time) (r RuleResult, keeps bool) {
	newest := true // of its period
	if t.number != nil {
		number := t.number(local)
		// Not only another number: where the clocks go back across midnight (St. John's did until 2011, at 0:01) the newer day comes
		// up again behind the older one, and must not be counted twice.
		newest = number < t.oldest
		t.oldest = min(t.oldest, number)
	}
	if newest {
		t.periods++
	}
	r = RuleResult{Rule: t.name, Of: t.n}
	if t.periods > t.n {
		return r, false
	}
	if r.Period = t.label(local); newest {
		r.Rank = t.periods
	}
	return r, newest
}
