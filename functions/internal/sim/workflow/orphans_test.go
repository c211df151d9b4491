package workflow_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/orphans"
)

// tidier is the product's check, with the fixture's account.
func (f *fixture) tidier(policy string, expireDays int) *orphans.Service {
	f.t.Helper()
	p, err := orphans.ReadPolicy(policy, expireDays)
	if err != nil {
		f.t.Fatal(err)
	}
	return &orphans.Service{
		EC2: f.gateway(), Objects: f.objects, Topic: f.topic, Keywords: []string{"SnapshotDaily"}, Policy: p, Base: "s3://bucket/",
		Now: f.world.Now, Wait: f.world.Sleep, Log: slog.New(slog.DiscardHandler),
	}
}

// tidyDaily runs the check each day at 03:15, for some days from now.
func (f *fixture) tidyDaily(s *orphans.Service, days int) {
	f.t.Helper()
	for range days {
		f.wait(24 * time.Hour)
		if _, err := s.Tidy(context.Background(), orphans.Request{}); err != nil {
			f.t.Fatal(err)
		}
	}
}

// leftBehind adds instances whose volumes become orphans, each in another way, and one whose do not, with three snapshots of each volume.
func (f *fixture) leftBehind() {
	for _, id := range []string{"terminated", "untagged", "detached", "off", "well"} {
		f.instance(id, 1, "SnapshotDaily=5", "Name="+id)
		for day := 3; day > 0; day-- {
			f.old("vol-"+id+"-0", day)
		}
	}
	f.account.SetInstanceState("i-terminated", ec2sim.InstanceTerminated)
	f.account.UntagInstance("i-untagged", "SnapshotDaily")
	f.account.DeleteVolume("vol-detached-0")
	f.account.TagInstance("i-off", "SnapshotDaily", "off")
}

func TestOrphansAreReportedAndKept(t *testing.T) {
	f := newFixture(t)
	f.leftBehind()
	f.tidyDaily(f.tidier("report", 0), 30)
	same(t, "mails", f.subjects(), []string{"EBS snapshots: 3 volumes are orphaned"})
	f.lastMail("volume vol-terminated-0 (exists, but not in the schedule)", "volume vol-untagged-0 (exists,", "instance i-web, volume vol-detached-0 (deleted): 3 snapshots\n",
		"These snapshots are not deleted.", "s3://bucket/orphans.json")
	same(t, "deleted", f.pruned(""), []string(nil))
	f.old("vol-untagged-2", 1)
	f.tidyDaily(f.tidier("report", 0), 1)
	same(t, "mails once there is another", f.subjects(), []string{"EBS snapshots: 3 volumes are orphaned", "EBS snapshots: 4 volumes are orphaned"})
}

func TestOrphansAreDeletedAfterAWeekExceptTheNewestSnapshot(t *testing.T) {
	f := newFixture(t)
	f.leftBehind()
	claimed := f.old("vol-untagged-0", 9, "SnapshotDaily=keep")
	foreign := []string{
		f.theLambdas("vol-untagged-0", 20), f.old("vol-untagged-0", 20, "snapshot-lifecycle:schedule=SnapshotHourly"),
		f.old("vol-untagged-0", 20, "owner=999999999999"),
	}
	held := f.old("vol-terminated-0", 8)
	f.account.HoldByAMI(held, "ami-1")
	s := f.tidier("last=1", 0)
	f.tidyDaily(s, 7)
	same(t, "deleted within the week", f.pruned(""), []string(nil))
	f.lastMail("3 snapshots; 2 of them will be deleted from 2026-11-30", "its snapshots are deleted, except those that last=1 keeps and the newest one.")
	f.tidyDaily(s, 30)
	for _, v := range []string{"vol-untagged-0", "vol-detached-0"} {
		same(t, "deleted of "+v, len(f.pruned(v)), 2)
	}
	same(t, "deleted where an AMI uses one", len(f.pruned("vol-terminated-0")), 2)
	for _, v := range []string{"vol-off-0", "vol-well-0"} {
		same(t, "deleted of "+v, f.pruned(v), []string(nil))
	}
	for _, id := range append(foreign, claimed, held) {
		if _, ok := f.account.Snapshot(id); !ok {
			t.Errorf("%s was deleted", id)
		}
	}
}

func TestANewPolicyIsReportedAWeekBeforeItDeletes(t *testing.T) {
	f := newFixture(t)
	f.leftBehind()
	f.tidyDaily(f.tidier("report", 0), 60)
	f.tidyDaily(f.tidier("last=1", 0), 7)
	same(t, "deleted within a week", f.pruned(""), []string(nil))
	same(t, "mails", len(f.topic.mails), 2)
	f.lastMail("2 of them will be deleted from 2027-01-29")
	f.tidyDaily(f.tidier("last=1", 0), 1)
	same(t, "deleted after it", len(f.pruned("")), 6)
}

func TestTheLastSnapshotOfAnOrphanIsOnlyDeletedIfItExpires(t *testing.T) {
	for days, left := range map[int]int{0: 1, 20: 0} {
		f := newFixture(t, func(s *setup) { s.unguarded = true }) // the guard allows no newest one to go
		f.instance("gone", 1, "SnapshotDaily=5")
		for day := 3; day > 0; day-- {
			f.old("vol-gone-0", day)
		}
		f.account.SetInstanceState("i-gone", ec2sim.InstanceTerminated)
		f.tidyDaily(f.tidier("last=1", days), 30)
		same(t, "left", len(f.ids("vol-gone-0")), left)
	}
}

func TestARefusedDeletionDoesNotStopTheOthers(t *testing.T) {
	f := newFixture(t)
	f.leftBehind()
	s := f.tidier("last=1", 0)
	f.tidyDaily(s, 7)
	bad := f.ids("vol-detached-0")[0]
	f.account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Code: "UnauthorizedOperation", Status: 403,
		Match: func(r ec2sim.Request) bool { return r.Get("SnapshotId") == bad }})
	f.wait(24 * time.Hour)
	_, err := s.Tidy(context.Background(), orphans.Request{})
	if err == nil || !contains(err.Error(), "delete snapshot "+bad) {
		t.Errorf("error %v, want one that names %s", err, bad)
	}
	same(t, "deleted", len(f.pruned("")), 5)
}

func TestOrphansOfAPausedOrUnknownScheduleAreKept(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 1, "Name=web")
	f.old("vol-web-0", 30, "snapshot-lifecycle:schedule=SnapshotHourly", "SnapshotHourly=3")
	f.old("vol-web-0", 20, "snapshot-lifecycle:schedule=SnapshotHourly", "SnapshotHourly=3")
	f.tidyDaily(f.tidier("last=1", 0), 30)
	same(t, "left", len(f.ids("vol-web-0")), 2)
	f.noMail()
}

func TestAnInstanceThatIsTaggedAgainInTimeLosesNoSnapshot(t *testing.T) {
	f := newFixture(t)
	f.leftBehind()
	s := f.tidier("last=1", 0)
	f.tidyDaily(s, 6)
	f.account.TagInstance("i-untagged", "SnapshotDaily", "5")
	f.tidyDaily(s, 3)
	same(t, "deleted", f.pruned("vol-untagged-0"), []string(nil))
	f.account.UntagInstance("i-untagged", "SnapshotDaily")
	f.tidyDaily(s, 7)
	same(t, "deleted before another week is over", f.pruned("vol-untagged-0"), []string(nil))
}

// A volume's own tag counts even if the volume is detached.
func TestADetachedVolumeWithItsOwnTagIsNotAnOrphan(t *testing.T) {
	for _, value := range []string{"off", "5"} {
		f := newFixture(t)
		f.leftBehind()
		f.account.TagVolume("vol-terminated-0", "SnapshotDaily", value)
		f.tidyDaily(f.tidier("last=1", 0), 10)
		same(t, "deleted of the volume with its own tag "+value, f.pruned("vol-terminated-0"), []string(nil))
		same(t, "deleted of another", len(f.pruned("vol-untagged-0")), 2)
	}
}

// Deleting takes minutes. In that time people may claim snapshots and attach volumes.
func TestSnapshotsThatChangeDuringTheDeletingAreKept(t *testing.T) {
	for name, change := range map[string]func(f *fixture){
		"claimed":         func(f *fixture) { f.account.UntagSnapshot(f.ids("vol-untagged-0")[0], "SnapshotDaily") },
		"instance tagged": func(f *fixture) { f.account.TagInstance("i-untagged", "SnapshotDaily", "5") },
		"volume tagged":   func(f *fixture) { f.account.TagVolume("vol-untagged-0", "SnapshotDaily", "5") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.leftBehind()
			s := f.tidier("last=1", 0)
			f.tidyDaily(s, 7)
			first, waits := f.ids("vol-untagged-0")[0], 0
			s.Wait = func(ctx context.Context, d time.Duration) error {
				if waits++; waits == 2 { // another volume's go first
					change(f)
					d = 5 * time.Minute
				}
				return f.world.Sleep(ctx, d)
			}
			f.tidyDaily(s, 1)
			if _, ok := f.account.Snapshot(first); !ok {
				t.Error("it was deleted")
			}
			same(t, "deleted of others", len(f.pruned("vol-terminated-0"))+len(f.pruned("vol-detached-0")), 4)
		})
	}
}
