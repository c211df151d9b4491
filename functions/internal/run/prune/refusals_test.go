package prune

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// locked has a volume with so many snapshots too many, of which 1 is the newest. EC2 refuses to delete those for which which is true.
func locked(state ebs.State, tooMany int, which func(n int) bool) *fakeEC2 {
	f := volumeWith(state, tooMany+2)
	for n := 1; n <= tooMany; n++ {
		if which(n) {
			id := fmt.Sprintf("snap-%d", n+2)
			f.failures[id] = &ebs.RefusedError{SnapshotID: id, Code: "SnapshotLocked", Message: "it is locked"}
		}
	}
	return f
}

func TestPruneContinuesPastSnapshotsThatCannotBeDeleted(t *testing.T) {
	type call struct {
		deleted, asked int
		err            string
	}
	const more = "*contract.ThrottledError: %d snapshots deleted, %d are left for the next attempt"
	for _, c := range []struct {
		name   string
		volume *fakeEC2
		want   []call
	}{
		{"which does not use up what a call deletes", locked(ebs.Completed, 200, func(n int) bool { return n > 160 }),
			[]call{{100, 140, fmt.Sprintf(more, 100, 60)}, {60, 100, ""}}},
		{"the oldest of which are very many", locked(ebs.Completed, 160, func(n int) bool { return n > 2 }), []call{{2, 102, ""}}},
		{"the newest of which are very many", locked(ebs.Completed, 160, func(n int) bool { return n < 158 }), []call{{3, 103, ""}}},
		{"and stops if that is all there is", locked(ebs.Completed, 158, func(int) bool { return true }), []call{{0, 100, ""}}},
		{"and says that this run's snapshot is pending", locked(ebs.Pending, 158, func(int) bool { return true }), []call{{0, 100, pending}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []call
			req := request("3")
			for range c.want {
				c.volume.asked = nil
				out, err := c.volume.prune(t.Context(), req)
				got = append(got, call{len(out.Removed), len(c.volume.asked), outermost(err)})
				req.Attempt++
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(call{})); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}

	t.Run("and reaches all others within several runs, at any position", func(t *testing.T) {
		f := locked(ebs.Completed, 400, func(n int) bool { return n%10 != 0 })
		runs := 0
		for ; len(f.snapshots) > 3+360 && runs < 60; runs++ {
			req := request("3")
			req.Run.ID = ebs.RunID(keyword, req.Run.ScheduledTime.Add(time.Duration(runs)*time.Second))
			f.asked = nil
			if _, err := f.prune(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			if len(f.asked) > 2*maxRefusals {
				t.Errorf("a call asked for %d deletions", len(f.asked))
			}
		}
		if runs == 60 {
			t.Errorf("after %d runs %d snapshots are left that can be deleted", runs, len(f.snapshots)-3-360)
		}
	})

	t.Run("and removes failed snapshots, this run's last", func(t *testing.T) {
		f := locked(ebs.Error, 158, func(n int) bool { return n != 1 })
		f.change(t, "snap-3", func(s *ebs.Snapshot) { s.State = ebs.Error })
		_, err := f.prune(t.Context(), request("3"))
		if diff := cmp.Diff([]string{"snap-3", own}, f.deleted); diff != "" || !strings.HasPrefix(outermost(err), failed) {
			t.Errorf("deleted (-want +got):\n%s\nerror %v", diff, err)
		}
		if first, last := f.asked[0], f.asked[len(f.asked)-1]; first != "snap-3" || last != own {
			t.Errorf("asked for %s first, for %s last", first, last)
		}
		if slices.Contains(f.asked[:len(f.asked)-1], own) {
			t.Error("this run's own was asked for before the others were done")
		}
	})
}

func TestPruneListsAgainAfterHalfAMinute(t *testing.T) {
	f := volumeWith(ebs.Completed, 52) // 50 too many
	f.takes = time.Second
	req := request("3")
	_, err := f.prune(t.Context(), req)
	if want := "*contract.ThrottledError: 31 snapshots deleted, 19 are left for the next attempt"; outermost(err) != want {
		t.Errorf("error %s, want %s", outermost(err), want)
	}
	for _, id := range []string{"snap-20", "snap-1"} { // one that was to be deleted, and one of the three newest
		f.change(t, id, func(s *ebs.Snapshot) { s.Tags[keyword] = "for the audit" })
	}
	req.Attempt++
	if _, err := f.prune(t.Context(), req); err != nil {
		t.Error(err)
	}
	if slices.Contains(f.asked, "snap-20") || slices.Contains(f.asked, "snap-3") || len(f.deleted) != 48 { // snap-3 is one of the three newest now
		t.Errorf("%d deleted: %v", len(f.deleted), f.deleted)
	}

	t.Run("and leaves the rest to the next run if nothing was deleted in that time", func(t *testing.T) {
		f := locked(ebs.Completed, 158, func(int) bool { return true })
		f.takes = time.Second
		if _, err := f.prune(t.Context(), request("3")); err != nil || len(f.asked) != 31 {
			t.Errorf("%d asked, error %v", len(f.asked), err)
		}
	})
}
