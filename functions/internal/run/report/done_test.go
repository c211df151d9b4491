package report

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func TestDone(t *testing.T) {
	mine := contract.Claim{Run: daily.ID, Execution: execution, ClaimedAt: midnight.Add(20 * time.Second)}
	over := mine
	over.Done = midnight.Add(time.Minute)
	broken := errors.New("broken")
	fault := func(of string, with error) func(*world) {
		return func(w *world) {
			w.bucket.Fault = func(op, _ string) error {
				if op == of {
					return with
				}
				return nil
			}
		}
	}
	for _, c := range []struct {
		name  string
		by    string
		setup func(*world)
		err   string
		after contract.Claim
	}{
		{name: "is written into the claim", by: execution, after: over},
		{name: "does nothing for an execution that lost the run", by: "another", after: mine},
		{name: "does nothing for one that loses the run at that moment", by: execution, setup: fault("replace", store.ErrConflict), after: mine},
		{name: "fails if the claim can't be read", by: execution, setup: fault("get", broken), after: mine,
			err: "mark run SnapshotDaily/2026-11-22T00:00:00Z as done: broken"},
		{name: "fails if the claim can't be written", by: execution, setup: fault("replace", broken), after: mine,
			err: "mark run SnapshotDaily/2026-11-22T00:00:00Z as done: broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.put(contract.ClaimKey(daily), mine)
			if c.setup != nil {
				c.setup(w)
			}
			if diff := cmp.Diff(c.err, text(done(t.Context(), w.bucket, daily, c.by, midnight.Add(time.Minute)))); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			w.bucket.Fault = nil
			var after contract.Claim
			if body, _, err := w.bucket.Get(t.Context(), contract.ClaimKey(daily)); err != nil || json.Unmarshal(body, &after) != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.after, after); diff != "" {
				t.Errorf("claim (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("does nothing if there is no claim", func(t *testing.T) {
		if err := done(t.Context(), newWorld(t).bucket, daily, execution, midnight.Add(time.Minute)); err != nil {
			t.Error(err)
		}
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestCompletedVolumesAreSavedForTheExecutionThatFinishesTheRun(t *testing.T) {
	key := contract.CompletedKey(daily)
	stored := func(w *world) []string {
		body, _, err := w.bucket.Get(t.Context(), key)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		var out []string
		if err != nil || json.Unmarshal(body, &out) != nil {
			t.Fatalf("%v in %s", err, body)
		}
		return out
	}
	failing := func() *world {
		w := newWorld(t, web())
		w.state("vol-1", "")
		w.record("vol-1", "ThrottledError", "slow down")
		return w
	}
	t.Run("if volumes failed", func(t *testing.T) {
		w := failing()
		w.report()
		if diff := cmp.Diff([]string{"vol-2"}, stored(w)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
	t.Run("with what earlier executions completed, which the report counts apart", func(t *testing.T) {
		w := failing()
		w.put(key, []string{"vol-3", "vol-0"})
		w.discovery.DoneEarlier = 2
		result, r := w.report()
		if diff := cmp.Diff([]string{"vol-0", "vol-2", "vol-3"}, stored(w)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		_, message := w.topic.one(t)
		const line = "\nNot counted: 2 volumes completed by an earlier execution of this run. Their snapshots have been pruned since, and are not created again.\n"
		if r.DoneEarlier != 2 || !strings.Contains(message, line) || !strings.HasSuffix(result.Summary, "; 2 more volumes completed by an earlier execution") {
			t.Errorf("report %d, summary %q, message:\n%s", r.DoneEarlier, result.Summary, message)
		}
	})
	t.Run("and not after a run that is over", func(t *testing.T) {
		w := newWorld(t, web())
		w.report()
		if got := stored(w); got != nil {
			t.Errorf("%v is written down", got)
		}
	})
	t.Run("or the report is tried again", func(t *testing.T) {
		for _, op := range []string{"list", "get", "put"} {
			w := failing()
			w.put(key, []string{"vol-3"})
			w.bucket.Fault = func(did, of string) error {
				if did == op && of == key {
					return errors.New("broken")
				}
				return nil
			}
			_, err := w.service().Report(t.Context(), w.discovery)
			if !strings.HasPrefix(text(err), "save which volumes of run SnapshotDaily/2026-11-22T00:00:00Z are completed: ") {
				t.Errorf("%s: error %v", op, err)
			}
		}
	})
}

func TestARunIsDoneOnceEachVolumeIsCompletedOrGone(t *testing.T) {
	for name, c := range map[string]struct {
		setup func(*world)
		done  bool
	}{
		"completed":           {func(*world) {}, true},
		"completed or gone":   {func(w *world) { w.state("vol-1", ""); w.deleted = []string{"vol-1"} }, true},
		"not while pending":   {func(w *world) { w.state("vol-1", ebs.Pending) }, false},
		"not if it failed":    {func(w *world) { w.state("vol-1", ebs.Error) }, false},
		"not if it is absent": {func(w *world) { w.state("vol-1", "") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, web())
			w.put(contract.ClaimKey(daily), contract.Claim{Run: daily.ID, Execution: execution, ClaimedAt: midnight})
			c.setup(w)
			w.report()
			body, _, err := w.bucket.Get(t.Context(), contract.ClaimKey(daily))
			var claim contract.Claim
			if err != nil || json.Unmarshal(body, &claim) != nil || claim.Done.IsZero() == c.done {
				t.Errorf("the claim is %s (%v), want done: %t", body, err, c.done)
			}
		})
	}
}
