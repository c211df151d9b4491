package workflow_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/orphans"
)

// tidier is the product's, over the lab's account.
func (l *lab) tidier(policy string, expireDays int) *orphans.Service {
	l.t.Helper()
	p, err := orphans.ReadPolicy(policy, expireDays)
	if err != nil {
		l.t.Fatal(err)
	}
	return &orphans.Service{
		EC2: l.gateway(), Objects: l.objects, Topic: l.topic, Keywords: []string{"SnapshotDaily"}, Policy: p, Base: "s3://bucket/",
		Now: l.world.Now, Wait: l.world.Sleep, Log: slog.New(slog.DiscardHandler),
	}
}

// tidyDaily tidies up each day at 03:15, for some days from now on.
func (l *lab) tidyDaily(s *orphans.Service, days int) {
	l.t.Helper()
	for range days {
		l.wait(24 * time.Hour)
		if _, err := s.Tidy(context.Background(), orphans.Request{}); err != nil {
			l.t.Fatal(err)
		}
	}
}

// leftBehind adds instances that each lost something in their own way, and one that did not, with three snapshots of each volume.
func (l *lab) leftBehind() {
	for _, id := range []string{"terminated", "untagged", "detached", "off", "well"} {
		l.instance(id, 1, "SnapshotDaily=5", "Name="+id)
		for day := 3; day > 0; day-- {
			l.old("vol-"+id+"-0", day)
		}
	}
	l.account.SetInstanceState("i-terminated", ec2sim.InstanceTerminated)
	l.account.UntagInstance("i-untagged", "SnapshotDaily")
	l.account.DeleteVolume("vol-detached-0")
	l.account.TagInstance("i-off", "SnapshotDaily", "off")
}

func TestOrphansAreReportedAndKept(t *testing.T) {
	l := newLab(t)
	l.leftBehind()
	l.tidyDaily(l.tidier("report", 0), 30)
	same(t, "mails", l.subjects(), []string{"EBS snapshots: 3 volumes are orphaned"})
	l.lastMail("volume vol-terminated-0 (exists, but not in the schedule)", "volume vol-untagged-0 (exists,", "instance i-web, volume vol-detached-0 (deleted): 3 snapshots\n",
		"These snapshots are not deleted.", "s3://bucket/orphans.json")
	same(t, "deleted", l.pruned(""), []string(nil))
	l.old("vol-untagged-2", 1)
	l.tidyDaily(l.tidier("report", 0), 1)
	same(t, "mails once there is another", l.subjects(), []string{"EBS snapshots: 3 volumes are orphaned", "EBS snapshots: 4 volumes are orphaned"})
}

func TestOrphansAreDeletedAfterAWeekExceptTheNewestSnapshot(t *testing.T) {
	l := newLab(t)
	l.leftBehind()
	claimed := l.old("vol-untagged-0", 9, "SnapshotDaily=keep")
	foreign := []string{
		l.theLambdas("vol-untagged-0", 20), l.old("vol-untagged-0", 20, "snapshot-lifecycle:schedule=SnapshotHourly"),
		l.old("vol-untagged-0", 20, "owner=999999999999"),
	}
	held := l.old("vol-terminated-0", 8)
	l.account.HoldByAMI(held, "ami-1")
	s := l.tidier("last=1", 0)
	l.tidyDaily(s, 7)
	same(t, "deleted within the week", l.pruned(""), []string(nil))
	l.lastMail("3 snapshots; 2 of them will be deleted from 2026-11-30", "its snapshots are deleted, except those that last=1 keeps and the newest one.")
	l.tidyDaily(s, 30)
	for _, v := range []string{"vol-untagged-0", "vol-detached-0"} {
		same(t, "deleted of "+v, len(l.pruned(v)), 2)
	}
	same(t, "deleted where an AMI uses one", len(l.pruned("vol-terminated-0")), 2)
	for _, v := range []string{"vol-off-0", "vol-well-0"} {
		same(t, "deleted of "+v, l.pruned(v), []string(nil))
	}
	for _, id := range append(foreign, claimed, held) {
		if _, ok := l.account.Snapshot(id); !ok {
			t.Errorf("%s is gone", id)
		}
	}
}

func TestANewPolicyIsReportedAWeekBeforeItDeletes(t *testing.T) {
	l := newLab(t)
	l.leftBehind()
	l.tidyDaily(l.tidier("report", 0), 60)
	l.tidyDaily(l.tidier("last=1", 0), 7)
	same(t, "deleted within a week", l.pruned(""), []string(nil))
	same(t, "mails", len(l.topic.mails), 2)
	l.lastMail("2 of them will be deleted from 2027-01-29")
	l.tidyDaily(l.tidier("last=1", 0), 1)
	same(t, "deleted after it", len(l.pruned("")), 6)
}

func TestTheLastOneOfAnOrphanGoesOnlyIfThatIsAskedFor(t *testing.T) {
	for days, left := range map[int]int{0: 1, 20: 0} {
		l := newLab(t, func(s *setup) { s.unguarded = true }) // the guard allows no newest one to go
		l.instance("gone", 1, "SnapshotDaily=5")
		for day := 3; day > 0; day-- {
			l.old("vol-gone-0", day)
		}
		l.account.SetInstanceState("i-gone", ec2sim.InstanceTerminated)
		l.tidyDaily(l.tidier("last=1", days), 30)
		same(t, "left", len(l.ids("vol-gone-0")), left)
	}
}

func TestWhatCanNotBeDeletedKeepsNoOtherFromGoing(t *testing.T) {
	l := newLab(t)
	l.leftBehind()
	s := l.tidier("last=1", 0)
	l.tidyDaily(s, 7)
	bad := l.ids("vol-detached-0")[0]
	l.account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Code: "UnauthorizedOperation", Status: 403,
		Match: func(r ec2sim.Request) bool { return r.Get("SnapshotId") == bad }})
	l.wait(24 * time.Hour)
	_, err := s.Tidy(context.Background(), orphans.Request{})
	if err == nil || !contains(err.Error(), "delete snapshot "+bad) {
		t.Errorf("error %v, want one that names %s", err, bad)
	}
	same(t, "deleted", len(l.pruned("")), 5)
}

func TestOrphansOfAPausedOrUnknownScheduleAreLeftAlone(t *testing.T) {
	l := newLab(t)
	l.instance("web", 1, "Name=web")
	l.old("vol-web-0", 30, "snapshot-lifecycle:schedule=SnapshotHourly", "SnapshotHourly=3")
	l.old("vol-web-0", 20, "snapshot-lifecycle:schedule=SnapshotHourly", "SnapshotHourly=3")
	l.tidyDaily(l.tidier("last=1", 0), 30)
	same(t, "left", len(l.ids("vol-web-0")), 2)
	l.noMail()
}

func TestAnInstanceThatIsTaggedAgainInTimeLosesNothing(t *testing.T) {
	l := newLab(t)
	l.leftBehind()
	s := l.tidier("last=1", 0)
	l.tidyDaily(s, 6)
	l.account.TagInstance("i-untagged", "SnapshotDaily", "5")
	l.tidyDaily(s, 3)
	same(t, "deleted", l.pruned("vol-untagged-0"), []string(nil))
	l.account.UntagInstance("i-untagged", "SnapshotDaily")
	l.tidyDaily(s, 7)
	same(t, "deleted before another week is over", l.pruned("vol-untagged-0"), []string(nil))
}

// A volume's own tag goes before all else, wherever the volume is.
func TestAVolumeThatCarriesTheTagItselfIsNoOrphanThoughItIsDetached(t *testing.T) {
	for _, value := range []string{"off", "5"} {
		l := newLab(t)
		l.leftBehind()
		l.account.TagVolume("vol-terminated-0", "SnapshotDaily", value)
		l.tidyDaily(l.tidier("last=1", 0), 10)
		same(t, "deleted of the volume with its own tag "+value, l.pruned("vol-terminated-0"), []string(nil))
		same(t, "deleted of another", len(l.pruned("vol-untagged-0")), 2)
	}
}

// Deleting takes minutes, in which people claim snapshots and attach volumes.
func TestWhatChangesWhileOrphansAreTidiedUpStays(t *testing.T) {
	for name, change := range map[string]func(l *lab){
		"claimed":         func(l *lab) { l.account.UntagSnapshot(l.ids("vol-untagged-0")[0], "SnapshotDaily") },
		"instance tagged": func(l *lab) { l.account.TagInstance("i-untagged", "SnapshotDaily", "5") },
		"volume tagged":   func(l *lab) { l.account.TagVolume("vol-untagged-0", "SnapshotDaily", "5") },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.leftBehind()
			s := l.tidier("last=1", 0)
			l.tidyDaily(s, 7)
			first, waits := l.ids("vol-untagged-0")[0], 0
			s.Wait = func(ctx context.Context, d time.Duration) error {
				if waits++; waits == 2 { // another volume's go first
					change(l)
					d = 5 * time.Minute
				}
				return l.world.Sleep(ctx, d)
			}
			l.tidyDaily(s, 1)
			if _, ok := l.account.Snapshot(first); !ok {
				t.Error("it is gone")
			}
			same(t, "deleted of others", len(l.pruned("vol-terminated-0"))+len(l.pruned("vol-detached-0")), 4)
		})
	}
}
