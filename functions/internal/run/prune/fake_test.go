package prune

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const (
	keyword  = "SnapshotDaily"
	volumeID = "vol-1"
	own      = "snap-own"
)

var now = time.Date(2026, 11, 22, 0, 10, 0, 0, time.UTC)

// fakeEC2 holds the snapshots of one volume. It refuses what it is not asked for in these tests.
type fakeEC2 struct {
	snapshots []ebs.Snapshot
	unlisted  map[string]bool  // by ID: exists, and no list shows it
	lagging   map[string]bool  // by ID: exists, and the list of the schedule's does not show it yet
	failures  map[string]error // by ID: what a deletion answers
	listErr   error
	lookErr   error
	asked     []string // to be deleted, in order
	deleted   []string
	settle    func()            // called when seconds pass
	ahead     time.Duration     // the function's clock
	takes     time.Duration     // a deletion, by that clock
	tags      map[string]string // what the schedule's tag says by now, by resource
	tagsErr   error
	looks     int // at the tag
}

func (f *fakeEC2) VolumeSnapshots(_ context.Context, volume, schedule string) ([]ebs.Snapshot, error) {
	if volume != volumeID || schedule != keyword {
		return nil, fmt.Errorf("the fake EC2 has no %s snapshots of %s", schedule, volume)
	}
	return f.where(func(s ebs.Snapshot) bool { return s.Tags[ebs.TagSchedule] == keyword && !f.lagging[s.ID] }), f.listErr
}

func (f *fakeEC2) SnapshotByID(_ context.Context, id string) (ebs.Snapshot, bool, error) {
	found := f.where(func(s ebs.Snapshot) bool { return s.ID == id })
	if f.lookErr != nil || len(found) == 0 {
		return ebs.Snapshot{}, false, f.lookErr
	}
	return found[0], true, nil
}

func (f *fakeEC2) where(ok func(ebs.Snapshot) bool) []ebs.Snapshot {
	var out []ebs.Snapshot
	for _, s := range f.snapshots {
		if ok(s) && !f.unlisted[s.ID] {
			out = append(out, s)
		}
	}
	return out
}

func (f *fakeEC2) DeleteSnapshot(ctx context.Context, id string) error {
	f.asked = append(f.asked, id)
	f.ahead += f.takes
	i := slices.IndexFunc(f.snapshots, func(s ebs.Snapshot) bool { return s.ID == id })
	switch err := f.failures[id]; {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case i < 0:
		return fmt.Errorf("the fake EC2 has no snapshot %s", id)
	}
	f.snapshots = slices.Delete(f.snapshots, i, i+1)
	f.deleted = append(f.deleted, id)
	return nil
}

// change changes a snapshot.
func (f *fakeEC2) change(t *testing.T, id string, how func(*ebs.Snapshot)) {
	t.Helper()
	i := slices.IndexFunc(f.snapshots, func(s ebs.Snapshot) bool { return s.ID == id })
	if i < 0 {
		t.Fatalf("the fake EC2 has no snapshot %s", id)
	}
	how(&f.snapshots[i])
}

func (f *fakeEC2) TagValues(_ context.Context, key string, resourceIDs ...string) (map[string]string, error) {
	f.looks++
	if key != keyword || !slices.Equal(resourceIDs, []string{volumeID, "i-1"}) {
		return nil, fmt.Errorf("the fake EC2 knows no tag %s of %v", key, resourceIDs)
	}
	return f.tags, f.tagsErr
}

func (f *fakeEC2) prune(ctx context.Context, req contract.PruneRequest) (contract.PruneResult, error) {
	s := &Service{EC2: f, Now: func() time.Time { return now.Add(f.ahead) }, Wait: f.wait, Log: slog.New(slog.DiscardHandler)}
	return s.Prune(ctx, req)
}

// wait lets what EC2's lists did not show come to light.
func (f *fakeEC2) wait(context.Context, time.Duration) error {
	if f.settle != nil {
		f.settle()
	}
	return nil
}

// volumeWith holds this run's snapshot, in the state, and so many completed ones of earlier days: snap-1 is yesterday's.
func volumeWith(state ebs.State, earlier int) *fakeEC2 {
	f := &fakeEC2{tags: map[string]string{"i-1": "3"}, unlisted: map[string]bool{}, failures: map[string]error{}}
	f.snapshots = append(f.snapshots, managedSnapshot(own, state, 0))
	for n := range earlier {
		f.snapshots = append(f.snapshots, managedSnapshot(fmt.Sprintf("snap-%d", n+1), ebs.Completed, n+1))
	}
	return f
}

func managedSnapshot(id string, state ebs.State, daysAgo int) ebs.Snapshot {
	start := now.Add(-time.Minute).AddDate(0, 0, -daysAgo)
	return ebs.Made(ebs.Stamp{Keyword: keyword, Retention: "3", RunID: ebs.RunID(keyword, start), InstanceID: "i-1"},
		ebs.Snapshot{ID: id, VolumeID: volumeID, State: state, StartTime: start}, nil)
}

func request(retention string) contract.PruneRequest {
	return contract.PruneRequest{
		Run: contract.Run{
			ID: keyword + "/2026-11-22T00:00:00Z", SnapshotKeyWord: keyword, TimeZone: "UTC",
			ScheduledTime: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		},
		InstanceID: "i-1",
		Volume:     contract.Volume{ID: volumeID, Device: "/dev/xvda", Retention: retention},
		Snapshot:   contract.SnapshotResult{SnapshotID: own},
	}
}
