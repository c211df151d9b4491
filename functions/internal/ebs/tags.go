package ebs

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// The tags that make a snapshot ours. A run sets them in the CreateSnapshot call itself, so that no snapshot of ours ever exists without them.
// They are only added later if a person adopts a snapshot (package adopt).
const (
	TagPrefix    = contract.TagPrefix
	TagSchedule  = TagPrefix + "schedule"  // the keyword: which schedule owns the snapshot
	TagRetention = TagPrefix + "retention" // the retention at creation: if the keyword tag differs, a person has changed it
	TagRun       = TagPrefix + "run"       // the run's ID, by which a run finds its snapshot, since CreateSnapshot has no client token
	TagInstance  = TagPrefix + "instance"  // the instance's ID; no such tag if the volume is attached to none
)

// AdoptedRun is the value of TagRun of an adopted snapshot. It is not a run's ID: that has a slash.
const AdoptedRun = "adopted"

// EC2's limits on tags (EC2 User Guide, "Tag restrictions").
const (
	MaxTags      = 50  // user tags on a resource
	MaxTagValLen = 256 // characters

	nameTag = contract.NameTag
)

// Tag is a tag to set.
type Tag struct{ Key, Value string }

// Stamp is what a run writes on a snapshot in addition to the tags of the instance.
type Stamp struct {
	Keyword    string
	Retention  string // the retention in force for the volume, as a person wrote it
	RunID      string
	InstanceID string    // "" if the volume is attached to none
	Late       time.Time // when it is created, if the run's day is over by then (LateFor); else zero
}

// StampOf gives the stamp of a snapshot of the volume that the run creates now.
func StampOf(r contract.Run, i contract.Instance, v contract.Volume, now time.Time) Stamp {
	out := Stamp{Keyword: r.SnapshotKeyWord, Retention: v.Retention, RunID: r.ID, InstanceID: i.ID}
	if LateFor(r.ScheduledTime, now) {
		out.Late = now
	}
	return out
}

// SnapshotTags gives the tags of a new snapshot: ours first, then those of the source in a fixed order (Name, then by key), without those of
// AWS, which EC2 refuses. The source is the instance, or the volume itself if it is attached to none. EC2 accepts 50 tags; dropped has the keys
// beyond that.
func SnapshotTags(s Stamp, source map[string]string) (tags []Tag, dropped []string) {
	tags = []Tag{
		{s.Keyword, s.Retention},
		{TagSchedule, s.Keyword},
		{TagRetention, s.Retention},
		{TagRun, s.RunID},
	}
	ours := map[string]bool{TagInstance: true} // also if it is not set: the source may have a copy
	for _, t := range tags {
		ours[t.Key] = true
	}
	if s.InstanceID != "" {
		tags = append(tags, Tag{TagInstance, s.InstanceID})
	}
	keys := slices.SortedFunc(maps.Keys(source), func(a, b string) int {
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
			tags = append(tags, Tag{k, source[k]})
		}
	}
	return tags, dropped
}

// UserTags gives the tags without AWS's own.
func UserTags(tags map[string]string) map[string]string {
	out := make(map[string]string, len(tags))
	for k, v := range tags {
		if !contract.ReservedTag(k) {
			out[k] = v
		}
	}
	return out
}
