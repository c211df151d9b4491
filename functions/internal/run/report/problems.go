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
	valueReported, tagsReported := map[string]bool{}, map[string]bool{} // an instance with very many volumes has several items
	for _, i := range items {
		out = append(out, unreadable(i, valueReported)...)
		_, dropped := ebs.SnapshotTags(ebs.StampOf(i.Run, i.Instance, i.Volumes[0], time.Time{}), i.Instance.Tags)
		if len(dropped) > 0 && !tagsReported[i.Instance.ID] {
			tagsReported[i.Instance.ID] = true
			out = append(out, Problem{
				placeOf(i.Instance, contract.Volume{}),
				fmt.Sprintf("%s not copied to its snapshots: %s", ebs.Count(len(dropped), "tag"), strings.Join(dropped, ", ")),
				fmt.Sprintf("A snapshot holds at most %d tags, and 5 of them are ours. Remove tags from the instance, or accept that these are not copied.", ebs.MaxTags),
			})
		}
		for _, v := range i.Volumes {
			if n := len(snapshotsOf[v.ID]); n > 1 && usable(snapshotsOf[v.ID]) > 1 {
				out = append(out, Problem{
					placeOf(i.Instance, v),
					fmt.Sprintf("this run has %d snapshots of the volume", n),
					"Nothing now. Each of them counts towards the retention. Please tell the maintainers how this happened.",
				})
			}
		}
	}
	return out
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
func unreadable(i contract.Item, reported map[string]bool) []Problem {
	var out []Problem
	for _, v := range i.Volumes {
		where, tagged, on := placeOf(i.Instance, contract.Volume{}), i.Instance.ID, "the instance"
		if v.Retention != i.Instance.Tags[i.Run.SnapshotKeyWord] {
			where.VolumeID, where.Device, tagged, on = v.ID, v.Device, v.ID, "the volume"
		}
		_, err := retention.ReadPolicy(i.Run.SnapshotKeyWord, v.Retention, i.Run.TimeZone)
		if err == nil || reported[tagged] {
			continue
		}
		reported[tagged] = true
		out = append(out, Problem{
			where,
			fmt.Sprintf("its tag %s can't be read: %v", i.Run.SnapshotKeyWord, err),
			"Set the tag of " + on + ` to what to keep, such as "3", "7d" or "last=3 daily=7". Until then snapshots are created, but none is deleted.`,
		})
	}
	return out
}
