package workflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// invocation is one call of a function.
type invocation struct {
	f      *fixture
	ctx    context.Context
	n      int // the nth that the meddler meets, from 1
	volume string
	in     json.RawMessage
	do     asl.Task
}

// call calls the function.
func (i invocation) call() (json.RawMessage, error) { return i.do(i.ctx, i.in) }

// meddling decides the result of a call.
type meddling func(invocation) (json.RawMessage, error)

// meddler wraps a function, for one volume or for all.
type meddler struct {
	function, volume string
	met              int
	do               meddling
}

// meddle makes do decide the result of each call of a function; volume "" means all volumes. If several match, the first decides.
func (f *fixture) meddle(function, volume string, do meddling) {
	f.meddlers = append(f.meddlers, &meddler{function: function, volume: volume, do: do})
}

func (f *fixture) around(function string, call asl.Task) asl.Task {
	return func(ctx context.Context, in json.RawMessage) (json.RawMessage, error) {
		var request struct{ Volume contract.Volume }
		_ = json.Unmarshal(in, &request) // the functions of the whole run have none
		for _, m := range f.meddlers {
			if m.function == function && (m.volume == "" || m.volume == request.Volume.ID) {
				m.met++
				return m.do(invocation{f, ctx, m.met, request.Volume.ID, in, call})
			}
		}
		return call(ctx, in)
	}
}

// always is a number of times for the meddlers below.
const always = 1 << 30

var errCrash = errors.New("runtime exited: signal: killed")

// fails returns err instead of calling the function, the first times.
func fails(times int, err error) meddling {
	return func(i invocation) (json.RawMessage, error) {
		if i.n <= times {
			return nil, err
		}
		return i.call()
	}
}

// crashesAfterwards calls the function and loses its result.
func crashesAfterwards(times int) meddling {
	return func(i invocation) (json.RawMessage, error) {
		out, err := i.call()
		if i.n <= times {
			return nil, errCrash
		}
		return out, err
	}
}

// panics like a bug.
func panics(times int) meddling {
	return func(i invocation) (json.RawMessage, error) {
		if i.n <= times {
			panic("assignment to entry in nil map")
		}
		return i.call()
	}
}

// hangs until the state's timeout, before the function's work or after it.
func hangs(times int, after bool) meddling {
	return func(i invocation) (json.RawMessage, error) {
		if i.n > times {
			return i.call()
		}
		if after {
			if _, err := i.call(); err != nil {
				return nil, err
			}
		}
		return nil, i.f.world.Sleep(i.ctx, time.Hour)
	}
}

var (
	// tooLarge is more than the 256 KiB that a Task may return.
	tooLarge = `"` + strings.Repeat("x", 300<<10) + `"`
	// tooMuch is a result that a Task may return, but that is too large for its state together with the input.
	tooMuch = `"` + strings.Repeat("x", 262_000) + `"`
)

// answers returns a text instead of calling the function.
func answers(text string) meddling {
	return func(invocation) (json.RawMessage, error) { return json.RawMessage(text), nil }
}

// meanwhile does something just before the first call.
func meanwhile(what func()) meddling {
	return func(i invocation) (json.RawMessage, error) {
		if i.n == 1 {
			what()
		}
		return i.call()
	}
}

// lambdaRefuses makes Lambda itself return an error, the first times that the function is invoked.
func (f *fixture) lambdaRefuses(function string, times int, name string) {
	f.w.WrapResource(workflow.LambdaInvokeResource, func(call asl.Task) asl.Task {
		return func(ctx context.Context, in json.RawMessage) (json.RawMessage, error) {
			var request struct{ FunctionName string }
			if err := json.Unmarshal(in, &request); err != nil {
				return nil, err
			}
			if request.FunctionName == function && times > 0 {
				times--
				return nil, &asl.TaskError{Name: name, Cause: "Rate Exceeded."}
			}
			return call(ctx, in)
		}
	})
}

// serviceHangs makes the first calls of a state to S3 or SNS hang.
func (f *fixture) serviceHangs(resource string, times int) {
	f.w.WrapResource(resource, func(call asl.Task) asl.Task {
		return func(ctx context.Context, in json.RawMessage) (json.RawMessage, error) {
			if times--; times >= 0 {
				return nil, f.world.Sleep(ctx, 2*time.Hour)
			}
			return call(ctx, in)
		}
	})
}

// refuses makes an operation of the bucket fail for matching keys, the first times.
func refuses(times int, op string, fits func(key string) bool) func(string, string) error {
	return func(did, key string) error {
		if did == op && fits(key) && times > 0 {
			times--
			return fmt.Errorf("%s %s: AccessDenied: you are not allowed", op, key)
		}
		return nil
	}
}
