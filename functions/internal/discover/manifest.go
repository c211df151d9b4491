package discover

import (
	"slices"
	"strings"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// maxVolumes is the most volumes in one item. The volumes of an item run at once in one child execution, which Step Functions
// ends at 25,000 events: 20 volumes that each use up all their retries stay below. Its inline Map would run 40 at once.
const maxVolumes = 20

// items says what the run works on: each volume once, with the retention in force for it.
func items(run contract.Run, instances []ebs.Instance, tagged []ebs.Volume, existing []ebs.Snapshot) []contract.Item {
	override := map[string]string{}
	for _, v := range tagged {
		if value, ok := v.Tags[run.SnapshotKeyWord]; ok {
			override[v.ID] = value
		}
	}
	snapshotOf := bestSnapshots(existing)
	taken := map[string]bool{} // a volume attached to several instances belongs to the first
	var out []contract.Item
	for _, i := range slices.SortedFunc(slices.Values(instances), func(a, b ebs.Instance) int { return strings.Compare(a.ID, b.ID) }) {
		var volumes []contract.Volume
		for _, a := range i.Volumes {
			value, ok := override[a.VolumeID]
			if !ok {
				value = i.Tags[run.SnapshotKeyWord]
			}
			if taken[a.VolumeID] || isOff(value) {
				continue
			}
			taken[a.VolumeID] = true
			volumes = append(volumes, contract.Volume{
				ID: a.VolumeID, Device: a.Device, Retention: value, SnapshotID: snapshotOf[a.VolumeID].ID,
			})
		}
		for chunk := range slices.Chunk(volumes, maxVolumes) {
			out = append(out, contract.Item{
				Run: run, Instance: contract.Instance{ID: i.ID, Tags: ebs.UserTags(i.Tags)}, Volumes: chunk,
			})
		}
	}
	return out
}

func isOff(value string) bool {
	rules, err := retention.Parse(value)
	return err == nil && rules.Off
}

// bestSnapshots gives the run's snapshot of each volume that has a healthy one.
func bestSnapshots(existing []ebs.Snapshot) map[string]ebs.Snapshot {
	out := map[string]ebs.Snapshot{}
	for _, s := range existing {
		if s.State == ebs.Error {
			continue // a run that is taken over makes it anew
		}
		if best, ok := out[s.VolumeID]; !ok || s.StartTime.Before(best.StartTime) {
			out[s.VolumeID] = s
		}
	}
	return out
}

// creates counts the snapshots that are still to be created.
func creates(found []contract.Item) int {
	n := 0
	for i := range found {
		n += itemCreates(&found[i])
	}
	return n
}

func itemCreates(i *contract.Item) int {
	n := 0
	for _, v := range i.Volumes {
		if v.SnapshotID == "" {
			n++
		}
	}
	return n
}
