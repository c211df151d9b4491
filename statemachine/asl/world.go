package asl

import (
	"context"
	"sync"
	"time"
)

// World is where executions run: its clock and its concurrency. There are two, [Real] and [NewVirtual]'s.
type World interface {
	Now() time.Time
	// Sleep waits for d, or until ctx is cancelled, whose error it then returns.
	Sleep(ctx context.Context, d time.Duration) error
	// Each calls f for 0..n-1, at most limit of them at once (0: no limit), and returns when all have returned. A cancelled ctx
	// does not shorten the list: what f does then is f's own affair.
	Each(ctx context.Context, n, limit int, f func(ctx context.Context, i int))
	// WithTimeout gives a context that is cancelled after d of this world's time (0: never), or by the function that it returns,
	// which must be called. The standard library's deadlines know the machine's clock only, so a world needs its own.
	WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
}

// Real is the machine's clock, and a goroutine for each task.
func Real() World { return realWorld{} }

type realWorld struct{}

func (realWorld) Now() time.Time { return time.Now() }

func (realWorld) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (realWorld) Each(ctx context.Context, n, limit int, f func(context.Context, int)) {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		next int
	)
	for range workers(n, limit) {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= n {
					return
				}
				f(ctx, i)
			}
		})
	}
	wg.Wait()
}

func (realWorld) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// workers is how many tasks share n calls.
func workers(n, limit int) int {
	if limit > 0 && limit < n {
		return limit
	}
	return n
}
