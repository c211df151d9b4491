package workflow_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// Promise 1: only managed snapshots are candidates. Others are neither deleted nor counted.
func TestPromise1NeverDeletesWhatIsNotOurs(t *testing.T) {
	// Each case adds a snapshot of a given age. Six of them are mixed with five of ours.
	cases := map[string]func(f *fixture, daysAgo int) string{
		"another account's, shared with us, with our tags": func(f *fixture, days int) string {
			return f.old("vol-web-0", days, "owner=999999999999")
		},
		"made by hand, with the keyword as its only tag": func(f *fixture, days int) string {
			return f.old("vol-web-0", days, ebs.TagSchedule, ebs.TagRetention, ebs.TagRun, ebs.TagInstance)
		},
		"made by the tool that this one replaces: all tags of the instance, none of ours": func(f *fixture, days int) string {
			return f.old("vol-web-0", days, ebs.TagSchedule, ebs.TagRetention, ebs.TagRun, ebs.TagInstance, "Name=web-1")
		},
		"made by hand, without any tag": func(f *fixture, days int) string {
			return f.account.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Snapshot{
				VolumeID: "vol-web-0", StartTime: f.world.Now().AddDate(0, 0, -days),
			}})
		},
		"claimed by removing the keyword tag": func(f *fixture, days int) string {
			return f.old("vol-web-0", days, "SnapshotDaily")
		},
		"claimed by renaming the keyword tag": func(f *fixture, days int) string {
			return f.old("vol-web-0", days, "SnapshotDaily", "KeepForAudit=3")
		},
		"claimed by changing the keyword tag": func(f *fixture, days int) string {
			return f.old("vol-web-0", days, "SnapshotDaily=keep for audit")
		},
		"claimed by emptying the keyword tag": func(f *fixture, days int) string {
			return f.old("vol-web-0", days, "SnapshotDaily=")
		},
		"claimed by removing the stamped retention": func(f *fixture, days int) string {
			return f.old("vol-web-0", days, ebs.TagRetention)
		},
		"claimed by removing the schedule": func(f *fixture, days int) string {
			return f.old("vol-web-0", days, ebs.TagSchedule)
		},
		"another schedule's, with the keywords of both": func(f *fixture, days int) string {
			return f.old("vol-web-0", days, ebs.TagSchedule+"=SnapshotHourly", "SnapshotHourly=3")
		},
		"of a schedule whose keyword only begins with ours": func(f *fixture, days int) string {
			return f.old("vol-web-0", days, ebs.TagSchedule+"=SnapshotDaily2", "SnapshotDaily2=3")
		},
		"of a schedule whose keyword is ours in small letters": func(f *fixture, days int) string {
			return f.old("vol-web-0", days, ebs.TagSchedule+"=snapshotdaily", "snapshotdaily=3")
		},
		"DLM's, of a volume that was restored with our tags on it": func(f *fixture, days int) string {
			return f.foreign(days, "Created for policy: policy-1 schedule: daily", "aws:dlm:lifecycle-policy-id=policy-1")
		},
		"AWS Backup's, which copied our tags": func(f *fixture, days int) string {
			return f.foreign(days, "This snapshot is created by the AWS Backup service.", "aws:backup:source-resource=x")
		},
		"an AMI's, which copied our tags": func(f *fixture, days int) string {
			return f.foreign(days, "Created by CreateImage(i-web) for ami-0123456789abcdef0")
		},
		"made by hand, with all of our tags forged": func(f *fixture, days int) string { return f.foreign(days, "before the upgrade") },
		"made by hand, with this run's tag and all others forged": func(f *fixture, days int) string {
			return f.foreign(days, "", ebs.TagRun+"=SnapshotDaily/2026-11-22T00:00:00Z")
		},
		"ours of another day by its description, with this run's tag forged": func(f *fixture, days int) string {
			return f.foreign(days, "SnapshotDaily/2026-10-01T00:00:00Z i-web vol-web-0 web-1", ebs.TagRun+"=SnapshotDaily/2026-11-22T00:00:00Z")
		},
		"a copy in the same Region, with our tags and description": func(f *fixture, days int) string {
			id := f.old("vol-web-0", days)
			s, _ := f.account.Snapshot(id)
			f.account.DeleteSnapshotByPerson(id)
			s.ID, s.Copy = "", true
			return f.account.AddSnapshot(s)
		},
		"another volume's, of the same instance": func(f *fixture, days int) string { return f.old("vol-web-1", days) },
		"of a deleted volume":                    func(f *fixture, days int) string { return f.old("vol-gone", days) },
		"of a volume whose instance has no tag":  func(f *fixture, days int) string { return f.old("vol-bare-0", days) },
	}
	for name, add := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.instance("web", 2, "SnapshotDaily=3", "Name=web-1")
			f.account.TagVolume("vol-web-1", "SnapshotDaily", "off")
			f.instance("bare", 1, "Name=bare")
			var theirs []string
			before := map[string]ec2sim.Snapshot{}
			for _, days := range []int{-1, 0, 1, 3, 40, 400} { // a clock that is off makes the first
				id := add(f, days)
				theirs = append(theirs, id)
				before[id], _ = f.account.Snapshot(id)
			}
			var ours []string
			for days := 5; days > 0; days-- {
				ours = append(ours, f.old("vol-web-0", days))
			}
			f.wait(time.Minute)
			f.succeed("SnapshotDaily")

			for _, id := range theirs {
				after, _ := f.account.Snapshot(id)
				same(t, "what is not ours", after, before[id])
			}
			same(t, "what went", slices.DeleteFunc(f.pruned(""), func(id string) bool { return slices.Contains(theirs, id) }), ours[:3])
			f.strangersAreNamedOnce(theirs)
		})
	}
}

func TestPromise1AClaimedSnapshotIsKeptForEver(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 1, "SnapshotDaily=2")
	var claimed []string
	for day := range 12 {
		f.until(time.Duration(day) * 24 * time.Hour)
		f.succeed("SnapshotDaily")
		if day%4 != 0 {
			continue
		}
		held := f.of("vol-web-0", "SnapshotDaily")
		id := held[len(held)-1].ID
		claimed = append(claimed, id)
		f.claim(id, func(id string) {
			switch day {
			case 0:
				f.account.UntagSnapshot(id, "SnapshotDaily")
			case 4:
				f.account.TagSnapshot(id, "SnapshotDaily", "forever")
			default:
				f.account.UntagSnapshot(id, "SnapshotDaily")
				f.account.TagSnapshot(id, "KeptBy", "audit")
			}
		})
	}
	for _, id := range claimed {
		if _, ok := f.account.Snapshot(id); !ok {
			t.Errorf("%s was claimed, and was deleted", id)
		}
	}
	if held := f.of("vol-web-0", "SnapshotDaily"); len(held) != 2+len(claimed) {
		t.Errorf("%d snapshots are left, want 2 and %d claimed ones", len(held), len(claimed))
	}
	f.noMail()
}

func TestPromise1AKeywordIsNotAPattern(t *testing.T) {
	// Characters that are valid in a tag key, and special in a filter or an S3 key.
	for _, keyword := range []string{"Snapshot Daily", "每日快照", "a/b:c=d+e-f@g_h.i", "..", "Ünïcode"} {
		t.Run(keyword, func(t *testing.T) {
			f := newFixture(t)
			f.instance("web", 1, keyword+"x=1", keyword[:1]+"=1")
			in := ec2sim.Instance{ID: "i-own", Tags: map[string]string{keyword: "1"}}
			in.Volumes = []ec2sim.BlockDevice{{ID: "vol-own-0", Device: "/dev/sda"}}
			f.account.AddInstance(in)
			for day := range 3 {
				f.until(time.Duration(day) * 24 * time.Hour)
				f.succeed(keyword)
			}
			same(t, "held", f.held(), map[string][]string{
				"vol-own-0": {fmt.Sprintf("completed %s/2026-11-24T00:00:00Z", keyword)},
			})
		})
	}
}

// EC2 gives all copies the same volume ID. As the snapshots of one orphan, all except the newest would be deleted.
func TestPromise1CopiesOfDifferentVolumesAreNotOrphans(t *testing.T) {
	f := newFixture(t)
	for n := 1; n < 5; n++ {
		from := f.old(fmt.Sprintf("vol-%d", n), 20+n)
		s, _ := f.account.Snapshot(from)
		s.ID, s.VolumeID, s.Description = "", "vol-ffffffff", "[Copied "+from+" from eu-west-1] "+s.Description
		f.account.AddSnapshot(s)
	}
	f.tidyDaily(f.tidier("last=1", 0), 9)
	same(t, "copies left", len(f.ids("vol-ffffffff")), 4)
}
