package ec2sim_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

// listed is a filter question and the names of the snapshots that answer it.
type listed struct {
	what    string
	filters []types.Filter
	want    []string
}

// checkLists makes snapshots with these tags by name, and asks.
func checkLists(t *testing.T, w *World, tags map[string]map[string]string, questions ...listed) {
	t.Helper()
	names := map[string]string{}
	for name, more := range tags {
		names[*w.Snapshot(w.Volume(), more).SnapshotId] = name
	}
	w.Eventually("all are listed", func() bool { return len(w.List()) == len(tags) })
	for _, q := range questions {
		var got []string
		for _, id := range w.List(q.filters...) {
			got = append(got, names[id])
		}
		slices.Sort(got)
		if diff := cmp.Diff(q.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", q.what, diff)
		}
	}
}

var listingCases = []ConformanceCase{
	{Name: "Filters on tags match whole values, by case, any of a filter's values and all filters", Run: func(t *testing.T, w *World) {
		tags := map[string]map[string]string{
			"daily":    {"SnapshotDaily": "3", "Env": "prod"},
			"hourly":   {"SnapshotHourly": "24", "Env": "prod"},
			"both":     {"SnapshotDaily": "3", "SnapshotHourly": "24", "Env": "test"},
			"empty":    {"SnapshotDaily": ""},
			"lower":    {"snapshotdaily": "3"},
			"longer":   {"SnapshotDaily2": "33"},
			"untagged": {},
		}
		checkLists(t, w, tags,
			listed{"by key", []types.Filter{filter("tag-key", "SnapshotDaily")}, []string{"both", "daily", "empty"}},
			listed{"by a key and a value", []types.Filter{filter("tag-key", "SnapshotDaily"), filter("tag:SnapshotHourly", "24")}, []string{"both"}},
			listed{"by value", []types.Filter{filter("tag:SnapshotDaily", "3")}, []string{"both", "daily"}},
			listed{"by either value", []types.Filter{filter("tag:SnapshotDaily", "3", "")}, []string{"both", "daily", "empty"}},
			listed{"by two tags", []types.Filter{filter("tag:SnapshotDaily", "3"), filter("tag:Env", "prod")}, []string{"daily"}},
			listed{"by the value of an absent tag", []types.Filter{filter("tag:Nothing", "3")}, nil})
	}},
	{Name: "Any of several tag keys will do",
		Differs: "moto wants them all; EC2 User Guide, \"List and filter your resources\": the values of a filter are joined with OR",
		Run: func(t *testing.T, w *World) {
			tags := map[string]map[string]string{"daily": {"SnapshotDaily": "3"}, "hourly": {"SnapshotHourly": "24"}, "neither": {}}
			checkLists(t, w, tags, listed{"by either key", []types.Filter{filter("tag-key", "SnapshotDaily", "SnapshotHourly")}, []string{"daily", "hourly"}})
		}},
	{Name: "Wildcards match any characters or one, and the whole value", Run: func(t *testing.T, w *World) {
		tags := map[string]map[string]string{
			"run 1":  {"Run": "SnapshotDaily/2026-11-22T00:00:00Z"},
			"run 2":  {"Run": "SnapshotDaily/2026-11-23T00:00:00Z"},
			"hourly": {"Run": "SnapshotHourly/2026-11-22T00:00:00Z"},
		}
		checkLists(t, w, tags,
			listed{"* at the end", []types.Filter{filter("tag:Run", "SnapshotDaily/*")}, []string{"run 1", "run 2"}},
			listed{"* in the middle", []types.Filter{filter("tag:Run", "Snapshot*2T00:00:00Z")}, []string{"hourly", "run 1"}},
			listed{"several *", []types.Filter{filter("tag:Run", "*Daily*23*")}, []string{"run 2"}},
			listed{"?", []types.Filter{filter("tag:Run", "SnapshotDaily/2026-11-2?T00:00:00Z")}, []string{"run 1", "run 2"}},
			listed{"a beginning alone", []types.Filter{filter("tag:Run", "SnapshotDaily/")}, nil},
			listed{"in keys", []types.Filter{filter("tag-key", "Ru?")}, []string{"hourly", "run 1", "run 2"}})
	}},
	{Name: "A backslash makes a wildcard an ordinary character",
		Differs: "moto does not unescape; EC2 User Guide, \"List and filter your resources\": escape with a backslash",
		Run: func(t *testing.T, w *World) {
			tags := map[string]map[string]string{"star": {"Odd": "a*b"}, "query": {"Odd": "a?b"}, "slash": {"Odd": `a\b`}, "plain": {"Odd": "axb"}}
			checkLists(t, w, tags,
				listed{"plain *", []types.Filter{filter("tag:Odd", "a*b")}, []string{"plain", "query", "slash", "star"}},
				listed{"escaped *", []types.Filter{filter("tag:Odd", `a\*b`)}, []string{"star"}},
				listed{"escaped ?", []types.Filter{filter("tag:Odd", `a\?b`)}, []string{"query"}},
				listed{"escaped backslash", []types.Filter{filter("tag:Odd", `a\\b`)}, []string{"slash"}})
		}},
	{Name: "Snapshots are found by volume, ID, owner and status, all at once too", Run: func(t *testing.T, w *World) {
		one, other := w.Completed(nil), w.Completed(nil)
		volumeID, owner := *w.ByID(one).VolumeId, *w.ByID(one).OwnerId
		all := []string{one, other}
		slices.Sort(all)
		for _, q := range []listed{
			{"by volume", []types.Filter{filter("volume-id", volumeID)}, []string{one}},
			{"by volume and a missing one", []types.Filter{filter("volume-id", volumeID, noVolume)}, []string{one}},
			{"by ID", []types.Filter{filter("snapshot-id", other)}, []string{other}},
			{"by owner", []types.Filter{filter("owner-id", owner)}, all},
			{"by another owner", []types.Filter{filter("owner-id", "999999999999")}, nil},
			{"completed", []types.Filter{filter("status", "completed", "error")}, all},
			{"in error", []types.Filter{filter("status", "error")}, nil},
			{"all at once", []types.Filter{filter("volume-id", volumeID), filter("status", "completed"), filter("owner-id", owner)}, []string{one}},
		} {
			if diff := cmp.Diff(q.want, w.List(q.filters...)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", q.what, diff)
			}
		}
		byOwner := &ec2.DescribeSnapshotsInput{OwnerIds: []string{owner}, SnapshotIds: all, Filters: []types.Filter{filter("volume-id", volumeID)}}
		if diff := cmp.Diff([]string{one}, listSnapshots(t, w.Client, byOwner)); diff != "" {
			t.Errorf("IDs, owner and filter together (-want +got):\n%s", diff)
		}
	}},
	{Name: "Pages are at most as long as asked for, and give each snapshot once",
		Differs: "moto gives everything on one page; EC2 API Reference, DescribeSnapshots, MaxResults",
		Run: func(t *testing.T, w *World) {
			var want []string
			for range 12 {
				want = append(want, *w.Snapshot(w.Volume(), nil).SnapshotId)
			}
			slices.Sort(want)
			in := &ec2.DescribeSnapshotsInput{Filters: []types.Filter{w.own()}, MaxResults: aws.Int32(5)}
			var got []string
			for pages := ec2.NewDescribeSnapshotsPaginator(w.Client, in); pages.HasMorePages(); {
				out, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if len(out.Snapshots) > 5 {
					t.Errorf("a page of %d", len(out.Snapshots))
				}
				for _, s := range out.Snapshots {
					got = append(got, *s.SnapshotId)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("all pages together (-want +got):\n%s", diff)
			}
		}},
	{Name: "Snapshots that go between the pages cost and repeat none of the others",
		Run: func(t *testing.T, w *World) {
			want := map[string]int{}
			for range 12 {
				want[*w.Snapshot(w.Volume(), nil).SnapshotId] = 1
			}
			in := &ec2.DescribeSnapshotsInput{Filters: []types.Filter{w.own()}, MaxResults: aws.Int32(5)}
			got := map[string]int{}
			for pages := ec2.NewDescribeSnapshotsPaginator(w.Client, in); pages.HasMorePages(); {
				out, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range out.Snapshots {
					got[*s.SnapshotId]++
				}
				for _, s := range out.Snapshots { // those that were given go
					if _, err := w.Client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: s.SnapshotId}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("times that each was given (-want +got):\n%s", diff)
			}
		}},
	{Name: "Instances are paged too",
		Run: func(t *testing.T, w *World) {
			imageID, _ := w.Image()
			ids := w.Launch(imageID, 7)
			slices.Sort(ids)
			in := &ec2.DescribeInstancesInput{Filters: []types.Filter{w.own()}, MaxResults: aws.Int32(5)}
			var got []string
			for pages := ec2.NewDescribeInstancesPaginator(w.Client, in); pages.HasMorePages(); {
				out, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range out.Reservations {
					for _, i := range r.Instances {
						got = append(got, *i.InstanceId)
					}
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(ids, got); diff != "" {
				t.Errorf("all pages together (-want +got):\n%s", diff)
			}
		}},
	{Name: "A page size below 5 or above 1000, and one together with IDs, are refused",
		Differs: "moto ignores MaxResults of DescribeSnapshots; EC2 API Reference, \"Pagination\"",
		Run: func(t *testing.T, w *World) {
			for _, n := range []int32{4, 1001} {
				_, err := w.Client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{MaxResults: &n})
				refused(t, fmt.Sprintf("MaxResults %d", n), "InvalidParameterValue", err)
			}
			id := *w.Snapshot(w.Volume(), nil).SnapshotId
			_, err := w.Client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{MaxResults: aws.Int32(5), SnapshotIds: []string{id}})
			refused(t, "MaxResults with IDs", "InvalidParameterCombination", err)
		}},
	{Name: "A page token that EC2 did not give is refused",
		Differs: "moto ignores it for snapshots; EC2 answers InvalidParameterValue, unable to parse pagination token",
		Run: func(t *testing.T, w *World) {
			_, err := w.Client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{NextToken: aws.String("made-up")})
			refused(t, "a token of one's own", "InvalidParameterValue", err)
		}},
	{Name: "A filter takes 200 values and not one more",
		Differs: "moto has no limit; EC2 API error codes: FilterLimitExceeded",
		Run: func(t *testing.T, w *World) {
			values := make([]string, 200)
			for i := range values {
				values[i] = fmt.Sprintf("vol-%017x", i)
			}
			if got := w.List(filter("volume-id", values...)); got != nil {
				t.Errorf("200 values: %v", got)
			}
			_, err := w.Client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{Filters: []types.Filter{filter("volume-id", append(values, noVolume)...)}})
			refused(t, "201 values", "FilterLimitExceeded", err)
		}},
	{Name: "A filter that is none is refused",
		Differs: "moto answers FilterNotImplementedError",
		Run: func(t *testing.T, w *World) {
			_, err := w.Client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{Filters: []types.Filter{filter("volume", "x")}})
			refused(t, "filter volume", "InvalidParameterValue", err)
		}},
}
