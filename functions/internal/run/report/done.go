package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// writeCompleted writes down which volumes are done, with those that earlier executions of the run completed. An execution that finishes
// the run may come when their snapshots have been pruned, and must not make them again.
func (s *Service) writeCompleted(ctx context.Context, run contract.Run, volumes []string) error {
	key := contract.CompletedKey(run)
	var before []string
	there, err := s.isThere(ctx, key)
	if err == nil && there {
		before, err = store.Load[[]string](ctx, s.Objects, key, s.Log)
	}
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(before, volumes))))
	if err == nil && len(all) > len(before) {
		err = store.Save(ctx, s.Objects, key, all)
	}
	if err != nil {
		return fmt.Errorf("write down which volumes of run %s are completed: %w", run.ID, err)
	}
	return nil
}

// isThere says whether there is an object under runs/. Who reads without asking this gets 403 from S3 for what is not there, unless the
// function may list all of the bucket.
func (s *Service) isThere(ctx context.Context, key string) (bool, error) {
	keys, err := s.Objects.List(ctx, key)
	return slices.Contains(keys, key), err
}

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
