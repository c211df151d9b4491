package retention

import (
	"math"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// Departure is the run that will remove a snapshot, and why.
type Departure struct {
	At     time.Time
	Reason Reason
}

// Forecast says, by ID, which of the runs ahead will remove a volume's completed snapshots, if each run makes one that completes, and those
// that are pending complete before. A snapshot that no run removes is not in the answer. The runs are in order; one that is not later than
// the newest snapshot is past, by EC2's clock.
//
// The answer is what Apply would say run by run. But where an hourly schedule keeps a year that takes minutes, since each run decides about
// thousands of snapshots again and changes one or two. Here a run's snapshot joins those that each rule keeps, and the rule lets go of the
// oldest, or of the one in the same period. For that a later snapshot must be in the same period or a later one. It is, unless the clocks
// go back across midnight, which they have done nowhere since 2011.
func Forecast(p Policy, snapshots []ebs.Snapshot, runs []time.Time) map[string]Departure {
	out := map[string]Departure{}
	present := counting(p, snapshots)
	f := newForecast(p)
	for _, s := range present {
		f.add(s.StartTime)
	}
	for _, at := range runs {
		if len(out) == len(present) {
			break
		}
		if !at.After(f.starts[len(f.starts)-1]) {
			continue
		}
		f.add(at)
		for _, i := range f.removed {
			if i < len(present) {
				out[present[i].ID] = Departure{at, f.reason(i)}
			}
		}
		f.removed = nil
	}
	return out
}

// counting gives the snapshots that count, now or once they have completed, in the reverse of Apply's order.
func counting(p Policy, snapshots []ebs.Snapshot) []ebs.Snapshot {
	inForce, twice := p.Rules.inForce(), repeated(snapshots)
	var out []ebs.Snapshot
	for _, s := range snapshots {
		completes := s.State == ebs.Completed || s.State == ebs.Pending
		if inForce && completes && !twice[s.ID] && ebs.OwnershipOf(s, p.Keyword) == ebs.Managed {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b ebs.Snapshot) int { return ebs.NewestFirst(b, a) })
	return out
}

// forecast is how things stand after a run. Snapshots are known by their places in the order in which they began.
type forecast struct {
	policy  Policy
	starts  []time.Time // in the policy's zone
	keptBy  []int       // how many rules keep each
	kept    int         // how many are kept
	removed []int       // those that the next run, or this one, removes
	rules   []*holding
}

// holding is a rule in force and the snapshots that it keeps, the oldest first.
type holding struct {
	rule
	n      int
	within time.Duration
	kept   []int
}

func newForecast(p Policy) *forecast {
	f := &forecast{policy: p}
	for _, r := range counted {
		if n := *r.n(&p.Rules); n > 0 {
			f.rules = append(f.rules, &holding{rule: r, n: n, within: math.MaxInt64})
		}
	}
	if p.Rules.Within > 0 {
		f.rules = append(f.rules, &holding{rule: rule{name: withinRule}, n: math.MaxInt, within: p.Rules.Within})
	}
	return f
}

// add takes a snapshot that begins now. Each rule keeps it; another one that no rule keeps any more is removed.
func (f *forecast) add(now time.Time) {
	f.starts = append(f.starts, f.policy.local(now))
	f.keptBy = append(f.keptBy, len(f.rules))
	f.kept++
	for _, h := range f.rules {
		for _, i := range h.add(f.starts) {
			if f.keptBy[i]--; f.keptBy[i] == 0 {
				f.kept--
				f.removed = append(f.removed, i)
			}
		}
	}
}

// add takes the last of the snapshots, and gives those that the rule lets go of for it.
func (h *holding) add(starts []time.Time) (letGo []int) {
	now, n := starts[len(starts)-1], len(h.kept)
	if n > 0 && h.number != nil && h.number(starts[h.kept[n-1]]) == h.number(now) {
		letGo = append(letGo, h.kept[n-1])
		h.kept = h.kept[:n-1]
	}
	for len(h.kept) > 0 && (len(h.kept) == h.n || now.Sub(starts[h.kept[0]]) >= h.within) {
		letGo = append(letGo, h.kept[0])
		h.kept = h.kept[1:]
	}
	h.kept = append(h.kept, len(starts)-1)
	return letGo
}

// reason says why no rule keeps a snapshot that was removed.
func (f *forecast) reason(i int) Reason {
	r := Reason{Kind: KeptByNoRule, NewerKept: f.kept}
	for _, rules := range f.keptBy[:i] {
		if rules > 0 {
			r.NewerKept--
		}
	}
	for _, h := range f.rules {
		r.Rules = append(r.Rules, h.result(f.starts, i))
	}
	return r
}

// result says what the rule makes of a snapshot that it does not keep: another stands for its period, or it is beyond.
func (h *holding) result(starts []time.Time, i int) RuleResult {
	r := RuleResult{Rule: h.name, Of: h.n}
	switch {
	case h.name == withinRule:
		return RuleResult{Rule: h.name, Age: formatAge(h.within)}
	case h.number != nil && h.number(starts[i]) >= h.number(starts[h.kept[0]]):
		r.Period = h.label(starts[i])
	}
	return r
}
