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
	// maxAsked bounds the executions whose status is asked for, at twenty a second. Those with the latest reservations are first.
	maxAsked = 100
	// timeToFinish is left for the work after a run's last turn (create, prune and report) before its execution times out.
	timeToFinish = time.Hour
)

// ledger holds the creates that runs have reserved. It is one object, written by compare-and-swap, so that of two runs that start in the same
// second one plans behind the other.
type ledger struct{ Reservations []reservation }

// reservation is what a run has reserved, while its execution runs. Until is when its creates would be done without a burst: the theoretical
// arrival time of the generic cell rate algorithm, the one number that says how full the bucket is.
type reservation struct {
	Run         string
	Execution   string
	From, Until time.Time
	Creates     int
}

// booking is a request for a reservation.
type booking struct {
	run, execution string
	creates        int
	began          time.Time // when its execution began
	earliest       time.Time // no turn may come before
}

// reserve reserves the run's creates, and gives the time at which its turns begin.
func (s *Service) reserve(ctx context.Context, b booking) (time.Time, error) {
	ended := map[string]bool{} // by execution, for those that were asked for
	for range ledgerTries {
		from, err := s.tryReserve(ctx, b, ended)
		switch {
		case err == nil:
			return from, nil
		case !errors.Is(err, store.ErrConflict):
			return time.Time{}, fmt.Errorf("reserve creates for run %s: %w", b.run, err)
		}
	}
	return time.Time{}, fmt.Errorf("reserve creates for run %s: other runs changed %s %d times in a row", b.run, ledgerKey, ledgerTries)
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
			// The ledger only paces runs. No run may fail because of it.
			s.Log.WarnContext(ctx, "pacing ledger unreadable, starting a new one", "key", ledgerKey, "error", err.Error())
			l = ledger{}
		}
	}
	now := s.Now().UTC()
	for _, r := range s.Pace.dropInvalid(&l, now) {
		s.Log.WarnContext(ctx, "invalid reservation dropped", "of_run", r.Run, "from", r.From, "until", r.Until, "creates", r.Creates)
	}
	queue := ledger{slices.Clone(l.Reservations)}
	if s.Pace.join(&queue, b, now).After(latest(now, b.earliest)) {
		s.findEnded(ctx, l, b.execution, ended)
		s.Pace.release(&l, ended, now)
	}
	from := s.Pace.join(&l, b, now)
	if err := s.Pace.checkTimeLeft(b, from); err != nil {
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

// dropInvalid removes and returns the reservations that no run can have made. One without an execution would never end early. It shortens
// the others to the time that their creates take.
func (p Pace) dropInvalid(l *ledger, now time.Time) (dropped []reservation) {
	bound := now.Add(contract.RunTimeout + p.timeFor(p.Burst))
	kept := l.Reservations[:0:0]
	for _, r := range l.Reservations {
		if r.Execution == "" || r.Creates < 0 || r.Until.Before(r.From) || r.Until.After(bound) {
			dropped = append(dropped, r)
			continue
		}
		if done := r.From.Add(p.timeFor(r.Creates)); done.Before(r.Until) {
			r.Until = done
		}
		kept = append(kept, r)
	}
	l.Reservations = kept
	return dropped
}

// findEnded finds out which executions with reservations have ended. An execution whose status is unknown counts as running.
func (s *Service) findEnded(ctx context.Context, l ledger, own string, ended map[string]bool) {
	latestFirst := slices.SortedStableFunc(slices.Values(l.Reservations), func(a, b reservation) int { return b.Until.Compare(a.Until) })
	for _, r := range latestFirst {
		if _, asked := ended[r.Execution]; asked || r.Execution == own {
			continue
		}
		if len(ended) == maxAsked {
			return
		}
		running, err := s.Executions.Running(ctx, r.Execution)
		if err != nil {
			s.Log.WarnContext(ctx, "status of an execution unknown, its reservation kept", "execution", r.Execution, "error", err.Error())
		}
		ended[r.Execution] = err == nil && !running
	}
}

// release shortens the reservations of executions that have ended. In the worst case their creates have just emptied EC2's bucket.
func (p Pace) release(l *ledger, ended map[string]bool, now time.Time) {
	l.Reservations = slices.DeleteFunc(l.Reservations, func(r reservation) bool { return ended[r.Execution] && r.From.After(now) })
	full := now.Add(p.timeFor(p.Burst))
	for i := range l.Reservations {
		if r := &l.Reservations[i]; ended[r.Execution] && r.Until.After(full) {
			r.Until = full
		}
	}
}

// join adds the run to the ledger where its creates first fit between the other runs', and drops reservations that are over.
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
		// Plan again if another execution made the reservation, if the number of creates differs, or if turns have passed: they would come all
		// at the same moment.
		return true
	})
	if !own.IsZero() {
		return own // a retry, and no turn has passed
	}
	slices.SortStableFunc(l.Reservations, func(a, b reservation) int { return a.From.Compare(b.From) })
	from, takes := latest(now, b.earliest), max(p.timeFor(b.creates), volumeInterval)
	for _, r := range l.Reservations {
		if !from.Add(takes).After(r.From) {
			break
		}
		from = latest(from, r.Until, r.From.Add(volumeInterval))
	}
	l.Reservations = append(l.Reservations, reservation{b.run, b.execution, from, from.Add(p.timeFor(b.creates)), b.creates})
	return from
}

// checkTimeLeft refuses a run whose last turn is too close to the timeout of its execution: it would wait for a day and then time out.
func (p Pace) checkTimeLeft(b booking, from time.Time) error {
	last, end := from.Add(p.lastTurn(b.creates)), b.began.Add(contract.RunTimeout)
	if b.began.IsZero() || !last.After(end.Add(-timeToFinish)) {
		return nil
	}
	return &contract.NoTurnError{Message: fmt.Sprintf("the last of its %d snapshots would be created at %s, too late for its execution, which ends at %s, so no snapshot was created. "+
		"Other runs have reserved EC2's request rate until %s (%s in the bucket lists them). "+
		"Stop runs that are not needed, raise the create rate, or start the run again later with the same input",
		b.creates, last.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339), from.UTC().Format(time.RFC3339), ledgerKey)}
}

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}
