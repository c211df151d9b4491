package orphans

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
)

// refusing is an EC2 that refuses one of the lists.
type refusing struct {
	*fixture
	list string
}

func (r refusing) err(list string) error {
	if list == r.list {
		return errors.New(list + " refused")
	}
	return nil
}

func (r refusing) ScheduleSnapshots(ctx context.Context, keyword string) ([]ebs.Snapshot, error) {
	out, _ := r.fixture.ScheduleSnapshots(ctx, keyword)
	return out, r.err("the schedule's snapshots")
}

func (r refusing) Instances(context.Context, string) ([]ebs.Instance, error) {
	return nil, r.err("the instances")
}

func (r refusing) TaggedVolumes(context.Context, string) ([]ebs.Volume, error) {
	return nil, r.err("the tagged volumes")
}

func (r refusing) ExistingVolumes(context.Context, []string) (map[string]bool, error) {
	return nil, r.err("the existing volumes")
}

// A refused list must not count as an empty one: without the instances, each volume would be an orphan.
func TestARefusedListEndsTheCheckAndChangesNothing(t *testing.T) {
	for _, list := range []string{"the schedule's snapshots", "the instances", "the tagged volumes", "the existing volumes"} {
		f := newFixture(t, "last=1")
		f.orphan("vol-1")
		f.days(0, 6)
		mails := len(f.mails)
		before, _, err := f.objects.Get(t.Context(), Key)
		if err != nil {
			t.Fatal(err)
		}
		f.service.EC2 = refusing{f, list}
		for day := 7; day < 10; day++ {
			if err := f.day(day); err == nil || !strings.Contains(err.Error(), list+" refused") {
				t.Errorf("%s: the check ends with %v", list, err)
			}
		}
		after, _, err := f.objects.Get(t.Context(), Key)
		if d := cmp.Diff(string(before), string(after)); err != nil || d != "" || len(f.deleted) > 0 || len(f.mails) != mails {
			t.Errorf("%s: %v deleted, %d new mails, error %v; the state (-before +after):\n%s", list, f.deleted, len(f.mails)-mails, err, d)
		}
	}
}

func TestAStateThatCannotBeLoadedEndsTheCheckAndDoesNotRestartTheWeek(t *testing.T) {
	f := newFixture(t, "last=1")
	f.orphan("vol-1")
	f.days(0, 6)
	f.objects.Fault = func(string, string) error { return errors.New("the bucket refused") }
	if err := f.day(7); err == nil || !strings.Contains(err.Error(), "the bucket refused") {
		t.Errorf("the check ends with %v", err)
	}
	f.objects.Fault = nil
	f.days(8, 8)
	if len(f.deleted) != 1 || len(f.mails) != 1 {
		t.Errorf("the week did not continue: %v deleted, %d mails", f.deleted, len(f.mails))
	}
}

func TestANewPolicyIsReportedImmediatelyEvenIfAMailCameYesterday(t *testing.T) {
	f := newFixture(t, Report)
	f.orphan("vol-1")
	f.days(0, 1)
	f.service.Policy = policy(t, "last=1", 0)
	f.days(2, 8)
	if len(f.mails) != 2 || !strings.Contains(f.mails[1], "from 2026-12-01") || len(f.deleted) > 0 {
		t.Fatalf("in the first week %d mails, %v deleted: %v", len(f.mails), f.deleted, f.mails)
	}
	if f.days(9, 9); len(f.deleted) != 1 {
		t.Errorf("after it %v is deleted", f.deleted)
	}
}

func TestARefusalThatCannotBeSavedIsAnError(t *testing.T) {
	f := newFixture(t, "last=1")
	f.orphan("vol-1")
	f.refused["snap-vol-1-031"] = true
	f.days(0, 6)
	writes := 0
	f.objects.Fault = func(op, _ string) error {
		if op == "put" {
			writes++
		}
		if writes == 2 { // the first is before anything is deleted
			return errors.New("the bucket refused")
		}
		return nil
	}
	if err := f.day(7); err == nil || !strings.Contains(err.Error(), "the bucket refused") {
		t.Errorf("the check ends with %v", err)
	}
}

func TestEachSnapshotWhoseFirstDeletionIsDeniedIsTriedAgain(t *testing.T) {
	f := newFixture(t, "last=1")
	f.orphan("vol-1")
	f.orphan("vol-2")
	asked := map[string]int{}
	f.denied = func(id string) bool { asked[id]++; return asked[id] == 1 }
	f.days(0, 7)
	if len(f.deleted) != 2 {
		t.Errorf("%v deleted, want one of each volume", f.deleted)
	}
}

// counting counts how often the instances are listed: there may be 100,000 of them.
type counting struct {
	*fixture
	lists int
}

func (c *counting) Instances(context.Context, string) ([]ebs.Instance, error) {
	c.lists++
	return nil, nil
}

func TestTheInstancesAreNotListedForEachOrphan(t *testing.T) {
	f := newFixture(t, "last=1")
	for n := range 200 {
		f.orphan(fmt.Sprintf("vol-%03d", n))
	}
	f.days(0, 6)
	account := &counting{fixture: f}
	f.service.EC2 = account
	began := now.AddDate(0, 0, 7)
	f.days(7, 7)
	if most := 2 + int(f.now.Sub(began)/recheckAfter); len(f.deleted) != 200 || account.lists > most {
		t.Errorf("%d deleted, and the instances listed %d times in %v, want at most %d", len(f.deleted), account.lists, f.now.Sub(began), most)
	}
}

// Each time in the state may be in the future by itself: a person may have written it, or a clock was wrong for one check.
func TestASingleTimeInTheFutureDoesNotBlockDeletionForEver(t *testing.T) {
	future := now.AddDate(10, 0, 0)
	for name, change := range map[string]func(*State){
		"when the policy was new":     func(s *State) { s.PolicySince = future },
		"when a mail listed it":       func(s *State) { s.Orphans[0].Told = future },
		"when the last mail was sent": func(s *State) { s.ToldAt, s.Orphans[0].Told = future, time.Time{} },
		"when it became an orphan":    func(s *State) { s.Orphans[0].Since = future },
		"when EC2 refused it":         func(s *State) { s.Refused = map[string]time.Time{"snap-vol-1-031": future} },
	} {
		f := newFixture(t, "last=1")
		f.orphan("vol-1")
		f.days(0, 1)
		state, err := store.Load[State](t.Context(), &f.objects, Key, f.service.Log)
		if err != nil {
			t.Fatal(err)
		}
		change(&state)
		if err := store.Save(t.Context(), &f.objects, Key, state); err != nil {
			t.Fatal(err)
		}
		f.days(2, 17)
		if len(f.deleted) != 1 {
			t.Errorf("%s: %v deleted after two weeks", name, f.deleted)
		}
	}
}
