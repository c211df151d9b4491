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

// Pace is how fast runs create snapshots. EC2 lets an account and Region create 5 a second after a burst of 100 (EC2 API
// throttling); whoever asks for more is refused, and asking costs tokens too.
type Pace struct {
	Burst int     // creates at once after a rest
	Rate  float64 // creates per second
}

// DefaultPace stays just under EC2's own.
var DefaultPace = Pace{Burst: 95, Rate: 4.95}

const (
	// volumeInterval is what EC2 demands between two snapshots of one volume (15 s), and a little. Two schedules that fire in
	// the same minute work on much the same volumes in the same order, so the second begins that much later.
	volumeInterval = 17 * time.Second
	ledgerKey      = "pacing.json"
	ledgerTries    = 10
)

// after is how long n creates take at the rate, the burst left aside.
func (p Pace) after(n int) time.Duration {
	return time.Duration(float64(n) / p.Rate * float64(time.Second))
}

// plan gives each item its turn, when the creates that come before it and its own fit into the pace. from is when the token
// bucket was last full: it holds a burst then, and refills at the rate.
func (p Pace) plan(found []contract.Item, from time.Time) {
	n := 0
	for i := range found {
		n += itemCreates(&found[i])
		found[i].StartAt = from.Add(max(0, p.after(n-p.Burst))).UTC().Truncate(time.Millisecond)
	}
}

// ledger is what the runs have reserved of the account's creates: one object, replaced only by whoever read it last, so that
// of two schedules that fire in the same second one plans itself behind the other.
type ledger struct{ Reservations []reservation }

// reservation is a run's share. Until is when its creates would be done if there were no burst: in the terms of the generic
// cell rate algorithm the theoretical arrival time, the one number that says how full the bucket is.
type reservation struct {
	Run         string
	From, Until time.Time
	Creates     int
}

// reserve finds the run's place among the others', not before earliest, and gives the time from which its turns count.
func (s *Service) reserve(ctx context.Context, run string, n int, earliest time.Time) (time.Time, error) {
	for range ledgerTries {
		from, err := s.tryReserve(ctx, run, n, earliest)
		switch {
		case err == nil:
			return from, nil
		case !errors.Is(err, store.ErrConflict):
			return time.Time{}, fmt.Errorf("reserve creates for run %s: %w", run, err)
		}
	}
	return time.Time{}, fmt.Errorf("reserve creates for run %s: %s was written by others %d times in a row", run, ledgerKey, ledgerTries)
}

func (s *Service) tryReserve(ctx context.Context, run string, n int, earliest time.Time) (time.Time, error) {
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
	from := s.Pace.join(&l, run, n, s.Now().UTC(), earliest)
	if body, err = json.Marshal(l); err != nil {
		return time.Time{}, err
	}
	if first {
		return from, s.Objects.Create(ctx, ledgerKey, body)
	}
	return from, s.Objects.Replace(ctx, ledgerKey, body, etag)
}

// join adds the run to the ledger, behind the others, and drops what is over.
func (p Pace) join(l *ledger, run string, n int, now, earliest time.Time) time.Time {
	l.Reservations = slices.DeleteFunc(l.Reservations, func(r reservation) bool {
		over := r.Until.Before(now) && r.From.Add(volumeInterval).Before(now)
		// Other creates than it reserved: it was taken over, or found anew. Turns that have passed would come all at once.
		stale := r.Run == run && (r.Creates != n || r.From.Before(now))
		return over || stale
	})
	from := latest(now, earliest)
	for _, r := range l.Reservations {
		if r.Run == run {
			return r.From // this run's own, still to come: a retry
		}
		from = latest(from, r.Until, r.From.Add(volumeInterval))
	}
	l.Reservations = append(l.Reservations, reservation{run, from, from.Add(p.after(n)), n})
	return from
}

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}
