package workflow_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

func TestAnUnreadableRetentionCostsNoBackupAndDeletesNone(t *testing.T) {
	for _, value := range []string{"abc", "0", "-1", "", " ", "3,4", "7 d", "1.5", "last=0", "off 3", "3m", "９", "99999999999999999999", "*", "DELETE"} {
		t.Run(fmt.Sprintf("%q", value), func(t *testing.T) {
			f := newFixture(t)
			f.instance("db", 1, "SnapshotDaily=3", "Name=db-1")
			f.instance("web", 2, "SnapshotDaily="+value, "Name=web-1")
			for day := 9; day > 0; day-- {
				f.old("vol-web-0", day, "SnapshotDaily="+value, ebs.TagRetention+"="+value)
			}
			f.days(0, 2, nil)
			same(t, "pruned", f.pruned(""), []string(nil))
			same(t, "held", []int{len(f.ids("vol-web-0")), len(f.ids("vol-web-1")), len(f.ids("vol-db-0"))}, []int{11, 2, 2})
			same(t, "mails", f.subjects(), []string{attention, strings.Replace(attention, "-22", "-23", 1)})
			m := f.lastMail("web-1 (i-web)", "its tag SnapshotDaily can't be read", fmt.Sprintf("%q", value), "Set the tag of the instance to what to keep")
			if strings.Contains(m.message, "db-1") || strings.Count(m.message, "can't be read") < 1 {
				t.Errorf("the mail is\n%s", m.message)
			}
			// After it is corrected, all snapshots count, and those beyond the retention are deleted.
			f.account.TagInstance("i-web", "SnapshotDaily", "2")
			f.days(2, 3, nil)
			same(t, "held when it is right", []int{len(f.ids("vol-web-0")), len(f.ids("vol-web-1"))}, []int{2, 2})
		})
	}

	t.Run("of a volume", func(t *testing.T) {
		f := newFixture(t)
		f.fleet()
		f.account.TagVolume("vol-web-0", "SnapshotDaily", "three")
		f.troubledSince([]string{"vol-web-0", "vol-web-1"})
		f.succeed("SnapshotDaily")
		same(t, "held", []int{len(f.ids("vol-web-0")), len(f.ids("vol-web-1"))}, []int{4, 3})
		f.lastMail("web-1 (i-web), volume vol-web-0", `"three"`, "Set the tag of the volume to what to keep")
	})
}

func TestOffExcludesTheTaggedInstanceOrVolume(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 3, "SnapshotDaily=2")
	f.instance("db", 2, "SnapshotDaily=off")
	f.account.TagVolume("vol-web-1", "SnapshotDaily", "OFF")
	f.account.TagVolume("vol-db-1", "SnapshotDaily", "1")
	f.troubledSince([]string{"vol-web-0", "vol-web-1", "vol-db-0"})
	before := append(f.ids("vol-web-1"), f.ids("vol-db-0")...)
	f.succeed("SnapshotDaily")
	same(t, "snapshots of what is off", append(f.ids("vol-web-1"), f.ids("vol-db-0")...), before)
	same(t, "held", []int{len(f.ids("vol-web-0")), len(f.ids("vol-web-2")), len(f.ids("vol-db-1"))}, []int{2, 1, 1})
	f.noMail()
}

func TestAVolumesOwnTagOverridesItsInstances(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 2, "SnapshotDaily=4")
	f.account.TagVolume("vol-web-0", "SnapshotDaily", "1")
	f.account.AddVolume(ec2sim.BlockDevice{ID: "vol-loose", Tags: map[string]string{"SnapshotDaily": "3"}}) // attached to nothing
	f.days(0, 3, nil)
	same(t, "held", []int{len(f.ids("vol-web-0")), len(f.ids("vol-web-1")), len(f.ids("vol-loose"))}, []int{1, 3, 3})
	tags := f.of("vol-web-0", "SnapshotDaily")[0].Tags
	same(t, "the retention on its snapshot", []string{tags["SnapshotDaily"], tags[ebs.TagRetention]}, []string{"1", "1"})
	f.account.UntagVolume("vol-web-0", "SnapshotDaily")
	f.days(3, 6, nil)
	same(t, "held without the tag", []int{len(f.ids("vol-web-0")), len(f.ids("vol-web-1"))}, []int{4, 4})
	f.noMail()
}

func TestInstancesInEachState(t *testing.T) {
	f := newFixture(t)
	for _, state := range []string{"pending", "running", "stopping", "stopped", "shutting-down", "terminated"} {
		in := ec2sim.Instance{ID: "i-" + state, State: state, Tags: map[string]string{"SnapshotDaily": "2"}}
		in.Volumes = []ec2sim.BlockDevice{{ID: "vol-" + state, Device: "/dev/sda"}, {Device: "/dev/sdb", InstanceStore: true}}
		f.account.AddInstance(in)
	}
	f.account.AddInstance(ec2sim.Instance{ID: "i-store", Tags: map[string]string{"SnapshotDaily": "2"}, Volumes: []ec2sim.BlockDevice{
		{Device: "/dev/sda", InstanceStore: true}, {Device: "/dev/sdb", InstanceStore: true}, // no EBS volume at all
	}})
	f.account.AddInstance(ec2sim.Instance{ID: "i-bare", Tags: map[string]string{"SnapshotDaily": "2"}})
	f.succeed("SnapshotDaily")
	same(t, "held", f.held(), map[string][]string{"vol-pending": made, "vol-running": made, "vol-stopping": made, "vol-stopped": made})
	f.noMail()
}

func TestAVolumeOnSeveralInstancesIsSnapshottedOnce(t *testing.T) {
	f := newFixture(t)
	f.instance("a", 1, "SnapshotDaily=2", "Name=a")
	f.instance("b", 1, "SnapshotDaily=3", "Name=b")
	f.instance("c", 1, "SnapshotDaily=off", "Name=c")
	f.account.AttachVolume("vol-a-0", "i-b", "/dev/sdz")
	f.account.AttachVolume("vol-c-0", "i-b", "/dev/sdy") // its own instance is off, this one is not
	f.days(0, 4, nil)
	same(t, "held", []int{len(f.ids("vol-a-0")), len(f.ids("vol-b-0")), len(f.ids("vol-c-0"))}, []int{2, 3, 3})
	same(t, "its snapshot's instance", f.of("vol-a-0", "SnapshotDaily")[0].Tags[ebs.TagInstance], "i-a")
	f.noMail()
}

func TestTagsOfTheInstanceAreCopiedUpToEC2sLimit(t *testing.T) {
	f := newFixture(t)
	tags := []string{
		"SnapshotDaily=3", "SnapshotHourly=24", "Name=web-1", "empty=", "aws:autoscaling:groupName=web", "AWS:odd=1",
		"snapshot-lifecycle:schedule=forged", "snapshot-lifecycle:run=forged", "long=" + strings.Repeat("长", ebs.MaxTagValLen),
	}
	for n := range 60 {
		tags = append(tags, fmt.Sprintf("tag-%02d=%d", n, n))
	}
	f.instance("web", 1, tags...)
	f.succeed("SnapshotDaily")
	want := tagsOf(tags)
	for k := range want {
		if strings.HasPrefix(strings.ToLower(k), "aws:") || k > "tag-40" { // 5 of ours, Name, SnapshotHourly, empty and long leave room for 41
			delete(want, k)
		}
	}
	want[ebs.TagSchedule], want[ebs.TagRetention], want[ebs.TagInstance] = "SnapshotDaily", "3", "i-web"
	want[ebs.TagRun] = "SnapshotDaily/2026-11-22T00:00:00Z"
	same(t, "tags of the snapshot", f.of("vol-web-0", "SnapshotDaily")[0].Tags, want)
	same(t, "their number", len(want), ebs.MaxTags)
	f.lastMail("1 problem, no backup failed", "web-1 (i-web)", "19 tags not copied to its snapshots: tag-41, tag-42")
}

func TestALongNameFitsTheDescription(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 1, "SnapshotDaily=3", "Name="+strings.Repeat("n", ebs.MaxTagValLen))
	f.succeed("SnapshotDaily")
	d := f.of("vol-web-0", "SnapshotDaily")[0].Description
	if !strings.HasPrefix(d, "SnapshotDaily/2026-11-22T00:00:00Z i-web vol-web-0 nnn") || len(d) != 255 {
		t.Errorf("the description is %q", d)
	}
}

// EC2 refuses a description that is not ASCII.
func TestNamesAndKeywordsBeyondASCIIGetTheirBackup(t *testing.T) {
	for _, name := range []string{"数据库", "café", "🚀", "web-1"} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.instance("web", 1, "每日快照=1", "Name="+name, "环境=生产")
			for range 3 {
				f.succeed("每日快照")
				f.wait(24 * time.Hour)
			}
			held := f.of("vol-web-0", "每日快照")
			if len(held) != 1 {
				t.Fatalf("%d snapshots are kept, want 1", len(held))
			}
			same(t, "its Name", held[0].Tags["Name"], name)
			f.noMail()
		})
	}
}

func TestTagsThatChangeBetweenRuns(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 1, "SnapshotDaily=3", "Name=web-1", "Owner=ann")
	f.days(0, 1, nil)
	f.account.TagInstance("i-web", "Name", "web-2")
	f.account.TagInstance("i-web", "SnapshotDaily", "last=3")
	f.account.UntagInstance("i-web", "Owner")
	f.days(1, 2, nil)
	var got []map[string]string
	for _, s := range f.of("vol-web-0", "SnapshotDaily") {
		got = append(got, map[string]string{"Name": s.Tags["Name"], "Owner": s.Tags["Owner"], "SnapshotDaily": s.Tags["SnapshotDaily"]})
	}
	same(t, "tags", got, []map[string]string{
		{"Name": "web-1", "Owner": "ann", "SnapshotDaily": "3"}, {"Name": "web-2", "Owner": "", "SnapshotDaily": "last=3"},
	})
	f.days(2, 4, nil)
	same(t, "days held: those before the change count as well", f.runsOf("vol-web-0"), []string{"23", "24", "25"})

	f.account.UntagInstance("i-web", "SnapshotDaily") // opts out
	f.days(4, 6, nil)
	same(t, "days held after opting out", f.runsOf("vol-web-0"), []string{"23", "24", "25"})
	f.noMail()
}

// ebs_snapper#14 asks to prune the snapshots of deleted volumes. They may be the last copy, so they are kept until a person decides.
func TestSnapshotsOfADeletedVolumeAreKept(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 2, "SnapshotDaily=2", "Name=web-1")
	f.days(0, 3, nil)
	f.account.DeleteVolume("vol-web-0")
	f.days(3, 6, nil)
	same(t, "days held", [][]string{f.runsOf("vol-web-0"), f.runsOf("vol-web-1")}, [][]string{{"23", "24"}, {"26", "27"}})
	f.account.SetInstanceState("i-web", "terminated")
	f.days(6, 8, nil)
	same(t, "days held", [][]string{f.runsOf("vol-web-0"), f.runsOf("vol-web-1")}, [][]string{{"23", "24"}, {"26", "27"}})
	f.noMail()
}
