package asl_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// inline is a Map whose iterations run one Task.
func inline(fields, task string) string {
	return one(`"Type": "Map", "End": true` + fields + `, "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "I", "States": {
		"I": {"Type": "Task", "Resource": "arn:aws:states:::test:work", "End": true` + task + `}}}`)
}

func TestInlineMap(t *testing.T) {
	for _, c := range []struct{ what, fields, task, input, want string }{
		{"gives the outputs in the order of the items", ``, ``, `[3, 1, 2]`, `[3,1,2]`},
		{"gives nothing for nothing", ``, ``, `[]`, `[]`},
		{"finds its items by ItemsPath, after InputPath", `, "InputPath": "$.a", "ItemsPath": "$.b"`, ``, `{"a": {"b": [1]}}`, `[1]`},
		{"makes each input by ItemSelector", `, "ItemsPath": "$.b", "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value.x", "all.$": "$.c", "s.$": "$$.State.Name"}`, ``, `{"b": [{"x": 5}], "c": 6}`, `[{"all":6,"i":0,"s":"S","v":5}]`},
		{"lets the iteration see its item", ``, `, "Parameters": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "e.$": "$$.Execution.Name"}`, `["a", "b"]`, `[{"e":"run-1","i":0,"v":"a"},{"e":"run-1","i":1,"v":"b"}]`},
		{"combines its result", `, "ItemsPath": "$.b", "ResultSelector": {"first.$": "$[0]"}, "ResultPath": "$.r"`, ``, `{"b": [1, 2]}`, `{"b":[1,2],"r":{"first":1}}`},
		{"takes arrays only", ``, ``, `{}`, `error States.Runtime`},
		{"takes what is there only", `, "ItemsPath": "$.b"`, ``, `{}`, `error States.Runtime`},
		{"needs what its ItemSelector names", `, "ItemSelector": {"x.$": "$.nothing"}`, ``, `[1]`, `error States.Runtime`},
	} {
		t.Run(c.what, func(t *testing.T) {
			l := newRecorder(t)
			l.task("work", echo)
			r := l.run(inline(c.fields, c.task), c.input)
			got := string(r.Output)
			if r.Status != asl.Succeeded {
				got = "error " + r.Error
			}
			same(t, "output", got, c.want)
		})
	}

	// sleepy sleeps as many seconds as its input says. It fails if the number is negative.
	sleepy := func(l *recorder) asl.Task {
		return func(ctx context.Context, in json.RawMessage) (json.RawMessage, error) {
			var seconds int
			if err := json.Unmarshal(in, &seconds); err != nil {
				return nil, err
			}
			if err := l.world.Sleep(ctx, time.Duration(max(seconds, -seconds))*time.Second); err != nil {
				return nil, err
			}
			if seconds < 0 {
				return nil, named(fmt.Sprintf("E%d", -seconds))
			}
			return in, nil
		}
	}

	t.Run("runs at most 40 iterations at the same time", func(t *testing.T) {
		for fields, want := range map[string]time.Duration{``: 3 * time.Second, `, "MaxConcurrency": 0`: 3 * time.Second, `, "MaxConcurrency": 10`: 10 * time.Second, `, "MaxConcurrency": 1`: 100 * time.Second} {
			l := newRecorder(t)
			l.task("work", sleepy(l))
			ones := make([]int, 100)
			for i := range ones {
				ones[i] = 1
			}
			input, _ := json.Marshal(ones)
			l.output(inline(fields, ""), string(input))
			same(t, "time with "+fields, l.world.Now().Sub(start), want)
		}
	})

	t.Run("the first iteration that fails stops the others, and the Map fails with its failure", func(t *testing.T) {
		l := newRecorder(t)
		l.task("work", sleepy(l))
		r := l.run(inline(`, "MaxConcurrency": 4`, ""), `[100, -5, 3, -4, 1, 1]`)
		same(t, "result", []any{r.Status, r.Error, r.Cause, r.Stop.Sub(r.Start)}, []any{asl.Failed, "E4", "because", 4 * time.Second})
		same(t, "story", l.story(asl.StateEntered, asl.StateExited, asl.StateFailed), []string{
			"0 StateEntered S", "0 StateEntered S[0] I", "0 StateEntered S[1] I", "0 StateEntered S[2] I", "0 StateEntered S[3] I",
			"3 StateExited S[2] I", "3 StateEntered S[4] I", "4 StateFailed S[3] I E4", "4 StateFailed S E4",
		})
	})

	t.Run("its failure can be retried and caught", func(t *testing.T) {
		l := newRecorder(t)
		l.task("work", sleepy(l))
		r := l.run(`{"StartAt": "S", "States": {"S": {"Type": "Map", "End": true,
			"Retry": [{"ErrorEquals": ["E1"], "MaxAttempts": 1}], "Catch": [{"ErrorEquals": ["E1"], "Next": "Caught"}],
			"ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Task", "Resource": "arn:aws:states:::test:work", "End": true}}}},
			"Caught": {"Type": "Pass", "End": true}}}`, `[-1]`)
		same(t, "result", []any{string(r.Output), r.Stop.Sub(r.Start)}, []any{`{"Cause":"because","Error":"E1"}`, 3 * time.Second})
	})

	t.Run("Maps can be nested, and paths show the position", func(t *testing.T) {
		l := newRecorder(t)
		out := l.output(`{"StartAt": "Outer", "States": {"Outer": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "Inner", "States": {
			"Inner": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "I", "States": {
				"I": {"Type": "Pass", "Parameters": {"v.$": "$$.Map.Item.Value"}, "OutputPath": "$.v", "End": true}}}}}}}}}`, `[[1, 2], [], [3]]`)
		same(t, "output", out, `[[1,2],[],[3]]`)
		same(t, "paths", l.story(asl.StateEntered), []string{
			"0 StateEntered Outer", "0 StateEntered Outer[0] Inner", "0 StateEntered Outer[0].Inner[0] I", "0 StateEntered Outer[0].Inner[1] I",
			"0 StateEntered Outer[1] Inner", "0 StateEntered Outer[2] Inner", "0 StateEntered Outer[2].Inner[0] I",
		})
	})

	t.Run("a failure that can't be caught in an iteration can't be caught outside either", func(t *testing.T) {
		l := newRecorder(t)
		l.task("work", echo)
		r := l.run(`{"StartAt": "S", "States": {"S": {"Type": "Map", "End": true, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
			"ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "InputPath": "$.nothing", "End": true}}}},
			"Caught": {"Type": "Pass", "End": true}}}`, `[1]`)
		same(t, "error", r.Error, "States.Runtime")
	})
}
