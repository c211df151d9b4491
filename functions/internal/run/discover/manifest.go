package discover

import (
	"slices"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// maxVolumes bounds the volumes of one item. One child execution works on all of them in parallel, and Step Functions ends an execution at
// 25,000 events: 20 volumes that use all their retries stay below that. The inline Map allows 40 in parallel.
const maxVolumes = 20

// items groups the volumes that the run works on by instance. A volume without an instance has an item of its own, with its own tags.
func items(run contract.Run, choices []Choice, existing []ebs.Snapshot) []contract.Item {
	snapshotOf := bestSnapshots(run.ID, existing)
	var out []contract.Item
	for len(choices) > 0 {
		i := choices[0].Instance
		n := 1
		for i.ID != "" && n < len(choices) && choices[n].Instance.ID == i.ID {
			n++
		}
		var volumes []contract.Volume
		for _, c := range choices[:n] {
			if c.Excluded == "" {
				volumes = append(volumes, contract.Volume{
					ID: c.Volume.VolumeID, Device: c.Volume.Device, Retention: c.Retention, SnapshotID: snapshotOf[c.Volume.VolumeID].ID,
				})
			}
		}
		choices = choices[n:]
		for chunk := range slices.Chunk(volumes, maxVolumes) {
			out = append(out, contract.Item{
				Run: run, Instance: contract.Instance{ID: i.ID, Tags: ebs.UserTags(i.Tags)}, Volumes: chunk,
			})
		}
	}
	return out
}

// bestSnapshots gives the run's snapshot of each volume, if it has one that is completed or may still complete.
func bestSnapshots(runID string, existing []ebs.Snapshot) map[string]ebs.Snapshot {
	out := map[string]ebs.Snapshot{}
	for _, s := range existing {
		if !ebs.ServesRun(s, runID) {
			continue // the run creates another
		}
		if best, ok := out[s.VolumeID]; !ok || s.StartTime.Before(best.StartTime) {
			out[s.VolumeID] = s
		}
	}
	return out
}

// creates counts the snapshots that still have to be created.
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
