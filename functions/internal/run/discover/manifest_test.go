package discover

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const keyword = "SnapshotDaily"

var dailyRun = contract.Run{
	ID: keyword + "/2026-11-22T00:00:00Z", SnapshotKeyWord: keyword, ScheduledTime: midnight, TimeZone: "UTC",
}

// instance has the retention and the volumes, on /dev/sda and so on.
func instance(id, retention string, volumes ...string) ebs.Instance {
	i := ebs.Instance{ID: id, Tags: map[string]string{keyword: retention}}
	for n, v := range volumes {
		i.Volumes = append(i.Volumes, ebs.Attachment{VolumeID: v, Device: fmt.Sprintf("/dev/sd%c", 'a'+n)})
	}
	return i
}

// tagged gives a volume with a tag of its own, and more tags from keys and values.
func tagged(id, value string, more ...string) ebs.Volume {
	v := ebs.Volume{ID: id, Tags: map[string]string{keyword: value}}
	for pair := range slices.Chunk(more, 2) {
		v.Tags[pair[0]] = pair[1]
	}
	return v
}

// attached gives the volume attached to instances.
func attached(v ebs.Volume, instances ...string) ebs.Volume {
	v.Instances = instances
	return v
}

func taken(id, volume string, state ebs.State, minute int) ebs.Snapshot {
	return ebs.Made(ebs.Stamp{Keyword: "SnapshotDaily", Retention: "3", RunID: dailyRun.ID, InstanceID: "i-1"},
		ebs.Snapshot{ID: id, VolumeID: volume, State: state, StartTime: midnight.Add(time.Duration(minute) * time.Minute)}, nil)
}

func item(id, retention string, volumes ...contract.Volume) contract.Item {
	return contract.Item{
		Run: dailyRun, Instance: contract.Instance{ID: id, Tags: map[string]string{keyword: retention}}, Volumes: volumes,
	}
}

func volume(id, device, retention string) contract.Volume {
	return contract.Volume{ID: id, Device: "/dev/sd" + device, Retention: retention}
}

func TestItems(t *testing.T) {
	withSnapshot := func(v contract.Volume, id string) contract.Volume { v.SnapshotID = id; return v }
	cases := []struct {
		name      string
		instances []ebs.Instance
		tagged    []ebs.Volume
		existing  []ebs.Snapshot
		want      []contract.Item
	}{
		{
			name:      "lists each volume of each instance, by the instance's ID and in EC2's order of volumes",
			instances: []ebs.Instance{instance("i-2", "7d", "vol-3"), instance("i-1", "3", "vol-2", "vol-1")},
			want: []contract.Item{
				item("i-1", "3", volume("vol-2", "a", "3"), volume("vol-1", "b", "3")),
				item("i-2", "7d", volume("vol-3", "a", "7d")),
			},
		}, {
			name:      "prefers a volume's own retention to its instance's",
			instances: []ebs.Instance{instance("i-1", "3", "vol-1", "vol-2")},
			tagged:    []ebs.Volume{tagged("vol-2", "last=9"), {ID: "vol-1", Tags: map[string]string{"SnapshotHourly": "1"}}},
			want:      []contract.Item{item("i-1", "3", volume("vol-1", "a", "3"), volume("vol-2", "b", "last=9"))},
		}, {
			name:      "keeps a volume whose own retention is empty, and the report says so",
			instances: []ebs.Instance{instance("i-1", "3", "vol-1")},
			tagged:    []ebs.Volume{tagged("vol-1", "")},
			want:      []contract.Item{item("i-1", "3", volume("vol-1", "a", ""))},
		}, {
			name:      "keeps volumes whose retention can't be read: a typing error must not cost a backup",
			instances: []ebs.Instance{instance("i-1", "0", "vol-1"), instance("i-2", "offf", "vol-2")},
			want:      []contract.Item{item("i-1", "0", volume("vol-1", "a", "0")), item("i-2", "offf", volume("vol-2", "a", "offf"))},
		}, {
			name:      "excludes a volume that is off",
			instances: []ebs.Instance{instance("i-1", "3", "vol-1", "vol-2")},
			tagged:    []ebs.Volume{tagged("vol-1", "off")},
			want:      []contract.Item{item("i-1", "3", volume("vol-2", "b", "3"))},
		}, {
			name:      "excludes an instance that is off, except volumes with their own retention",
			instances: []ebs.Instance{instance("i-1", "off", "vol-1", "vol-2"), instance("i-2", "OFF", "vol-3")},
			tagged:    []ebs.Volume{tagged("vol-2", "3")},
			want:      []contract.Item{item("i-1", "off", volume("vol-2", "b", "3"))},
		}, {
			name:      "gives each volume that is attached to nothing an item of its own, with its user tags",
			instances: []ebs.Instance{instance("i-1", "3", "vol-1")},
			tagged:    []ebs.Volume{tagged("vol-9", "9", "aws:x", "y", "Name", "archive"), tagged("vol-8", "8"), tagged("vol-7", "off")},
			want: []contract.Item{
				item("i-1", "3", volume("vol-1", "a", "3")), item("", "8", contract.Volume{ID: "vol-8", Retention: "8"}),
				{Run: dailyRun, Instance: contract.Instance{Tags: map[string]string{keyword: "9", "Name": "archive"}}, Volumes: []contract.Volume{{ID: "vol-9", Retention: "9"}}},
			},
		}, {
			name:      "excludes an instance without volumes",
			instances: []ebs.Instance{instance("i-1", "3")},
		}, {
			name:      "lists a volume of several instances with the first that does not exclude it",
			instances: []ebs.Instance{instance("i-3", "9", "vol-1"), instance("i-2", "7", "vol-1", "vol-2"), instance("i-1", "off", "vol-1")},
			want:      []contract.Item{item("i-2", "7", volume("vol-1", "a", "7"), volume("vol-2", "b", "7"))},
		}, {
			name:      "lists an instance once if EC2 lists it twice",
			instances: []ebs.Instance{instance("i-1", "3", "vol-1"), instance("i-1", "3", "vol-1")},
			want:      []contract.Item{item("i-1", "3", volume("vol-1", "a", "3"))},
		}, {
			name:      "keeps AWS's own tags out of the manifest",
			instances: []ebs.Instance{{ID: "i-1", Tags: map[string]string{keyword: "3", "aws:cloudformation:stack-id": "x"}, Volumes: []ebs.Attachment{{VolumeID: "vol-1", Device: "/dev/sda"}}}},
			want:      []contract.Item{item("i-1", "3", volume("vol-1", "a", "3"))},
		}, {
			name:      "uses existing snapshots of this run, the oldest first, and no failed ones",
			instances: []ebs.Instance{instance("i-1", "3", "vol-1", "vol-2", "vol-3")},
			existing: []ebs.Snapshot{
				taken("snap-late", "vol-1", ebs.Completed, 9), taken("snap-early", "vol-1", ebs.Pending, 1), taken("snap-failed", "vol-1", ebs.Error, 0),
				taken("snap-bad", "vol-2", ebs.Error, 1), taken("snap-other", "vol-other", ebs.Completed, 1),
			},
			want: []contract.Item{item("i-1", "3",
				withSnapshot(volume("vol-1", "a", "3"), "snap-early"), volume("vol-2", "b", "3"), volume("vol-3", "c", "3"))},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, items(dailyRun, Choose(keyword, false, c.instances, c.tagged), c.existing)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestItemsSplitsAnInstanceWithManyVolumes(t *testing.T) {
	many := instance("i-1", "3")
	for n := range 45 {
		many.Volumes = append(many.Volumes, ebs.Attachment{VolumeID: fmt.Sprintf("vol-%02d", n)})
	}
	var sizes []int
	var ids []string
	for _, i := range items(dailyRun, Choose(keyword, false, []ebs.Instance{many}, nil), nil) {
		sizes = append(sizes, len(i.Volumes))
		for _, v := range i.Volumes {
			ids = append(ids, v.ID)
		}
		if diff := cmp.Diff(contract.Instance{ID: "i-1", Tags: many.Tags}, i.Instance); diff != "" {
			t.Errorf("instance (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff([]int{20, 20, 5}, sizes); diff != "" {
		t.Errorf("volumes in each item (-want +got):\n%s", diff)
	}
	if !slices.IsSorted(ids) || len(slices.Compact(ids)) != 45 {
		t.Errorf("the volumes are %v, want each of the 45 once, in order", ids)
	}
}

func TestItemsDoesNotDependOnTheOrderOfEC2sLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var instances []ebs.Instance
		for n := range rapid.IntRange(0, 8).Draw(t, "instances") {
			volumes := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"vol-1", "vol-2", "vol-3", "vol-4", "vol-5"}), 0, 4, rapid.ID).Draw(t, "volumes")
			instances = append(instances, instance(fmt.Sprintf("i-%d", n), rapid.SampledFrom([]string{"3", "off", "?"}).Draw(t, "retention"), volumes...))
		}
		own := []ebs.Volume{tagged("vol-1", "off"), tagged("vol-2", "9"), tagged("vol-3", "")}
		existing := []ebs.Snapshot{taken("snap-1", "vol-2", ebs.Completed, 2), taken("snap-2", "vol-2", ebs.Error, 1), taken("snap-3", "vol-2", ebs.Pending, 3)}
		want := items(dailyRun, Choose(keyword, false, instances, own), existing)
		got := items(dailyRun, Choose(keyword, false, rapid.Permutation(instances).Draw(t, "listed"), rapid.Permutation(own).Draw(t, "tagged")),
			rapid.Permutation(existing).Draw(t, "existing"))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		seen := map[string]bool{}
		for _, i := range got {
			for _, v := range i.Volumes {
				if seen[v.ID] {
					t.Fatalf("%s is listed twice", v.ID)
				}
				seen[v.ID] = true
			}
		}
	})
}
