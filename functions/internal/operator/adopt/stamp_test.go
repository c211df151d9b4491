package adopt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// fakeEC2 takes calls that change tags, all or nothing, and says no to the snapshots that it is told of.
type fakeEC2 struct {
	refuses map[string]error // by snapshot
	fails   func(call int) error
	calls   []string
	tagged  map[string][]ebs.Tag
	removed map[string][]ebs.Tag
}

func (f *fakeEC2) change(verb string, ids []string, tags []ebs.Tag, into *map[string][]ebs.Tag) error {
	f.calls = append(f.calls, fmt.Sprintf("%s %d", verb, len(ids)))
	if f.fails != nil {
		if err := f.fails(len(f.calls)); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := f.refuses[id]; err != nil {
			return err
		}
	}
	if *into == nil {
		*into = map[string][]ebs.Tag{}
	}
	for _, id := range ids {
		(*into)[id] = tags
	}
	return nil
}

func (f *fakeEC2) TagSnapshots(_ context.Context, ids []string, tags []ebs.Tag) error {
	return f.change("tag", ids, tags, &f.tagged)
}

func (f *fakeEC2) UntagSnapshots(_ context.Context, ids []string, tags []ebs.Tag) error {
	return f.change("untag", ids, tags, &f.removed)
}

// service waits by counting.
func service(f *fakeEC2) (*Service, *time.Duration) {
	var waited time.Duration
	return &Service{EC2: f, Log: slog.New(slog.DiscardHandler), Wait: func(ctx context.Context, d time.Duration) error {
		waited += d
		return ctx.Err()
	}}, &waited
}

func candidates(n int) []Candidate {
	var out []Candidate
	for i := range n {
		s := left(nil)
		s.ID = fmt.Sprintf("snap-%d", i)
		out = append(out, Candidate{Snapshot: s, InstanceID: "i-1"})
	}
	return out
}

func TestSnapshotsWithTheSameStampGoTogether(t *testing.T) {
	f := &fakeEC2{}
	s, _ := service(f)
	all := candidates(maxBatch + 10)
	all[3].Snapshot.Tags[keyword] = "9"
	done := 0
	s.Done = func(n int) { done += n }
	got, err := s.Adopt(t.Context(), keyword, all)
	if err != nil || len(got.Done) != len(all) || done != len(all) {
		t.Fatalf("%d of %d done, %d told of: %v", len(got.Done), len(all), done, err)
	}
	if d := cmp.Diff([]string{"tag 200", "tag 1", "tag 9"}, f.calls); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
	want := []ebs.Tag{{Key: ebs.TagSchedule, Value: keyword}, {Key: ebs.TagRetention, Value: "9"}, {Key: ebs.TagRun, Value: "adopted"}, {Key: ebs.TagInstance, Value: "i-1"}}
	if d := cmp.Diff(want, f.tagged["snap-3"]); d != "" {
		t.Errorf("stamp (-want +got):\n%s", d)
	}
}

func TestOneThatEC2RefusesKeepsNoOtherFromBeingDone(t *testing.T) {
	f := &fakeEC2{refuses: map[string]error{
		"snap-5":  &ebs.TagsRefusedError{Gone: true, Code: "InvalidSnapshot.NotFound"},
		"snap-77": &ebs.TagsRefusedError{Code: "TagLimitExceeded", Message: "too many"},
	}}
	s, _ := service(f)
	got, err := s.Adopt(t.Context(), keyword, candidates(100))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Done) != 98 || len(f.tagged) != 98 {
		t.Errorf("%d done, %d tagged; want 98", len(got.Done), len(f.tagged))
	}
	want := Outcome{Gone: []string{"snap-5"}, Failed: []Refusal{{"snap-77", "EC2 refuses: too many (TagLimitExceeded)"}}}
	got.Done = nil
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if len(f.calls) > 30 {
		t.Errorf("it took %d calls", len(f.calls))
	}
}

func TestADenialEndsItAtOnce(t *testing.T) {
	f := &fakeEC2{fails: func(int) error { return &contract.AccessDeniedError{Message: "ec2:CreateTags was denied"} }}
	s, _ := service(f)
	got, err := s.Adopt(t.Context(), keyword, candidates(100))
	if _, denied := errors.AsType[*contract.AccessDeniedError](err); !denied || len(got.Done) > 0 || len(f.calls) != 1 {
		t.Errorf("%v after %v: %d done", err, f.calls, len(got.Done))
	}
}

func TestAThrottleIsWaitedOut(t *testing.T) {
	f := &fakeEC2{fails: func(call int) error {
		if call <= 3 {
			return &contract.ThrottledError{}
		}
		return nil
	}}
	s, waited := service(f)
	got, err := s.Adopt(t.Context(), keyword, candidates(1))
	if err != nil || len(got.Done) != 1 || *waited < 7*time.Second {
		t.Errorf("%d done after %v: %v", len(got.Done), *waited, err)
	}
	f.fails = func(int) error { return &contract.ThrottledError{Message: "for ever"} }
	if _, err := s.Adopt(t.Context(), keyword, candidates(1)); err == nil {
		t.Error("a throttle that stays is no error")
	}
}

func TestWhoStopsItCanStartItAgain(t *testing.T) {
	f := &fakeEC2{}
	s, _ := service(f)
	ctx, stop := context.WithCancel(t.Context())
	f.fails = func(call int) error {
		if call == 2 {
			stop()
		}
		return nil
	}
	all := candidates(3 * maxBatch)
	got, err := s.Adopt(ctx, keyword, all)
	if !errors.Is(err, context.Canceled) || len(got.Done) != 2*maxBatch || len(f.tagged) != 2*maxBatch {
		t.Fatalf("%d done, %d tagged: %v", len(got.Done), len(f.tagged), err)
	}
	rest := slices.DeleteFunc(all, func(c Candidate) bool { return f.tagged[c.Snapshot.ID] != nil })
	if got, err = s.Adopt(t.Context(), keyword, rest); err != nil || len(got.Done) != maxBatch {
		t.Errorf("the second time, %d done: %v", len(got.Done), err)
	}
}

func TestUndoRemovesTheStampAndNothingElse(t *testing.T) {
	f := &fakeEC2{}
	s, _ := service(f)
	adopted := Candidate{Snapshot: left(nil), InstanceID: "i-1"}.Adopted(keyword)
	of := func(id string, change map[string]string) ebs.Snapshot {
		out := Candidate{Snapshot: left(nil), InstanceID: "i-1"}.Adopted(keyword)
		out.ID = id
		maps.Copy(out.Tags, change)
		return out
	}
	others := []ebs.Snapshot{
		of("snap-of-a-run", map[string]string{ebs.TagRun: keyword + "/2026-11-22T00:00:00Z"}),
		of("snap-claimed-since", map[string]string{keyword: "claimed"}),
		of("snap-of-another-schedule", map[string]string{ebs.TagSchedule: "SnapshotHourly"}),
	}
	given, claimed := Adopted(keyword, append(others, adopted))
	if len(claimed) != 1 || claimed[0].ID != "snap-claimed-since" {
		t.Errorf("claimed since: %v", claimed)
	}
	got, err := s.Undo(t.Context(), given)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Outcome{Done: []string{"snap-1"}}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff(map[string][]ebs.Tag{"snap-1": Stamp(keyword, "5", "i-1")}, f.removed); d != "" {
		t.Errorf("removed (-want +got):\n%s", d)
	}
}

func TestADenialOfOneSnapshotKeepsNoOtherFromBeingAdopted(t *testing.T) {
	f := &fakeEC2{refuses: map[string]error{"snap-denied": &contract.AccessDeniedError{Message: "not this one"}}}
	s, _ := service(f)
	one, two := Candidate{Snapshot: left(nil), InstanceID: "i-1"}, Candidate{Snapshot: left(nil), InstanceID: "i-2"}
	one.Snapshot.ID = "snap-denied"
	got, err := s.Adopt(t.Context(), keyword, []Candidate{one, two})
	if err != nil {
		t.Fatal(err)
	}
	want := Outcome{Done: []string{two.Snapshot.ID}, Failed: []Refusal{{"snap-denied", (&contract.AccessDeniedError{Message: "not this one"}).Error()}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
