package workflow_test

import (
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

func TestARunSnapshotsEachVolumeWithItsInstancesTags(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 2, "SnapshotDaily=3", "Name=web-1", "aws:cloudformation:stack-name=prod")
	r := f.succeed("SnapshotDaily")

	want := map[string]string{
		"Name": "web-1", "SnapshotDaily": "3", ebs.TagSchedule: "SnapshotDaily", ebs.TagRetention: "3",
		ebs.TagRun: "SnapshotDaily/2026-11-22T00:00:00Z", ebs.TagInstance: "i-web",
	}
	for _, v := range []string{"vol-web-0", "vol-web-1"} {
		held := f.of(v, "SnapshotDaily")
		if len(held) != 1 {
			t.Fatalf("%s has %d snapshots, want 1", v, len(held))
		}
		same(t, "tags of the snapshot of "+v, held[0].Tags, want)
	}
	same(t, "description", f.of("vol-web-1", "SnapshotDaily")[0].Description, "SnapshotDaily/2026-11-22T00:00:00Z i-web vol-web-1 web-1")
	f.noMail()
	if r.Children != 1 || r.MaxChildEvents == 0 {
		t.Errorf("children %d, events %d", r.Children, r.MaxChildEvents)
	}
}
