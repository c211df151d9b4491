package retention

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// Kind says what a decision rests on.
type Kind string

// The kinds of reasons; all but KeptByNoRule, Failed and Expired are for keeping.
const (
	KeptByRules     Kind = "kept-by-rules"    // Rules are those that keep it
	KeptByNoRule    Kind = "kept-by-no-rule"  // Rules are all that are in force
	NewestCompleted Kind = "newest-completed" // no rule keeps it, and it is the newest completed one all the same
	NotCompleted    Kind = "not-completed"
	Failed          Kind = "failed"
	Expired         Kind = "expired"      // older than a policy for orphans keeps any
	TagRemoved      Kind = "tag-removed"  // by a person, who claimed it so
	TagChanged      Kind = "tag-changed"  // likewise
	Foreign         Kind = "foreign"      // no run of the schedule made it
	Repeated        Kind = "repeated"     // the list has it more than once
	Off             Kind = "off"          // the retention is off
	NoRetention     Kind = "no-retention" // no rule is in force
)

// Reason says why a snapshot is kept or removed. It is data; String puts it into words. What its kind has no use for is empty.
type Reason struct {
	Kind           Kind         `json:"kind"`
	Rules          []RuleResult `json:"rules"`                    // in the order in which rules are written
	NewerKept      int          `json:"newerKept,omitempty"`      // KeptByNoRule: how many newer snapshots are kept
	State          ebs.State    `json:"state,omitempty"`          // NotCompleted
	CompletedSince string       `json:"completedSince,omitempty"` // Failed: a newer snapshot, if there is one
	Days           int          `json:"days,omitempty"`           // Expired: the age up to which snapshots are kept
	Tag            string       `json:"tag,omitempty"`            // TagRemoved, TagChanged
	From           string       `json:"from,omitempty"`           // TagChanged
	To             string       `json:"to,omitempty"`             // TagChanged
	MadeBy         ebs.Maker    `json:"madeBy,omitempty"`         // Foreign: who made it, if it carries the schedule's tags
}

// RuleResult is what one rule makes of a completed snapshot.
type RuleResult struct {
	Rule   string `json:"rule"`             // last, hourly, daily, weekly, monthly, yearly or within
	Period string `json:"period,omitempty"` // the calendar rule's, as in 2026-11-22; none if the snapshot is beyond all periods that it keeps
	Rank   int    `json:"rank,omitempty"`   // of the snapshot, or its period, if the rule keeps it; 1 is the newest
	Of     int    `json:"of,omitempty"`     // how many the rule keeps; none for within
	Age    string `json:"age,omitempty"`    // within's, as in 7d
}

// MarshalJSON writes a list of no rules as a list.
func (r Reason) MarshalJSON() ([]byte, error) {
	type plain Reason
	if r.Rules == nil {
		r.Rules = []RuleResult{}
	}
	return json.Marshal(plain(r))
}

// foreign says whose a snapshot is that the schedule did not make.
func foreign(s ebs.Snapshot, keyword string) Reason {
	r := Reason{Kind: Foreign}
	if keyword != "" && s.Tags[ebs.TagSchedule] == keyword {
		r.MadeBy = ebs.MakerOf(s)
	}
	return r
}

// claimed says by which tag a person claimed the snapshot.
func claimed(s ebs.Snapshot, keyword string) Reason {
	for _, tag := range []string{keyword, ebs.TagRetention} {
		if _, ok := s.Tags[tag]; !ok {
			return Reason{Kind: TagRemoved, Tag: tag}
		}
	}
	return Reason{Kind: TagChanged, Tag: keyword, From: s.Tags[ebs.TagRetention], To: s.Tags[keyword]}
}

// String says it in words for a person.
func (r Reason) String() string {
	switch r.Kind {
	case KeptByRules:
		return r.keeping()
	case KeptByNoRule:
		return r.notKeeping()
	case NewestCompleted:
		return "newest completed snapshot, always kept"
	case NotCompleted:
		switch r.State {
		case ebs.Pending, ebs.Recoverable, ebs.Recovering:
			return "not completed yet (state " + string(r.State) + ")"
		}
		return fmt.Sprintf("not completed (state %q)", r.State)
	case Failed:
		if r.CompletedSince == "" {
			return "failed (state error); it holds no data"
		}
		return "failed (state error); " + r.CompletedSince + " has completed since"
	case Expired:
		return fmt.Sprintf("older than %d days", r.Days)
	case TagRemoved:
		return "claimed by a person: tag " + r.Tag + " removed"
	case TagChanged:
		return fmt.Sprintf("claimed by a person: tag %s changed from %q to %q", r.Tag, r.From, r.To)
	case Foreign:
		if r.MadeBy == "" {
			return "not a snapshot of this schedule"
		}
		return "not a snapshot of this schedule, although it carries its tags: made by " + r.MadeBy.Words()
	case Repeated:
		return "listed more than once; kept until it is listed once"
	case Off:
		return "schedule is off for this volume"
	case NoRetention:
		return "no retention"
	}
	return string(r.Kind)
}

// keeping gives "last 1 of 3; daily 2026-11-22 (1 of 7); within 7d".
func (r Reason) keeping() string {
	var words []string
	for _, one := range r.Rules {
		switch {
		case one.Age != "":
			words = append(words, one.Rule+" "+one.Age)
		case one.Period != "":
			words = append(words, fmt.Sprintf("%s %s (%d of %d)", one.Rule, one.Period, one.Rank, one.Of))
		default:
			words = append(words, fmt.Sprintf("%s %d of %d", one.Rule, one.Rank, one.Of))
		}
	}
	return strings.Join(words, "; ")
}

// notKeeping gives "beyond last=3 daily=7; not the newest of its week (9 newer kept)".
func (r Reason) notKeeping() string {
	var beyond, periods, words []string
	for _, one := range r.Rules {
		switch {
		case one.Age != "":
			beyond = append(beyond, one.Rule+"="+one.Age)
		case one.Period == "":
			beyond = append(beyond, fmt.Sprintf("%s=%d", one.Rule, one.Of))
		default:
			periods = append(periods, periodOf(one.Rule))
		}
	}
	if len(beyond) > 0 {
		words = append(words, "beyond "+strings.Join(beyond, " "))
	}
	if len(periods) > 0 {
		words = append(words, "not the newest of its "+strings.Join(periods, ", "))
	}
	return fmt.Sprintf("%s (%d newer kept)", strings.Join(words, "; "), r.NewerKept)
}

func periodOf(name string) string {
	for _, r := range counted {
		if r.name == name {
			return r.period
		}
	}
	return ""
}
