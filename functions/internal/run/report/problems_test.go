package report

import (
	"fmt"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func TestReportListsTagsThatNeedAttention(t *testing.T) {
	const (
		fix      = "Set the tag of the "
		to       = ` to what to keep, such as "3", "7d" or "last=3 daily=7". Until then snapshots are created, but none is deleted.`
		noNumber = `its tag SnapshotDaily can't be read: the retention "abc" is neither a number (3), nor an age (36h, 7d, 2w), nor rules (last=3 daily=7), nor off`
		empty    = `its tag SnapshotDaily can't be read: the retention "" is empty; say what to keep, such as 3, 7d or last=3 daily=7`
		zero     = `its tag SnapshotDaily can't be read: the retention "0" keeps nothing; give 1 or more, or off to exclude the volume`
	)
	instance := func(retention string, volumes ...contract.Volume) contract.Item {
		return contract.Item{
			Instance: contract.Instance{ID: "i-web", Tags: map[string]string{keyword: retention}}, Volumes: volumes,
		}
	}
	crowded := instance("3", contract.Volume{ID: "vol-1", Retention: "3"})
	for n := range ebs.MaxTags - 1 {
		crowded.Instance.Tags[fmt.Sprintf("tag-%02d", n)] = "x"
	}
	dropped := Problem{
		ebs.Place{InstanceID: "i-web"}, "4 tags not copied to its snapshots: tag-45, tag-46, tag-47, tag-48",
		"A snapshot holds at most 50 tags, and 5 of them are ours. Remove tags from the instance, or accept that these are not copied.",
	}
	alone := func(id string, tags map[string]string) contract.Item {
		return contract.Item{Instance: contract.Instance{Tags: tags}, Volumes: []contract.Volume{{ID: id, Retention: tags[keyword]}}}
	}
	atUntagged := instance("", contract.Volume{ID: "vol-1", Device: "/dev/sdf", Retention: ""})
	delete(atUntagged.Instance.Tags, keyword)
	secondItem := crowded
	secondItem.Volumes = []contract.Volume{{ID: "vol-21", Retention: "3"}}

	cases := []struct {
		name  string
		items []contract.Item
		want  []Problem
	}{
		{
			"an unreadable retention of an instance is reported once, however many volumes and items the instance has",
			[]contract.Item{
				instance("abc", contract.Volume{ID: "vol-1", Retention: "abc"}, contract.Volume{ID: "vol-2", Retention: "abc"}),
				instance("abc", contract.Volume{ID: "vol-21", Retention: "abc"}),
			},
			[]Problem{{ebs.Place{InstanceID: "i-web"}, noNumber, fix + "instance" + to}},
		}, {
			"an unreadable retention of a volume is reported for each such volume",
			[]contract.Item{instance("3",
				contract.Volume{ID: "vol-1", Retention: "3"}, contract.Volume{ID: "vol-2", Device: "/dev/sdf", Retention: "0"},
				contract.Volume{ID: "vol-3", Device: "/dev/sdg", Retention: "0"},
			)},
			[]Problem{
				{ebs.Place{InstanceID: "i-web", VolumeID: "vol-2", Device: "/dev/sdf"}, zero, fix + "volume" + to},
				{ebs.Place{InstanceID: "i-web", VolumeID: "vol-3", Device: "/dev/sdg"}, zero, fix + "volume" + to},
			},
		}, {
			"an instance's and a volume's retention may both be unreadable",
			[]contract.Item{instance("abc", contract.Volume{ID: "vol-1", Retention: "0"}, contract.Volume{ID: "vol-2", Retention: "abc"})},
			[]Problem{
				{ebs.Place{InstanceID: "i-web", VolumeID: "vol-1"}, zero, fix + "volume" + to},
				{ebs.Place{InstanceID: "i-web"}, noNumber, fix + "instance" + to},
			},
		}, {
			"tags that were not copied are reported once for each instance",
			[]contract.Item{crowded, secondItem},
			[]Problem{dropped},
		}, {
			"of volumes that are attached to no instance, each by itself",
			[]contract.Item{alone("vol-1", map[string]string{keyword: "abc", "Name": "data"}), alone("vol-2", map[string]string{keyword: "abc"})},
			[]Problem{
				{ebs.Place{Name: "data", VolumeID: "vol-1"}, noNumber, fix + "volume" + to},
				{ebs.Place{VolumeID: "vol-2"}, noNumber, fix + "volume" + to},
			},
		}, {
			"tags of a volume that is attached to no instance",
			[]contract.Item{alone("vol-1", crowded.Instance.Tags)},
			[]Problem{{
				ebs.Place{VolumeID: "vol-1"}, "3 tags not copied to its snapshots: tag-46, tag-47, tag-48",
				"A snapshot holds at most 50 tags, and 4 of them are ours. Remove tags from the volume, or accept that these are not copied.",
			}},
		}, {
			"an empty tag of a volume at an instance without the tag is the volume's",
			[]contract.Item{atUntagged},
			[]Problem{{ebs.Place{InstanceID: "i-web", VolumeID: "vol-1", Device: "/dev/sdf"}, empty, fix + "volume" + to}},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.items...)
			check(t, w, found{Outcome: "Succeeded", Completed: w.discovery.Volumes, Problems: c.want})
		})
	}
}
