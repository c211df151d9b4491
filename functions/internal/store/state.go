package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

type getter interface {
	Get(ctx context.Context, key string) (body []byte, etag string, err error)
}

type putter interface {
	Put(ctx context.Context, key string, body []byte) error
}

// Load reads a JSON object that Save wrote, and gives the zero value if there is none. A damaged object must not stop its reader for
// ever: Load logs it and gives the zero value too. Any other failure is an error.
func Load[T any](ctx context.Context, objects getter, key string, log *slog.Logger) (T, error) {
	var state, none T
	body, _, err := objects.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("load %s: %w", key, err)
	}
	if err := json.Unmarshal(body, &state); err != nil {
		log.WarnContext(ctx, "saved state unreadable, starting with none", "key", key, "error", err.Error())
		return none, nil
	}
	return state, nil
}

// Save writes a value as a JSON object that people can read too.
func Save(ctx context.Context, objects putter, key string, state any) error {
	body, err := json.MarshalIndent(state, "", "  ")
	if err == nil {
		err = objects.Put(ctx, key, ebs.VisibleJSON(body))
	}
	if err != nil {
		return fmt.Errorf("save %s: %w", key, err)
	}
	return nil
}
