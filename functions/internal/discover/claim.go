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
}

// claim makes the run this execution's, and gives the execution that has it: this one or another. EventBridge delivers at
// least once, and people start a failed run anew, so the first to write the claim has the run, until it has ended without
// success.
func (s *Service) claim(ctx context.Context, run contract.Run, execution string) (holder string, err error) {
	key := claimKey(run)
	mine, err := json.Marshal(claim{run.ID, execution, s.Now().UTC()})
	if err != nil {
		return "", err
	}
	err = s.Objects.Create(ctx, key, mine)
	if err == nil {
		return execution, nil
	}
	if !errors.Is(err, store.ErrConflict) {
		return "", fmt.Errorf("claim run %s: %w", run.ID, err)
	}
	body, etag, err := s.Objects.Get(ctx, key)
	if err != nil {
		return "", fmt.Errorf("read who has run %s: %w", run.ID, err)
	}
	var other claim
	if err := json.Unmarshal(body, &other); err != nil {
		return "", fmt.Errorf("read who has run %s: %w", run.ID, err)
	}
	if other.Execution == execution {
		return execution, nil // a retry of ours
	}
	status, err := s.Executions.Status(ctx, other.Execution)
	if err != nil {
		return "", fmt.Errorf("run %s: %w", run.ID, err)
	}
	if status == Running || status == Succeeded {
		return other.Execution, nil
	}
	if err := s.Objects.Replace(ctx, key, mine, etag); err != nil {
		// Somebody else took it over in this moment; the state machine's retry sees who.
		return "", fmt.Errorf("take over run %s from %s: %w", run.ID, other.Execution, err)
	}
	s.Log.InfoContext(ctx, "run taken over", "run_id", run.ID, "from_execution", other.Execution, "its_status", string(status))
	return execution, nil
}
