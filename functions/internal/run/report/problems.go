package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// problems lists what needs a person's attention although no backup failed.
func problems(items []contract.Item, held []ebs.Snapshot) []Problem {
	var out []Problem
	snapshotsOf := byVolume(held)
	valueReported, tagsReported := map[ebs.Place]bool{}, map[ebs.Place]bool{} // an instance with very many volumes has several items
	for _, i := range items {
		out = append(out, unreadable(i, valueReported)...)
		stamp := ebs.StampOf(i.Run, i.Instance, i.Volumes[0], time.Time{})
		_, dropped := ebs.SnapshotTags(stamp, i.Instance.Tags)
		if where, on := sourceOf(i); len(dropped) > 0 && !tagsReported[where] {
			tagsReported[where] = true
			ours, _ := ebs.SnapshotTags(stamp, nil)
			out = append(out, Problem{
				where,
				fmt.Sprintf("%s not copied to its snapshots: %s", ebs.Count(len(dropped), "tag"), strings.Join(dropped, ", ")),
				fmt.Sprintf("A snapshot holds at most %d tags, and %d of them are ours. Remove tags from %s, or accept that these are not copied.", ebs.MaxTags, len(ours), on),
			})
		}
		for _, v := range i.Volumes {
			if n := len(snapshotsOf[v.ID]); n > 1 && usable(snapshotsOf[v.ID]) > 1 {
				out = append(out, Problem{
					ebs.PlaceOf(i.Instance, v),
					fmt.Sprintf("this run has %d snapshots of the volume", n),
					"Nothing now. Each of them counts towards the retention. Please tell the maintainers how this happened.",
				})
			}
		}
	}
	return out
}

// sourceOf says whose tags the item has: those of its instance, or of its volume if that is attached to none.
func sourceOf(i contract.Item) (where ebs.Place, on string) {
	if i.Instance.ID == "" {
		return ebs.PlaceOf(i.Instance, i.Volumes[0]), "the volume"
	}
	return ebs.PlaceOf(i.Instance, contract.Volume{}), "the instance"
}

// usable counts the snapshots that have completed or may still complete.
func usable(held []ebs.Snapshot) int {
	n := 0
	for _, s := range held {
		if s.State != ebs.Error {
			n++
		}
	}
	return n
}

// unreadable lists the retention values of an item that can't be read: an instance's once, and each volume's own. reported holds the
// instances and volumes that are in the list already.
func unreadable(i contract.Item, reported map[ebs.Place]bool) []Problem {
	var out []Problem
	for _, v := range i.Volumes {
		where, on := sourceOf(i)
		if value, tagged := i.Instance.Tags[i.Run.SnapshotKeyWord]; !tagged || v.Retention != value {
			where, on = ebs.PlaceOf(i.Instance, v), "the volume"
		}
		_, err := retention.ReadPolicy(i.Run.SnapshotKeyWord, v.Retention, i.Run.TimeZone)
		if err == nil || reported[where] {
			continue
		}
		reported[where] = true
		out = append(out, Problem{
			where,
			fmt.Sprintf("its tag %s can't be read: %v", i.Run.SnapshotKeyWord, err),
			"Set the tag of " + on + ` to what to keep, such as "3", "7d" or "last=3 daily=7". Until then snapshots are created, but none is deleted.`,
		})
	}
	return out
}
