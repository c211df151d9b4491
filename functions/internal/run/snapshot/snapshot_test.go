package snapshot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const runID = "SnapshotDaily/2026-11-22T00:00:00Z"

var turn = time.Date(2026, 11, 22, 0, 3, 0, 0, time.UTC)

// fakeEC2 has one volume. It records its calls.
type fakeEC2 struct {
	held        []ebs.Snapshot // of the run
	calls       []string
	err         error
	start       time.Time
	tags        []ebs.Tag
	description string
}

func (f *fakeEC2) CreateSnapshot(_ context.Context, volumeID, description string, tags []ebs.Tag) (ebs.Snapshot, error) {
	f.calls = append(f.calls, "create "+volumeID)
	f.description, f.tags = description, tags
	return ebs.Snapshot{ID: "snap-new", VolumeID: volumeID, State: ebs.Pending, StartTime: f.start}, f.err
}

func (f *fakeEC2) VolumeRunSnapshots(_ context.Context, volumeID, run string) ([]ebs.Snapshot, error) {
	if run != runID {
		return nil, fmt.Errorf("the fake EC2 knows no run %s", run)
	}
	f.calls = append(f.calls, "look for "+volumeID)
	return f.held, f.err
}

func (f *fakeEC2) snapshot(ctx context.Context, at time.Time, req contract.SnapshotRequest) (contract.SnapshotResult, error) {
	if f.start.IsZero() {
		f.start = at // EC2's clock agrees
	}
	s := &Service{EC2: f, Now: func() time.Time { return at }, Log: slog.New(slog.DiscardHandler)}
	return s.Snapshot(ctx, req)
}

func request() contract.SnapshotRequest {
	return contract.SnapshotRequest{
		Run:      contract.Run{ID: runID, SnapshotKeyWord: "SnapshotDaily", ScheduledTime: turn.Add(-3 * time.Minute), TimeZone: "UTC"},
		StartAt:  turn,
		Instance: contract.Instance{ID: "i-1", Tags: map[string]string{"Name": "web", "SnapshotDaily": "3", "team": "shop"}},
		Volume:   contract.Volume{ID: "vol-1", Device: "/dev/xvda", Retention: "3"},
	}
}

func held(id string, state ebs.State, minute int) ebs.Snapshot {
	return ebs.Made(ebs.Stamp{Keyword: "SnapshotDaily", Retention: "3", RunID: runID, InstanceID: "i-1"},
		ebs.Snapshot{ID: id, VolumeID: "vol-1", State: state, StartTime: turn.Add(time.Duration(minute) * time.Minute)}, nil)
}

func TestSnapshot(t *testing.T) {
	const look, create = "look for vol-1", "create vol-1"
	made := contract.SnapshotResult{SnapshotID: "snap-new"}
	there := contract.SnapshotResult{SnapshotID: "snap-old", Found: true}
	broken := errors.New("broken")
	cases := []struct {
		name  string
		late  time.Duration
		set   func(*fakeEC2, *contract.SnapshotRequest)
		want  contract.SnapshotResult
		err   error
		calls []string
	}{
		{name: "creates without a look when the turn has just come", late: 59 * time.Second, want: made, calls: []string{create}},
		{name: "creates without a look when the clock is behind", late: -time.Second, want: made, calls: []string{create}},
		{name: "looks first when the turn was long ago: a redriven execution counts its attempts from 0 again", late: time.Minute + 1,
			want: made, calls: []string{look, create}},
		{name: "looks first when it is a retry",
			set: func(_ *fakeEC2, req *contract.SnapshotRequest) { req.Attempt = 1 }, want: made, calls: []string{look, create}},
		{name: "looks first in a resumed run",
			set: func(_ *fakeEC2, req *contract.SnapshotRequest) { req.Run.Resumed = true }, want: made, calls: []string{look, create}},
		{name: "takes what an earlier attempt created",
			set: func(f *fakeEC2, req *contract.SnapshotRequest) {
				req.Attempt = 1
				f.held = []ebs.Snapshot{held("snap-old", ebs.Pending, 1)}
			}, want: there, calls: []string{look}},
		{name: "takes the oldest of several, and the lowest ID of one moment",
			set: func(f *fakeEC2, req *contract.SnapshotRequest) {
				req.Attempt = 1
				f.held = []ebs.Snapshot{held("snap-young", ebs.Completed, 9), held("snap-old2", ebs.Completed, 1), held("snap-old", ebs.Pending, 1)}
			}, want: there, calls: []string{look}},
		{name: "creates another if the snapshot of an earlier attempt has failed",
			set: func(f *fakeEC2, req *contract.SnapshotRequest) {
				req.Attempt = 1
				f.held = []ebs.Snapshot{held("snap-failed", ebs.Error, 1)}
			}, want: made, calls: []string{look, create}},
		{name: "prefers a good one to an older failed one",
			set: func(f *fakeEC2, req *contract.SnapshotRequest) {
				req.Attempt = 1
				f.held = []ebs.Snapshot{held("snap-failed", ebs.Error, 1), held("snap-old", ebs.Completed, 9)}
			}, want: there, calls: []string{look}},
		{name: "makes no call if the manifest has the snapshot already", late: time.Hour,
			set: func(_ *fakeEC2, req *contract.SnapshotRequest) { req.Volume.SnapshotID, req.Attempt = "snap-old", 3 }, want: there},
		{name: "creates nothing if it can't look", late: time.Hour,
			set: func(f *fakeEC2, _ *contract.SnapshotRequest) { f.err = broken }, err: broken, calls: []string{look}},
		{name: "returns EC2's error",
			set: func(f *fakeEC2, _ *contract.SnapshotRequest) { f.err = broken }, err: broken, calls: []string{create}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, req := &fakeEC2{}, request()
			if c.set != nil {
				c.set(f, &req)
			}
			got, err := f.snapshot(t.Context(), turn.Add(c.late), req)
			if !errors.Is(err, c.err) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.calls, f.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSnapshotSetsAllTagsWithTheCreation(t *testing.T) {
	f := &fakeEC2{}
	if _, err := f.snapshot(t.Context(), turn, request()); err != nil {
		t.Fatal(err)
	}
	want := []ebs.Tag{
		{Key: "SnapshotDaily", Value: "3"},
		{Key: "snapshot-lifecycle:schedule", Value: "SnapshotDaily"},
		{Key: "snapshot-lifecycle:retention", Value: "3"},
		{Key: "snapshot-lifecycle:run", Value: runID},
		{Key: "snapshot-lifecycle:instance", Value: "i-1"},
		{Key: "Name", Value: "web"},
		{Key: "team", Value: "shop"},
	}
	if diff := cmp.Diff(want, f.tags); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSnapshotIgnoresAForeignSnapshotWithTheRunsTag(t *testing.T) {
	forged := held("snap-forged", ebs.Completed, 1)
	forged.Description = "before the upgrade"
	old := held("snap-restored", ebs.Completed, 1)
	old.StartTime = turn.AddDate(0, -1, 0)
	f, req := &fakeEC2{held: []ebs.Snapshot{forged, old}}, request()
	req.Attempt = 1
	got, err := f.snapshot(t.Context(), turn, req)
	if err != nil || got.Found || got.SnapshotID != "snap-new" {
		t.Errorf("%+v, error %v; want a snapshot of its own", got, err)
	}
}

func TestSnapshotIsDescribedByItsRunInASCII(t *testing.T) {
	f, req := &fakeEC2{}, request()
	req.Instance.Tags["Name"] = "数据库"
	if _, err := f.snapshot(t.Context(), turn, req); err != nil {
		t.Fatal(err)
	}
	if want := runID + " i-1 vol-1"; f.description != want {
		t.Errorf("described as %q, want %q", f.description, want)
	}
}

func TestTheDescriptionOfALateSnapshotSaysWhenItWasMade(t *testing.T) {
	for late, want := range map[time.Duration]string{23 * time.Hour: runID + " i-1 vol-1 web", 72 * time.Hour: runID + " at 2026-11-25T00:00:00Z i-1 vol-1 web"} {
		f, req := &fakeEC2{}, request()
		if _, err := f.snapshot(t.Context(), req.Run.ScheduledTime.Add(late), req); err != nil || f.description != want {
			t.Errorf("%v after the run's time: described as %q, want %q (%v)", late, f.description, want, err)
		}
	}
}

func TestSnapshotRefusesAStartTimeThatDoesNotFitTheRun(t *testing.T) {
	for clock, refused := range map[time.Duration]bool{24 * time.Hour: false, 24*time.Hour + 1: true, -15 * time.Minute: false, -16 * time.Minute: true} {
		req := request()
		f := &fakeEC2{start: req.Run.ScheduledTime.Add(clock)}
		_, err := f.snapshot(t.Context(), turn, req)
		if contract.Is[*contract.InvalidInputError](err) != refused || err != nil && !refused {
			t.Errorf("begun %v after the run's time: error %v", clock, err)
		}
	}
}
