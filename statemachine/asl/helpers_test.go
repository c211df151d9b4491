package asl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

var start = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// recorder runs definitions in virtual time and records what happens.
type recorder struct {
	*testing.T
	world  *asl.Virtual
	runner *asl.Runner
	events []asl.Event
}

func newRecorder(t *testing.T) *recorder {
	l := &recorder{T: t, world: asl.NewVirtual(start)}
	l.runner = &asl.Runner{
		World: l.world, Seed: 1, Resources: map[string]asl.Task{"test:echo": echo},
		Observe: func(e asl.Event) { l.events = append(l.events, e) },
	}
	return l
}

func echo(_ context.Context, input json.RawMessage) (json.RawMessage, error) { return input, nil }

// task sets the task of the resource arn:aws:states:::test:NAME.
func (l *recorder) task(name string, t asl.Task) { l.runner.Resources["test:"+name] = t }

func (l *recorder) parse(definition string) *asl.Machine {
	l.Helper()
	m, err := asl.Parse([]byte(definition))
	if err != nil {
		l.Fatalf("Parse: %v\n%s", err, definition)
	}
	return m
}

func (l *recorder) run(definition, input string) asl.Result {
	l.Helper()
	return l.runner.Run(context.Background(), l.parse(definition), asl.Execution{Name: "run-1", Input: json.RawMessage(input)})
}

// output returns the output of an execution that must succeed.
func (l *recorder) output(definition, input string) string {
	l.Helper()
	r := l.run(definition, input)
	if r.Status != asl.Succeeded {
		l.Fatalf("the execution is %s: %s %s", r.Status, r.Error, r.Cause)
	}
	return string(r.Output)
}

// story returns what happened, one line for each event: seconds since the start, kind, path, state, error.
func (l *recorder) story(kinds ...asl.EventKind) []string {
	wanted := map[asl.EventKind]bool{}
	for _, k := range kinds {
		wanted[k] = true
	}
	var lines []string
	for _, e := range l.events {
		if len(kinds) == 0 || wanted[e.Kind] {
			line := fmt.Sprintf("%v %s %s %s %s", e.Time.Sub(start).Seconds(), e.Kind, e.Path, e.State, e.Error)
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
	}
	return lines
}

// one is a definition with one state S with these fields.
func one(fields string) string {
	return `{"StartAt": "S", "States": {"S": {` + fields + `}}}`
}

// echoing is a Task with these fields. It returns its input after Parameters.
func echoing(fields string) string {
	if fields != "" {
		fields = ", " + fields
	}
	return one(`"Type": "Task", "Resource": "arn:aws:states:::test:echo", "End": true` + fields)
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateErrors()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// sameJSON compares JSON texts field by field.
func sameJSON(t testing.TB, what, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%s: %v in %q", what, err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%s: %v in %q", what, err, want)
	}
	same(t, what, g, w)
}

// failing fails n times and then succeeds.
func failing(n int, err error) asl.Task {
	return func(context.Context, json.RawMessage) (json.RawMessage, error) {
		if n--; n >= 0 {
			return nil, err
		}
		return json.RawMessage(`"done"`), nil
	}
}

var errPlain = errors.New("no luck")

func named(name string) error { return &asl.TaskError{Name: name, Cause: "because"} }
