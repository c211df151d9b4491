// Package boundary connects the Lambda runtime with the use cases: it reads the request, calls the use case, and turns its error into one of
// the contract's, which the state machine knows by name.
package boundary

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Handler is a Lambda handler. It gets the request unread, so that an unreadable one is an InvalidInputError and not an error of encoding/json.
type Handler[O any] func(context.Context, json.RawMessage) (O, error)

// Handle makes a handler of a use case. Errors are logged only here. It turns a panic into an error: the runtime would name it by the type of
// the panic's value, and end the process.
func Handle[I, O any](log *slog.Logger, do func(context.Context, I) (O, error)) Handler[O] {
	return func(ctx context.Context, raw json.RawMessage) (out O, err error) {
		defer func() {
			if thrown := recover(); thrown != nil {
				err = &contract.UnexpectedError{Message: fmt.Sprintf("panic: %v; its stack is in the function's log", thrown)}
				log.ErrorContext(ctx, "request failed", "error_type", fmt.Sprintf("%T", err), "error", err.Error(), "stack", string(debug.Stack()))
			}
		}()
		var in I
		if err := json.Unmarshal(raw, &in); err != nil {
			var none O
			return none, fail(ctx, log, fmt.Errorf("read the request: %w", &contract.InvalidInputError{Message: err.Error()}))
		}
		out, err = do(ctx, in)
		return out, fail(ctx, log, err)
	}
}

func fail(ctx context.Context, log *slog.Logger, err error) error {
	err = contract.Outermost(err)
	if err != nil {
		if planned(err) {
			log.InfoContext(ctx, "request failed", "error_type", fmt.Sprintf("%T", err), "error", err.Error())
		} else {
			log.ErrorContext(ctx, "request failed", "error_type", fmt.Sprintf("%T", err), "error", err.Error())
		}
	}
	return err
}

// planned says whether the state machine handles the error: it waits and retries, or continues without the volume.
func planned(err error) bool {
	switch err.(type) { //nolint:errorlint // Outermost wraps nothing
	case *contract.SnapshotPendingError, *contract.ThrottledError, *contract.SnapshotRateError, *contract.SnapshotQuotaError, *contract.VolumeGoneError:
		return true
	}
	return false
}
