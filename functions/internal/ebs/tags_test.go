package ebs

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const keyword = "SnapshotDaily"

var stamp = Stamp{Keyword: keyword, Retention: "3", RunID: keyword + "/2026-11-22T00:00:00Z", InstanceID: "i-1"}

// ours are the tags that the stamp makes.
func ours(retention string) []Tag {
	return []Tag{
		{keyword, retention},
		{"snapshot-lifecycle:schedule", keyword},
		{"snapshot-lifecycle:retention", retention},
		{"snapshot-lifecycle:run", keyword + "/2026-11-22T00:00:00Z"},
		{"snapshot-lifecycle:instance", "i-1"},
	}
}

// numbered gives so many tags of an instance, t-00 and on.
func numbered(n int) map[string]string {
	out := map[string]string{}
	for i := range n {
		out[fmt.Sprintf("t-%02d", i)] = "x"
	}
	return out
}

// with gives the tags with others added.
func with(tags, more map[string]string) map[string]string {
	out := maps.Clone(tags)
	maps.Copy(out, more)
	return out
}

func TestSnapshotTags(t *testing.T) {
	first := func(n int) []Tag { // our five, then the instance's
		tags := ours("3")
		for i := range n {
			tags = append(tags, Tag{fmt.Sprintf("t-%02d", i), "x"})
		}
		return tags
	}
	empty := stamp
	empty.Retention = ""
	cases := []struct {
		name     string
		stamp    Stamp
		instance map[string]string
		want     []Tag
		dropped  []string
	}{
		{name: "gives only ours for an instance without tags", stamp: stamp, want: ours("3")},
		{
			name: "puts ours first, then Name, then the others by key", stamp: stamp,
			instance: map[string]string{"team": "shop", "Name": "web", "Anna": "", "name": "lower", "名": "值"},
			want:     append(ours("3"), Tag{"Name", "web"}, Tag{"Anna", ""}, Tag{"name", "lower"}, Tag{"team", "shop"}, Tag{"名", "值"}),
		}, {
			name: "sets no instance's ID if there is none, and copies none", stamp: Stamp{Keyword: keyword, Retention: "3", RunID: stamp.RunID},
			instance: map[string]string{TagInstance: "i-old", "Name": "data"},
			want:     append(ours("3")[:4], Tag{"Name", "data"}),
		}, {
			name: "excludes AWS's own tags, in any case of letters", stamp: stamp,
			instance: map[string]string{"aws:cloudformation:stack-name": "x", "AWS:thing": "x", "Aws:": "x", "aws": "kept", "awsome:": "kept"},
			want:     append(ours("3"), Tag{"aws", "kept"}, Tag{"awsome:", "kept"}),
		}, {
			name: "writes the retention in force, not the instance's", stamp: stamp,
			instance: map[string]string{keyword: "99"},
			want:     ours("3"),
		}, {
			name: "writes an empty retention", stamp: empty,
			instance: map[string]string{keyword: ""},
			want:     ours(""),
		}, {
			name: "does not copy our own tags from an instance that was restored from a snapshot", stamp: stamp,
			instance: map[string]string{
				TagSchedule: "SnapshotHourly", TagRetention: "1", TagRun: "SnapshotHourly/2020-01-01T00:00:00Z", TagInstance: "i-old", "team": "shop",
			},
			want: append(ours("3"), Tag{"team", "shop"}),
		}, {
			name: "keeps another schedule's tag, which says nothing about this snapshot", stamp: stamp,
			instance: map[string]string{"SnapshotHourly": "24"},
			want:     append(ours("3"), Tag{"SnapshotHourly", "24"}),
		}, {
			name: "gives exactly the 50 tags that EC2 accepts", stamp: stamp,
			instance: with(numbered(45), map[string]string{keyword: "3", "aws:x": "y"}),
			want:     first(45),
		}, {
			name: "says which keys were dropped", stamp: stamp,
			instance: with(numbered(48), map[string]string{"aws:x": "y", TagRun: "old"}),
			want:     first(45), dropped: []string{"t-45", "t-46", "t-47"},
		}, {
			name: "drops a Name last of all", stamp: stamp,
			instance: with(numbered(45), map[string]string{"Name": "web"}),
			want:     append(append(ours("3"), Tag{"Name", "web"}), first(44)[5:]...), dropped: []string{"t-44"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := maps.Clone(c.instance)
			tags, dropped := SnapshotTags(c.stamp, c.instance)
			if diff := cmp.Diff(c.want, tags); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.dropped, dropped); diff != "" {
				t.Errorf("dropped (-want +got):\n%s", diff)
			}
			if len(tags) > 50 {
				t.Errorf("%d tags are more than EC2 takes", len(tags))
			}
			if diff := cmp.Diff(before, c.instance); diff != "" {
				t.Errorf("the instance's own tags were changed:\n%s", diff)
			}
		})
	}
}

func TestUserTags(t *testing.T) {
	got := UserTags(map[string]string{"Name": "web", "aws:x": "1", "AWS:y": "2", "aws": "3", TagRun: "old"})
	if diff := cmp.Diff(map[string]string{"Name": "web", "aws": "3", TagRun: "old"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := UserTags(nil); got == nil || len(got) > 0 {
		t.Errorf("no tags give %v, want an empty map: the contract says an object, not null", got)
	}
}

func TestARefusalSaysWhyTheSnapshotIsKept(t *testing.T) {
	err := &RefusedError{SnapshotID: "snap-1", Code: "InvalidSnapshot.InUse", Message: "The snapshot is in use by ami-1"}
	if got, want := err.Error(), "EC2 refuses to delete snap-1: The snapshot is in use by ami-1 (InvalidSnapshot.InUse)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
