package snapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const runID = "SnapshotDaily/2026-11-22T00:00:00Z"

var turn = time.Date(2026, 11, 22, 0, 3, 0, 0, time.UTC)

// fakeEC2 has one volume. It writes down what it is asked.
type fakeEC2 struct {
	held        []ebs.Snapshot // of the run
	state       ebs.State      // in the answer to a creation; "": pending
	calls       []string
	ahead       time.Duration // of EC2's clock
	err         error
	tags        []ebs.Tag
	description string
}

func (f *fakeEC2) CreateSnapshot(_ context.Context, volumeID, description string, tags []ebs.Tag) (ebs.Snapshot, error) {
	f.calls = append(f.calls, "create "+volumeID)
	f.description, f.tags = description, tags
	return ebs.Snapshot{ID: "snap-new", VolumeID: volumeID, State: cmp.Or(f.state, ebs.Pending), StartTime: turn.Add(f.ahead)}, f.err
}

func (f *fakeEC2) VolumeRunSnapshots(_ context.Context, volumeID, run string) ([]ebs.Snapshot, error) {
	if run != runID {
		return nil, fmt.Errorf("the fake EC2 knows no run %s", run)
	}
	f.calls = append(f.calls, "look for "+volumeID)
	return f.held, f.err
}

func (f *fakeEC2) snapshot(ctx context.Context, at time.Time, req contract.SnapshotRequest) (contract.SnapshotResult, error) {
	s := &Service{EC2: f, Now: func() time.Time { return at }, Log: slog.New(slog.DiscardHandler)}
	return s.Snapshot(ctx, req)
}

func request() contract.SnapshotRequest {
	return contract.SnapshotRequest{
		Run:      contract.Run{ID: runID, SnapshotKeyWord: "SnapshotDaily", ScheduledTime: turn, TimeZone: "UTC"},
		StartAt:  turn,
		Instance: contract.Instance{ID: "i-1", Tags: map[string]string{"Name": "web", "SnapshotDaily": "3", "team": "shop"}},
		Volume:   contract.Volume{ID: "vol-1", Device: "/dev/xvda", Retention: "3"},

		SettleSeconds: 120,
	}
}

func held(id string, state ebs.State, minute int) ebs.Snapshot {
	return ebs.Snapshot{ID: id, VolumeID: "vol-1", State: state, StartTime: turn.Add(time.Duration(minute) * time.Minute)}
}

func TestSnapshot(t *testing.T) {
	const look, create = "look for vol-1", "create vol-1"
	made := contract.SnapshotResult{SnapshotID: "snap-new", WaitSeconds: 120}
	there := contract.SnapshotResult{SnapshotID: "snap-old", Found: true, WaitSeconds: 120}
	broken := errors.New("broken")
	cases := []struct {
		name  string
		late  time.Duration
		set   func(*fakeEC2, *contract.SnapshotRequest)
		want  contract.SnapshotResult
		err   error
		calls []string
	}{
		{name: "creates at once when the turn has just come", late: 59 * time.Second, want: made, calls: []string{create}},
		{name: "creates at once when the clock is behind", late: -time.Second, want: made, calls: []string{create}},
		{name: "looks first when the turn came long ago: a redriven execution counts its attempts anew", late: time.Minute + 1,
			want: made, calls: []string{look, create}},
		{name: "looks first when it is a retry",
			set: func(_ *fakeEC2, req *contract.SnapshotRequest) { req.Attempt = 1 }, want: made, calls: []string{look, create}},
		{name: "looks first when another execution had the run before",
			set: func(_ *fakeEC2, req *contract.SnapshotRequest) { req.Run.Resumed = true }, want: made, calls: []string{look, create}},
		{name: "takes what an earlier attempt created",
			set: func(f *fakeEC2, req *contract.SnapshotRequest) {
				req.Attempt = 1
				f.held = []ebs.Snapshot{held("snap-old", ebs.Pending, 1)}
			}, want: there, calls: []string{look}},
		{name: "takes the oldest of several, and by ID those of one moment",
			set: func(f *fakeEC2, req *contract.SnapshotRequest) {
				req.Attempt = 1
				f.held = []ebs.Snapshot{held("snap-young", ebs.Completed, 9), held("snap-old2", ebs.Completed, 1), held("snap-old", ebs.Pending, 1)}
			}, want: there, calls: []string{look}},
		{name: "makes it anew when what an earlier execution created has failed",
			set: func(f *fakeEC2, req *contract.SnapshotRequest) {
				req.Attempt = 1
				f.held = []ebs.Snapshot{held("snap-failed", ebs.Error, 1)}
			}, want: made, calls: []string{look, create}},
		{name: "takes a good one that is younger than a failed one",
			set: func(f *fakeEC2, req *contract.SnapshotRequest) {
				req.Attempt = 1
				f.held = []ebs.Snapshot{held("snap-failed", ebs.Error, 1), held("snap-old", ebs.Pending, 9)}
			}, want: there, calls: []string{look}},
		{name: "calls nobody when the manifest has the snapshot already", late: time.Hour,
			set:  func(_ *fakeEC2, req *contract.SnapshotRequest) { req.Volume.SnapshotID, req.Attempt = "snap-old", 3 },
			want: contract.SnapshotResult{SnapshotID: "snap-old", Found: true}},
		{name: "creates nothing when it can't look", late: time.Hour,
			set: func(f *fakeEC2, _ *contract.SnapshotRequest) { f.err = broken }, err: broken, calls: []string{look}},
		{name: "hands on what EC2 says to a creation",
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
			if diff := gocmp.Diff(c.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if diff := gocmp.Diff(c.calls, f.calls); diff != "" {
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
	if diff := gocmp.Diff(want, f.tags); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTheDescription(t *testing.T) {
	cases := []struct {
		name   string
		change func(*contract.SnapshotRequest)
		want   string
	}{
		{"names the schedule, the instance, the volume and the device", func(*contract.SnapshotRequest) {}, "SnapshotDaily web - vol-1 (/dev/xvda)"},
		{"takes the ID of an instance without a name", func(req *contract.SnapshotRequest) {
			req.Instance.Tags = nil
		}, "SnapshotDaily i-1 - vol-1 (/dev/xvda)"},
		{"cuts a long name, and not the volume", func(req *contract.SnapshotRequest) {
			req.Instance.Tags["Name"] = strings.Repeat("n", 256)
		}, "SnapshotDaily " + strings.Repeat("n", 221) + " - vol-1 (/dev/xvda)"},
		{"cuts between letters", func(req *contract.SnapshotRequest) {
			req.Run.SnapshotKeyWord, req.Instance.Tags["Name"] = strings.Repeat("每", 128), strings.Repeat("库", 256)
		}, strings.Repeat("每", 128) + " " + strings.Repeat("库", 106) + " - vol-1 (/dev/xvda)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			req := request()
			c.change(&req)
			got := describe(req)
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if n := utf8.RuneCountInString(got); n > 255 {
				t.Errorf("it has %d characters, EC2 takes 255", n)
			}
		})
	}
}

func TestWhatIsLeftOfTheTimeToSettleIsWaitedFor(t *testing.T) {
	cases := []struct {
		name   string
		state  ebs.State
		age    time.Duration // when it is found
		settle int
		want   int
	}{
		{"all of it for a new one", ebs.Pending, 0, 120, 120},
		{"the rest of it, in whole seconds, for one that an earlier attempt created", ebs.Pending, 30*time.Second + time.Millisecond, 120, 90},
		{"nothing for an old one", ebs.Pending, time.Hour, 120, 0},
		{"nothing for one that has completed", ebs.Completed, 3 * time.Second, 120, 0},
		{"a moment for one that has completed at once, so that the lists show it", ebs.Completed, time.Second, 120, 2},
		{"never more than that, when EC2's clock is ahead", ebs.Pending, -time.Hour, 120, 120},
		{"nothing when nothing is configured", ebs.Pending, 0, 0, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			req := request()
			req.Attempt, req.SettleSeconds = 1, c.settle
			f := &fakeEC2{held: []ebs.Snapshot{held("snap-old", c.state, 0)}}
			got, err := f.snapshot(t.Context(), turn.Add(c.age), req)
			if want := (contract.SnapshotResult{SnapshotID: "snap-old", Found: true, WaitSeconds: c.want}); err != nil || got != want {
				t.Errorf("%+v, %v, want %+v", got, err, want)
			}
		})
	}
}

func TestANewSnapshotIsWaitedForByItsStateAndWhateverTheClockSays(t *testing.T) {
	for state, want := range map[ebs.State]int{ebs.Pending: 120, ebs.Completed: 3} {
		for _, ahead := range []time.Duration{-time.Hour, 0, time.Hour} {
			got, err := (&fakeEC2{state: state, ahead: ahead}).snapshot(t.Context(), turn, request())
			if err != nil || got.WaitSeconds != want {
				t.Errorf("%s, EC2's clock ahead by %v: wait %d s, %v, want %d s", state, ahead, got.WaitSeconds, err, want)
			}
		}
	}
}
