package orphans

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

func TestOnlyCompletedSnapshotsExpire(t *testing.T) {
	for _, state := range []ebs.State{ebs.Completed, ebs.Pending, ebs.Recoverable, ebs.Recovering} {
		old := of("vol-1", 40, state)
		_, deleted := policy(t, "last=1", 30).Outlook(keyword, []ebs.Snapshot{old}, now)[old.ID]
		if deleted != (state == ebs.Completed) {
			t.Errorf("one that is %s is deleted: %v", state, deleted)
		}
	}
}

func TestACallDeletesAtMost500(t *testing.T) {
	f := newFixture(t, "last=1")
	for volume := range 3 {
		for n := range 201 {
			f.held = append(f.held, of(fmt.Sprintf("vol-%d", volume), 300-n, ebs.Completed))
		}
	}
	f.days(0, 6)
	f.now = now.AddDate(0, 0, 7)
	r, err := f.service.Tidy(t.Context(), Request{})
	if err != nil || r.Deleted != 500 || len(f.deleted) != 500 {
		t.Errorf("%+v, %d deleted: %v", r, len(f.deleted), err)
	}
}

// Deleting takes minutes. EC2 is checked again each minute.
func TestASnapshotClaimedDuringTheDeletingIsKept(t *testing.T) {
	f := newFixture(t, "last=1")
	for n := range 200 {
		f.held = append(f.held, of("vol-1", 300-n, ebs.Completed))
	}
	claimed := of("vol-1", 110, ebs.Completed).ID // the 191st to be deleted
	wait := f.service.Wait
	f.service.Wait = func(ctx context.Context, d time.Duration) error {
		if len(f.deleted) == 70 {
			i := slices.IndexFunc(f.held, func(s ebs.Snapshot) bool { return s.ID == claimed })
			f.held[i].Tags = map[string]string{ebs.TagSchedule: keyword, ebs.TagRetention: "3"}
		}
		return wait(ctx, d)
	}
	f.days(0, 7)
	if slices.Contains(f.deleted, claimed) || len(f.deleted) != 198 {
		t.Errorf("%d deleted, the claimed one among them: %v", len(f.deleted), slices.Contains(f.deleted, claimed))
	}
}
