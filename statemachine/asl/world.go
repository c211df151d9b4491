package asl

import (
	"context"
	"sync"
	"time"
)

// World is the clock and the concurrency of executions. There are two: [Real] and [NewVirtual].
type World interface {
	Now() time.Time
	// Sleep waits for d or until ctx is cancelled. If ctx is cancelled, it returns the error of ctx.
	Sleep(ctx context.Context, d time.Duration) error
	// Each calls f for 0..n-1, with at most limit calls at the same time (0: no limit). It returns when all calls have returned. If
	// ctx is cancelled, Each still makes all calls: f must check ctx.
	Each(ctx context.Context, n, limit int, f func(ctx context.Context, i int))
	// WithTimeout returns a context that is cancelled after d of this world's time (0: never). The caller must call the returned
	// function, which also cancels it. The deadlines of the standard library use the machine's clock, so a world needs its own.
	WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
}

// Real returns a world with the machine's clock and a goroutine for each task.
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

// workers returns how many tasks make n calls.
func workers(n, limit int) int {
	if limit > 0 && limit < n {
		return limit
	}
	return n
}
