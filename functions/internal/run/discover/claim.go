package discover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// claim is the object that says which execution has a run.
type claim struct {
	Run       string
	Execution string
	ClaimedAt time.Time
	Resumed   bool      // another execution had it before
	Done      time.Time `json:",omitzero"` // when a report found nothing wrong with the run: it is not started again
}

// LambdaAftermath is how long an execution that has ended may still have an effect: Lambdas that it called go on until their
// time is over (2 minutes), and EC2's lists show late what they created.
const LambdaAftermath = 150 * time.Second

// quiet is when all that earlier executions of the run created can be seen. Whoever creates before it may do so a second time.
func (s *Service) quiet(c claim) time.Time {
	if !c.Resumed {
		return time.Time{}
	}
	claimed := c.ClaimedAt
	if now := s.Now().UTC(); claimed.After(now) {
		claimed = now // by another clock
	}
	return claimed.Add(s.Aftermath)
}

// claim makes the run this execution's, and gives the claim that holds: this execution's or another's. EventBridge delivers at
// least once, and people start a failed run anew, so the first to write the claim has the run, until it has ended without
// success.
func (s *Service) claim(ctx context.Context, run contract.Run, execution string) (claim, error) {
	mine := claim{Run: run.ID, Execution: execution, ClaimedAt: s.Now().UTC()}
	err := s.writeClaim(run, mine, func(key string, body []byte) error { return s.Objects.Create(ctx, key, body) })
	if err == nil {
		return mine, nil
	}
	if !errors.Is(err, store.ErrConflict) {
		return claim{}, fmt.Errorf("claim run %s: %w", run.ID, err)
	}
	body, etag, err := s.Objects.Get(ctx, claimKey(run))
	if err != nil {
		return claim{}, fmt.Errorf("read who has run %s: %w", run.ID, err)
	}
	var other claim
	if err := json.Unmarshal(body, &other); err != nil {
		return claim{}, fmt.Errorf("read who has run %s: %w", run.ID, err)
	}
	if other.Execution == execution || !other.Done.IsZero() {
		return other, nil // a retry of ours, or a run that is over, whoever has forgotten its execution
	}
	status, err := s.Executions.Status(ctx, other.Execution)
	if err != nil {
		return claim{}, fmt.Errorf("run %s: %w", run.ID, err)
	}
	if status == Running || status == Succeeded {
		return other, nil
	}
	mine.Resumed = true
	err = s.writeClaim(run, mine, func(key string, body []byte) error { return s.Objects.Replace(ctx, key, body, etag) })
	if err != nil {
		// Somebody else took it over in this moment; the state machine's retry sees who.
		return claim{}, fmt.Errorf("take over run %s from %s: %w", run.ID, other.Execution, err)
	}
	s.Log.InfoContext(ctx, "run taken over", "run_id", run.ID, "from_execution", other.Execution, "its_status", string(status))
	return mine, nil
}

// doneObjects is the bucket, as far as the end of a run is written down in it.
type doneObjects interface {
	Get(ctx context.Context, key string) (body []byte, etag string, err error)
	Replace(ctx context.Context, key string, body []byte, etag string) error
}

// Done writes down that the run is over and has nothing left to do, if it is still the execution's. Step Functions forgets how an execution
// ended, and a person's machine never knew; started again, the run would create each snapshot that has been pruned since.
func Done(ctx context.Context, in doneObjects, run contract.Run, execution string, at time.Time) error {
	fail := func(err error) error { return fmt.Errorf("write down that run %s is done: %w", run.ID, err) }
	body, etag, err := in.Get(ctx, claimKey(run))
	if errors.Is(err, store.ErrNotFound) {
		return nil // somebody emptied the bucket
	}
	if err != nil {
		return fail(err)
	}
	var c claim
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
	if err := in.Replace(ctx, claimKey(run), body, etag); err != nil && !errors.Is(err, store.ErrConflict) {
		return fail(err)
	}
	return nil
}

func (s *Service) writeClaim(run contract.Run, c claim, write func(key string, body []byte) error) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return write(claimKey(run), body)
}
