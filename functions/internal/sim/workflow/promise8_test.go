package workflow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// Promise 8: our failed snapshots go. The design has them stay until a newer one has completed; but EC2 counts them as in
// progress, and with five of them (one, of st1 and sc1 volumes) nothing newer could ever complete.
func TestPromise8FailedSnapshotsGo(t *testing.T) {
	t.Run("while the newer one is still pending", func(t *testing.T) {
		l := newLab(t, slow(3*time.Hour))
		l.instance("web", 1, "SnapshotDaily=3")
		l.old("vol-web-0", 3)
		failed := []string{l.oldState("vol-web-0", 2, ebs.Error), l.oldState("vol-web-0", 1, ebs.Error)}
		l.together(func() { l.succeed("SnapshotDaily") }, func() {
			l.wait(time.Hour)
			same(t, "pruned", sorted(l.pruned("")), sorted(failed))
		})
	})

	t.Run("this run's own among them, which the e-mail names", func(t *testing.T) {
		l := newLab(t)
		l.instance("web", 1, "SnapshotDaily=3")
		l.old("vol-web-0", 3)
		l.account.FailNextSnapshotOf("vol-web-0")
		l.fire("SnapshotDaily")
		gone := l.pruned("")
		if len(gone) != 1 || !strings.Contains(l.lastMail().message, gone[0]+" ended in state error") {
			t.Errorf("pruned %v; the e-mail says\n%s", gone, l.lastMail().message)
		}
	})

	t.Run("but not a claimed one, nor another's", func(t *testing.T) {
		l := newLab(t)
		l.instance("web", 1, "SnapshotDaily=3")
		l.oldState("vol-web-0", 3, ebs.Error, "SnapshotDaily=look into this")
		l.oldState("vol-web-0", 2, ebs.Error, ebs.TagSchedule+"=SnapshotHourly", "SnapshotHourly=3")
		l.oldState("vol-web-0", 1, ebs.Error, "owner=999999999999")
		l.succeed("SnapshotDaily")
		same(t, "pruned", l.pruned(""), []string(nil))
	})
}

func TestPromise8FailuresInARowDoNotBlockTheVolume(t *testing.T) {
	l := newLab(t)
	l.instance("web", 1, "SnapshotDaily=3", "Name=web-1")
	l.old("vol-web-0", 1)
	l.days(0, 7, func(day int) { l.account.FailNextSnapshotOf("vol-web-0") }) // a KMS key was disabled
	l.until(8 * 24 * time.Hour)
	if r := l.fire("SnapshotDaily"); r.Status != asl.Succeeded {
		t.Errorf("the key is enabled again, and the run ended %s:\n%s", r.Status, l.lastMail().message)
	}
}
