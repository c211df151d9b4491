// Package explain says of a volume's snapshots whose they are, whether they are kept and why, and when they will be deleted. What it says of
// the future follows from the schedules' times and the retentions as they are now.
package explain

import (
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Schedule is one schedule from the point of view of the volume.
type Schedule struct {
	Policy retention.Policy
	Exempt Exempt      // why no run of it deletes anything here; "" if one does
	Runs   []time.Time // ahead, in order
}

// Exempt says why no run deletes a snapshot, whatever a retention says. The contract's exclusions are of them.
type Exempt string

// Why no run deletes a snapshot.
const (
	VolumeGone   Exempt = "volume-gone"           // no run works on it any more
	NotTagged    Exempt = "no-tagged-instance"    // neither the volume nor an instance it is attached to has the schedule's tag
	Unreadable   Exempt = "unreadable-retention"  // the tag's value can't be read
	Foreign      Exempt = "foreign"               // no run of this tool made it
	ForgedTags   Exempt = "foreign-with-our-tags" // likewise, although it carries the tags of a schedule
	NotDeployed  Exempt = "schedule-not-deployed" // no schedule has its keyword
	OwnerRemoved Exempt = "schedule-tag-removed"  // a person claimed it by removing the tag that names its schedule
)

// Words says it to a person.
func (e Exempt) Words(keyword string) string {
	switch e {
	case VolumeGone:
		return "the volume is gone, and no run works on it any more"
	case NotTagged:
		return "neither the volume nor its instance has the tag " + keyword
	case Unreadable:
		return "the retention can't be read, so nothing is deleted"
	case Foreign:
		return "no run of this tool made it"
	case ForgedTags:
		return "no run of this tool made it, although it carries the tags of the schedule " + keyword
	case NotDeployed:
		return "no schedule " + keyword + " is configured, so nothing deletes it"
	case OwnerRemoved:
		return "claimed by a person: tag " + ebs.TagSchedule + " removed"
	}
	return contract.Exclusion(e).Words(keyword)
}

// Owner says whose a snapshot is.
type Owner struct {
	Kind    OwnerKind `json:"kind"`
	Keyword string    `json:"keyword"` // of the schedule that its tags name; "" if they name none
	RunID   string    `json:"runId"`   // the run that made it; "" if none did
	MadeBy  ebs.Maker `json:"madeBy"`
}

// OwnerKind is a kind of owner.
type OwnerKind string

// Whose a snapshot may be.
const (
	OfSchedule OwnerKind = "schedule"
	OfPerson   OwnerKind = "claimed" // a person took it from its schedule
	OfOthers   OwnerKind = "foreign"
)

// Words says it to a person.
func (o Owner) Words() string {
	of := o.Keyword
	switch {
	case o.RunID == "":
		of += ", adopted"
	case of == "":
		of = "run " + o.RunID
	}
	switch o.Kind {
	case OfSchedule:
		return of
	case OfPerson:
		return "claimed by a person (" + of + ")"
	}
	if o.MadeBy == ebs.MadeBySomebody {
		return "not ours"
	}
	return "not ours, made by " + o.MadeBy.Words()
}

// Fate is what becomes of one snapshot.
type Fate struct {
	Snapshot  ebs.Snapshot
	Owner     Owner
	Managed   bool // a schedule keeps or deletes it; anything else is never deleted by this tool
	Keep      bool // now: false means that the next run deletes it
	Reason    retention.Reason
	Exempt    Exempt           // why no run deletes it, in place of the reason
	DeletedAt time.Time        // by a run; zero: by none of the runs ahead
	Because   retention.Reason // of the run that deletes it
}

// Why says in words why the snapshot is kept now, or not.
func (f Fate) Why() string {
	if f.Exempt != "" {
		return f.Exempt.Words(f.Owner.Keyword)
	}
	return f.Reason.String()
}

// Volume decides about all snapshots of a volume, newest first.
func Volume(schedules []Schedule, snapshots []ebs.Snapshot, now time.Time) []Fate {
	var out []Fate
	decided := map[string]bool{}
	for _, s := range schedules {
		var own []ebs.Snapshot
		for _, one := range snapshots {
			if ebs.OwnershipOf(one, s.Policy.Keyword) != ebs.Foreign {
				own = append(own, one)
				decided[one.ID] = true
			}
		}
		out = append(out, s.fates(own, now)...)
	}
	for _, s := range snapshots {
		if !decided[s.ID] {
			out = append(out, stranger(s))
		}
	}
	slices.SortStableFunc(out, func(a, b Fate) int { return ebs.NewestFirst(a.Snapshot, b.Snapshot) })
	return out
}

// fates decides about the snapshots that runs of the schedule created.
func (s Schedule) fates(own []ebs.Snapshot, now time.Time) []Fate {
	var ahead map[string]retention.Departure
	if s.Exempt == "" {
		ahead = retention.Forecast(s.Policy, own, s.Runs)
	}
	var out []Fate
	for _, d := range retention.Apply(s.Policy, own, now).Decisions {
		f := Fate{Snapshot: d.Snapshot, Owner: ownerOf(d.Snapshot), Keep: d.Keep, Reason: d.Reason,
			Managed: ebs.OwnershipOf(d.Snapshot, s.Policy.Keyword) == ebs.Managed}
		if s.Exempt != "" && f.Managed {
			f.Keep, f.Exempt = true, s.Exempt
		}
		departure, removed := ahead[d.Snapshot.ID]
		switch {
		case !f.Keep && len(s.Runs) > 0: // for what is there already, not for what the run makes
			f.DeletedAt, f.Because = s.Runs[0], d.Reason
		case removed:
			f.DeletedAt, f.Because = departure.At, departure.Reason
		}
		out = append(out, f)
	}
	return out
}

// ownerOf says whose a snapshot is, whatever is deployed.
func ownerOf(s ebs.Snapshot) Owner {
	keyword := s.Tags[ebs.TagSchedule]
	out := Owner{Kind: OfOthers, Keyword: keyword, MadeBy: ebs.MakerOf(s)}
	switch ownership := ebs.OwnershipOf(s, keyword); {
	case ownership == ebs.Managed:
		out.Kind = OfSchedule
	case ownership == ebs.Claimed, keyword == "" && out.MadeBy == ebs.MadeByRun:
		out.Kind = OfPerson
	}
	if out.MadeBy == ebs.MadeByRun && out.Kind != OfOthers {
		out.RunID = s.Tags[ebs.TagRun]
	}
	return out
}

// stranger is a snapshot that none of the schedules made.
func stranger(s ebs.Snapshot) Fate {
	f := Fate{Snapshot: s, Owner: ownerOf(s), Keep: true, Exempt: Foreign}
	switch {
	case f.Owner.Kind == OfOthers && f.Owner.Keyword != "":
		f.Exempt = ForgedTags
	case f.Owner.Kind == OfPerson && f.Owner.Keyword == "":
		f.Exempt = OwnerRemoved
	case f.Owner.Kind != OfOthers:
		f.Exempt = NotDeployed
	}
	return f
}
