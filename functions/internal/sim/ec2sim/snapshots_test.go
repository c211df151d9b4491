package ec2sim_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// tryCreateOf gives the code of the refusal of a snapshot, "" if it is made.
func (f fixture) tryCreateOf(t *testing.T, volumeID string) string {
	t.Helper()
	_, err := f.client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID})
	return codeOf(err)
}

// tryDelete gives the code of the refusal of a deletion, "" if it is done.
func (f fixture) tryDelete(t *testing.T, id string) string {
	t.Helper()
	_, err := f.client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &id})
	return codeOf(err)
}

func (f fixture) stateOf(t *testing.T, id string) ebs.State {
	t.Helper()
	s, ok := f.Snapshot(id)
	if !ok {
		t.Fatalf("there is no %s", id)
	}
	return s.State
}

func TestTheGoAPIGivesTheTrueStateOfASnapshot(t *testing.T) {
	f := newFixture(t)
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-1", SizeGiB: 20})
	f.Advance(1500 * time.Microsecond)
	id := f.create(t, "vol-1", map[string]string{"Name": "db & <more>"})
	want := ec2sim.Snapshot{
		Snapshot: ebs.Snapshot{
			ID:        id,
			VolumeID:  "vol-1",
			State:     ebs.Pending,
			StartTime: begin.Add(time.Millisecond), // EC2's times have milliseconds
			SizeGiB:   20,
			FullBytes: 20 << 30,
			Tags:      map[string]string{"Name": "db & <more>"},
		},
		OwnerID: "123456789012",
	}
	got, _ := f.Snapshot(id)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got.Tags["Name"] = "changed by the caller"
	if diff := cmp.Diff([]ec2sim.Snapshot{want}, f.Snapshots()); diff != "" {
		t.Errorf("the caller's change went through (-want +got):\n%s", diff)
	}
}

func TestCompletionDependsOnTheVolumeAndHowOftenItWasSnapshotted(t *testing.T) {
	f := newFixture(t, func(c *ec2sim.Config) {
		c.Completion = func(volumeID string, nth int) time.Duration {
			if volumeID == "vol-big" && nth == 1 {
				return 3 * time.Hour
			}
			return 30 * time.Second
		}
	})
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-big"})
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-small"})
	small, full := f.create(t, "vol-small", nil), f.create(t, "vol-big", nil)
	f.Advance(time.Minute)
	incremental := f.create(t, "vol-big", nil)
	f.Advance(time.Minute)
	got := []ebs.State{f.stateOf(t, small), f.stateOf(t, full), f.stateOf(t, incremental)}
	if diff := cmp.Diff([]ebs.State{ebs.Completed, ebs.Pending, ebs.Completed}, got); diff != "" {
		t.Errorf("after 2 minutes (-want +got):\n%s", diff)
	}
}

func TestASnapshotThatWillFailIsPendingFirst(t *testing.T) {
	f := newFixture(t)
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-1"})
	f.FailNextSnapshotOf("vol-1")
	failing := f.create(t, "vol-1", nil)
	f.Advance(15 * time.Second)
	healthy := f.create(t, "vol-1", nil)
	before := f.stateOf(t, failing)
	f.Advance(time.Minute)
	got := []ebs.State{before, f.stateOf(t, failing), f.stateOf(t, healthy)}
	if diff := cmp.Diff([]ebs.State{ebs.Pending, ebs.Error, ebs.Completed}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	inError := f.list(t, &ec2.DescribeSnapshotsInput{Filters: []types.Filter{filter("status", "error")}})
	if diff := cmp.Diff([]string{failing}, inError); diff != "" {
		t.Errorf("in error (-want +got):\n%s", diff)
	}
}

func TestSnapshotsInErrorCountAsInProgressUntilTheyAreDeleted(t *testing.T) {
	f := newFixture(t)
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-1"})
	var failed string
	for range 5 {
		failed = f.create(t, "vol-1", nil)
		f.FailSnapshot(failed)
		f.Advance(time.Hour)
	}
	if got := f.tryCreateOf(t, "vol-1"); got != "ConcurrentSnapshotLimitExceeded" {
		t.Errorf("beside 5 in error: %q", got)
	}
	if got := f.tryDelete(t, failed); got != "" {
		t.Errorf("deleting one: %q", got)
	}
	if got := f.tryCreateOf(t, "vol-1"); got != "" {
		t.Errorf("beside 4 in error: %q", got)
	}
}

func TestAColdHDDVolumeHasOneSnapshotInProgress(t *testing.T) {
	f := newFixture(t)
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-1", Type: "sc1"})
	f.create(t, "vol-1", nil)
	f.Advance(15 * time.Second)
	if got := f.tryCreateOf(t, "vol-1"); got != "ConcurrentSnapshotLimitExceeded" {
		t.Errorf("the second: %q", got)
	}
}

func TestTheAccountHasALimitOfPendingSnapshots(t *testing.T) {
	f := newFixture(t, func(c *ec2sim.Config) { c.PendingPerAccount = 2 })
	for _, id := range []string{"vol-1", "vol-2", "vol-3"} {
		f.AddVolume(ec2sim.BlockDevice{ID: id})
	}
	f.create(t, "vol-1", nil)
	second := f.create(t, "vol-2", nil)
	if got := f.tryDelete(t, second); got != "" {
		t.Errorf("deleting a pending one: %q", got)
	}
	if got := f.tryCreateOf(t, "vol-3"); got != "PendingSnapshotLimitExceeded" {
		t.Errorf("the third, the second being deleted: %q", got)
	}
	f.Advance(time.Minute)
	if got := f.tryCreateOf(t, "vol-3"); got != "" {
		t.Errorf("a minute later: %q", got)
	}
}

func TestTheAccountHasALimitOfSnapshots(t *testing.T) {
	f := newFixture(t, func(c *ec2sim.Config) { c.MaxSnapshots = 2 })
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-1"})
	f.AddSnapshot(ec2sim.Snapshot{OwnerID: "999999999999", Shared: true})
	f.AddSnapshot(ec2sim.Snapshot{})
	old := f.AddSnapshot(ec2sim.Snapshot{})
	if got := f.tryCreateOf(t, "vol-1"); got != "SnapshotLimitExceeded" {
		t.Errorf("the third: %q", got)
	}
	f.DeleteSnapshotByPerson(old)
	if got := f.tryCreateOf(t, "vol-1"); got != "" {
		t.Errorf("after deleting one: %q", got)
	}
}

func TestARefusedSnapshotDoesNotCountForTheIntervalOrTheLimits(t *testing.T) {
	f := newFixture(t)
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-1"})
	f.create(t, "vol-1", nil)
	f.Advance(10 * time.Second)
	if got := f.tryCreateOf(t, "vol-1"); got != "SnapshotCreationPerVolumeRateExceeded" {
		t.Errorf("after 10 s: %q", got)
	}
	f.Advance(5 * time.Second)
	if got := f.tryCreateOf(t, "vol-1"); got != "" {
		t.Errorf("after 15 s: %q", got)
	}
}

func TestListsLag(t *testing.T) {
	f := newFixture(t, func(c *ec2sim.Config) { c.ListLag = 5 * time.Second })
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-1"})
	id := f.create(t, "vol-1", map[string]string{"Keyword": "3"})
	byFilter := func() []string {
		return f.list(t, &ec2.DescribeSnapshotsInput{Filters: []types.Filter{filter("tag:Keyword", "3")}})
	}
	byID := func() string {
		_, err := f.client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}})
		return codeOf(err)
	}
	check := func(when string, listed []string, code string) {
		t.Helper()
		if diff := cmp.Diff(listed, byFilter()); diff != "" {
			t.Errorf("%s, by filter (-want +got):\n%s", when, diff)
		}
		if got := byID(); got != code {
			t.Errorf("%s, by ID: %q, want %q", when, got, code)
		}
	}
	check("new", nil, "InvalidSnapshot.NotFound")
	f.Advance(5 * time.Second)
	check("5 s old", []string{id}, "")
	f.UntagSnapshot(id, "Keyword")
	check("just claimed", []string{id}, "")
	if s, _ := f.Snapshot(id); len(s.Tags) > 0 {
		t.Errorf("the Go API runs behind too: %v", s.Tags)
	}
	f.Advance(2 * time.Second)
	f.TagSnapshot(id, "Keyword", "3")
	f.Advance(3 * time.Second)
	check("claimed for 5 s", nil, "")
	f.Advance(2 * time.Second)
	check("given back for 5 s", []string{id}, "")
	if got := f.tryDelete(t, id); got != "" {
		t.Fatalf("deleting it: %s", got)
	}
	check("just deleted", []string{id}, "")
	if got := f.tryDelete(t, id); got != "InvalidSnapshot.NotFound" {
		t.Errorf("deleting it again: %q", got)
	}
	f.Advance(5 * time.Second)
	check("deleted for 5 s", nil, "InvalidSnapshot.NotFound")
}

func TestASnapshotCanBeDeletedBeforeTheListsShowIt(t *testing.T) {
	f := newFixture(t, func(c *ec2sim.Config) { c.ListLag = 5 * time.Second })
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-1"})
	id := f.create(t, "vol-1", nil)
	if got := f.tryDelete(t, id); got != "" {
		t.Errorf("deleting it: %s", got)
	}
}

func TestOtherAccountsSnapshotsAreSeenIfSharedAndNeverDeleted(t *testing.T) {
	f := newFixture(t)
	own := f.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Snapshot{ID: "snap-own"}})
	shared := f.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Snapshot{ID: "snap-shared"}, OwnerID: "999999999999", Shared: true})
	private := f.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Snapshot{ID: "snap-private"}, OwnerID: "999999999999"})
	for _, c := range []struct {
		what string
		in   ec2.DescribeSnapshotsInput
		want []string
	}{
		{"of anybody", ec2.DescribeSnapshotsInput{}, []string{own, shared}},
		{"own", ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}}, []string{own}},
		{"the other's", ec2.DescribeSnapshotsInput{OwnerIds: []string{"999999999999"}}, []string{shared}},
		{"of both", ec2.DescribeSnapshotsInput{OwnerIds: []string{"999999999999", "123456789012"}}, []string{own, shared}},
		{"by ID", ec2.DescribeSnapshotsInput{SnapshotIds: []string{shared}}, []string{shared}},
	} {
		if diff := cmp.Diff(c.want, f.list(t, &c.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
	_, err := f.client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{private}})
	refused(t, "a private one by ID", "InvalidSnapshot.NotFound", err)
	got := []string{f.tryDelete(t, shared), f.tryDelete(t, private)}
	if diff := cmp.Diff([]string{"AuthFailure", "InvalidSnapshot.NotFound"}, got); diff != "" {
		t.Errorf("deleting them (-want +got):\n%s", diff)
	}
}

func TestAnAMIOrALockStopsADeletionByTheAPIButNotByAPerson(t *testing.T) {
	f := newFixture(t)
	held, locked := f.AddSnapshot(ec2sim.Snapshot{}), f.AddSnapshot(ec2sim.Snapshot{})
	f.HoldByAMI(held, "ami-1")
	f.Lock(locked)
	if diff := cmp.Diff([]string{"InvalidSnapshot.InUse", "OperationNotPermitted"}, []string{f.tryDelete(t, held), f.tryDelete(t, locked)}); diff != "" {
		t.Errorf("while held (-want +got):\n%s", diff)
	}
	f.ReleaseAMI("ami-1")
	f.Advance(time.Minute)
	if got := f.tryDelete(t, held); got != "" {
		t.Errorf("when released: %q", got)
	}
	f.DeleteSnapshotByPerson(locked)
	var got []ec2sim.Deletion
	for _, d := range f.Deleted() {
		got = append(got, ec2sim.Deletion{At: d.At, By: d.By, Snapshot: ec2sim.Snapshot{Snapshot: ebs.Snapshot{ID: d.Snapshot.ID}}})
	}
	want := []ec2sim.Deletion{
		{At: begin.Add(time.Minute), By: ec2sim.ByAPI, Snapshot: ec2sim.Snapshot{Snapshot: ebs.Snapshot{ID: held}}},
		{At: begin.Add(time.Minute), By: ec2sim.ByPerson, Snapshot: ec2sim.Snapshot{Snapshot: ebs.Snapshot{ID: locked}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("deletions (-want +got):\n%s", diff)
	}
}

func TestASnapshotCanHaveAnyState(t *testing.T) {
	f := newFixture(t)
	id := f.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Snapshot{State: ebs.Pending}})
	f.Advance(24 * time.Hour)
	for _, want := range []ebs.State{ebs.Pending, ebs.Recovering, ebs.Recoverable, ebs.Error, ebs.Completed} {
		if want != ebs.Pending {
			f.SetSnapshotState(id, want)
		}
		out, err := f.client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(out.Snapshots[0].State); got != string(want) {
			t.Errorf("want %s, got %s", want, got)
		}
	}
	_, err := f.client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{"vol-1"}})
	refused(t, "an ID of something else", "InvalidParameterValue", err)
	_, err = f.client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}, DryRun: aws.Bool(true)})
	refused(t, "a dry run", "DryRunOperation", err)
}
