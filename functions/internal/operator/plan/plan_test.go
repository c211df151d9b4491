package plan

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const keyword = "Daily"

var now = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

var run = contract.Run{ID: ebs.RunID(keyword, now), SnapshotKeyWord: keyword, ScheduledTime: now, TimeZone: "UTC"}

// account is EC2 with two instances: web keeps 1 of each volume, and the tag of db can't be read.
type account struct{ held []ebs.Snapshot }

func (account) Instances(context.Context, string) ([]ebs.Instance, error) {
	return []ebs.Instance{
		{ID: "i-2", Tags: map[string]string{keyword: "1", "Name": "web"}, Volumes: []ebs.Attachment{
			{VolumeID: "vol-2", Device: "/dev/xvda", Boot: true}, {VolumeID: "vol-3", Device: "/dev/sdf"},
		}},
		{ID: "i-1", Tags: map[string]string{keyword: "many", "Name": "db"}, Volumes: []ebs.Attachment{{VolumeID: "vol-1", Device: "/dev/xvda"}}},
	}, nil
}

func (account) TaggedVolumes(context.Context, string) ([]ebs.Volume, error) { return nil, nil }

func (account) InstancesByID(context.Context, []string) ([]ebs.Instance, error) { return nil, nil }

func (a account) RunSnapshots(_ context.Context, runID string) ([]ebs.Snapshot, error) {
	var out []ebs.Snapshot
	for _, s := range a.held {
		if s.Tags[ebs.TagRun] == runID {
			out = append(out, s)
		}
	}
	return out, nil
}

func (a account) ScheduleSnapshots(context.Context, string) ([]ebs.Snapshot, error) {
	return a.held, nil
}

func (account) Volumes(_ context.Context, ids []string) (map[string]ebs.Volume, error) {
	out := map[string]ebs.Volume{}
	for _, id := range ids {
		out[id] = ebs.Volume{ID: id, SizeGiB: 10}
	}
	return out, nil
}

// daysAgo is a completed snapshot of a run so many days ago.
func daysAgo(days int, volumeID, retention string) ebs.Snapshot {
	at := now.AddDate(0, 0, -days)
	return ebs.Made(ebs.Stamp{Keyword: keyword, Retention: retention, RunID: ebs.RunID(keyword, at), InstanceID: "i-1"},
		ebs.Snapshot{ID: "snap-" + volumeID + at.Format("-02"), VolumeID: volumeID, StartTime: at, State: ebs.Completed, SizeGiB: 10}, nil)
}

// decided are the actions of a plan by volume, newest first, in the plan's order.
func decided(s Schedule) []string {
	var out []string
	for _, v := range s.Volumes {
		line := v.Name() + " " + v.VolumeID
		for _, one := range v.Snapshots {
			line += " " + string(one.Action) + " " + one.ID
		}
		out = append(out, line)
	}
	return out
}

func TestAPlanIsByNameAndCreatesKeepsAndDeletes(t *testing.T) {
	a := account{[]ebs.Snapshot{daysAgo(1, "vol-1", "many"), daysAgo(2, "vol-2", "1"), daysAgo(1, "vol-2", "1"), daysAgo(0, "vol-3", "1"), daysAgo(1, "vol-3", "1")}}
	s, err := Of(t.Context(), a, run, nil, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"db vol-1 create  keep snap-vol-1-24",
		"web vol-3 keep snap-vol-3-25 delete snap-vol-3-24", // the run's snapshot is there
		"web vol-2 create  delete snap-vol-2-24 delete snap-vol-2-23",
	}
	if d := cmp.Diff(want, decided(s)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if s.Create != 2 || s.Keep != 2 || s.Delete != 3 || s.Instances != 2 || s.StorageBound.GiB != 40 {
		t.Errorf("create %d, keep %d, delete %d of %d instances, at most %v GiB; want 2, 2, 3, 2, 40", s.Create, s.Keep, s.Delete, s.Instances, s.StorageBound.GiB)
	}
	if s.Volumes[0].Problem() == "" || s.Volumes[1].Problem() != "" {
		t.Errorf("problems: %q, %q; want one of the first", s.Volumes[0].Problem(), s.Volumes[1].Problem())
	}
}

func TestAPlanCountsWhatIsToBeAdopted(t *testing.T) {
	s, err := Of(t.Context(), account{}, run, []string{keyword}, []ebs.Snapshot{daysAgo(1, "vol-3", "1")}, now)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"db vol-1 create ", "web vol-3 create  delete snap-vol-3-24"}, decided(s)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	want := []Excluded{{Place{"i-2", "web", "vol-2", "/dev/xvda"}, contract.BootVolume}}
	if d := cmp.Diff(want, s.Excluded); d != "" {
		t.Errorf("excluded (-want +got):\n%s", d)
	}
}

func TestOnlyLeavesOneInstanceAndItsTotals(t *testing.T) {
	a := account{[]ebs.Snapshot{daysAgo(1, "vol-2", "1"), daysAgo(1, "vol-1", "many")}}
	s, err := Of(t.Context(), a, run, nil, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"web", "i-2"} {
		var p Plan
		p.Add(s)
		p.Schedules[0].Volumes = append([]Volume{}, s.Volumes...)
		if !p.Only(name) || len(p.Schedules) != 1 {
			t.Fatalf("%s is not found", name)
		}
		got := p.Schedules[0]
		if d := cmp.Diff(p.Totals, got.Totals, cmpopts.EquateEmpty()); d != "" || p.Create != 2 || p.Delete != 1 || p.Keep != 0 || got.Instances != 1 {
			t.Errorf("%s: %+v, %+v", name, p.Totals, got.Totals)
		}
	}
	var p Plan
	p.Add(s)
	if p.Only("nobody") {
		t.Errorf("somebody is found: %+v", p)
	}
}
