package demo

import (
	"context"
	"log/slog"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// The log lines that the story is made of. Each decision that changes the account is one, with its reason.
const (
	logDeleted   = contract.LogDeleted
	logRefused   = contract.LogKept
	logFound     = "snapshot found"
	logTakenOver = "run taken over"
)

// logged is a line that a function logged.
type logged struct {
	at    time.Time
	text  string
	attrs map[string]string
}

// recorder keeps the functions' log. Only one task of a virtual world runs at a time, so it needs no lock.
type recorder struct {
	now   func() time.Time
	also  slog.Handler // may be nil
	lines []logged
}

// Enabled is part of slog.Handler.
func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }

// Handle is part of slog.Handler.
func (r *recorder) Handle(ctx context.Context, record slog.Record) error {
	record.Time = r.now()
	switch record.Message {
	case logDeleted, logRefused, logFound, logTakenOver:
		l := logged{record.Time, record.Message, map[string]string{}}
		record.Attrs(func(a slog.Attr) bool {
			l.attrs[a.Key] = a.Value.String()
			return true
		})
		r.lines = append(r.lines, l)
	}
	if r.also == nil || !r.also.Enabled(ctx, record.Level) {
		return nil
	}
	return r.also.Handle(ctx, record)
}

// WithAttrs is part of slog.Handler; the functions' loggers have no attributes of their own here.
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler { return r }

// WithGroup is part of slog.Handler.
func (r *recorder) WithGroup(string) slog.Handler { return r }
