package workflow_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/freshness"
)

// ownTags adds an instance without the tag, of whose volumes vol-web-1 has it, and vol-archive, which has it and is attached to nothing.
func (f *fixture) ownTags(value string) {
	f.instance("web", 2, "Name=web-1", "team=shop")
	f.account.TagVolume("vol-web-1", "SnapshotDaily", value)
	f.account.TagVolume("vol-web-1", "team", "the volume's")
	f.account.AddVolume(ec2sim.BlockDevice{ID: "vol-archive", Tags: map[string]string{
		"SnapshotDaily": value, "Name": "archive", "team": "law", "aws:cloudformation:stack-name": "x", "snapshot-lifecycle:instance": "i-old",
	}})
}

// A silent gap until November 2026: no run took these volumes, and nobody was told.
func TestAVolumeWithATagOfItsOwnIsBackedUpWhereverItIs(t *testing.T) {
	f := newFixture(t)
	f.ownTags("2")
	f.succeed("SnapshotDaily")
	const run = "SnapshotDaily/2026-11-22T00:00:00Z"
	same(t, "held", f.held(), map[string][]string{"vol-web-1": {"completed " + run}, "vol-archive": {"completed " + run}})
	ours := map[string]string{
		"SnapshotDaily": "2", "snapshot-lifecycle:schedule": "SnapshotDaily", "snapshot-lifecycle:retention": "2", "snapshot-lifecycle:run": run,
	}
	for volume, want := range map[string]struct {
		description string
		tags        map[string]string
	}{
		"vol-web-1":   {run + " i-web vol-web-1 web-1", map[string]string{"snapshot-lifecycle:instance": "i-web", "Name": "web-1", "team": "shop"}},
		"vol-archive": {run + " vol-archive archive", map[string]string{"Name": "archive", "team": "law"}},
	} {
		s := f.of(volume, "SnapshotDaily")[0]
		maps.Copy(want.tags, ours)
		same(t, "tags of the snapshot of "+volume, s.Tags, want.tags)
		same(t, "description of the snapshot of "+volume, s.Description, want.description)
	}
	r := f.report()
	same(t, "volumes, completed and instances of the report", []int{r.Volumes, r.Completed, r.Instances}, []int{2, 2, 1})
	f.days(1, 5, nil)
	for _, volume := range []string{"vol-web-1", "vol-archive"} {
		same(t, "left of "+volume, f.runsOf(volume), []string{"25", "26"})
	}
	f.noMail()
}

func TestAVolumeThatIsDetachedBetweenTwoRunsKeepsCounting(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 2, "SnapshotDaily=9", "Name=web-1")
	f.account.TagVolume("vol-web-1", "SnapshotDaily", "2")
	f.days(0, 6, func(day int) {
		switch day {
		case 2:
			f.account.DetachVolume("vol-web-1", "i-web")
		case 4:
			f.account.AttachVolume("vol-web-1", "i-web", "/dev/sdz")
		}
		if day > 0 {
			held := f.runsOf("vol-web-1")
			same(t, "held", len(held), min(day, 2))
		}
	})
	same(t, "left", f.runsOf("vol-web-1"), []string{"26", "27"})
	f.noMail()
}

func TestAVolumeOutlivesItsInstanceInTheScheduleByItsOwnTag(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 2, "SnapshotDaily=2", "Name=web-1")
	f.account.TagVolume("vol-web-1", "SnapshotDaily", "2")
	f.days(0, 6, func(day int) {
		if day == 2 {
			f.account.SetInstanceState("i-web", ec2sim.InstanceTerminated)
		}
	})
	same(t, "left of the volume with the tag", f.runsOf("vol-web-1"), []string{"26", "27"})
	same(t, "left of the other", f.runsOf("vol-web-0"), []string{"22", "23"})
}

func TestAnOwnTagThatSaysOffOrCantBeReadDeletesNothing(t *testing.T) {
	f := newFixture(t)
	f.ownTags("off")
	f.old("vol-archive", 5)
	f.succeed("SnapshotDaily")
	same(t, "held", len(f.ids("vol-archive"))+len(f.ids("vol-web-1")), 1)
	same(t, "excluded", len(f.report().Excluded), 2)
	f.noMail()
	f.account.TagVolume("vol-archive", "SnapshotDaily", "many")
	f.account.UntagVolume("vol-web-1", "SnapshotDaily")
	f.wait(24 * time.Hour)
	f.succeed("SnapshotDaily")
	same(t, "held with a value that can't be read", len(f.ids("vol-archive")), 2)
	f.lastMail(`1. archive, volume vol-archive, attached to no instance`, `its tag SnapshotDaily can't be read: the retention "many"`, "Set the tag of the volume")
}

func TestAFailureOfAVolumeWithoutAnInstanceIsReportedWithItsPlace(t *testing.T) {
	f := newFixture(t)
	f.ownTags("2")
	f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Match: func(r ec2sim.Request) bool {
		return r.Get("VolumeId") == "vol-archive"
	}})
	same(t, "status", string(f.fire("SnapshotDaily").Status), "FAILED")
	f.lastMail("1. archive, volume vol-archive, attached to no instance\n", "1 of 2 volumes FAILED")
	same(t, "held of the other", len(f.ids("vol-web-1")), 1)
}

// While the snapshot is pending for hours, a person changes the volume's tag. There is no instance whose tag could be read.
func TestALatePruneReadsTheTagOfAVolumeWithoutAnInstance(t *testing.T) {
	long := false
	f := newFixture(t, func(s *setup) {
		s.Completion = func(string, int) time.Duration {
			if long {
				return 3 * time.Hour
			}
			return 2 * time.Minute
		}
	})
	f.ownTags("2")
	f.days(0, 2, nil)
	long = true
	f.until(48 * time.Hour)
	f.inParallel(func() { f.fire("SnapshotDaily") }, func() {
		f.wait(90 * time.Minute)
		f.account.TagVolume("vol-archive", "SnapshotDaily", "off")
	})
	same(t, "left where it is off by now", f.runsOf("vol-archive"), []string{"22", "23", "24"})
	same(t, "left of the other", f.runsOf("vol-web-1"), []string{"23", "24"})
	f.noMail()
}

func TestVolumesWithATagOfTheirOwnAreFreshAndNoOrphans(t *testing.T) {
	f := newFixture(t)
	f.ownTags("3")
	got := f.watched(8, func(day int) bool { return day < 3 || day > 5 })
	same(t, "stale volumes, while the schedule stops", got, []string{"day 4: 2 of 2", "day 6: 0 of 2"})
	f.lastMail("archive, volume vol-archive, attached to no instance\n", "web-1 (i-web), volume vol-web-1 (/dev/sdb)\n")
	tidy := f.tidier("last=1", 1)
	f.tidyDaily(tidy, 10)
	same(t, "left after ten days of looking for orphans", []int{len(f.ids("vol-archive")), len(f.ids("vol-web-1"))}, []int{3, 3})
	mails := len(f.topic.mails)
	f.account.UntagVolume("vol-archive", "SnapshotDaily")
	f.tidyDaily(f.tidier("report", 0), 1)
	same(t, "mails once it has no tag", len(f.topic.mails), mails+1)
	f.lastMail("SnapshotDaily: volume vol-archive (exists, but not in the schedule): 3 snapshots")
}

func TestAMultiAttachVolumeWithATagOfItsOwnGetsOneSnapshot(t *testing.T) {
	f := newFixture(t)
	f.instance("a", 1, "Name=a")
	f.instance("b", 1, "Name=b")
	f.account.AddVolume(ec2sim.BlockDevice{ID: "vol-shared", Type: "io2", Tags: map[string]string{"SnapshotDaily": "2"}})
	f.account.AttachVolume("vol-shared", "i-b", "/dev/sdf")
	f.account.AttachVolume("vol-shared", "i-a", "/dev/sdf")
	f.days(0, 3, nil)
	same(t, "left", f.runsOf("vol-shared"), []string{"23", "24"})
	same(t, "the instance", f.of("vol-shared", "SnapshotDaily")[0].Tags["snapshot-lifecycle:instance"], "i-a")
	f.noMail()
}

// The look-up of instances costs one call for 200 of them, and none where no volume has a tag of its own.
func TestInstancesWithoutTheTagAreLookedUpByHundreds(t *testing.T) {
	calls := func(tagged int) int {
		f := newFixture(t, func(s *setup) { s.PageSize, s.EmptyPages = 0, false })
		f.instance("tagged", 1, "SnapshotDaily=1")
		for n := range tagged {
			id := strings.Repeat("x", n/200+1) + string(rune('a'+n%20)) + string(rune('a'+n/20%10))
			f.instance(id, 2)
			f.account.TagVolume("vol-"+id+"-0", "SnapshotDaily", "1")
		}
		check := &freshness.Service{
			EC2: f.gateway(), Objects: f.objects, Topic: f.topic, Limits: map[string]time.Duration{"SnapshotDaily": time.Hour},
			Now: f.world.Now, Log: slog.New(slog.DiscardHandler),
		}
		r, err := check.Check(context.Background(), freshness.Request{})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "volumes", r.Volumes, 1+tagged)
		return f.account.Calls()["DescribeInstances"]
	}
	var got []int
	for _, n := range []int{0, 1, 200, 201} {
		got = append(got, calls(n))
	}
	if want := []int{1, 2, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("calls of DescribeInstances: %v, want %v", got, want)
	}
}
