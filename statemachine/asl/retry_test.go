package asl_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// trying is a Task with a list of retriers.
func trying(retry string) string {
	return one(`"Type": "Task", "Resource": "arn:aws:states:::test:work", "End": true, "Retry": [` + retry + `]`)
}

func (l *recorder) delays() []float64 {
	var all []float64
	for _, e := range l.events {
		if e.Kind == asl.StateRetried {
			all = append(all, e.Delay.Seconds())
		}
	}
	return all
}

func TestRetry(t *testing.T) {
	for _, c := range []struct {
		what, retry string
		fails       int
		err         error
		delays      []float64
		want        string
	}{
		{"waits 1 s, then twice as long each time, 3 times, by default", `{"ErrorEquals": ["E"]}`, 9, named("E"), []float64{1, 2, 4}, "E"},
		{"ends with the first success", `{"ErrorEquals": ["E"]}`, 2, named("E"), []float64{1, 2}, ""},
		{"uses IntervalSeconds, BackoffRate and MaxAttempts", `{"ErrorEquals": ["E"], "IntervalSeconds": 10, "BackoffRate": 1.5, "MaxAttempts": 4}`, 9, named("E"), []float64{10, 15, 22.5, 33.75}, "E"},
		{"grows to MaxDelaySeconds", `{"ErrorEquals": ["E"], "IntervalSeconds": 2, "MaxDelaySeconds": 5, "MaxAttempts": 4}`, 4, named("E"), []float64{2, 4, 5, 5}, ""},
		{"stays the same at a BackoffRate of 1", `{"ErrorEquals": ["E"], "IntervalSeconds": 60, "BackoffRate": 1.0}`, 3, named("E"), []float64{60, 60, 60}, ""},
		{"does not happen at MaxAttempts 0", `{"ErrorEquals": ["E"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}`, 9, named("E"), nil, "E"},
		{"does not happen for other errors", `{"ErrorEquals": ["E", "F"]}`, 9, named("G"), nil, "G"},
		{"matches several errors", `{"ErrorEquals": ["E", "F"]}`, 1, named("F"), []float64{1}, ""},
		{"matches all errors with States.ALL", `{"ErrorEquals": ["States.ALL"]}`, 1, named("F"), []float64{1}, ""},
		{"matches a task's errors with States.TaskFailed", `{"ErrorEquals": ["States.TaskFailed"]}`, 1, named("F"), []float64{1}, ""},
		{"matches an error without a name with States.TaskFailed", `{"ErrorEquals": ["States.TaskFailed"]}`, 1, errPlain, []float64{1}, ""},
		{"matches an error that is wrapped", `{"ErrorEquals": ["E"]}`, 1, fmt.Errorf("wrapped: %w", named("E")), []float64{1}, ""},
		{"does not match a timeout with States.TaskFailed", `{"ErrorEquals": ["States.TaskFailed"]}`, 1, named("States.Timeout"), nil, "States.Timeout"},
		{"matches a timeout by its name", `{"ErrorEquals": ["States.Timeout"]}`, 1, named("States.Timeout"), []float64{1}, ""},
		{"does not match a terminal error with States.ALL", `{"ErrorEquals": ["States.ALL"]}`, 1, named("States.DataLimitExceeded"), nil, "States.DataLimitExceeded"},
		{"does not match a terminal error with States.TaskFailed", `{"ErrorEquals": ["States.TaskFailed"]}`, 1, named("States.DataLimitExceeded"), nil, "States.DataLimitExceeded"},
		{"never happens for States.Runtime", `{"ErrorEquals": ["States.ALL"]}`, 1, named("States.Runtime"), nil, "States.Runtime"},
	} {
		t.Run(c.what, func(t *testing.T) {
			l := newRecorder(t)
			l.task("work", failing(c.fails, c.err))
			r := l.run(trying(c.retry), `{}`)
			same(t, "error", r.Error, c.want)
			same(t, "delays", l.delays(), c.delays)
			var total float64
			for _, d := range c.delays {
				total += d
			}
			same(t, "time that passed", r.Stop.Sub(r.Start).Seconds(), total)
			same(t, "transitions", r.Transitions, 1+len(c.delays))
		})
	}

	t.Run("each retrier has its own number of attempts and its own backoff", func(t *testing.T) {
		l := newRecorder(t)
		names := []string{"E", "F", "E", "F", "E", "E"}
		l.task("work", func(context.Context, json.RawMessage) (json.RawMessage, error) {
			name := names[0]
			names = names[1:]
			return nil, named(name)
		})
		r := l.run(trying(`{"ErrorEquals": ["E"], "IntervalSeconds": 1, "MaxAttempts": 3}, {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 10, "MaxAttempts": 3}`), `{}`)
		same(t, "delays", l.delays(), []float64{1, 10, 2, 20, 4})
		same(t, "error", r.Error, "E")
	})

	t.Run("the state knows how many times it was retried, and the task runs again each time", func(t *testing.T) {
		l := newRecorder(t)
		var inputs []string
		l.task("work", func(_ context.Context, in json.RawMessage) (json.RawMessage, error) {
			inputs = append(inputs, string(in))
			return nil, named("E")
		})
		l.run(one(`"Type": "Task", "Resource": "arn:aws:states:::test:work", "End": true, "Parameters": {"n.$": "$$.State.RetryCount", "at.$": "$$.State.EnteredTime"}, "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 2}]`), `{}`)
		same(t, "inputs", inputs, []string{
			`{"at":"2026-11-22T08:00:00.000Z","n":0}`, `{"at":"2026-11-22T08:00:00.000Z","n":1}`, `{"at":"2026-11-22T08:00:00.000Z","n":2}`,
		})
		same(t, "story", l.story(), []string{
			"0 ExecutionStarted", "0 StateEntered S", "0 StateRetried S E", "1 StateRetried S E", "3 StateFailed S E", "3 ExecutionFailed E",
		})
	})

	t.Run("a state that is entered again has all its attempts again", func(t *testing.T) {
		l := newRecorder(t)
		calls := 0
		l.task("work", func(context.Context, json.RawMessage) (json.RawMessage, error) {
			if calls++; calls%2 == 1 {
				return nil, named("E")
			}
			return json.RawMessage(fmt.Sprint(calls)), nil
		})
		out := l.output(`{"StartAt": "S", "States": {
			"S": {"Type": "Task", "Resource": "arn:aws:states:::test:work", "Next": "Again", "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}]},
			"Again": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericLessThan": 6, "Next": "S"}], "Default": "End"}, "End": {"Type": "Succeed"}}}`, `{}`)
		same(t, "output", out, "6")
		same(t, "delays", l.delays(), []float64{1, 1, 1})
	})
}

func TestJitter(t *testing.T) {
	delays := func(seed uint64, name string) []float64 {
		l := newRecorder(t)
		l.runner.Seed = seed
		l.task("work", failing(1000, named("E")))
		m := l.parse(trying(`{"ErrorEquals": ["E"], "IntervalSeconds": 4, "MaxDelaySeconds": 64, "MaxAttempts": 500, "JitterStrategy": "FULL"}`))
		l.runner.Run(context.Background(), m, asl.Execution{Name: name})
		return l.delays()
	}
	all := delays(1, "a")

	t.Run("FULL is evenly distributed between 0 and the delay", func(t *testing.T) {
		var low, high, sum float64
		bound := 4.0
		for i, d := range all {
			if d < 0 || d > bound {
				t.Fatalf("delay %d is %v, not in 0..%v", i, d, bound)
			}
			if bound == 64 {
				sum += d
				if d < 6.4 {
					low++
				}
				if d > 57.6 {
					high++
				}
			}
			bound = min(2*bound, 64)
		}
		if mean := sum / 496; mean < 28 || mean > 36 || low < 25 || high < 25 {
			t.Errorf("the mean is %v, %v are in the lowest tenth and %v in the highest", mean, low, high)
		}
	})
	t.Run("the same seed gives the same delays, and another seed gives others", func(t *testing.T) {
		same(t, "delays", delays(1, "a"), all)
		if other := delays(2, "a"); other[0] == all[0] {
			t.Error("seed 2 gives the same")
		}
	})
	t.Run("two executions do not retry at the same times", func(t *testing.T) {
		if other := delays(1, "b"); other[0] == all[0] {
			t.Error("execution b waits as long as a")
		}
	})
}

func TestCatch(t *testing.T) {
	catching := func(catch, more string) string {
		return `{"StartAt": "S", "States": {
			"S": {"Type": "Task", "Resource": "arn:aws:states:::test:work", "End": true, "Catch": [` + catch + `]` + more + `},
			"A": {"Type": "Pass", "Parameters": {"a.$": "$"}, "End": true}, "B": {"Type": "Pass", "Parameters": {"b.$": "$"}, "End": true}}}`
	}
	const toB = `{"ErrorEquals": ["X"], "Next": "B"}`
	for _, c := range []struct {
		what, catch, more string
		err               error
		want              string
	}{
		{"returns the error as the output", `{"ErrorEquals": ["E"], "Next": "A"}, ` + toB, ``, named("E"), `{"a":{"Cause":"because","Error":"E"}}`},
		{"uses the first catcher that matches the error", `{"ErrorEquals": ["E"], "Next": "A"}, {"ErrorEquals": ["States.ALL"], "Next": "B"}`, ``, named("F"), `{"b":{"Cause":"because","Error":"F"}}`},
		{"puts the error at ResultPath in the raw input", `{"ErrorEquals": ["E"], "Next": "A", "ResultPath": "$.why.not"}, ` + toB, `, "InputPath": "$.x", "OutputPath": "$.nothing"`, named("E"),
			`{"a":{"why":{"not":{"Cause":"because","Error":"E"}},"x":1}}`},
		{"drops the error at ResultPath null", `{"ErrorEquals": ["E"], "Next": "A", "ResultPath": null}, ` + toB, ``, named("E"), `{"a":{"x":1}}`},
		{"comes after the retries", `{"ErrorEquals": ["E"], "Next": "A"}, ` + toB, `, "Retry": [{"ErrorEquals": ["E"]}]`, named("E"), `{"a":{"Cause":"because","Error":"E"}}`},
		{"has the message of an error without a name as its cause", `{"ErrorEquals": ["States.TaskFailed"], "Next": "A"}, ` + toB, ``, errPlain, `{"a":{"Cause":"no luck","Error":"States.TaskFailed"}}`},
		{"matches DataLimitExceeded by its name", `{"ErrorEquals": ["States.DataLimitExceeded"], "Next": "A"}, ` + toB, ``, named("States.DataLimitExceeded"), `{"a":{"Cause":"because","Error":"States.DataLimitExceeded"}}`},
		{"also matches it with States.ALL", toB + `, {"ErrorEquals": ["States.ALL"], "Next": "A"}`, ``, named("States.DataLimitExceeded"), `{"a":{"Cause":"because","Error":"States.DataLimitExceeded"}}`},
		{"does not match an error that nothing catches", toB + `, {"ErrorEquals": ["States.ALL"], "Next": "A"}`, `, "Parameters": {"y.$": "$.nothing"}`, nil, `error States.Runtime`},
		{"matches a ResultPath that does not fit", `{"ErrorEquals": ["States.ResultPathMatchFailure"], "Next": "A", "ResultPath": null}, ` + toB, `, "ResultPath": "$.x.y"`, nil, `{"a":{"x":1}}`},
		{"fails if ResultPath has no place for the error", `{"ErrorEquals": ["E"], "Next": "A", "ResultPath": "$.x.y"}, ` + toB, ``, named("E"), `error States.Runtime`},
		{"does not handle other errors", `{"ErrorEquals": ["E"], "Next": "A"}, ` + toB, ``, named("F"), `error F`},
	} {
		t.Run(c.what, func(t *testing.T) {
			l := newRecorder(t)
			fails := 9
			if c.err == nil {
				fails = 0
			}
			l.task("work", failing(fails, c.err))
			r := l.run(catching(c.catch, c.more), `{"x": 1}`)
			got := string(r.Output)
			if r.Status != asl.Succeeded {
				got = "error " + r.Error
			}
			same(t, "output", got, c.want)
		})
	}

	t.Run("reports what it caught and where it continues", func(t *testing.T) {
		l := newRecorder(t)
		l.task("work", failing(9, named("E")))
		l.run(catching(`{"ErrorEquals": ["E"], "Next": "A"}, `+toB, ""), `{}`)
		same(t, "story", l.story(), []string{
			"0 ExecutionStarted", "0 StateEntered S", "0 StateCaught S E", "0 StateExited S", "0 StateEntered A", "0 StateExited A", "0 ExecutionSucceeded",
		})
		same(t, "next", []string{l.events[2].Next, l.events[3].Next}, []string{"A", "A"})
	})
}

func TestTimeouts(t *testing.T) {
	slow := func(l *recorder, seconds int) asl.Task {
		return func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage(`"slow"`), l.world.Sleep(ctx, time.Duration(seconds)*time.Second)
		}
	}
	limited := func(more string) string {
		return one(`"Type": "Task", "Resource": "arn:aws:states:::test:work", "TimeoutSeconds": 60, "End": true` + more)
	}

	t.Run("a Task that takes longer than TimeoutSeconds fails at exactly that time", func(t *testing.T) {
		l := newRecorder(t)
		l.task("work", slow(l, 3600))
		r := l.run(limited(""), `{}`)
		same(t, "result", []any{r.Status, r.Error, r.Cause, r.Stop.Sub(r.Start)}, []any{asl.Failed, "States.Timeout", "", time.Minute})
	})
	t.Run("a Task that takes less than TimeoutSeconds does not fail", func(t *testing.T) {
		l := newRecorder(t)
		l.task("work", slow(l, 59))
		same(t, "output", l.output(limited(""), `{}`), `"slow"`)
		same(t, "the clock", l.world.Now().Sub(start), 59*time.Second)
	})
	t.Run("each attempt has its own timeout", func(t *testing.T) {
		l := newRecorder(t)
		l.task("work", slow(l, 3600))
		r := l.run(limited(`, "Retry": [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 10, "MaxAttempts": 2, "BackoffRate": 1}]`), `{}`)
		same(t, "time", r.Stop.Sub(r.Start), 200*time.Second)
	})
	t.Run("the result of a Task after its timeout has no effect", func(t *testing.T) {
		l := newRecorder(t)
		l.task("work", func(context.Context, json.RawMessage) (json.RawMessage, error) {
			l.world.Sleep(context.Background(), 2*time.Minute)
			return json.RawMessage(`"late"`), nil
		})
		same(t, "error", l.run(limited(""), `{}`).Error, "States.Timeout")
	})
	t.Run("an error of a Task that is stopped does not fail the execution", func(t *testing.T) {
		l := newRecorder(t)
		ctx, cancel := context.WithCancel(context.Background())
		l.task("work", func(context.Context, json.RawMessage) (json.RawMessage, error) {
			cancel()
			return nil, named("E")
		})
		r := l.runner.Run(ctx, l.parse(limited("")), asl.Execution{Name: "x"})
		same(t, "result", []any{r.Status, r.Error}, []any{asl.Aborted, ""})
	})

	for what, state := range map[string]string{
		"in a Task":   `"Type": "Task", "Resource": "arn:aws:states:::test:work", "End": true, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "S"}]`,
		"in a Wait":   `"Type": "Wait", "Seconds": 3600, "End": true`,
		"in a retry":  `"Type": "Task", "Resource": "arn:aws:states:::test:fail", "End": true, "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 3600}]`,
		"in a Map":    `"Type": "Map", "ItemsPath": "$.items", "End": true, "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Wait", "Seconds": 3600, "End": true}}}`,
		"in children": `"Type": "Map", "ItemsPath": "$.items", "End": true, "ItemProcessor": {` + distributed + `"StartAt": "I", "States": {"I": {"Type": "Wait", "Seconds": 3600, "End": true}}}`,
		"in a loop":   `"Type": "Wait", "Seconds": 7, "Next": "S"`,
	} {
		t.Run("an execution that takes longer than TimeoutSeconds is TIMED_OUT, "+what, func(t *testing.T) {
			l := newRecorder(t)
			l.task("work", slow(l, 3600))
			l.task("fail", failing(9, named("E")))
			r := l.run(`{"TimeoutSeconds": 100, "StartAt": "S", "States": {"S": {`+state+`}}}`, `{"items": [1, 2]}`)
			same(t, "result", []any{r.Status, r.Error, r.Stop.Sub(r.Start)}, []any{asl.TimedOut, "States.Timeout", 100 * time.Second})
			same(t, "the last event", l.events[len(l.events)-1].Kind, asl.ExecutionTimedOut)
			if ended := l.story(asl.ExecutionAborted); what == "in children" && len(ended) != 2 {
				t.Errorf("the children: %v", ended)
			}
		})
	}
}
