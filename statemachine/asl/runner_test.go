package asl_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

func TestRun(t *testing.T) {
	t.Run("reports the input and the output of each state", func(t *testing.T) {
		l := newRecorder(t)
		r := l.run(`{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 1, "ResultPath": "$.a", "Next": "B"}, "B": {"Type": "Succeed", "OutputPath": "$.a"}}}`, ` {"x": "<&>"} `)
		id := "arn:aws:states:us-east-1:123456789012:execution:state-machine:run-1"
		same(t, "result", r, asl.Result{Name: "run-1", ID: id, Status: asl.Succeeded, Output: json.RawMessage("1"), Start: start, Stop: start, Transitions: 2, Events: 6})
		event := func(e asl.Event) asl.Event {
			e.Time, e.Execution, e.ID = start, "run-1", id
			return e
		}
		in, out := json.RawMessage(`{"x":"<&>"}`), json.RawMessage(`{"a":1,"x":"<&>"}`)
		same(t, "events", l.events, []asl.Event{
			event(asl.Event{Kind: asl.ExecutionStarted, Input: in}),
			event(asl.Event{Kind: asl.StateEntered, State: "A", Type: "Pass", Input: in}),
			event(asl.Event{Kind: asl.StateExited, State: "A", Type: "Pass", Output: out, Next: "B"}),
			event(asl.Event{Kind: asl.StateEntered, State: "B", Type: "Succeed", Input: out}),
			event(asl.Event{Kind: asl.StateExited, State: "B", Type: "Succeed", Output: json.RawMessage("1")}),
			event(asl.Event{Kind: asl.ExecutionSucceeded, Output: json.RawMessage("1")}),
		})
		same(t, "a line", l.events[1].String(), "2026-11-22T08:00:00.000Z run-1 StateEntered A")
	})

	t.Run("without an input it gets {}", func(t *testing.T) { same(t, "output", newRecorder(t).output(echoing(""), ""), "{}") })

	t.Run("an execution may have its own ID", func(t *testing.T) {
		l := newRecorder(t)
		r := l.runner.Run(context.Background(), l.parse(echoing(`"Parameters": {"id.$": "$$.Execution.Id"}`)), asl.Execution{Name: "n", ID: "arn:mine"})
		same(t, "result", []string{r.ID, string(r.Output)}, []string{"arn:mine", `{"id":"arn:mine"}`})
	})

	t.Run("finds a resource by its ARN, in another partition, or by its service", func(t *testing.T) {
		for resource, key := range map[string]string{
			"arn:aws:lambda:us-east-1:123456789012:function:f": "arn:aws:lambda:us-east-1:123456789012:function:f",
			"arn:aws-cn:states:::sns:publish":                  "arn:aws:states:::sns:publish",
			"arn:aws:states:::aws-sdk:s3:putObject":            "aws-sdk:s3:putObject",
			"arn:aws-us-gov:states:::lambda:invoke":            "lambda:invoke",
		} {
			l := newRecorder(t)
			l.runner.Resources[key] = echo
			same(t, resource, l.output(one(`"Type": "Task", "End": true, "Resource": "`+resource+`"`), `5`), "5")
		}
	})

	t.Run("refuses to start without a task for each resource", func(t *testing.T) {
		l := newRecorder(t)
		l.runner.Resources["s3:getObject"] = echo
		r := l.run(fmt.Sprintf(fleet, 10), `{}`)
		same(t, "result", []string{r.Error, r.Cause}, []string{"States.Runtime", "the resource arn:aws:states:::s3:putObject is not supported: Runner.Resources has no task for it"})
		same(t, "events", len(l.events), 0)
	})
	t.Run("refuses an input that is not JSON", func(t *testing.T) {
		for _, input := range []string{"{", "{} {}", "x"} {
			same(t, "error", newRecorder(t).run(echoing(""), input).Error, "States.Runtime")
		}
	})
	t.Run("a result that is not JSON is States.Runtime, and no result is null", func(t *testing.T) {
		l := newRecorder(t)
		l.task("echo", func(context.Context, json.RawMessage) (json.RawMessage, error) { return json.RawMessage("{"), nil })
		same(t, "error", l.run(echoing(""), "").Error, "States.Runtime")
		l.task("echo", func(context.Context, json.RawMessage) (json.RawMessage, error) { return nil, nil })
		same(t, "output", l.output(echoing(""), ""), "null")
	})
	t.Run("several executions run at the same time in one Each", func(t *testing.T) {
		l := newRecorder(t)
		m := l.parse(one(`"Type": "Wait", "SecondsPath": "$", "End": true`))
		l.world.Each(context.Background(), 2, 0, func(ctx context.Context, i int) {
			l.runner.Run(ctx, m, asl.Execution{Name: fmt.Sprint("run-", i), Input: json.RawMessage(fmt.Sprint(5 - i))})
		})
		same(t, "story", l.story(asl.ExecutionStarted, asl.ExecutionSucceeded), []string{"0 ExecutionStarted", "0 ExecutionStarted", "4 ExecutionSucceeded", "5 ExecutionSucceeded"})
	})
}

func TestLimits(t *testing.T) {
	text := func(n int) string { return `"` + strings.Repeat("é", n/2-1) + `"` } // n bytes with the quotes
	const most = 262_144
	gives := func(out string) asl.Task {
		return func(context.Context, json.RawMessage) (json.RawMessage, error) { return json.RawMessage(out), nil }
	}

	t.Run("a payload may have up to 262,144 bytes", func(t *testing.T) {
		same(t, "length", len(newRecorder(t).output(echoing(""), text(most))), most)
	})
	for what, c := range map[string]struct{ fields, input, result string }{
		"an input":                       {``, text(most + 2), `1`},
		"an input after Parameters":      {`"Parameters": {"a.$": "$"}`, text(most), `1`},
		"a result after its selector":    {`"ResultSelector": {"a.$": "$"}, "ResultPath": null`, `1`, text(most)},
		"an output after its ResultPath": {`"ResultPath": "$.r", "OutputPath": "$.r[0]"`, `{"x": ` + text(most/2) + `}`, `[1, ` + text(most/2) + `]`},
	} {
		t.Run(what+" of more is States.DataLimitExceeded, which States.ALL does not catch", func(t *testing.T) {
			l := newRecorder(t)
			l.task("echo", gives(c.result))
			fields := `"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "S"}]`
			if c.fields != "" {
				fields += ", " + c.fields
			}
			r := l.run(echoing(fields), c.input)
			same(t, "result", []any{r.Status, r.Error}, []any{asl.Failed, "States.DataLimitExceeded"})
		})
	}
	t.Run("a larger result is States.DataLimitExceeded: as in AWS, a Catch of States.ALL handles it, and a Retry does not", func(t *testing.T) {
		const definition = `{"StartAt": "S", "States": {"S": {"Type": "Task", "Resource": "arn:aws:states:::test:echo", "End": true, %s
			"Catch": [%s{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]}, "Caught": {"Type": "Pass", "End": true}}}`
		l := newRecorder(t)
		l.task("echo", gives(text(most+2)))
		r := l.run(fmt.Sprintf(definition, `"Retry": [{"ErrorEquals": ["States.ALL"]}],`, ""), `1`)
		same(t, "result", []any{r.Status, r.Transitions}, []any{asl.Succeeded, 2})
		if !strings.Contains(string(r.Output), `"Error":"States.DataLimitExceeded"`) {
			t.Errorf("output %s", r.Output)
		}

		// Between states nothing catches it, not even by its name.
		l = newRecorder(t)
		l.task("echo", gives(`[1, `+text(most/2)+`]`))
		r = l.run(fmt.Sprintf(definition, `"ResultPath": "$.r", "OutputPath": "$.r[0]",`, `{"ErrorEquals": ["States.DataLimitExceeded"], "Next": "Caught"}, `),
			`{"x": `+text(most/2)+`}`)
		same(t, "result", []any{r.Status, r.Error}, []any{asl.Failed, "States.DataLimitExceeded"})
	})
	t.Run("a Map's result has the same limit", func(t *testing.T) {
		l := newRecorder(t)
		l.task("work", gives(text(most/2)))
		same(t, "error", l.run(inline("", ""), `[1, 2]`).Error, "States.DataLimitExceeded")
	})

	t.Run("a history may have up to 25,000 events", func(t *testing.T) {
		l := newRecorder(t)
		l.runner.Observe = nil
		r := l.run(`{"StartAt": "S", "States": {"S": {"Type": "Wait", "Seconds": 60, "Next": "T"}, "T": {"Type": "Pass", "Next": "S"}}}`, `{}`)
		same(t, "result", []any{r.Status, r.Error, r.Cause}, []any{asl.Failed, "States.Runtime", "the execution reached the maximum number of history events (25000)"})
		same(t, "transitions", r.Transitions, 12_500)
	})
	t.Run("a Task that is retried for days reaches the limit", func(t *testing.T) {
		l := newRecorder(t)
		l.runner.Observe = nil
		l.task("work", failing(1_000_000, named("E")))
		r := l.run(trying(`{"ErrorEquals": ["E"], "IntervalSeconds": 60, "BackoffRate": 1, "MaxAttempts": 100000}`), `{}`)
		same(t, "result", []any{r.Error, r.Transitions}, []any{"States.Runtime", 8_333})
	})
}

func TestAbort(t *testing.T) {
	t.Run("in virtual time, nothing starts afterwards, and nothing catches it", func(t *testing.T) {
		l := newRecorder(t)
		b := bucket{"b/k": string(manifest(20, "a", "b"))}
		b.serve(l)
		ctx, cancel := context.WithCancel(context.Background())
		calls := 0
		l.task("snapshot", func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
			if calls++; calls == 7 {
				cancel()
			}
			return nil, l.world.Sleep(ctx, time.Second)
		})
		r := l.runner.Run(ctx, l.parse(fmt.Sprintf(fleet, 5)), asl.Execution{Name: "x", Input: json.RawMessage(`{"key": "k"}`)})
		same(t, "result", []any{r.Status, r.Error, calls, len(b)}, []any{asl.Aborted, "", 7, 2}) // the manifest and the test manifest of the ResultWriter
		ends := len(l.story(asl.ExecutionAborted)) + len(l.story(asl.ExecutionSucceeded))
		same(t, "executions that ended", ends, len(l.story(asl.ExecutionStarted)))
	})

	t.Run("in real time, it is immediate and leaves no goroutine", func(t *testing.T) {
		before := runtime.NumGoroutine()
		ctx, cancel := context.WithCancel(context.Background())
		var mu sync.Mutex
		working := 0
		runner := &asl.Runner{Resources: map[string]asl.Task{
			"s3:getObject": func(context.Context, json.RawMessage) (json.RawMessage, error) {
				far := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
				return json.RawMessage(`[{"at": "2020-01-01T00:00:00Z", "volumes": [1, 2]}, {"at": "` + far + `", "volumes": []}, {"at": "` + far + `", "volumes": []}]`), nil
			},
			"s3:putObject": echo,
			"test:snapshot": func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
				mu.Lock()
				working++
				if working == 2 {
					time.AfterFunc(20*time.Millisecond, cancel)
				}
				mu.Unlock()
				<-ctx.Done()
				return nil, ctx.Err()
			},
		}}
		m, err := asl.Parse([]byte(fmt.Sprintf(fleet, 2)))
		if err != nil {
			t.Fatal(err)
		}
		r := runner.Run(ctx, m, asl.Execution{Name: "x", Input: json.RawMessage(`{"key": "k"}`)})
		same(t, "status", r.Status, asl.Aborted)
		for runtime.NumGoroutine() > before { // if a goroutine never ends, go test's timeout fails the test
			time.Sleep(time.Millisecond)
		}
	})
}

func TestRealWorldRun(t *testing.T) {
	t.Run("a definition has the same result in real time and in virtual time", func(t *testing.T) {
		m := func(l *recorder) *asl.Machine {
			return l.parse(strings.NewReplacer("SecondsPath", "TimestampPath").Replace(children(`, "ToleratedFailureCount": 1, "ResultSelector": {"a.$": "$[0]", "c.$": "$[2]"}`)))
		}
		input := json.RawMessage(`[{"wait": "2020-01-01T00:00:00Z"}, {"wait": "2020-01-01T00:00:00Z", "fail": "E"}, {"wait": "2020-01-01T00:00:02Z"}]`)
		l := newRecorder(t)
		want := l.runner.Run(context.Background(), m(l), asl.Execution{Name: "x", Input: input})
		events := 0
		real := &asl.Runner{Observe: func(asl.Event) { events++ }}
		got := real.Run(context.Background(), m(l), asl.Execution{Name: "x", Input: input})
		for _, r := range []*asl.Result{&got, &want} {
			r.Start, r.Stop = time.Time{}, time.Time{}
		}
		same(t, "result", got, want)
		same(t, "events", events, len(l.events))
	})
	t.Run("a Task times out", func(t *testing.T) {
		l := newRecorder(t)
		runner := &asl.Runner{World: asl.Real(), Resources: map[string]asl.Task{"lambda:invoke": func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}}
		r := runner.Run(context.Background(), l.parse(taskState(`"TimeoutSeconds": 1`)), asl.Execution{Name: "x"})
		same(t, "error", r.Error, "States.Timeout")
	})
}

func TestFleet(t *testing.T) {
	// run runs a fleet of n instances and returns the log. Every tenth snapshot fails.
	run := func(t *testing.T, n int, seed uint64, observe bool) ([]asl.Event, asl.Result) {
		l := newRecorder(t)
		l.runner.Seed = seed
		if !observe {
			l.runner.Observe = nil
		}
		bucket{"b/k": string(manifest(n, "a", "b", "c"))}.serve(l)
		calls := 0
		l.task("snapshot", func(ctx context.Context, in json.RawMessage) (json.RawMessage, error) {
			if err := l.world.Sleep(ctx, 2*time.Second); err != nil {
				return nil, err
			}
			if calls++; calls%10 == 0 {
				return nil, errPlain
			}
			return nil, nil
		})
		r := l.run(fmt.Sprintf(fleet, 10_000), `{"key": "k"}`)
		if r.Status != asl.Succeeded {
			t.Fatal(r.Error, r.Cause)
		}
		return l.events, r
	}

	t.Run("20,000 instances take a few seconds", func(t *testing.T) { // takes 3 s on an idle machine, and hours if the time per instance grew with their number
		n := 20_000
		if raceDetector || testing.Short() {
			n = 1_000
		}
		_, r := run(t, n, 1, false)
		same(t, "children", r.Children, n)
		if virtual := r.Stop.Sub(r.Start); virtual < time.Duration(n)*time.Second/5 {
			t.Errorf("the last instance started after %v", virtual)
		}
	})

	t.Run("the same seed gives the same log, and another seed gives another", func(t *testing.T) {
		first, _ := run(t, 200, 1, true)
		again, _ := run(t, 200, 1, true)
		other, _ := run(t, 200, 2, true)
		if len(first) < 200*9 {
			t.Errorf("the log has %d events", len(first))
		}
		if !reflect.DeepEqual(first, again) {
			same(t, "log", again, first)
		}
		if reflect.DeepEqual(first, other) {
			t.Error("seed 2 gives the same log")
		}
	})
}
