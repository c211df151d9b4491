package discover

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func TestClaim(t *testing.T) {
	const thereAlready = `{"Run": "SnapshotDaily/2026-11-22T00:00:00Z", "Execution": "` + first + `", "ClaimedAt": "2026-11-21T23:00:00Z"}`
	const done = `{"Run": "SnapshotDaily/2026-11-22T00:00:00Z", "Execution": "` + first + `", "ClaimedAt": "2026-11-21T23:00:00Z", "Done": "2026-11-22T00:00:00Z"}`
	over := contract.Claim{Run: dailyRun.ID, Execution: first, ClaimedAt: midnight.Add(-time.Hour), Done: midnight}
	old := contract.Claim{Run: dailyRun.ID, Execution: first, ClaimedAt: midnight.Add(-time.Hour)}
	fresh := contract.Claim{Run: dailyRun.ID, Execution: first, ClaimedAt: midnight.Add(20 * time.Second)}
	takenOver := contract.Claim{Run: dailyRun.ID, Execution: second, ClaimedAt: fresh.ClaimedAt, Resumed: true}
	cases := []struct {
		name   string
		by     string
		there  string
		status *bool // whether the first execution is running; nil: nobody knows
		want   contract.Claim
		err    string
		after  contract.Claim // the claim afterwards
	}{
		{name: "gives a new run to the first execution", by: first, want: fresh, after: fresh},
		{name: "gives a run to its holder again, in a retry", by: first, there: thereAlready, want: old, after: old},
		{name: "leaves a run to another execution that is running", by: second, there: thereAlready, status: new(running), want: old, after: old},
		{name: "takes over a run whose execution has ended and has not marked it as done", by: second, there: thereAlready, status: new(ended),
			want: takenOver, after: takenOver},
		{name: "leaves a run that is done, even if its execution is forgotten", by: second, there: done, status: new(ended), want: over, after: over},
		{name: "decides nothing if Step Functions does not answer", by: second, there: thereAlready, after: old,
			err: "run SnapshotDaily/2026-11-22T00:00:00Z: the fake Step Functions knows no execution " + first},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			if c.there != "" {
				w.put(t, contract.ClaimKey(dailyRun), c.there)
			}
			if c.status != nil {
				w.executions.status[first] = *c.status
			}
			got, err := w.service.claim(t.Context(), dailyRun, c.by)
			if diff := cmp.Diff(c.err, errorText(err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("holder (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.after, read[contract.Claim](t, w, contract.ClaimKey(dailyRun))); diff != "" {
				t.Errorf("the claim afterwards (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("says in a retry too that the run was taken over", func(t *testing.T) {
		w := newWorld()
		w.put(t, contract.ClaimKey(dailyRun), thereAlready)
		w.executions.status[first] = ended
		for attempt := range 2 {
			got, err := w.service.claim(t.Context(), dailyRun, second)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(takenOver, got); diff != "" {
				t.Errorf("attempt %d (-want +got):\n%s", attempt, diff)
			}
		}
	})
	t.Run("decides nothing if the claim can't be read", func(t *testing.T) {
		w := newWorld()
		w.put(t, contract.ClaimKey(dailyRun), `[]`)
		got, err := w.service.claim(t.Context(), dailyRun, second)
		want := "read the claim of run SnapshotDaily/2026-11-22T00:00:00Z: json: cannot unmarshal array into Go value of type contract.Claim"
		if errorText(err) != want || got != (contract.Claim{}) {
			t.Errorf("%+v, error %v, want %s", got, err, want)
		}
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestClaimFailsWithTheBucket(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct{ op, want string }{
		{"create", "claim run SnapshotDaily/2026-11-22T00:00:00Z: broken"},
		{"get", "read the claim of run SnapshotDaily/2026-11-22T00:00:00Z: broken"},
		{"replace", "take over run SnapshotDaily/2026-11-22T00:00:00Z from " + first + ": broken"},
	} {
		t.Run("when it refuses to "+c.op, func(t *testing.T) {
			w := newWorld()
			w.executions.status[first] = ended
			if _, err := w.service.claim(t.Context(), dailyRun, first); err != nil {
				t.Fatal(err)
			}
			w.bucket.Fault = func(op, _ string) error {
				if op == c.op {
					return broken
				}
				return nil
			}
			holder, err := w.service.claim(t.Context(), dailyRun, second)
			if holder != (contract.Claim{}) || !errors.Is(err, broken) || err.Error() != c.want {
				t.Errorf("holder %+v, error %v, want %s", holder, err, c.want)
			}
		})
	}
}

func TestIfTwoExecutionsTakeARunOverOneWins(t *testing.T) {
	w := newWorld()
	w.executions.status = map[string]bool{first: ended, second: running, third: running}
	if _, err := w.service.claim(t.Context(), dailyRun, first); err != nil {
		t.Fatal(err)
	}
	// Both read the claim and see that its execution has ended, before either writes.
	var both sync.WaitGroup
	both.Add(2)
	w.executions.wait = func() { both.Done(); both.Wait() }
	holders, errs := [2]contract.Claim{}, [2]error{}
	var done sync.WaitGroup
	for i, execution := range []string{second, third} {
		done.Go(func() { holders[i], errs[i] = w.service.claim(t.Context(), dailyRun, execution) })
	}
	done.Wait()
	w.executions.wait = nil

	winner, loser := 0, 1
	if errs[winner] != nil {
		winner, loser = loser, winner
	}
	names := [2]string{second, third}
	if errs[winner] != nil || holders[winner].Execution != names[winner] || !errors.Is(errs[loser], store.ErrConflict) || holders[loser] != (contract.Claim{}) {
		t.Fatalf("holders %+v, errors %v: want one winner and one conflict", holders, errs)
	}
	holder, err := w.service.claim(t.Context(), dailyRun, names[loser])
	if err != nil || holder.Execution != names[winner] {
		t.Errorf("the loser's retry finds %+v (%v), want the winner %q", holder, err, names[winner])
	}
}

func TestATakeoverDoesNotWaitForAClockThatIsAhead(t *testing.T) {
	w := newWorld()
	got := w.service.visibleBy(contract.Claim{ClaimedAt: midnight.AddDate(1, 0, 0), Resumed: true})
	if want := midnight.Add(20*time.Second + LambdaAftermath); !got.Equal(want) {
		t.Errorf("it waits until %v, want %v", got, want)
	}
}
