package orphans

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
)

// Grace is how long a volume must have been an orphan, at each check and under the same policy, before any of its snapshots is deleted. A
// person who detached a volume, removed a tag or changed the policy by mistake gets a mail, and has that long to correct it.
const Grace = 7 * 24 * time.Hour

// Policy says which snapshots of orphans are kept.
type Policy struct {
	Rules  retention.Rules // what is kept; the zero value keeps all
	Expire time.Duration   // the age at which every snapshot is deleted, even the last one; 0 if never
}

// ReadPolicy reads the configured policy: report, or a retention.
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

// apply decides about the snapshots of one orphan as a run would, and then removes those older than Expire.
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

// Outlook says which snapshots of an orphan the policy would delete, and why, by ID.
func (p Policy) Outlook(keyword string, snapshots []ebs.Snapshot, now time.Time) map[string]retention.Reason {
	out := map[string]retention.Reason{}
	for _, o := range Find(keyword, nil, snapshots, p, State{}, now) {
		for _, r := range o.plan.Removals() {
			out[r.Snapshot.ID] = r.Reason
		}
	}
	return out
}

// State is what a check found, and what the next check needs to know.
type State struct {
	CheckedAt   time.Time
	Policy      string
	PolicySince time.Time
	Orphans     []Orphan
	// Refused says when EC2 last refused to delete a snapshot because an AMI uses it or it is locked. It is tried again only after a week:
	// to try many of them each day would leave no time for the others.
	Refused map[string]time.Time `json:",omitempty"`
	ToldAt  time.Time            // when the last mail was sent that left no new orphan unlisted
}

// Orphan is a volume with managed snapshots of a schedule that no run of the schedule works on any more.
type Orphan struct {
	Keyword, VolumeID, InstanceID string // the instance of its newest snapshot; "" if that has none
	Exists                        bool   // the volume still exists
	Since                         time.Time
	Told                          time.Time `json:",omitzero"` // when a mail listed it under the present policy; nothing is deleted before that
	Snapshots                     int       // managed ones
	Going                         int       // those that the policy deletes when Since and Told are a week ago
	plan                          retention.Plan
}

func (o Orphan) key() string { return o.Keyword + " " + o.VolumeID }

// maxGap is the longest accepted time between two checks: one daily check may fail.
const maxGap = 50 * time.Hour

// afterGap gives the state for the next check. After a long gap the week of grace starts again for each volume and for the policy: in the
// gap a volume may have come back and left again.
func (s State) afterGap(now time.Time) State {
	if now.Sub(s.CheckedAt) > maxGap {
		s.Orphans, s.PolicySince = nil, now
	}
	return s
}

// withoutFuture corrects times in the future, which a wrong clock or a person wrote. Until such a time no mail would be sent and nothing
// tried again. Orphans of a mail from the future are reported again.
func (s State) withoutFuture(now time.Time) State {
	if s.CheckedAt.After(now) {
		s.CheckedAt, s.Orphans = time.Time{}, nil // nothing is known about the time since the check before
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

// newState gives the state of a check that has found nothing yet.
func newState(before State, p Policy, now time.Time) State {
	before = before.afterGap(now)
	out := State{CheckedAt: now, Policy: p.String(), PolicySince: before.PolicySince, Orphans: []Orphan{}, ToldAt: before.ToldAt}
	out.Refused = map[string]time.Time{}
	for id, at := range before.Refused {
		if now.Sub(at) < weekly {
			out.Refused[id] = at
		}
	}
	if before.Policy != out.Policy {
		out.PolicySince, out.ToldAt = now, time.Time{}
	}
	return out
}

// Find gives the orphans of a schedule, sorted by volume. scheduled has the volumes that belong to the schedule, even if their tag says off:
// whoever wrote off still decides about their snapshots.
func Find(keyword string, scheduled map[string]bool, snapshots []ebs.Snapshot, p Policy, before State, now time.Time) []Orphan {
	last := map[string]Orphan{}
	for _, o := range before.afterGap(now).Orphans {
		last[o.key()] = o
	}
	byVolume, newestByRun := map[string][]ebs.Snapshot{}, map[string]time.Time{}
	for _, s := range snapshots {
		whose := ebs.OwnershipOf(s, keyword)
		if whose != ebs.Foreign && s.StartTime.After(newestByRun[s.VolumeID]) { // claimed or not
			newestByRun[s.VolumeID] = s.StartTime
		}
		if !scheduled[s.VolumeID] && whose == ebs.Managed {
			byVolume[s.VolumeID] = append(byVolume[s.VolumeID], s)
		}
	}
	var out []Orphan
	for _, id := range slices.Sorted(maps.Keys(byVolume)) {
		o := Orphan{Keyword: keyword, VolumeID: id, Snapshots: len(byVolume[id]), plan: p.apply(keyword, byVolume[id], now)}
		o.InstanceID = slices.MaxFunc(byVolume[id], ebs.OldestFirst).Tags[ebs.TagInstance]
		o.Going = len(o.plan.Removals())
		o.Since = now
		if was, ok := last[o.key()]; ok {
			o.Since = was.Since
			if before.Policy == p.String() {
				o.Told = was.Told
			}
		}
		if newestByRun[id].After(o.Since) {
			// A run worked on it between two checks: its instance may be terminated each evening and launched again each morning.
			o.Since = newestByRun[id]
		}
		out = append(out, o)
	}
	return out
}

// deletableFrom says from when snapshots of a reported orphan may be deleted.
func (o Orphan) deletableFrom(policySince time.Time) time.Time {
	last := o.Since
	for _, t := range []time.Time{policySince, o.Told} {
		if t.After(last) {
			last = t
		}
	}
	return last.Add(Grace)
}

// removals gives the snapshots to delete now, oldest first.
func (o Orphan) removals(policySince, now time.Time) []retention.Decision {
	if o.Told.IsZero() || now.Before(o.deletableFrom(policySince)) {
		return nil
	}
	out := o.plan.Removals()
	slices.Reverse(out)
	return out
}

// weekly is how often new orphans are reported, and refused deletions are tried again: a week, minus an hour so that a daily check does not
// miss it. In a fleet that changes daily, there are new orphans every day.
const weekly = 7*24*time.Hour - time.Hour

// needsMail says whether to send a mail.
func (s State) needsMail() bool {
	return s.CheckedAt.Sub(s.ToldAt) >= weekly && slices.ContainsFunc(s.Orphans, func(o Orphan) bool { return o.Told.IsZero() })
}

// listForMail gives the orphans that a mail lists, new ones first, and the state after it is sent. New ones for which the mail has no room are
// reported by the next check.
func (s State) listForMail() (listed []Orphan, told State) {
	told = s
	told.Orphans = slices.Clone(s.Orphans)
	unreported := 0
	for i := range told.Orphans {
		o := &told.Orphans[i]
		if !o.Told.IsZero() {
			continue
		}
		if unreported++; unreported <= maxNew {
			o.Told = s.CheckedAt
		}
	}
	if unreported <= maxNew {
		told.ToldAt = s.CheckedAt
	}
	listed = slices.DeleteFunc(slices.Clone(told.Orphans), func(o Orphan) bool { return o.Told.IsZero() })
	slices.SortStableFunc(listed, func(a, b Orphan) int { return b.Told.Compare(a.Told) })
	return listed[:min(len(listed), max(maxListed, min(unreported, maxNew)))], told
}
