package report

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		{name: "is nothing for an execution that the run was taken from", by: "another", after: mine},
		{name: "is nothing for one that loses it in that moment", by: execution, setup: fault("replace", store.ErrConflict), after: mine},
		{name: "is tried again if the claim can't be read", by: execution, setup: fault("get", broken), after: mine,
			err: "write down that run SnapshotDaily/2026-11-22T00:00:00Z is done: broken"},
		{name: "is tried again if the claim can't be written", by: execution, setup: fault("replace", broken), after: mine,
			err: "write down that run SnapshotDaily/2026-11-22T00:00:00Z is done: broken"},
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
	t.Run("is nothing where there is no claim", func(t *testing.T) {
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
