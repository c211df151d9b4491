package orphans

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

func TestTheAgeTakesOnlyCompletedSnapshots(t *testing.T) {
	for _, state := range []ebs.State{ebs.Completed, ebs.Pending, ebs.Recoverable, ebs.Recovering} {
		old := of("vol-1", 40, state)
		_, goes := policy(t, "last=1", 30).Outlook(keyword, []ebs.Snapshot{old}, now)[old.ID]
		if goes != (state == ebs.Completed) {
			t.Errorf("one that is %s goes: %v", state, goes)
		}
	}
}

func TestACallDeletesAtMost500(t *testing.T) {
	l := newLab(t, "last=1")
	for volume := range 3 {
		for n := range 201 {
			l.held = append(l.held, of(fmt.Sprintf("vol-%d", volume), 300-n, ebs.Completed))
		}
	}
	l.days(0, 6)
	l.now = now.AddDate(0, 0, 7)
	r, err := l.service.Tidy(t.Context(), Request{})
	if err != nil || r.Deleted != 500 || len(l.deleted) != 500 {
		t.Errorf("%+v, %d deleted: %v", r, len(l.deleted), err)
	}
}

// Deleting takes minutes, and is looked into each minute.
func TestWhatIsClaimedWhileAVolumesSnapshotsAreDeletedStays(t *testing.T) {
	l := newLab(t, "last=1")
	for n := range 200 {
		l.held = append(l.held, of("vol-1", 300-n, ebs.Completed))
	}
	claimed := of("vol-1", 110, ebs.Completed).ID // the 191st to go
	wait := l.service.Wait
	l.service.Wait = func(ctx context.Context, d time.Duration) error {
		if len(l.deleted) == 70 {
			i := slices.IndexFunc(l.held, func(s ebs.Snapshot) bool { return s.ID == claimed })
			l.held[i].Tags = map[string]string{ebs.TagSchedule: keyword, ebs.TagRetention: "3"}
		}
		return wait(ctx, d)
	}
	l.days(0, 7)
	if slices.Contains(l.deleted, claimed) || len(l.deleted) != 198 {
		t.Errorf("%d deleted, the claimed one among them: %v", len(l.deleted), slices.Contains(l.deleted, claimed))
	}
}
