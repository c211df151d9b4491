package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

func TestNamesBeyondASCIIAreShownAsTheyAre(t *testing.T) {
	const keyword = "每日快照"
	names := map[string]string{"vol-1": "数据库", "vol-2": "café", "vol-3": "🐘"}
	account := server(t)
	for volume, name := range names {
		id := "i" + strings.TrimPrefix(volume, "vol")
		account.AddInstance(ec2sim.Instance{ID: id, Tags: map[string]string{keyword: "2", "Name": name, "部门": "财务"},
			Volumes: []ec2sim.BlockDevice{{ID: volume, Device: "/dev/xvda", SizeGiB: 8}}})
		account.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Snapshot{ // as the Lambda before this tool could have, had EC2 let it
			VolumeID: volume, StartTime: time.Now().AddDate(0, 0, -1), Description: "AutoSnapshot " + name + " - " + volume + " (/dev/xvda)",
			Tags: map[string]string{keyword: "2", "Name": name, "部门": "财务"},
		}})
	}
	c := newCommand(t)
	c.configured(t, `{"context": {"schedules": [{"keyword": "`+keyword+`", "expression": "rate(1 day)"}]}}`)
	c.says(t, 0, []string{"plan", "--only", "create"}, keyword+", run of ", "数据库, vol-1 (/dev/xvda), 每日快照=2", "café, vol-2", "🐘, vol-3")
	c.says(t, 0, []string{"adopt", keyword, "--yes"}, "数据库, vol-1 (/dev/xvda)", "café, vol-2", "🐘, vol-3", keyword+"=2", "Adopted 3 snapshots.")
	c.says(t, 0, []string{"run", keyword, "--yes", "--scheduled-time", at}, "Run "+keyword+"/"+at+": SUCCEEDED", "3 of 3 volumes with a completed snapshot")
	c.says(t, 0, []string{"explain", "数据库"}, "数据库", "vol-1", "每日快照", "rate(1 day)", "last 1 of 2")
	for volume, name := range names {
		for _, s := range account.Snapshots() {
			if s.VolumeID == volume && (s.Tags["Name"] != name || s.Tags["部门"] != "财务" || s.Tags[ebs.TagSchedule] != keyword) {
				t.Errorf("%s of %s has the tags %v", s.ID, volume, s.Tags)
			}
		}
	}
	if d := cmp.Diff(6, len(account.Snapshots())); d != "" {
		t.Errorf("snapshots (-want +got):\n%s", d)
	}

	account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation"})
	late := newCommand(t)
	late.config = c.config
	late.says(t, 1, []string{"run", keyword, "--yes"}, "FAILED  数据库", "FAILED  café", "AccessDeniedError: ", "FAILED  🐘", ": ALL 3 volumes FAILED", "1. 数据库 (i-1), volume vol-1",
		"run '每日快照' --scheduled-time ")
}
