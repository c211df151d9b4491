package orphans

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
)

// Grace is how long a volume must have been orphaned, at each check and under the same policy, before any of its snapshots goes: who
// detaches a volume, takes a tag away by mistake, or configures what he did not mean, is told, and has that long to put it right.
const Grace = 7 * 24 * time.Hour

// Policy says what becomes of the snapshots of orphaned volumes.
type Policy struct {
	Rules  retention.Rules // what is kept; none: all is
	Expire time.Duration   // after which age all go, the last one too; 0: never
}

// ReadPolicy reads what the configuration says: report, or what to keep, as a retention says it.
func ReadPolicy(text string, expireDays int) (Policy, error) {
	p := Policy{Expire: time.Duration(expireDays) * 24 * time.Hour}
	if text == Report {
		return Policy{}, nil
	}
	var err error
	if p.Rules, err = retention.Parse(text); err != nil {
		return Policy{}, fmt.Errorf("the policy for orphans: %w", err)
	}
	if p.Rules.Off {
		return Policy{}, fmt.Errorf("the policy for orphans is %q; give %s, or what to keep, such as last=1", text, Report)
	}
	return p, nil
}

// Report is the policy that deletes nothing.
const Report = "report"

func (p Policy) String() string {
	text := p.Rules.String()
	if text == "" {
		text = Report
	}
	if p.Expire > 0 {
		text += fmt.Sprintf(", until %d days old", p.days())
	}
	return text
}

func (p Policy) days() int { return int(p.Expire / (24 * time.Hour)) }

func (p Policy) deletes() bool { return p.Rules != (retention.Rules{}) || p.Expire > 0 }

// apply decides about the snapshots of one orphaned volume as a run would, and then about those that are too old altogether.
func (p Policy) apply(keyword string, snapshots []ebs.Snapshot, now time.Time) retention.Plan {
	plan := retention.Apply(retention.Policy{Keyword: keyword, Rules: p.Rules}, snapshots, now)
	for i, d := range plan.Decisions {
		counts := ebs.OwnershipOf(d.Snapshot, keyword) == ebs.Managed && d.Snapshot.State == ebs.Completed && d.Reason.Kind != retention.Repeated
		if d.Keep && counts && p.Expire > 0 && now.Sub(d.Snapshot.StartTime) > p.Expire {
			plan.Decisions[i].Keep = false
			plan.Decisions[i].Reason = retention.Reason{Kind: retention.Expired, Days: p.days()}
		}
	}
	return plan
}

// Outlook says which snapshots of a volume the policy lets go if it is an orphan, and why, by ID.
func (p Policy) Outlook(keyword string, snapshots []ebs.Snapshot, now time.Time) map[string]string {
	out := map[string]string{}
	for _, o := range Find(keyword, nil, snapshots, p, State{}, now) {
		for _, r := range o.plan.Removals() {
			out[r.Snapshot.ID] = r.Reason.String()
		}
	}
	return out
}

// State is what a check found, and what the next one has to know of it.
type State struct {
	CheckedAt   time.Time
	Policy      string
	PolicySince time.Time
	Orphans     []Orphan
	// Refused says when EC2 refused to delete a snapshot for good: an AMI uses it, or it is locked. It is tried again in a week: many of
	// them, each day, would leave no time for the others.
	Refused map[string]time.Time `json:",omitempty"`
	ToldAt  time.Time            // when the last mail left no orphan untold
}

// Orphan is a volume that no run of a schedule works on any more, and that has managed snapshots of it.
type Orphan struct {
	Keyword, VolumeID, InstanceID string // the instance is that of its newest snapshot
	Exists                        bool   // the volume does: its instance is gone, has lost its tag, or lets it go
	Since                         time.Time
	Told                          time.Time `json:",omitzero"` // when somebody was told of it under the present policy; nothing goes before
	Snapshots                     int       // managed ones
	Going                         int       // of them; the policy lets them go, once Since and Told are a week ago
	plan                          retention.Plan
}

func (o Orphan) key() string { return o.Keyword + " " + o.VolumeID }

// maxGap is how long nothing may have looked; one daily look that failed is forgiven.
const maxGap = 50 * time.Hour

// unlessOld gives what is still known of the last look. Whatever came back and went away again while nothing looked was not orphaned
// all the time, so each volume, and the policy, has its week again.
func (s State) unlessOld(now time.Time) State {
	if now.Sub(s.CheckedAt) > maxGap {
		s.Orphans, s.PolicySince = nil, now
	}
	return s
}

// notAfter gives the state without times of the future, which a clock that was wrong left, or a person: until then nobody would be told,
// and nothing be tried again. What was told then is told again.
func (s State) notAfter(now time.Time) State {
	if s.CheckedAt.After(now) {
		s.CheckedAt, s.Orphans = time.Time{}, nil // nothing is known of the time in between
	}
	if s.PolicySince.After(now) {
		s.PolicySince = now
	}
	if s.ToldAt.After(now) {
		s.ToldAt = time.Time{}
	}
	orphans := slices.Clone(s.Orphans)
	for i := range orphans {
		o := &orphans[i]
		if o.Since.After(now) {
			o.Since = now
		}
		if o.Told.After(now) {
			o.Told = time.Time{}
		}
	}
	s.Orphans = orphans
	refused := map[string]time.Time{}
	for id, at := range s.Refused {
		if !at.After(now) {
			refused[id] = at
		}
	}
	s.Refused = refused
	return s
}

// begin gives the state of a check that has found nothing yet.
func begin(before State, p Policy, now time.Time) State {
	before = before.unlessOld(now)
	out := State{CheckedAt: now, Policy: p.String(), PolicySince: before.PolicySince, Orphans: []Orphan{}, ToldAt: before.ToldAt}
	out.Refused = map[string]time.Time{}
	for id, at := range before.Refused {
		if now.Sub(at) < quiet {
			out.Refused[id] = at
		}
	}
	if before.Policy != out.Policy {
		out.PolicySince, out.ToldAt = now, time.Time{}
	}
	return out
}

// Find gives the orphans of a schedule, by volume. volumes are those of the instances that carry the keyword, and those that
// carry it themselves, also if they are off: a person who writes off is still there to decide.
func Find(keyword string, volumes map[string]bool, snapshots []ebs.Snapshot, p Policy, before State, now time.Time) []Orphan {
	last := map[string]Orphan{}
	for _, o := range before.unlessOld(now).Orphans {
		last[o.key()] = o
	}
	byVolume, made := map[string][]ebs.Snapshot{}, map[string]time.Time{}
	for _, s := range snapshots {
		whose := ebs.OwnershipOf(s, keyword)
		if whose != ebs.Foreign && s.StartTime.After(made[s.VolumeID]) {
			made[s.VolumeID] = s.StartTime // by a run, claimed or not
		}
		if !volumes[s.VolumeID] && whose == ebs.Managed {
			byVolume[s.VolumeID] = append(byVolume[s.VolumeID], s)
		}
	}
	var out []Orphan
	for _, id := range slices.Sorted(maps.Keys(byVolume)) {
		o := Orphan{Keyword: keyword, VolumeID: id, Snapshots: len(byVolume[id]), plan: p.apply(keyword, byVolume[id], now)}
		o.InstanceID = slices.MaxFunc(byVolume[id], ebs.OldestFirst).Tags[ebs.TagInstance]
		o.Going = len(o.plan.Removals())
		o.Since = now
		if was, known := last[o.key()]; known {
			o.Since = was.Since
			if before.Policy == p.String() {
				o.Told = was.Told
			}
		}
		if made[id].After(o.Since) {
			// A run works on it, and only the looks miss its instance: one that is terminated each night, and launched each morning.
			o.Since = made[id]
		}
		out = append(out, o)
	}
	return out
}

// goesFrom says when the first snapshot may go, once somebody has been told.
func (o Orphan) goesFrom(policySince time.Time) time.Time {
	last := o.Since
	for _, t := range []time.Time{policySince, o.Told} {
		if t.After(last) {
			last = t
		}
	}
	return last.Add(Grace)
}

// removals gives what goes now, the oldest first.
func (o Orphan) removals(policySince, now time.Time) []retention.Decision {
	if o.Told.IsZero() || now.Before(o.goesFrom(policySince)) {
		return nil
	}
	out := o.plan.Removals()
	slices.Reverse(out)
	return out
}

// quiet is how long nobody is told of more orphans after he was told of some: where instances come and go there are new ones each day.
const quiet = 7*24*time.Hour - time.Hour

// news says whether somebody should be told.
func (s State) news() bool {
	return s.CheckedAt.Sub(s.ToldAt) >= quiet && slices.ContainsFunc(s.Orphans, func(o Orphan) bool { return o.Told.IsZero() })
}

// tell gives the orphans for a mail, those first of which nobody was told, and the state once it is sent. Those that find no room
// stay untold, and are told of at the next look.
func (s State) tell() (listed []Orphan, told State) {
	told = s
	told.Orphans = slices.Clone(s.Orphans)
	untold := 0
	for i := range told.Orphans {
		o := &told.Orphans[i]
		if !o.Told.IsZero() {
			continue
		}
		if untold++; untold <= maxUntold {
			o.Told = s.CheckedAt
		}
	}
	if untold <= maxUntold {
		told.ToldAt = s.CheckedAt
	}
	listed = slices.DeleteFunc(slices.Clone(told.Orphans), func(o Orphan) bool { return o.Told.IsZero() })
	slices.SortStableFunc(listed, func(a, b Orphan) int { return b.Told.Compare(a.Told) })
	return listed[:min(len(listed), max(maxListed, min(untold, maxUntold)))], told
}
