package prune

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func TestALatePruneReadsTheTagAgain(t *testing.T) {
	const volume, instance = volumeID, "i-1"
	all := []string{"snap-5", "snap-4", "snap-3"}
	tags := func(pairs ...string) map[string]string {
		out := map[string]string{}
		for n := 0; n < len(pairs); n += 2 {
			out[pairs[n]] = pairs[n+1]
		}
		return out
	}
	for _, c := range []struct {
		name    string
		tags    map[string]string
		deleted []string
		note    string
	}{
		{"and deletes as planned if it is unchanged", tags(instance, "3"), all, ""},
		{"and if the volume's own is unchanged", tags(volume, "3", instance, "off"), all, ""},
		{"and deletes nothing if it is off now", tags(instance, "off"), nil, "nothing was pruned: the tag SnapshotDaily was set to off since the run began"},
		{"and if the volume's own is off now", tags(volume, "OFF", instance, "3"), nil, "nothing was pruned: the tag SnapshotDaily was set to off since the run began"},
		{"and if it was removed", tags(), nil, "nothing was pruned: the tag SnapshotDaily was removed since the run began"},
		{"and if it can't be read", tags(instance, "all"), nil, `nothing was pruned: the tag SnapshotDaily was changed since the run began: ` +
			`the retention "all" is neither a number (3), nor an age (36h, 7d, 2w), nor rules (last=3 daily=7), nor off`},
		{"and keeps what it keeps now", tags(instance, "5"), []string{"snap-5"}, ""},
		{"and keeps what it kept at the start of the run", tags(instance, "1"), all, ""},
		{"and keeps what either of them keeps", tags(instance, "within=4d"), []string{"snap-5", "snap-4"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := volumeWith(ebs.Completed, 5)
			f.ahead, f.tags = time.Second, c.tags
			got, err := f.prune(t.Context(), request("3"))
			if err != nil || got.Note != c.note || got.Kept != 6-len(c.deleted) {
				t.Errorf("error %v, %d kept, note %q; want %d, %q", err, got.Kept, got.Note, 6-len(c.deleted), c.note)
			}
			if diff := cmp.Diff(c.deleted, f.deleted); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("and deletes nothing if it can't be looked up", func(t *testing.T) {
		f := volumeWith(ebs.Pending, 5)
		f.ahead, f.tagsErr = time.Second, &contract.ThrottledError{Message: "slow down"}
		_, err := f.prune(t.Context(), request("3"))
		if !contract.Is[*contract.ThrottledError](contract.Outermost(err)) || len(f.deleted) > 0 {
			t.Errorf("error %v, deleted %v", err, f.deleted)
		}
	})
	t.Run("and still returns the state of the run's snapshot", func(t *testing.T) {
		f := volumeWith(ebs.Pending, 5)
		f.ahead, f.tags = time.Second, tags()
		if _, err := f.prune(t.Context(), request("3")); outermost(err) != pending {
			t.Errorf("error %v, want %s", err, pending)
		}
	})
	for name, c := range map[string]struct {
		ahead     time.Duration
		earlier   int
		wantLooks int
	}{
		"looks when it comes late":                           {time.Second, 5, 1},
		"looks when its clock is behind, and proves nothing": {-21 * time.Minute, 5, 1},
		"does not look when it comes soon":                   {0, 5, 0},
		"does not look when there is nothing to delete":      {time.Hour, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := volumeWith(ebs.Completed, c.earlier)
			f.ahead = c.ahead
			if _, err := f.prune(t.Context(), request("3")); err != nil || f.looks != c.wantLooks {
				t.Errorf("%d looks (%v), want %d", f.looks, err, c.wantLooks)
			}
		})
	}
}
