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

// LambdaAftermath is how long an execution that has ended may still have an effect: Lambdas that it called go on until their
// time is over (2 minutes), and EC2's lists show late what they created.
const LambdaAftermath = 150 * time.Second

// quiet is when all that earlier executions of the run created can be seen. Whoever creates before it may do so a second time.
func (s *Service) quiet(c contract.Claim) time.Time {
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
func (s *Service) claim(ctx context.Context, run contract.Run, execution string) (contract.Claim, error) {
	mine := contract.Claim{Run: run.ID, Execution: execution, ClaimedAt: s.Now().UTC()}
	err := s.writeClaim(run, mine, func(key string, body []byte) error { return s.Objects.Create(ctx, key, body) })
	if err == nil {
		return mine, nil
	}
	if !errors.Is(err, store.ErrConflict) {
		return contract.Claim{}, fmt.Errorf("claim run %s: %w", run.ID, err)
	}
	body, etag, err := s.Objects.Get(ctx, contract.ClaimKey(run))
	if err != nil {
		return contract.Claim{}, fmt.Errorf("read who has run %s: %w", run.ID, err)
	}
	var other contract.Claim
	if err := json.Unmarshal(body, &other); err != nil {
		return contract.Claim{}, fmt.Errorf("read who has run %s: %w", run.ID, err)
	}
	if other.Execution == execution || !other.Done.IsZero() {
		return other, nil // a retry of ours, or a run that is over, whoever has forgotten its execution
	}
	status, err := s.Executions.Status(ctx, other.Execution)
	if err != nil {
		return contract.Claim{}, fmt.Errorf("run %s: %w", run.ID, err)
	}
	if status == Running || status == Succeeded {
		return other, nil
	}
	mine.Resumed = true
	err = s.writeClaim(run, mine, func(key string, body []byte) error { return s.Objects.Replace(ctx, key, body, etag) })
	if err != nil {
		// Somebody else took it over in this moment; the state machine's retry sees who.
		return contract.Claim{}, fmt.Errorf("take over run %s from %s: %w", run.ID, other.Execution, err)
	}
	s.Log.InfoContext(ctx, "run taken over", "run_id", run.ID, "from_execution", other.Execution, "its_status", string(status))
	return mine, nil
}

func (s *Service) writeClaim(run contract.Run, c contract.Claim, write func(key string, body []byte) error) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return write(contract.ClaimKey(run), body)
}
