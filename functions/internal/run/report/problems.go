package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// problems lists what wants a person's attention although the run did its work.
func problems(items []contract.Item, held []ebs.Snapshot) []Problem {
	var out []Problem
	byVolume := group(held)
	toldValue, toldTags := map[string]bool{}, map[string]bool{} // an instance with very many volumes has several items
	for _, i := range items {
		out = append(out, unreadable(i, toldValue)...)
		_, dropped := ebs.SnapshotTags(ebs.StampOf(i.Run, i.Instance, i.Volumes[0], time.Time{}), i.Instance.Tags)
		if len(dropped) > 0 && !toldTags[i.Instance.ID] {
			toldTags[i.Instance.ID] = true
			out = append(out, Problem{
				placeOf(i.Instance, contract.Volume{}),
				fmt.Sprintf("%s found no room on its snapshots: %s", count(len(dropped), "tag"), strings.Join(dropped, ", ")),
				fmt.Sprintf("A snapshot holds %d tags, 5 of them ours: remove tags from the instance, or live without these.", ebs.MaxTags),
			})
		}
		for _, v := range i.Volumes {
			if n := len(byVolume[v.ID]); n > 1 && usable(byVolume[v.ID]) > 1 {
				out = append(out, Problem{
					placeOf(i.Instance, v),
					fmt.Sprintf("this run has %d snapshots of the volume", n),
					"Nothing at once: each counts towards the retention. Tell us how it came about.",
				})
			}
		}
	}
	return out
}

// usable counts the snapshots that are completed, or may still be.
func usable(held []ebs.Snapshot) int {
	n := 0
	for _, s := range held {
		if s.State != ebs.Error {
			n++
		}
	}
	return n
}

// unreadable lists the retention values of an item that can't be read: an instance's once, and each volume's own. told
// remembers which instances and volumes were told of.
func unreadable(i contract.Item, told map[string]bool) []Problem {
	var out []Problem
	for _, v := range i.Volumes {
		where, tagged, on := placeOf(i.Instance, contract.Volume{}), i.Instance.ID, "the instance"
		if v.Retention != i.Instance.Tags[i.Run.SnapshotKeyWord] {
			where.VolumeID, where.Device, tagged, on = v.ID, v.Device, v.ID, "the volume"
		}
		_, err := retention.ReadPolicy(i.Run.SnapshotKeyWord, v.Retention, i.Run.TimeZone)
		if err == nil || told[tagged] {
			continue
		}
		told[tagged] = true
		out = append(out, Problem{
			where,
			fmt.Sprintf("its tag %s can't be read: %v", i.Run.SnapshotKeyWord, err),
			"Its snapshots are made, and none is deleted. Set the tag of " + on + ` to what to keep, such as "3", "7d" or "last=3 daily=7".`,
		})
	}
	return out
}
