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

// saveCompleted saves which volumes this and earlier executions of the run completed. A later execution that finishes the run must not create
// their snapshots again after they were pruned.
func (s *Service) saveCompleted(ctx context.Context, run contract.Run, volumes []string) error {
	key := contract.CompletedKey(run)
	var before []string
	exists, err := s.exists(ctx, key)
	if err == nil && exists {
		before, err = store.Load[[]string](ctx, s.Objects, key, s.Log)
	}
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(before, volumes))))
	if err == nil && len(all) > len(before) {
		err = store.Save(ctx, s.Objects, key, all)
	}
	if err != nil {
		return fmt.Errorf("save which volumes of run %s are completed: %w", run.ID, err)
	}
	return nil
}

// exists says whether there is an object with the key. S3 answers 403 to a read of a missing object, unless the function may list the whole
// bucket.
func (s *Service) exists(ctx context.Context, key string) (bool, error) {
	keys, err := s.Objects.List(ctx, key)
	return slices.Contains(keys, key), err
}

// done marks the claim of the run as done, if this execution still holds it. Step Functions forgets after 90 days how an execution ended,
// and a person's machine never knew. Without the mark, a second start of the run would create snapshots that were pruned since.
func done(ctx context.Context, in objects, run contract.Run, execution string, at time.Time) error {
	fail := func(err error) error { return fmt.Errorf("mark run %s as done: %w", run.ID, err) }
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
		return nil // another execution took the run over
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
