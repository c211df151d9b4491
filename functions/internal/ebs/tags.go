package ebs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The tags that make a snapshot ours. A run sets them by the CreateSnapshot call itself, never afterwards, so that no
// snapshot of ours ever exists without them. Only a person who adopts a snapshot has them set later (package adopt).
const (
	TagPrefix    = "snapshot-lifecycle:"
	TagSchedule  = TagPrefix + "schedule"  // the keyword: which schedule owns the snapshot
	TagRetention = TagPrefix + "retention" // the retention as stamped: a keyword tag that differs was changed by a person
	TagRun       = TagPrefix + "run"       // the run's ID: CreateSnapshot has no client token, this is how a run finds its snapshot
	TagInstance  = TagPrefix + "instance"  // the instance's ID
)

// AdoptedRun stands in TagRun of a snapshot that no run made: a person adopted it. It can't be a run's ID, which has a slash.
const AdoptedRun = "adopted"

// EC2's limits on tags (EC2 User Guide, "Tag restrictions").
const (
	MaxTags       = 50  // user tags on a resource
	MaxTagKeyLen  = 128 // characters
	MaxTagValLen  = 256 // characters
	nameTag       = "Name"
	awsPrefix     = "aws:"
	keywordExotic = "_.:/=+-@ "
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
		case ours[k] || reserved(k):
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
		if !reserved(k) {
			out[k] = v
		}
	}
	return out
}

func reserved(key string) bool {
	return len(key) >= len(awsPrefix) && strings.EqualFold(key[:len(awsPrefix)], awsPrefix)
}

// CheckKeyword says why a keyword can't name a schedule, nil if it can. Wildcards must be refused, since EC2's filters would
// read them and match other people's tags.
func CheckKeyword(keyword string) error {
	switch {
	case keyword == "":
		return fmt.Errorf("the keyword is empty; give the tag key of a schedule, such as SnapshotDaily")
	case utf8.RuneCountInString(keyword) > MaxTagKeyLen:
		return fmt.Errorf("the keyword has %d characters, a tag key has at most %d", utf8.RuneCountInString(keyword), MaxTagKeyLen)
	case reserved(keyword):
		return fmt.Errorf("the keyword %q begins with aws:, which AWS keeps for itself", keyword)
	case strings.HasPrefix(keyword, TagPrefix):
		return fmt.Errorf("the keyword %q begins with %s, which marks this tool's own tags", keyword, TagPrefix)
	case keyword == nameTag:
		return fmt.Errorf("the keyword %q is the tag that names an instance, and can't name a schedule", keyword)
	case strings.TrimSpace(keyword) != keyword:
		return fmt.Errorf("the keyword %q begins or ends with a space", keyword)
	}
	for _, r := range keyword {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune(keywordExotic, r) {
			return fmt.Errorf("the keyword %q contains %q; a tag key holds letters, numbers, spaces and _ . : / = + - @", keyword, r)
		}
	}
	return nil
}
