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
	*lab
	list string
}

func (r refusing) err(list string) error {
	if list == r.list {
		return errors.New(list + " refused")
	}
	return nil
}

func (r refusing) ScheduleSnapshots(ctx context.Context, keyword string) ([]ebs.Snapshot, error) {
	out, _ := r.lab.ScheduleSnapshots(ctx, keyword)
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

// A list that EC2 refuses looks like one without anything in it: without its instances, each volume would be an orphan.
func TestAListThatEC2RefusesEndsTheLookAndIsNotTakenForAnEmptyOne(t *testing.T) {
	for _, list := range []string{"the schedule's snapshots", "the instances", "the tagged volumes", "the existing volumes"} {
		l := newLab(t, "last=1")
		l.orphan("vol-1")
		l.days(0, 6)
		mails := len(l.mails)
		before, _, err := l.objects.Get(t.Context(), Key)
		if err != nil {
			t.Fatal(err)
		}
		l.service.EC2 = refusing{l, list}
		for day := 7; day < 10; day++ {
			if err := l.day(day); err == nil || !strings.Contains(err.Error(), list+" refused") {
				t.Errorf("%s: the look ends with %v", list, err)
			}
		}
		after, _, err := l.objects.Get(t.Context(), Key)
		if d := cmp.Diff(string(before), string(after)); err != nil || d != "" || len(l.deleted) > 0 || len(l.mails) != mails {
			t.Errorf("%s: %v deleted, %d new mails, error %v; the state (-before +after):\n%s", list, l.deleted, len(l.mails)-mails, err, d)
		}
	}
}

func TestAStateThatCanNotBeFetchedEndsTheLookAndIsNotBegunAnew(t *testing.T) {
	l := newLab(t, "last=1")
	l.orphan("vol-1")
	l.days(0, 6)
	l.objects.Fault = func(string, string) error { return errors.New("the bucket refused") }
	if err := l.day(7); err == nil || !strings.Contains(err.Error(), "the bucket refused") {
		t.Errorf("the look ends with %v", err)
	}
	l.objects.Fault = nil
	l.days(8, 8)
	if len(l.deleted) != 1 || len(l.mails) != 1 {
		t.Errorf("the week did not go on: %v deleted, %d mails", l.deleted, len(l.mails))
	}
}

func TestANewPolicyIsToldAtOnceAlthoughAMailCameYesterday(t *testing.T) {
	l := newLab(t, Report)
	l.orphan("vol-1")
	l.days(0, 1)
	l.service.Policy = policy(t, "last=1", 0)
	l.days(2, 8)
	if len(l.mails) != 2 || !strings.Contains(l.mails[1], "from 2026-12-01 on") || len(l.deleted) > 0 {
		t.Fatalf("in the first week %d mails, %v deleted: %v", len(l.mails), l.deleted, l.mails)
	}
	if l.days(9, 9); len(l.deleted) != 1 {
		t.Errorf("after it %v is gone", l.deleted)
	}
}

func TestThatARefusalCouldNotBeWrittenDownIsAnError(t *testing.T) {
	l := newLab(t, "last=1")
	l.orphan("vol-1")
	l.refused["snap-vol-1-031"] = true
	l.days(0, 6)
	writes := 0
	l.objects.Fault = func(op, _ string) error {
		if op == "put" {
			writes++
		}
		if writes == 2 { // the first is before anything is deleted
			return errors.New("the bucket refused")
		}
		return nil
	}
	if err := l.day(7); err == nil || !strings.Contains(err.Error(), "the bucket refused") {
		t.Errorf("the look ends with %v", err)
	}
}

func TestEachSnapshotWhoseDeletionIsDeniedAtFirstIsAskedOnceMore(t *testing.T) {
	l := newLab(t, "last=1")
	l.orphan("vol-1")
	l.orphan("vol-2")
	asked := map[string]int{}
	l.denied = func(id string) bool { asked[id]++; return asked[id] == 1 }
	l.days(0, 7)
	if len(l.deleted) != 2 {
		t.Errorf("%v deleted, want one of each volume", l.deleted)
	}
}

// counting counts how often the instances are listed: there may be 100,000 of them.
type counting struct {
	*lab
	lists int
}

func (c *counting) Instances(context.Context, string) ([]ebs.Instance, error) {
	c.lists++
	return nil, nil
}

func TestTheInstancesAreNotListedForEachOrphan(t *testing.T) {
	l := newLab(t, "last=1")
	for n := range 200 {
		l.orphan(fmt.Sprintf("vol-%03d", n))
	}
	l.days(0, 6)
	account := &counting{lab: l}
	l.service.EC2 = account
	began := now.AddDate(0, 0, 7)
	l.days(7, 7)
	if most := 2 + int(l.now.Sub(began)/lookAgain); len(l.deleted) != 200 || account.lists > most {
		t.Errorf("%d deleted, and the instances listed %d times in %v, want at most %d", len(l.deleted), account.lists, l.now.Sub(began), most)
	}
}

// Each time of the state may be one of the future by itself: a person may have written it, or a clock have been wrong for one look.
func TestATimeOfTheFutureInAStateThatIsNotHoldsNothingUpForEver(t *testing.T) {
	future := now.AddDate(10, 0, 0)
	for name, change := range map[string]func(*State){
		"when the policy was new": func(s *State) { s.PolicySince = future },
		"when somebody was told":  func(s *State) { s.Orphans[0].Told = future },
		"when the last mail went": func(s *State) { s.ToldAt, s.Orphans[0].Told = future, time.Time{} },
		"when it was an orphan":   func(s *State) { s.Orphans[0].Since = future },
		"when EC2 refused it":     func(s *State) { s.Refused = map[string]time.Time{"snap-vol-1-031": future} },
	} {
		l := newLab(t, "last=1")
		l.orphan("vol-1")
		l.days(0, 1)
		state, err := store.Load[State](t.Context(), &l.objects, Key, l.service.Log)
		if err != nil {
			t.Fatal(err)
		}
		change(&state)
		if err := store.Save(t.Context(), &l.objects, Key, state); err != nil {
			t.Fatal(err)
		}
		l.days(2, 17)
		if len(l.deleted) != 1 {
			t.Errorf("%s: %v deleted after two weeks", name, l.deleted)
		}
	}
}
