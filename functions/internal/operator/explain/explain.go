// Package explain says of a volume's snapshots whose they are, whether they are kept and why, and when they will be deleted. It is pure:
// what it says of the future follows from the schedules' times and the retentions as they are now.
package explain

import (
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
)

// Schedule is one schedule from the point of view of the volume.
type Schedule struct {
	Policy  retention.Policy
	Not     string      // why no run of it deletes anything here; "" if one does
	Firings []time.Time // ahead, in order
}

// Fate is what becomes of one snapshot.
type Fate struct {
	Snapshot ebs.Snapshot
	Owner    string // in words
	Managed  bool   // a schedule's, to keep or delete; what is not is never deleted by this tool
	Keep     bool   // now: false means that the next run deletes it
	Reason   retention.Reason
	Note     string           // in words, in place of the reason: why no run deletes it whatever a retention says
	Goes     time.Time        // when it will be deleted; zero: it will not, as far as the firings reach
	Because  retention.Reason // of the run that deletes it
}

// Why says in words why the snapshot is kept now, or not.
func (f Fate) Why() string {
	if f.Note != "" {
		return f.Note
	}
	return f.Reason.String()
}

// Volume decides about all snapshots of a volume, newest first.
func Volume(schedules []Schedule, snapshots []ebs.Snapshot, now time.Time) []Fate {
	var out []Fate
	told := map[string]bool{}
	for _, s := range schedules {
		var own []ebs.Snapshot
		for _, one := range snapshots {
			if ebs.OwnershipOf(one, s.Policy.Keyword) != ebs.Foreign {
				own = append(own, one)
				told[one.ID] = true
			}
		}
		out = append(out, s.fates(own, now)...)
	}
	for _, s := range snapshots {
		if !told[s.ID] {
			out = append(out, stranger(s))
		}
	}
	slices.SortStableFunc(out, func(a, b Fate) int { return ebs.NewestFirst(a.Snapshot, b.Snapshot) })
	return out
}

// fates decides about the snapshots that runs of the schedule created.
func (s Schedule) fates(own []ebs.Snapshot, now time.Time) []Fate {
	var ahead map[string]retention.Departure
	if s.Not == "" {
		ahead = retention.Forecast(s.Policy, own, s.Firings)
	}
	var out []Fate
	for _, d := range retention.Apply(s.Policy, own, now).Decisions {
		f := Fate{Snapshot: d.Snapshot, Owner: owner(d.Snapshot, s.Policy.Keyword), Keep: d.Keep, Reason: d.Reason,
			Managed: ebs.OwnershipOf(d.Snapshot, s.Policy.Keyword) == ebs.Managed}
		if s.Not != "" && f.Managed {
			f.Keep, f.Note = true, s.Not
		}
		departure, goes := ahead[d.Snapshot.ID]
		switch {
		case !f.Keep && len(s.Firings) > 0: // for what is there already, not for what the run makes
			f.Goes, f.Because = s.Firings[0], d.Reason
		case goes:
			f.Goes, f.Because = departure.At, departure.Reason
		}
		out = append(out, f)
	}
	return out
}

// owner says whose a snapshot is that a schedule's runs created, or that was adopted.
func owner(s ebs.Snapshot, keyword string) string {
	how := "run " + s.Tags[ebs.TagRun]
	switch s.Tags[ebs.TagRun] {
	case ebs.AdoptedRun:
		how = keyword + ", adopted"
	case "":
		how = keyword
	}
	if ebs.OwnershipOf(s, keyword) == ebs.Claimed {
		return "claimed by a person (" + how + ")"
	}
	return how
}

// stranger is a snapshot that none of the schedules made.
func stranger(s ebs.Snapshot) Fate {
	f := Fate{Snapshot: s, Owner: "not ours", Keep: true, Note: "no run of this tool made it"}
	keyword, tagged := s.Tags[ebs.TagSchedule]
	switch maker := ebs.MakerOf(s); maker {
	case ebs.MadeByRun:
		f.Owner, f.Note = "claimed by a person (run "+s.Tags[ebs.TagRun]+")", "claimed by a person: tag "+ebs.TagSchedule+" removed"
	case ebs.MadeBySomebody:
	default:
		f.Owner = "not ours: made by " + string(maker)
	}
	switch {
	case tagged && ebs.OwnershipOf(s, keyword) == ebs.Foreign:
		f.Note = "no run of this tool made it, although it carries the tags of the schedule " + keyword
	case tagged:
		f.Owner = "a schedule that is not deployed: " + keyword
		f.Note = "no schedule " + keyword + " is configured, so that nothing deletes it"
	}
	return f
}
