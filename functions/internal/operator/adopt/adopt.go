// Package adopt takes over the snapshots that the first users' Lambda left, so that retention counts them, and gives them back.
// A person decides that; it never happens by itself, and nothing is guessed.
package adopt

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
)

// Request says what a person wants adopted.
type Request struct {
	Keyword string
	Others  []string // the keywords of other schedules: a snapshot that carries one, too, could be either's
	Also    []string // those of them that are to be adopted all the same
}

// Listing is what adopting would do. It changes nothing.
type Listing struct {
	Adopt   []Candidate // by instance and volume, the oldest first
	Skipped []Skipped   // the oldest first
	Ours    int         // that are the schedule's already
}

// Candidate is a snapshot to adopt.
type Candidate struct {
	Snapshot   ebs.Snapshot
	InstanceID string
	Name       string // of the instance
	Device     string
}

// Skipped is a snapshot that carries the keyword and is not adopted.
type Skipped struct {
	Snapshot ebs.Snapshot
	Reason   Reason
}

// List decides about the snapshots that carry the keyword. instances are those that carry it, with their volumes.
func List(r Request, instances []ebs.Instance, snapshots []ebs.Snapshot) Listing {
	places := places(instances)
	var out Listing
	for _, s := range slices.SortedFunc(slices.Values(snapshots), ebs.OldestFirst) {
		at, attached := places[s.VolumeID]
		switch reason := r.whyNot(s, at, attached); {
		case ebs.OwnershipOf(s, r.Keyword) != ebs.Foreign:
			out.Ours++
		case reason != Reason{}:
			out.Skipped = append(out.Skipped, Skipped{s, reason})
		default:
			out.Adopt = append(out.Adopt, Candidate{s, at.instance.ID, at.instance.Tags["Name"], at.device})
		}
	}
	slices.SortStableFunc(out.Adopt, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(a.InstanceID, b.InstanceID), cmp.Compare(a.Snapshot.VolumeID, b.Snapshot.VolumeID))
	})
	return out
}

// place is where a volume is attached.
type place struct {
	instance ebs.Instance
	device   string
}

// places gives each volume the instance through which a run finds it: the first by ID if there are several.
func places(instances []ebs.Instance) map[string]place {
	out := map[string]place{}
	for _, i := range slices.SortedFunc(slices.Values(instances), func(a, b ebs.Instance) int { return cmp.Compare(a.ID, b.ID) }) {
		for _, v := range i.Volumes {
			if _, taken := out[v.VolumeID]; !taken {
				out[v.VolumeID] = place{i, v.Device}
			}
		}
	}
	return out
}

// whyNot says why a snapshot is not adopted, the zero Reason if it is.
func (r Request) whyNot(s ebs.Snapshot, at place, attached bool) Reason {
	value, carries := s.Tags[r.Keyword]
	owner, tagged := s.Tags[ebs.TagSchedule]
	if tagged && ebs.OwnershipOf(s, owner) != ebs.Foreign {
		return Reason{AlreadyOurs, owner}
	}
	for key := range s.Tags {
		if !tagged && strings.HasPrefix(key, ebs.TagPrefix) {
			return Reason{TakenByPerson, ""}
		}
	}
	maker := ebs.MakerOf(s)
	described, _ := ebs.NamedByLambda(s.Description, s.VolumeID)
	switch name, named := s.Tags["Name"]; {
	case !carries:
		return Reason{NoTag, r.Keyword}
	case maker != ebs.MadeByLambda:
		return Reason{MadeByOther, string(maker)}
	case named && name != described:
		return Reason{Renamed, ""}
	case !attached:
		return Reason{NotAttached, r.Keyword}
	case !readable(value) && value != at.instance.Tags[r.Keyword]:
		return Reason{NotANumber, value}
	}
	for _, other := range r.Others {
		if _, both := s.Tags[other]; both && other != r.Keyword && !slices.Contains(r.Also, other) {
			return Reason{OtherKeyword, other}
		}
	}
	switch users := len(ebs.UserTags(s.Tags)); {
	case s.State != ebs.Completed:
		return Reason{NotCompleted, string(s.State)}
	case users+len(Stamp(r.Keyword, "", "")) > ebs.MaxTags:
		return Reason{TooManyTags, strconv.Itoa(users)}
	}
	return Reason{}
}

// readable says whether the Lambda, or this tool, would have read the retention.
func readable(value string) bool {
	_, notNumber := strconv.Atoi(strings.TrimSpace(value))
	_, notRule := retention.Parse(value)
	return notNumber == nil || notRule == nil
}

// Stamp gives the tags that make a snapshot the schedule's. Its own tag with the keyword stays as it is, and the stamped retention
// is that value, whatever it says: only the volume's retention at the time of a run decides what goes.
func Stamp(keyword, value, instanceID string) []ebs.Tag {
	return []ebs.Tag{
		{Key: ebs.TagSchedule, Value: keyword},
		{Key: ebs.TagRetention, Value: value},
		{Key: ebs.TagRun, Value: ebs.AdoptedRun},
		{Key: ebs.TagInstance, Value: instanceID},
	}
}

// Adopted gives the snapshot as it is once it is adopted.
func (c Candidate) Adopted(keyword string) ebs.Snapshot {
	out := c.Snapshot
	out.Tags = maps.Clone(c.Snapshot.Tags)
	for _, t := range c.stamp(keyword) {
		out.Tags[t.Key] = t.Value
	}
	return out
}

func (c Candidate) stamp(keyword string) []ebs.Tag {
	return Stamp(keyword, c.Snapshot.Tags[keyword], c.InstanceID)
}
