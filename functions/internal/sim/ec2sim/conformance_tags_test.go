package ec2sim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

// createTagged tries a snapshot with these tags, and gives the code of the refusal.
func createTagged(t *testing.T, w *World, tags map[string]string) string {
	t.Helper()
	volumeID := w.Volume()
	out, err := w.Client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID, TagSpecifications: tagSpec(types.ResourceTypeSnapshot, tags)})
	if err == nil {
		_, _ = w.Client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: out.SnapshotId})
	}
	return codeOf(err)
}

func manyTags(n int) map[string]string {
	tags := map[string]string{}
	for i := range n {
		tags[fmt.Sprintf("key-%02d", i)] = "value"
	}
	return tags
}

var tagCases = []ConformanceCase{
	{Name: "A snapshot is born with 50 tags of 128 and 256 characters at most", Run: func(t *testing.T, w *World) {
		tags := manyTags(49)
		tags[strings.Repeat("é", 128)] = strings.Repeat("值", 256)
		if got := createTagged(t, w, tags); got != "" {
			t.Errorf("50 tags are refused: %s", got)
		}
	}},
	{Name: "51 tags are TagLimitExceeded",
		Run: func(t *testing.T, w *World) {
			if got := createTagged(t, w, manyTags(51)); got != "TagLimitExceeded" {
				t.Errorf("51 tags: %q", got)
			}
			id := *w.Snapshot(w.Volume(), manyTags(49)).SnapshotId // and the mark
			_, err := w.Client.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: aws.String("one-more"), Value: aws.String("")}}})
			refused(t, "the 51st later", "TagLimitExceeded", err)
			_, err = w.Client.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: aws.String("key-00"), Value: aws.String("changed")}}})
			refused(t, "changing one of the 50", "", err)
		}},
	{Name: "A tag that AWS reserves fails the whole creation, and leaves no snapshot",
		Differs: "moto accepts it with CreateSnapshot; EC2 User Guide, \"Tag restrictions\": the aws: prefix is reserved",
		Run: func(t *testing.T, w *World) {
			for _, key := range []string{"aws:cloudformation:stack-name", "AWS:x"} {
				if got := createTagged(t, w, map[string]string{w.Mark: "conformance", key: "x"}); got != "InvalidParameterValue" {
					t.Errorf("the tag %s: %q", key, got)
				}
			}
			if got := w.List(); got != nil {
				t.Errorf("these were made all the same: %v", got)
			}
		}},
	{Name: "Too long keys and values are refused",
		Differs: "moto accepts them with CreateSnapshot; EC2 User Guide, \"Tag restrictions\"",
		Run: func(t *testing.T, w *World) {
			if got := createTagged(t, w, map[string]string{strings.Repeat("k", 129): ""}); got != "InvalidParameterValue" {
				t.Errorf("a key of 129 characters: %q", got)
			}
			if got := createTagged(t, w, map[string]string{"k": strings.Repeat("v", 257)}); got != "InvalidParameterValue" {
				t.Errorf("a value of 257 characters: %q", got)
			}
		}},
	{Name: "The same key twice is refused",
		Differs: "moto takes the last one; EC2 answers InvalidParameterValue, duplicate tag key",
		Run: func(t *testing.T, w *World) {
			volumeID := w.Volume()
			twice := []types.Tag{{Key: aws.String("k"), Value: aws.String("1")}, {Key: aws.String("k"), Value: aws.String("2")}}
			_, err := w.Client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID, TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSnapshot, Tags: twice}}})
			refused(t, "k twice", "InvalidParameterValue", err)
		}},
	{Name: "A tag specification for another type of resource is refused",
		Differs: "moto ignores it; EC2 answers InvalidParameterValue, not a valid taggable resource type for this operation",
		Run: func(t *testing.T, w *World) {
			volumeID := w.Volume()
			_, err := w.Client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID, TagSpecifications: tagSpec(types.ResourceTypeVolume, map[string]string{"k": "v"})})
			refused(t, "a volume's tags", "InvalidParameterValue", err)
		}},
	{Name: "Tags can be added, changed and deleted, by key or by key and value", Run: func(t *testing.T, w *World) {
		id := *w.Snapshot(w.Volume(), map[string]string{"a": "1", "b": "2", "c": "3", "d": ""}).SnapshotId
		tag := func(key string, value *string) types.Tag { return types.Tag{Key: &key, Value: value} }
		_, err := w.Client.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{tag("a", aws.String("changed")), tag("e", aws.String("5"))}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Client.DeleteTags(t.Context(), &ec2.DeleteTagsInput{Resources: []string{id}, Tags: []types.Tag{
			tag("b", nil), tag("c", aws.String("another value")), tag("d", aws.String("")), tag("absent", nil),
		}})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{w.Mark: "conformance", "a": "changed", "c": "3", "e": "5"}
		w.Eventually("the tags are changed", func() bool { return cmp.Equal(want, tagsOf(w.ByID(id).Tags)) })
	}},
	{Name: "Deleting tags without naming any deletes them all",
		Differs: "moto deletes none; EC2 API Reference, DeleteTags",
		Run: func(t *testing.T, w *World) {
			id := *w.Snapshot(w.Volume(), map[string]string{"a": "1"}).SnapshotId
			if _, err := w.Client.DeleteTags(t.Context(), &ec2.DeleteTagsInput{Resources: []string{id}}); err != nil {
				t.Fatal(err)
			}
			w.Eventually("it has no tags", func() bool { return len(w.ByID(id).Tags) == 0 })
			_, _ = w.Client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &id})
		}},
	{Name: "Tagging what is not there is refused", Run: func(t *testing.T, w *World) {
		refused(t, "a snapshot", "InvalidSnapshot.NotFound", tagOne(t, w, noSnapshot))
		refused(t, "a volume", "InvalidVolume.NotFound", tagOne(t, w, noVolume))
	}},
	{Name: "Tags of several snapshots are set together, and deleted only where they have the value", Run: func(t *testing.T, w *World) {
		one, two := *w.Snapshot(w.Volume(), nil).SnapshotId, *w.Snapshot(w.Volume(), map[string]string{"k": "another"}).SnapshotId
		both := []string{one, two}
		add := []types.Tag{{Key: aws.String("new"), Value: aws.String("1")}, {Key: aws.String("empty"), Value: aws.String("")}}
		if _, err := w.Client.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: both, Tags: add}); err != nil {
			t.Fatal(err)
		}
		w.Eventually("both are tagged", func() bool {
			return cmp.Equal(map[string]string{w.Mark: "conformance", "new": "1", "empty": ""}, tagsOf(w.ByID(one).Tags)) &&
				cmp.Equal(map[string]string{w.Mark: "conformance", "new": "1", "empty": "", "k": "another"}, tagsOf(w.ByID(two).Tags))
		})
		gone := append(add, types.Tag{Key: aws.String("k"), Value: aws.String("v")})
		if _, err := w.Client.DeleteTags(t.Context(), &ec2.DeleteTagsInput{Resources: both, Tags: gone}); err != nil {
			t.Fatal(err)
		}
		w.Eventually("both are as before", func() bool {
			return cmp.Equal(map[string]string{w.Mark: "conformance"}, tagsOf(w.ByID(one).Tags)) &&
				cmp.Equal(map[string]string{w.Mark: "conformance", "k": "another"}, tagsOf(w.ByID(two).Tags))
		})
	}},
	{Name: "One snapshot that is not there keeps the others from being tagged", Run: func(t *testing.T, w *World) {
		id := *w.Snapshot(w.Volume(), nil).SnapshotId
		_, err := w.Client.CreateTags(t.Context(), &ec2.CreateTagsInput{
			Resources: []string{id, noSnapshot}, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
		})
		refused(t, "both", "InvalidSnapshot.NotFound", err)
		if got := tagsOf(w.ByID(id).Tags); !cmp.Equal(map[string]string{w.Mark: "conformance"}, got) {
			t.Errorf("the other has the tags %v", got)
		}
	}},
	{Name: "Tagging an instance that is not there is refused",
		Differs: "moto accepts it; EC2 API error codes: InvalidInstanceID.NotFound",
		Run: func(t *testing.T, w *World) {
			refused(t, "an instance", "InvalidInstanceID.NotFound", tagOne(t, w, noInstance))
		}},
}

func tagOne(t *testing.T, w *World, id string) error {
	_, err := w.Client.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	return err
}
