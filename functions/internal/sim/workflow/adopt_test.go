package workflow_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/adopt"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// theLambdas adds a snapshot of the first users' Lambda, some days old, with changed tags.
func (f *fixture) theLambdas(volume string, daysAgo int, more ...string) string {
	s := ec2sim.Snapshot{Snapshot: ebs.Snapshot{Description: "AutoSnapshot web-1 - " + volume + " (/dev/sda)"}}
	s.VolumeID, s.StartTime = volume, f.world.Now().AddDate(0, 0, -daysAgo)
	s.Tags = tagsOf(append([]string{"SnapshotDaily=5", "Name=web-1"}, more...))
	return f.account.AddSnapshot(s)
}

// adopter is the product's adopter, with the fixture's account.
func (f *fixture) adopter() *adopt.Service {
	return &adopt.Service{EC2: f.gateway(), Wait: f.world.Sleep, Log: slog.New(slog.DiscardHandler)}
}

// adopt adopts all snapshots that it may.
func (f *fixture) adopt() adopt.Outcome {
	f.t.Helper()
	ctx, ec2 := context.Background(), f.gateway()
	instances, err := ec2.Instances(ctx, "SnapshotDaily")
	if err != nil {
		f.t.Fatal(err)
	}
	snapshots, err := ec2.KeywordSnapshots(ctx, "SnapshotDaily")
	if err != nil {
		f.t.Fatal(err)
	}
	listing := adopt.List(adopt.Request{Keyword: "SnapshotDaily", Others: []string{"SnapshotHourly"}}, instances, snapshots)
	out, err := f.adopter().Adopt(ctx, "SnapshotDaily", listing.Adopt)
	if err != nil {
		f.t.Fatal(err)
	}
	f.wait(f.setup.ListLag)
	return out
}

func TestAdoptedSnapshotsCountAndOthersDoNot(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 1, "SnapshotDaily=3", "Name=web-1")
	for day := 6; day > 0; day-- {
		f.theLambdas("vol-web-0", day)
	}
	foreign := []string{
		f.theLambdas("vol-web-0", 9, "SnapshotHourly=24"), f.theLambdas("vol-web-0", 9, "Name=renamed"), f.theLambdas("vol-gone", 9),
		f.account.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Snapshot{VolumeID: "vol-web-0", StartTime: start.AddDate(0, 0, -9), Tags: tagsOf([]string{"SnapshotDaily=5"})}}),
	}
	theirs := ec2sim.Snapshot{OwnerID: "999999999999", Shared: true, Snapshot: ebs.Snapshot{Description: "AutoSnapshot web-1 - vol-web-0 (/dev/sda)"}}
	theirs.VolumeID, theirs.StartTime, theirs.Tags = "vol-web-0", start.AddDate(0, 0, -9), tagsOf([]string{"SnapshotDaily=5", "Name=web-1"})
	foreign = append(foreign, f.account.AddSnapshot(theirs))

	same(t, "adopted", len(f.adopt().Done), 6)
	f.days(0, 1, nil)
	same(t, "left of the schedule", f.runsOf("vol-web-0"), []string{"20", "21", "22"})
	f.days(1, 4, nil)
	same(t, "left of the schedule, days later", f.runsOf("vol-web-0"), []string{"23", "24", "25"})
	for _, id := range foreign {
		if s, ok := f.account.Snapshot(id); !ok || s.Tags[ebs.TagSchedule] != "" {
			t.Errorf("%s, which is not ours, was deleted or tagged: %v", id, s.Tags)
		}
	}
	f.noMail()
}

// A resumed run looks for what an earlier execution created. It must not find adopted snapshots, even of the same time.
func TestAnAdoptedSnapshotIsNeverTakenForTheRunsOwn(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 1, "SnapshotDaily=9", "Name=web-1")
	f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Times: 1})
	input := f.input("SnapshotDaily")
	f.start(context.Background(), input)
	f.wait(time.Minute)
	f.theLambdas("vol-web-0", 0)
	f.adopt()
	if r := f.start(context.Background(), input); r.Status != "SUCCEEDED" {
		t.Fatalf("the run that takes over ended %s: %s", r.Status, r.Cause)
	}
	same(t, "held", f.held(), map[string][]string{"vol-web-0": {"completed adopted", "completed SnapshotDaily/2026-11-22T00:00:00Z"}})
}

func TestAClaimedAdoptedSnapshotIsKept(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 1, "SnapshotDaily=1", "Name=web-1")
	claimed := f.theLambdas("vol-web-0", 2)
	f.theLambdas("vol-web-0", 1)
	f.adopt()
	f.claim(claimed, func(id string) { f.account.TagSnapshot(id, "SnapshotDaily", "keep") })
	f.wait(f.setup.ListLag)
	f.days(0, 2, nil)
	if _, ok := f.account.Snapshot(claimed); !ok {
		t.Error("the claimed one was deleted")
	}
	same(t, "held", len(f.ids("vol-web-0")), 2)
}

func TestSnapshotsWhoseAdoptionWasUndoneAreNeverDeleted(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 1, "SnapshotDaily=1", "Name=web-1")
	old := []string{f.theLambdas("vol-web-0", 3), f.theLambdas("vol-web-0", 2), f.theLambdas("vol-web-0", 1)}
	before := map[string]map[string]string{}
	for _, id := range old {
		s, _ := f.account.Snapshot(id)
		before[id] = s.Tags
	}
	f.adopt()
	held, err := f.gateway().ScheduleSnapshots(context.Background(), "SnapshotDaily")
	if err != nil {
		t.Fatal(err)
	}
	adopted, _ := adopt.Adopted("SnapshotDaily", held)
	if _, err := f.adopter().Undo(context.Background(), adopted); err != nil {
		t.Fatal(err)
	}
	f.wait(f.setup.ListLag)
	f.days(0, 3, nil)
	for _, id := range old {
		s, _ := f.account.Snapshot(id)
		same(t, "tags of "+id, s.Tags, before[id])
	}
}

func TestAdoptingThousandsIsNotThrottledAndSurvivesFailures(t *testing.T) {
	const volumes, each = 40, 30
	f := newFixture(t, func(s *setup) { s.unguarded, s.EmptyPages = true, false })
	for v := range volumes {
		f.instance(fmt.Sprintf("%02d", v), 1, "SnapshotDaily=3", "Name=web-1")
		for day := each; day > 0; day-- {
			f.theLambdas(fmt.Sprintf("vol-%02d-0", v), day)
		}
	}
	// Some responses are lost, EC2 throttles for a while, and one snapshot is deleted between the list and its stamp.
	f.account.Inject(ec2sim.Fault{Action: "CreateTags", After: true, Times: 2})
	f.account.Inject(ec2sim.Fault{Action: "CreateTags", Code: "RequestLimitExceeded", Times: 5})
	once := true
	f.account.Inject(ec2sim.Fault{Action: "CreateTags", Match: func(r ec2sim.Request) bool {
		if once {
			once = false
			f.account.DeleteSnapshotByPerson(r.Get("ResourceId.7"))
		}
		return false
	}})
	out := f.adopt()
	same(t, "gone meanwhile", len(out.Gone), 1)
	same(t, "adopted", len(out.Done), volumes*each-1)
	same(t, "refused", out.Failed, []adopt.Refusal(nil))
	for _, s := range f.account.Snapshots() {
		if !managed(s) {
			t.Errorf("%s is not managed: %v", s.ID, s.Tags)
		}
	}
}
