package ebs

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// The tags that make a snapshot ours. A run sets them by the CreateSnapshot call itself, never afterwards, so that no
// snapshot of ours ever exists without them. Only a person who adopts a snapshot has them set later (package adopt).
const (
	TagPrefix    = contract.TagPrefix
	TagSchedule  = TagPrefix + "schedule"  // the keyword: which schedule owns the snapshot
	TagRetention = TagPrefix + "retention" // the retention as stamped: a keyword tag that differs was changed by a person
	TagRun       = TagPrefix + "run"       // the run's ID: CreateSnapshot has no client token, this is how a run finds its snapshot
	TagInstance  = TagPrefix + "instance"  // the instance's ID
)

// AdoptedRun stands in TagRun of a snapshot that no run made: a person adopted it. It can't be a run's ID, which has a slash.
const AdoptedRun = "adopted"

// EC2's limits on tags (EC2 User Guide, "Tag restrictions").
const (
	MaxTags      = 50  // user tags on a resource
	MaxTagValLen = 256 // characters

	nameTag = contract.NameTag
)

// Tag is one tag to be set.
type Tag struct{ Key, Value string }

// Stamp says what a run writes on a snapshot besides the instance's own tags.
type Stamp struct {
	Keyword    string
	Retention  string // the retention in force for the volume, as a person wrote it
	RunID      string
	InstanceID string
	Late       time.Time // when it is made, if the run's day is over by then (MakerOf)
}

// StampOf gives what the run writes on a snapshot of the volume that it makes now.
func StampOf(r contract.Run, i contract.Instance, v contract.Volume, now time.Time) Stamp {
	out := Stamp{Keyword: r.SnapshotKeyWord, Retention: v.Retention, RunID: r.ID, InstanceID: i.ID}
	if LateFor(r.ScheduledTime, now) {
		out.Late = now
	}
	return out
}

// SnapshotTags gives the tags of a new snapshot: ours first, then the instance's in a fixed order (Name, then by key), never
// those of AWS, which EC2 refuses. EC2 takes 50; the keys that found no room are returned as dropped.
func SnapshotTags(s Stamp, instance map[string]string) (tags []Tag, dropped []string) {
	tags = []Tag{
		{s.Keyword, s.Retention},
		{TagSchedule, s.Keyword},
		{TagRetention, s.Retention},
		{TagRun, s.RunID},
		{TagInstance, s.InstanceID},
	}
	ours := map[string]bool{}
	for _, t := range tags {
		ours[t.Key] = true
	}
	keys := slices.SortedFunc(maps.Keys(instance), func(a, b string) int {
		if (a == nameTag) != (b == nameTag) {
			if a == nameTag {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, k := range keys {
		switch {
		case ours[k] || contract.ReservedTag(k):
		case len(tags) == MaxTags:
			dropped = append(dropped, k)
		default:
			tags = append(tags, Tag{k, instance[k]})
		}
	}
	return tags, dropped
}

// UserTags gives the tags without those of AWS.
func UserTags(tags map[string]string) map[string]string {
	out := make(map[string]string, len(tags))
	for k, v := range tags {
		if !contract.ReservedTag(k) {
			out[k] = v
		}
	}
	return out
}
