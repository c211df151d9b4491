package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Task does the work of a resource: it gets the state's input after Parameters and gives the state's result. Its context is
// cancelled when TimeoutSeconds have passed or the execution stops; a Task that returns late nevertheless has then no effect on
// the state, but is waited for.
type Task func(ctx context.Context, input json.RawMessage) (json.RawMessage, error)

// Runner runs executions. Its fields must not change while it does; several executions may run at once.
type Runner struct {
	// World is the clock and the concurrency. Nil: Real.
	World World
	// Resources are the tasks by a state's Resource: the whole ARN, or what stands behind arn:aws:states::: in any partition,
	// e.g. "lambda:invoke", "aws-sdk:s3:putObject" or "sns:publish".
	//
	// An ItemReader's "s3:getObject" gets {"Bucket","Key"} and gives the object's content. A ResultWriter's "s3:putObject" gets
	// {"Bucket","Key","Body"}, whose Body is the content itself, as JSON, not as a string.
	Resources map[string]Task
	// Observe, if set, is told each event, one at a time, in the order in which they happen. It must not wait for the world.
	Observe func(Event)
	// Seed determines the jitter of retries, together with the execution's ID, the state, its iteration and the attempt.
	Seed uint64
	// StateMachine is the ARN of the state machine. Empty: one with the name "state-machine".
	StateMachine string

	mu sync.Mutex // for Observe
}

// Execution is what to start.
type Execution struct {
	Name  string          // unique, like the name that is given to StartExecution
	ID    string          // its ARN. Empty: made from StateMachine and Name
	Input json.RawMessage // empty: {}
}

// Status is how an execution ended.
type Status string

// The values are those of Step Functions.
const (
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Result is how an execution ended.
type Result struct {
	Name, ID     string
	Status       Status
	Output       json.RawMessage // if it succeeded
	Error, Cause string          // if it failed or timed out
	Start, Stop  time.Time

	Transitions int // states entered, and retries: what a Standard workflow is billed for
	Events      int // about how many events its history has; it fails at 25,000

	Children         int // executions that its Distributed Maps started
	ChildTransitions int // of all of them
	MaxChildEvents   int // of the one with the most
}

// Run runs an execution to its end. A cancelled ctx aborts it, as StopExecution does: nothing more is started, and it returns as
// soon as the tasks that are under way have returned.
func (r *Runner) Run(ctx context.Context, m *Machine, e Execution) Result {
	machine := r.StateMachine
	if machine == "" {
		machine = "arn:aws:states:us-east-1:123456789012:stateMachine:state-machine"
	}
	x := &execution{r: r, world: r.World, machine: machine, name: e.Name, id: e.ID, timeout: m.timeout, states: m.top}
	if x.world == nil {
		x.world = Real()
	}
	if x.id == "" {
		x.id = strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + e.Name
	}
	input := e.Input
	if len(input) == 0 {
		input = json.RawMessage("{}")
	}
	tree, err := decode(input)
	if err != nil {
		return x.refused(runtimeFailure("the input is not JSON: %v", err))
	}
	for _, resource := range m.resources() {
		if r.task(resource) == nil {
			return x.refused(runtimeFailure("the resource %s is not modelled: Runner.Resources has no task for it", resource))
		}
	}
	v, f := newValue(tree, "the execution's input")
	if f != nil {
		return x.refused(f)
	}
	return x.run(ctx, v)
}

// task finds the task of a resource, in any partition.
func (r *Runner) task(resource string) Task {
	if t := r.Resources[resource]; t != nil {
		return t
	}
	parts := strings.SplitN(resource, ":", 6)
	if len(parts) < 6 || parts[2] != "states" {
		return nil
	}
	if t := r.Resources["arn:aws:states:::"+parts[5]]; t != nil {
		return t
	}
	return r.Resources[parts[5]]
}

// EventKind is what an Event tells.
type EventKind string

// A state is entered, perhaps retried, and then exited, or it fails its execution. One that is stopped tells nothing more.
const (
	ExecutionStarted   EventKind = "ExecutionStarted"
	ExecutionSucceeded EventKind = "ExecutionSucceeded"
	ExecutionFailed    EventKind = "ExecutionFailed"
	ExecutionTimedOut  EventKind = "ExecutionTimedOut"
	ExecutionAborted   EventKind = "ExecutionAborted"
	StateEntered       EventKind = "StateEntered"
	StateRetried       EventKind = "StateRetried" // it failed, and will be tried again after Delay
	StateCaught        EventKind = "StateCaught"  // it failed, and goes on at Next; StateExited follows
	StateExited        EventKind = "StateExited"
	StateFailed        EventKind = "StateFailed" // it failed, and nothing catches that
	MapRunStarted      EventKind = "MapRunStarted"
)

// Event is something that happened in an execution.
type Event struct {
	Time      time.Time
	Kind      EventKind
	Execution string // its name
	ID        string // its ARN
	Parent    string // of a Distributed Map's child: the name of the execution that started it
	// Path is which iterations of which Maps this is part of, e.g. "SnapshotInstances[3].SnapshotVolumes[0]"; "" outside of all.
	Path       string
	State      string
	Type       string // the state's
	RetryCount int    // how many times the state has been retried; for StateRetried, the coming one included
	Delay      time.Duration
	Next       string // where it goes on
	Items      int    // how many children a Map run has
	Input      json.RawMessage
	Output     json.RawMessage
	Error      string
	Cause      string
}

func (e Event) String() string {
	s := fmt.Sprintf("%s %s %s", e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), e.Execution, e.Kind)
	if e.Path != "" {
		s += " " + e.Path
	}
	if e.State != "" {
		s += " " + e.State
	}
	if e.Error != "" {
		s += " " + e.Error
	}
	return s
}

func (r *Runner) observe(world World, e Event) {
	if r.Observe == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Time = world.Now()
	r.Observe(e)
}
