package main

import (
	"os"
	"path/filepath"
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
	dir := t.TempDir()
	config := filepath.Join(dir, "cdk.json")
	if err := os.WriteFile(config, []byte(`{"context": {"schedules": [{"keyword": "`+keyword+`", "expression": "rate(1 day)"}]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newCommand(t)
	says := func(fails bool, args []string, texts ...string) {
		t.Helper()
		c.stdout.Reset()
		c.stderr.Reset()
		o, err := parse(append(args, "-config", config), &c.stderr)
		if err != nil {
			t.Fatal(err)
		}
		o.settle, o.aftermath = 0, time.Second
		err = o.run(t.Context(), &c.stdout, &c.stderr)
		said := c.stdout.String() + c.stderr.String()
		if err != nil {
			said += err.Error()
		}
		if (err != nil) != fails {
			t.Fatalf("%v: error %v:\n%s", args, err, said)
		}
		for _, text := range texts {
			if !strings.Contains(said, text) {
				t.Errorf("%v: it does not say %q:\n%s", args, text, said)
			}
		}
	}
	says(false, []string{"-plan"}, "Plan of run "+keyword+"/", "数据库 (i-1), vol-1 (/dev/xvda), 每日快照=2", "café (i-2), vol-2", "🐘 (i-3), vol-3")
	says(false, []string{"-adopt", keyword, "-yes"}, "数据库 (i-1), vol-1 (/dev/xvda)", "café (i-2), vol-2", "🐘 (i-3), vol-3", keyword+"=2", "Adopted 3 snapshots.")
	says(false, []string{"-schedule", keyword, "-dir", dir, "-scheduled-time", at}, "Run "+keyword+"/"+at+": SUCCEEDED", "3 of 3 volumes with a completed snapshot")
	says(false, []string{"-explain", "vol-1"}, "Schedule 每日快照: rate(1 day)", "at 数据库 (i-1) as /dev/xvda", "kept:  last 1 of 2")
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
	says(true, []string{"-schedule", keyword, "-dir", t.TempDir(), "-scheduled-time", hoursBefore(1)}, "FAILED  数据库 (i-1), volume vol-1 (/dev/xvda): AccessDeniedError", "FAILED  café (i-2)", "FAILED  🐘 (i-3)",
		": ALL 3 volumes FAILED", "1. 数据库 (i-1), volume vol-1", "-schedule '每日快照' -scheduled-time "+hoursBefore(1))
}
