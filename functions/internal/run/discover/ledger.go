package discover

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

const (
	ledgerKey   = "pacing.json"
	ledgerTries = 10
	// maxAsked is how many executions are asked after at most, the last of the queue first: twenty a second.
	maxAsked = 100
	// timeToFinish is how long before the end of its execution a run's last turn must come: to create, to prune, and to report.
	timeToFinish = time.Hour
)

// ledger is what the runs have reserved of the account's creates: one object, replaced only by whoever read it last, so that
// of two schedules that fire in the same second one plans itself behind the other.
type ledger struct{ Reservations []reservation }

// reservation is a run's share, for as long as its execution lives. Until is when its creates would be done if there were no burst: in the
// terms of the generic cell rate algorithm the theoretical arrival time, the one number that says how full the bucket is.
type reservation struct {
	Run         string
	Execution   string
	From, Until time.Time
	Creates     int
}

// booking is what a run wants to reserve.
type booking struct {
	run, execution string
	creates        int
	began          time.Time // its execution
	earliest       time.Time // no turn comes before it
}

// reserve finds the run's place among the others', and gives the time from which its turns count.
func (s *Service) reserve(ctx context.Context, b booking) (time.Time, error) {
	ended := map[string]bool{} // by execution, as far as it was asked for
	for range ledgerTries {
		from, err := s.tryReserve(ctx, b, ended)
		switch {
		case err == nil:
			return from, nil
		case !errors.Is(err, store.ErrConflict):
			return time.Time{}, fmt.Errorf("reserve creates for run %s: %w", b.run, err)
		}
	}
	return time.Time{}, fmt.Errorf("reserve creates for run %s: %s was written by others %d times in a row", b.run, ledgerKey, ledgerTries)
}

func (s *Service) tryReserve(ctx context.Context, b booking, ended map[string]bool) (time.Time, error) {
	body, etag, err := s.Objects.Get(ctx, ledgerKey)
	first := errors.Is(err, store.ErrNotFound)
	if err != nil && !first {
		return time.Time{}, err
	}
	var l ledger
	if !first {
		if err := json.Unmarshal(body, &l); err != nil {
			// It only paces; a run must not fail for it.
			s.Log.WarnContext(ctx, "pacing ledger unreadable, begun anew", "key", ledgerKey, "error", err.Error())
			l = ledger{}
		}
	}
	now := s.Now().UTC()
	for _, r := range s.Pace.drop(&l, now) {
		s.Log.WarnContext(ctx, "reservation makes no sense, dropped", "of_run", r.Run, "from", r.From, "until", r.Until, "creates", r.Creates)
	}
	queue := ledger{slices.Clone(l.Reservations)}
	if s.Pace.join(&queue, b, now).After(latest(now, b.earliest)) {
		s.askAfter(ctx, l, b.execution, ended)
		s.Pace.release(&l, ended, now)
	}
	from := s.Pace.join(&l, b, now)
	if err := s.Pace.inTime(b, from); err != nil {
		return time.Time{}, err
	}
	if body, err = json.Marshal(l); err != nil {
		return time.Time{}, err
	}
	if first {
		return from, s.Objects.Create(ctx, ledgerKey, body)
	}
	return from, s.Objects.Replace(ctx, ledgerKey, body, etag)
}

// drop removes the reservations that no run can have made, and gives them. Others it cuts to what their creates take.
func (p Pace) drop(l *ledger, now time.Time) (dropped []reservation) {
	bound := now.Add(contract.RunTimeout + p.after(p.Burst))
	kept := l.Reservations[:0:0]
	for _, r := range l.Reservations {
		if r.Creates < 0 || r.Until.Before(r.From) || r.Until.After(bound) {
			dropped = append(dropped, r)
			continue
		}
		if done := r.From.Add(p.after(r.Creates)); done.Before(r.Until) {
			r.Until = done
		}
		kept = append(kept, r)
	}
	l.Reservations = kept
	return dropped
}

// askAfter finds out which of the executions that have reservations have ended. One that nothing can be learned of counts as running.
func (s *Service) askAfter(ctx context.Context, l ledger, own string, ended map[string]bool) {
	last := slices.SortedStableFunc(slices.Values(l.Reservations), func(a, b reservation) int { return b.Until.Compare(a.Until) })
	for _, r := range last {
		if _, known := ended[r.Execution]; known || r.Execution == "" || r.Execution == own {
			continue
		}
		if len(ended) == maxAsked {
			return
		}
		status, err := s.Executions.Status(ctx, r.Execution)
		if err != nil {
			s.Log.WarnContext(ctx, "whether an execution has ended can't be told, so that its reservation stands", "execution", r.Execution, "error", err.Error())
		}
		ended[r.Execution] = err == nil && status != Running
	}
}

// release ends the reservations of executions that have ended. What they have created has left EC2's bucket empty at the worst.
func (p Pace) release(l *ledger, ended map[string]bool, now time.Time) {
	l.Reservations = slices.DeleteFunc(l.Reservations, func(r reservation) bool { return ended[r.Execution] && r.From.After(now) })
	full := now.Add(p.after(p.Burst))
	for i := range l.Reservations {
		if r := &l.Reservations[i]; ended[r.Execution] && r.Until.After(full) {
			r.Until = full
		}
	}
}

// join adds the run to the ledger, where its creates first fit between those of the others, and drops what is over.
func (p Pace) join(l *ledger, b booking, now time.Time) time.Time {
	var own time.Time
	l.Reservations = slices.DeleteFunc(l.Reservations, func(r reservation) bool {
		if r.Run != b.run {
			return r.Until.Before(now) && r.From.Add(volumeInterval).Before(now)
		}
		if r.Execution == b.execution && r.Creates == b.creates && !r.From.Before(latest(now, b.earliest)) {
			own = r.From
			return false
		}
		// Another execution's, or for other creates than it has: it was taken over, or found something else. Or turns have passed, and would
		// come all at once.
		return true
	})
	if !own.IsZero() {
		return own // still to come: a retry
	}
	slices.SortStableFunc(l.Reservations, func(a, b reservation) int { return a.From.Compare(b.From) })
	from, takes := latest(now, b.earliest), max(p.after(b.creates), volumeInterval)
	for _, r := range l.Reservations {
		if !from.Add(takes).After(r.From) {
			break
		}
		from = latest(from, r.Until, r.From.Add(volumeInterval))
	}
	l.Reservations = append(l.Reservations, reservation{b.run, b.execution, from, from.Add(p.after(b.creates)), b.creates})
	return from
}

// inTime refuses a run whose last turn comes when its execution is nearly over: it would wait for a day, and then be ended by its timeout.
func (p Pace) inTime(b booking, from time.Time) error {
	last, end := from.Add(p.lastTurn(b.creates)), b.began.Add(contract.RunTimeout)
	if b.began.IsZero() || !last.After(end.Add(-timeToFinish)) {
		return nil
	}
	return &contract.NoTurnError{Message: fmt.Sprintf("the last of its %d snapshots would be created at %s, and its execution ends at %s, so nothing was begun. "+
		"Its first turn is at %s, behind the runs that have reserved EC2's rate before it (%s in the bucket has them). "+
		"Stop those that are not wanted, raise the create rate, or start the run again later with the same input",
		b.creates, last.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339), from.UTC().Format(time.RFC3339), ledgerKey)}
}

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}
