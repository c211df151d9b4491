package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Task does the work of a resource. It gets the state's input after Parameters and returns the state's result. Its context is
// cancelled after TimeoutSeconds or when the execution stops. If the Task returns later, the Runner waits for it and ignores its
// result.
type Task func(ctx context.Context, input json.RawMessage) (json.RawMessage, error)

// Runner runs executions. Its fields must not change meanwhile. Several executions may run at the same time.
type Runner struct {
	// World is the clock and the concurrency. Nil: Real.
	World World
	// Resources are the tasks by a state's Resource: the whole ARN, or the part after arn:aws:states::: in any partition,
	// e.g. "lambda:invoke", "aws-sdk:s3:putObject" or "sns:publish".
	//
	// An ItemReader's "s3:getObject" gets {"Bucket","Key"} and returns the object's content. A ResultWriter's "s3:putObject" gets
	// {"Bucket","Key","Body"}, whose Body is the content itself, as JSON, not as a string.
	Resources map[string]Task
	// Observe, if set, is called for each event, one after another, in the order in which they happen. It must not use the world.
	Observe func(Event)
	// Seed determines the jitter of retries, together with the execution's ID, the state, its iteration and the attempt.
	Seed uint64
	// StateMachine is the ARN of the state machine. Empty: an ARN with the name "state-machine".
	StateMachine string

	mu sync.Mutex // for Observe
}

// Execution is an execution to start.
type Execution struct {
	Name  string          // unique, like the name in StartExecution
	ID    string          // its ARN. Empty: built from StateMachine and Name
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

// Result is the result of an execution.
type Result struct {
	Name, ID     string
	Status       Status
	Output       json.RawMessage // if it succeeded
	Error, Cause string          // if it failed or timed out
	Start, Stop  time.Time

	Transitions int // entered states and retries, for which AWS bills a Standard workflow
	Events      int // approximate number of events in its history; it fails at 25,000

	Children         int // executions that its Distributed Maps started
	ChildTransitions int // the transitions of all children
	MaxChildEvents   int // the events of the child with the most
}

// Run runs an execution to its end. If ctx is cancelled, the execution is aborted, as with StopExecution: nothing more is started, and
// Run returns as soon as the running tasks have returned.
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
			return x.refused(runtimeFailure("the resource %s is not supported: Runner.Resources has no task for it", resource))
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

// EventKind is the kind of an Event.
type EventKind string

// A state is entered, may be retried, and is then exited, or it fails its execution. A stopped state emits no more events.
const (
	ExecutionStarted   EventKind = "ExecutionStarted"
	ExecutionSucceeded EventKind = "ExecutionSucceeded"
	ExecutionFailed    EventKind = "ExecutionFailed"
	ExecutionTimedOut  EventKind = "ExecutionTimedOut"
	ExecutionAborted   EventKind = "ExecutionAborted"
	StateEntered       EventKind = "StateEntered"
	StateRetried       EventKind = "StateRetried" // it failed and will be retried after Delay
	StateCaught        EventKind = "StateCaught"  // it failed and continues at Next; StateExited follows
	StateExited        EventKind = "StateExited"
	StateFailed        EventKind = "StateFailed" // it failed and nothing catches that
	MapRunStarted      EventKind = "MapRunStarted"
)

// Event is something that happened in an execution.
type Event struct {
	Time      time.Time
	Kind      EventKind
	Execution string // its name
	ID        string // its ARN
	Parent    string // of a Distributed Map's child: the name of the execution that started it
	// Path has the iterations of the Maps around it, e.g. "SnapshotInstances[3].SnapshotVolumes[0]"; "" outside all Maps.
	Path       string
	State      string
	Type       string // the type of the state
	RetryCount int    // how many times the state has been retried; for StateRetried, including the coming retry
	Delay      time.Duration
	Next       string // the next state
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
