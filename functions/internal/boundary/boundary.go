// Package boundary stands between the Lambda runtime and the use cases: it reads the request, hands it on, and turns whatever
// error comes back into one of the contract's, which the state machine knows by name.
package boundary

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Handler is a Lambda handler. The runtime passes the request on unread, so that one that can't be read is an
// InvalidInputError and not a type of encoding/json.
type Handler[O any] func(context.Context, json.RawMessage) (O, error)

// Handle makes a handler of a use case. It is the one place where an error is logged.
func Handle[I, O any](log *slog.Logger, do func(context.Context, I) (O, error)) Handler[O] {
	return func(ctx context.Context, raw json.RawMessage) (O, error) {
		var in I
		if err := json.Unmarshal(raw, &in); err != nil {
			var none O
			return none, fail(ctx, log, fmt.Errorf("read the request: %w", &contract.InvalidInputError{Message: err.Error()}))
		}
		out, err := do(ctx, in)
		return out, fail(ctx, log, err)
	}
}

func fail(ctx context.Context, log *slog.Logger, err error) error {
	err = contract.Outermost(err)
	if err != nil {
		log.ErrorContext(ctx, "request failed", "error_type", fmt.Sprintf("%T", err), "error", err.Error())
	}
	return err
}
