// Package explain says of a volume's snapshots whose they are, whether they are kept and why, and when they will go. It is pure: what
// it says of the future follows from the schedules' times and the retentions as they are now.
package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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

// Verdict is what becomes of one snapshot.
type Verdict struct {
	Snapshot ebs.Snapshot
	Owner    string // in words
	Managed  bool   // a schedule's, to keep or delete; what is not never goes by this tool
	Keep     bool   // now: false means that the next run deletes it
	Reason   string
	Goes     time.Time // when it will go; zero: it does not, as far as the firings reach
	Because  string    // of the run that deletes it
}

// Volume decides about all snapshots of a volume, newest first.
func Volume(schedules []Schedule, snapshots []ebs.Snapshot, now time.Time) []Verdict {
	var out []Verdict
	told := map[string]bool{}
	for _, s := range schedules {
		var own []ebs.Snapshot
		for _, one := range snapshots {
			if ebs.OwnershipOf(one, s.Policy.Keyword) != ebs.Foreign {
				own = append(own, one)
				told[one.ID] = true
			}
		}
		out = append(out, s.verdicts(own, now)...)
	}
	for _, s := range snapshots {
		if !told[s.ID] {
			out = append(out, stranger(s))
		}
	}
	slices.SortStableFunc(out, func(a, b Verdict) int {
		return cmp.Or(b.Snapshot.StartTime.Compare(a.Snapshot.StartTime), cmp.Compare(a.Snapshot.ID, b.Snapshot.ID))
	})
	return out
}

// verdicts decides about the snapshots that runs of the schedule created.
func (s Schedule) verdicts(own []ebs.Snapshot, now time.Time) []Verdict {
	ahead := map[string]going{}
	if s.Not == "" {
		ahead = s.forecast(own)
	}
	var out []Verdict
	for _, d := range retention.Apply(s.Policy, own, now).Decisions {
		v := Verdict{Snapshot: d.Snapshot, Owner: owner(d.Snapshot, s.Policy.Keyword), Keep: d.Keep, Reason: d.Reason.String(),
			Managed: ebs.OwnershipOf(d.Snapshot, s.Policy.Keyword) == ebs.Managed}
		if s.Not != "" && v.Managed {
			v.Keep, v.Reason = true, s.Not
		}
		if g, ok := ahead[d.Snapshot.ID]; ok {
			v.Goes, v.Because = g.at, g.because
			if !d.Keep { // it goes for what is there already, not for what the run makes
				v.Because = d.Reason.String()
			}
		}
		out = append(out, v)
	}
	return out
}

type going struct {
	at      time.Time
	because string
}

// forecast plays the runs ahead: each makes a snapshot, which completes, and deletes what the retention no longer keeps.
func (s Schedule) forecast(own []ebs.Snapshot) map[string]going {
	out := map[string]going{}
	var held []ebs.Snapshot
	left := 0 // of those that are there now
	for _, one := range own {
		if ebs.OwnershipOf(one, s.Policy.Keyword) != ebs.Managed {
			continue
		}
		if one.State == ebs.Pending {
			one.State = ebs.Completed // by then
		}
		held = append(held, one)
		left++
	}
	for n, at := range s.Firings {
		if left == 0 {
			break
		}
		held = append(held, s.toBe(n, at))
		gone := map[string]bool{}
		for _, r := range retention.Apply(s.Policy, held, at).Removals() {
			gone[r.Snapshot.ID] = true
			if !strings.HasPrefix(r.Snapshot.ID, future) {
				out[r.Snapshot.ID] = going{at, r.Reason.String()}
				left--
			}
		}
		held = slices.DeleteFunc(held, func(h ebs.Snapshot) bool { return gone[h.ID] })
	}
	return out
}

// future begins the IDs of snapshots that are not there yet.
const future = "future-"

func (s Schedule) toBe(n int, at time.Time) ebs.Snapshot {
	return ebs.Made(ebs.Stamp{Keyword: s.Policy.Keyword, RunID: ebs.RunID(s.Policy.Keyword, at), InstanceID: "i-"}, ebs.Snapshot{
		ID: fmt.Sprint(future, n), VolumeID: "vol-", State: ebs.Completed, StartTime: at,
	}, nil)
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
func stranger(s ebs.Snapshot) Verdict {
	v := Verdict{Snapshot: s, Owner: "not ours", Keep: true, Reason: "no run of this tool made it"}
	keyword, tagged := s.Tags[ebs.TagSchedule]
	switch maker := ebs.MakerOf(s); maker {
	case ebs.MadeByRun:
		v.Owner, v.Reason = "claimed by a person (run "+s.Tags[ebs.TagRun]+")", "claimed by a person: tag "+ebs.TagSchedule+" removed"
	case ebs.MadeBySomebody:
	default:
		v.Owner = "not ours: made by " + string(maker)
	}
	switch {
	case tagged && ebs.OwnershipOf(s, keyword) == ebs.Foreign:
		v.Reason = "no run of this tool made it, although it carries the tags of the schedule " + keyword
	case tagged:
		v.Owner = "a schedule that is not deployed: " + keyword
		v.Reason = "no schedule " + keyword + " is configured, so that nothing deletes it"
	}
	return v
}
