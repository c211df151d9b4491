package workflow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// Promise 8: our failed snapshots are deleted. They are not kept until a newer one has completed: EC2 counts them as in progress, and with five of
// them (one for st1 and sc1 volumes) no newer one could ever complete.
func TestPromise8FailedSnapshotsAreDeleted(t *testing.T) {
	t.Run("while the newer one is still pending", func(t *testing.T) {
		f := newFixture(t, slow(3*time.Hour))
		f.instance("web", 1, "SnapshotDaily=3")
		f.old("vol-web-0", 3)
		failed := []string{f.oldState("vol-web-0", 2, ebs.Error), f.oldState("vol-web-0", 1, ebs.Error)}
		f.inParallel(func() { f.succeed("SnapshotDaily") }, func() {
			f.wait(time.Hour)
			same(t, "pruned", sorted(f.pruned("")), sorted(failed))
		})
	})

	t.Run("this run's own among them, which the e-mail names", func(t *testing.T) {
		f := newFixture(t)
		f.instance("web", 1, "SnapshotDaily=3")
		f.old("vol-web-0", 3)
		f.account.FailNextSnapshotOf("vol-web-0")
		f.fire("SnapshotDaily")
		gone := f.pruned("")
		if len(gone) != 1 || !strings.Contains(f.lastMail().message, gone[0]+" ended in state error") {
			t.Errorf("pruned %v; the e-mail says\n%s", gone, f.lastMail().message)
		}
	})

	t.Run("but not a claimed one, nor another's", func(t *testing.T) {
		f := newFixture(t)
		f.instance("web", 1, "SnapshotDaily=3")
		f.oldState("vol-web-0", 3, ebs.Error, "SnapshotDaily=look into this")
		f.oldState("vol-web-0", 2, ebs.Error, ebs.TagSchedule+"=SnapshotHourly", "SnapshotHourly=3")
		f.oldState("vol-web-0", 1, ebs.Error, "owner=999999999999")
		f.succeed("SnapshotDaily")
		same(t, "pruned", f.pruned(""), []string(nil))
	})
}

func TestPromise8FailuresInARowDoNotBlockTheVolume(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 1, "SnapshotDaily=3", "Name=web-1")
	f.old("vol-web-0", 1)
	f.days(0, 7, func(day int) { f.account.FailNextSnapshotOf("vol-web-0") }) // a KMS key was disabled
	f.until(8 * 24 * time.Hour)
	if r := f.fire("SnapshotDaily"); r.Status != asl.Succeeded {
		t.Errorf("the key is enabled again, and the run ended %s:\n%s", r.Status, f.lastMail().message)
	}
}
