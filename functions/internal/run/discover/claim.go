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

// LambdaAftermath is how long an execution can have an effect after its end: Lambdas that it called run until they time out (2 minutes),
// and EC2 lists late what they created.
const LambdaAftermath = 150 * time.Second

// visibleBy is when EC2 lists everything that earlier executions of the run created. To create before that could make a second snapshot.
func (s *Service) visibleBy(c contract.Claim) time.Time {
	if !c.Resumed {
		return time.Time{}
	}
	claimed := c.ClaimedAt
	if now := s.Now().UTC(); claimed.After(now) {
		claimed = now // another clock wrote it
	}
	return claimed.Add(s.Aftermath)
}

// claim claims the run for this execution, and gives the claim that holds: this execution's or another's. EventBridge delivers at least once,
// and people restart a failed run. So the first execution that writes the claim has the run. Another can take it over if that one has
// ended and has not marked the run as done.
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
		return contract.Claim{}, fmt.Errorf("read the claim of run %s: %w", run.ID, err)
	}
	var other contract.Claim
	if err := json.Unmarshal(body, &other); err != nil {
		return contract.Claim{}, fmt.Errorf("read the claim of run %s: %w", run.ID, err)
	}
	if other.Execution == execution || !other.Done.IsZero() {
		return other, nil // a retry of this execution, or a run that is done
	}
	running, err := s.Executions.Running(ctx, other.Execution)
	if err != nil {
		return contract.Claim{}, fmt.Errorf("run %s: %w", run.ID, err)
	}
	if running {
		return other, nil
	}
	mine.Resumed = true
	err = s.writeClaim(run, mine, func(key string, body []byte) error { return s.Objects.Replace(ctx, key, body, etag) })
	if err != nil {
		// Another execution took it over at this moment. The retry will see its claim.
		return contract.Claim{}, fmt.Errorf("take over run %s from %s: %w", run.ID, other.Execution, err)
	}
	s.Log.InfoContext(ctx, "run taken over", "run_id", run.ID, "from_execution", other.Execution)
	return mine, nil
}

func (s *Service) writeClaim(run contract.Run, c contract.Claim, write func(key string, body []byte) error) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return write(contract.ClaimKey(run), body)
}
