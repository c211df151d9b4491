package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// done writes down that the run is over and has nothing left to do, if it is still the execution's. Step Functions forgets how an execution
// ended, and a person's machine never knew; started again, the run would create each snapshot that has been pruned since.
func done(ctx context.Context, in objects, run contract.Run, execution string, at time.Time) error {
	fail := func(err error) error { return fmt.Errorf("write down that run %s is done: %w", run.ID, err) }
	body, etag, err := in.Get(ctx, contract.ClaimKey(run))
	if errors.Is(err, store.ErrNotFound) {
		return nil // somebody emptied the bucket
	}
	if err != nil {
		return fail(err)
	}
	var c contract.Claim
	if err := json.Unmarshal(body, &c); err != nil {
		return fail(err)
	}
	if c.Execution != execution {
		return nil // it has been taken over
	}
	c.Done = at.UTC()
	if body, err = json.Marshal(c); err != nil {
		return fail(err)
	}
	if err := in.Replace(ctx, contract.ClaimKey(run), body, etag); err != nil && !errors.Is(err, store.ErrConflict) {
		return fail(err)
	}
	return nil
}
