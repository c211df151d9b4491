package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// maxEvents is AWS's limit for the events in an execution's history.
const maxEvents = 25_000

// execution is a running execution.
type execution struct {
	r       *Runner
	world   World
	machine string // the state machine's ARN
	name    string
	id      string
	parent  string // the name of the parent; "" if there is none
	path    string // the position of a child in its parent
	timeout time.Duration
	states  *states
	input   value
	start   time.Time

	mu      sync.Mutex
	tally   Result // only its counters
	mapRuns int
}

// run runs the execution to its end.
func (x *execution) run(outer context.Context, input value) Result {
	x.input, x.start = input, x.world.Now()
	x.count(0, 1)
	x.emit(nil, Event{Kind: ExecutionStarted, Input: input.raw})
	ctx, cancel := x.world.WithTimeout(outer, x.timeout)
	defer cancel()
	out, f := x.walk(ctx, &frame{states: x.states, path: x.path}, input)
	x.count(0, 1)

	x.mu.Lock()
	result := x.tally
	x.mu.Unlock()
	result.Name, result.ID, result.Start, result.Stop = x.name, x.id, x.start, x.world.Now()
	var k EventKind
	switch {
	case f == nil:
		k, result.Status, result.Output = ExecutionSucceeded, Succeeded, out.raw
	case f.stopped && outer.Err() != nil:
		k, result.Status = ExecutionAborted, Aborted
	case f.stopped:
		k, result.Status, result.Error = ExecutionTimedOut, TimedOut, errTimeout
	default:
		k, result.Status, result.Error, result.Cause = ExecutionFailed, Failed, f.name, f.cause
	}
	x.emit(nil, Event{Kind: k, Output: result.Output, Error: result.Error, Cause: result.Cause})
	return result
}

// refused returns the result of an execution that could not start.
func (x *execution) refused(f *failure) Result {
	now := x.world.Now()
	return Result{Name: x.name, ID: x.id, Status: Failed, Error: f.name, Cause: f.cause, Start: now, Stop: now}
}

// count adds to the counters. It fails if the history is full.
func (x *execution) count(transitions, events int) *failure {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tally.Transitions += transitions
	x.tally.Events += events
	if x.tally.Events >= maxEvents {
		return runtimeFailure("the execution reached the maximum number of history events (%d)", maxEvents)
	}
	return nil
}

// emit completes an event and gives it to the observer.
func (x *execution) emit(v *visit, e Event) {
	e.Execution, e.ID, e.Parent, e.Path = x.name, x.id, x.parent, x.path
	if v != nil {
		e.Path, e.State, e.Type, e.RetryCount = v.frame.path, v.st.name, string(v.st.typ), v.retries
	}
	x.r.observe(x.world, e)
}

// frame is what a walk goes through: the execution's states, or an iteration of an INLINE Map.
type frame struct {
	states *states
	path   string
	item   map[string]any // $$.Map; nil outside an iteration
}

// visit is one visit of a state, with all its retries.
type visit struct {
	x       *execution
	frame   *frame
	st      *state
	input   value // as it comes in
	entered time.Time
	retries int
}

// walk goes from state to state until a state ends it.
func (x *execution) walk(ctx context.Context, fr *frame, input value) (value, *failure) {
	for name := fr.states.startAt; ; {
		if ctx.Err() != nil {
			return value{}, stop()
		}
		if f := x.count(1, 1); f != nil {
			return value{}, f
		}
		v := &visit{x: x, frame: fr, st: fr.states.byName[name], input: input, entered: x.world.Now()}
		x.emit(v, Event{Kind: StateEntered, Input: input.raw})
		out, next, f := v.do(ctx)
		if f != nil {
			if !f.stopped {
				x.emit(v, Event{Kind: StateFailed, Error: f.name, Cause: f.cause})
			}
			return value{}, f
		}
		x.count(0, 1)
		x.emit(v, Event{Kind: StateExited, Output: out.raw, Next: next})
		if next == "" {
			return out, nil
		}
		name, input = next, out
	}
}

func stop() *failure { return &failure{stopped: true} }

// do tries the state until it succeeds, or until neither Retry nor Catch handles the failure.
func (v *visit) do(ctx context.Context) (value, string, *failure) {
	attempts := make([]int, len(v.st.retry))
	for {
		out, next, f := v.try(ctx)
		if f == nil || f.stopped {
			return out, next, f
		}
		delay, retry := v.retryAfter(f, attempts)
		if !retry {
			return v.caught(f)
		}
		v.retries++
		if full := v.x.count(1, 0); full != nil {
			return value{}, "", full
		}
		v.x.emit(v, Event{Kind: StateRetried, Delay: delay, Error: f.name, Cause: f.cause})
		if v.x.world.Sleep(ctx, delay) != nil {
			return value{}, "", stop()
		}
	}
}

// retryAfter asks the first retrier that matches f. Each retrier counts its own attempts. If it has none left, no other is asked.
func (v *visit) retryAfter(f *failure, attempts []int) (time.Duration, bool) {
	for i, r := range v.st.retry {
		if !f.matches(r.errors) {
			continue
		}
		if attempts[i] >= r.maxAttempts {
			return 0, false
		}
		attempts[i]++
		return r.delay(attempts[i], v.random(i, attempts[i])), true
	}
	return 0, false
}

// random is in [0, 1), and depends on what is retried but not on what else runs, or when.
func (v *visit) random(retrier, attempt int) float64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%d\x00%d", v.x.id, v.frame.path, v.st.name, retrier, attempt)
	return rand.New(rand.NewPCG(v.x.r.Seed, h.Sum64())).Float64()
}

// caught asks the first catcher that matches f. The result is the state's output. OutputPath does not apply to it.
func (v *visit) caught(f *failure) (value, string, *failure) {
	for _, c := range v.st.catch {
		if !f.caughtBy(c.errors) {
			continue
		}
		v.x.emit(v, Event{Kind: StateCaught, Next: c.next, Error: f.name, Cause: f.cause})
		out := v.input
		if !c.noResult {
			tree, err := orWhole(c.resultPath).set(v.input.tree, f.output())
			if err != nil {
				return value{}, "", v.broken("Catch, ResultPath", err)
			}
			var large *failure
			if out, large = newValue(tree, "the output of the state "+v.st.name); large != nil {
				return value{}, "", large
			}
		}
		return out, c.next, nil
	}
	return value{}, "", f
}

// broken returns the failure of a state whose definition does not fit its data.
func (v *visit) broken(field string, err error) *failure {
	return runtimeFailure("an error occurred while executing the state '%s': %s: %v", v.st.name, field, err)
}

// context returns the context object.
func (v *visit) context() map[string]any {
	x := v.x
	c := map[string]any{
		"Execution": map[string]any{
			"Id": x.id, "Name": x.name, "Input": x.input.tree, "StartTime": stamp(x.start), "RedriveCount": json.Number("0"),
		},
		"State": map[string]any{
			"Name": v.st.name, "EnteredTime": stamp(v.entered), "RetryCount": json.Number(strconv.Itoa(v.retries)),
		},
		"StateMachine": map[string]any{"Id": x.machine, "Name": lastPart(x.machine)},
	}
	if v.frame.item != nil {
		c["Map"] = v.frame.item
	}
	return c
}

// with returns a context object in which one part is added or replaced.
func (c contextObject) with(name string, part any) contextObject {
	return func() map[string]any {
		m := c()
		m[name] = part
		return m
	}
}

// stamp formats a time as Step Functions does.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
