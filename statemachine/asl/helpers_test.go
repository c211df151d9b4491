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

// lab runs definitions in virtual time and records what happens.
type lab struct {
	*testing.T
	world  *asl.Virtual
	runner *asl.Runner
	events []asl.Event
}

func newLab(t *testing.T) *lab {
	l := &lab{T: t, world: asl.NewVirtual(start)}
	l.runner = &asl.Runner{
		World: l.world, Seed: 1, Resources: map[string]asl.Task{"test:echo": echo},
		Observe: func(e asl.Event) { l.events = append(l.events, e) },
	}
	return l
}

func echo(_ context.Context, input json.RawMessage) (json.RawMessage, error) { return input, nil }

// task gives the definition's resource arn:aws:states:::test:NAME.
func (l *lab) task(name string, t asl.Task) { l.runner.Resources["test:"+name] = t }

func (l *lab) parse(definition string) *asl.Machine {
	l.Helper()
	m, err := asl.Parse([]byte(definition))
	if err != nil {
		l.Fatalf("Parse: %v\n%s", err, definition)
	}
	return m
}

func (l *lab) run(definition, input string) asl.Result {
	l.Helper()
	return l.runner.Run(context.Background(), l.parse(definition), asl.Execution{Name: "run-1", Input: json.RawMessage(input)})
}

// output is the output of an execution that must succeed.
func (l *lab) output(definition, input string) string {
	l.Helper()
	r := l.run(definition, input)
	if r.Status != asl.Succeeded {
		l.Fatalf("the execution is %s: %s %s", r.Status, r.Error, r.Cause)
	}
	return string(r.Output)
}

// story is what happened, a line an event: seconds since the start, kind, path, state, error.
func (l *lab) story(kinds ...asl.EventKind) []string {
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

// one is a definition of one state, named S, whose other fields are given.
func one(fields string) string {
	return `{"StartAt": "S", "States": {"S": {` + fields + `}}}`
}

// echoing is a Task that gives back its input after Parameters, with more fields.
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

// sameJSON compares texts field by field.
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

// failing fails n times, then succeeds.
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
