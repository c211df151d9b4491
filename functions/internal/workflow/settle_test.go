package workflow_test

import (
	"testing"
	"time"
)

func TestARunWaitsForItsSnapshotsOnlyAsLongAsTheyNeed(t *testing.T) {
	t.Run("not at all, if EC2 says at once that they have completed", func(t *testing.T) {
		l := newLab(t, slow(0), func(s *setup) { s.ListLag, s.EmptyPages = 0, false })
		l.fleet()
		if r := l.succeed("SnapshotDaily"); r.Stop.Sub(r.Start) > 5*time.Second {
			t.Errorf("the run took %v", r.Stop.Sub(r.Start))
		}
		l.noMail()
	})

	t.Run("until they are two minutes old, if they take that long", func(t *testing.T) {
		l := newLab(t, func(s *setup) { s.EmptyPages = false })
		l.fleet()
		if r := l.succeed("SnapshotDaily"); r.Stop.Sub(r.Start) > 125*time.Second {
			t.Errorf("the run took %v", r.Stop.Sub(r.Start))
		}
		same(t, "looks at pending snapshots", l.retries("PruneVolume", "SnapshotPendingError"), 0)
		l.noMail()
	})
}
