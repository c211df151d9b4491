package asl_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

func TestDataFlow(t *testing.T) {
	const input = `{"a": {"b": [1, {"c": "x"}], "n": null}, "t": "text", "big": 12345678901234567890.10, "f": false}`
	for _, c := range []struct{ what, fields, want string }{
		{"a Task gets the input and gives the output", ``, input},
		{"InputPath takes a part", `"InputPath": "$.a.b[1].c"`, `"x"`},
		{"a path can find null", `"InputPath": "$.a.n"`, `null`},
		{"brackets name a field", `"InputPath": "$['a'].b[1][\"c\"]"`, `"x"`},
		{"InputPath null is an empty object", `"InputPath": null`, `{}`},
		{"OutputPath null is an empty object", `"OutputPath": null`, `{}`},
		{"OutputPath selects a part", `"OutputPath": "$.a.b[0]"`, `1`},
		{"Parameters get the result of InputPath", `"InputPath": "$.a", "Parameters": {"x.$": "$.b[0]", "y": {"z.$": "$"}, "fixed": [1, "$.b"]}`,
			`{"x": 1, "y": {"z": {"b": [1, {"c": "x"}], "n": null}}, "fixed": [1, "$.b"]}`},
		{"Parameters are filled inside arrays too", `"Parameters": {"x": [{"y.$": "$.t"}, [{"z.$": "$.f"}], 3]}`, `{"x": [{"y": "text"}, [{"z": false}], 3]}`},
		{"ResultSelector gets the result", `"Parameters": {"r": 1}, "ResultSelector": {"s.$": "$.r", "e.$": "$$.Execution.Name"}`, `{"s": 1, "e": "run-1"}`},
		{"ResultPath puts the result into the raw input, not into the result of InputPath",
			`"InputPath": "$.t", "ResultPath": "$.a", "ResultSelector": {"got.$": "$"}`, `{"a": {"got": "text"}, "t": "text", "big": 12345678901234567890.10, "f": false}`},
		{"ResultPath makes missing fields", `"InputPath": "$.t", "ResultPath": "$.x.y.z", "OutputPath": "$.x"`, `{"y": {"z": "text"}}`},
		{"ResultPath makes no fields in a value that is not an object", `"InputPath": "$.t", "ResultPath": "$.a.n.x", "Parameters": {}, "OutputPath": "$.a"`, `error States.ResultPathMatchFailure`},
		{"ResultPath keeps the other fields", `"InputPath": "$.t", "ResultPath": "$.a.n", "OutputPath": "$.a"`, `{"b": [1, {"c": "x"}], "n": "text"}`},
		{"ResultPath replaces an element", `"InputPath": "$.t", "ResultPath": "$.a.b[1].c", "OutputPath": "$.a.b"`, `[1, {"c": "text"}]`},
		{"ResultPath does not make elements", `"ResultPath": "$.a.b[2]"`, `error States.ResultPathMatchFailure`},
		{"ResultPath null drops the result", `"InputPath": "$.t", "ResultPath": null, "OutputPath": "$.f"`, `false`},
		{"ResultPath $ is the result alone", `"InputPath": "$.t", "ResultPath": "$"`, `"text"`},
		{"OutputPath comes last", `"Parameters": {"r": {"s": 1}}, "ResultSelector": {"q.$": "$.r"}, "ResultPath": "$.x", "OutputPath": "$.x.q.s"`, `1`},
		{"the form of numbers does not change", `"InputPath": "$.big"`, `12345678901234567890.10`},
		{"the context object is in the paths", `"InputPath": "$$.Execution.Input.t", "OutputPath": "$"`, `"text"`},
		{"the context object is complete",
			`"Parameters": {"i.$": "$$.Execution.Id", "n.$": "$$.Execution.Name", "t.$": "$$.Execution.StartTime", "r.$": "$$.Execution.RedriveCount", "f.$": "$$.Execution.Input.f",
				"s.$": "$$.State.Name", "e.$": "$$.State.EnteredTime", "c.$": "$$.State.RetryCount", "mi.$": "$$.StateMachine.Id", "mn.$": "$$.StateMachine.Name"}`,
			`{"i": "arn:aws:states:us-east-1:123456789012:execution:state-machine:run-1", "n": "run-1", "t": "2026-11-22T08:00:00.000Z", "r": 0, "f": false,
				"s": "S", "e": "2026-11-22T08:00:00.000Z", "c": 0, "mi": "arn:aws:states:us-east-1:123456789012:stateMachine:state-machine", "mn": "state-machine"}`},

		{"Format fills in strings, numbers, booleans and null", `"Parameters": {"x.$": "States.Format('{}|{}|{}|{}|{}', $.t, $.a.b[0], $.f, $.a.n, -2.50)"}, "OutputPath": "$.x"`, `"text|1|false|null|-2.50"`},
		{"Format has escapes", `"Parameters": {"x.$": "States.Format('it\\'s \\{\\} \\\\ {}', 'a\\'b')"}, "OutputPath": "$.x"`, `"it's {} \\ a'b"`},
		{"Format takes its template from the data", `"Parameters": {"x.$": "States.Format($.t)"}, "OutputPath": "$.x"`, `"text"`},
		{"Format refuses a template in the data that is not a string", `"Parameters": {"x.$": "States.Format($.f)"}`, `error States.Runtime`},
		{"a nested function finds nothing", `"Parameters": {"x": [{"y.$": "States.Format('{}', States.JsonToString($.nothing))"}]}`, `error States.Runtime`},
		{"Format refuses objects", `"Parameters": {"x.$": "States.Format('{}', $.a)"}`, `error States.Runtime`},
		{"functions can be nested, with spaces", `"Parameters": {"x.$": "States.Format( 'a, (b) {} {}' ,States.JsonToString( $.a.b ), null )"}, "OutputPath": "$.x"`, `"a, (b) [1,{\"c\":\"x\"}] null"`},
		{"JsonToString escapes no HTML", `"Parameters": {"x.$": "States.JsonToString(States.StringToJson('\\{\"h\":\"<&>\"\\}'))"}, "OutputPath": "$.x"`, `"{\"h\":\"<&>\"}"`},
		{"StringToJson keeps numbers", `"Parameters": {"x.$": "States.StringToJson('[1.50, 12345678901234567890]')"}, "OutputPath": "$.x"`, `[1.50,12345678901234567890]`},
		{"StringToJson accepts only JSON", `"Parameters": {"x.$": "States.StringToJson($.t)"}`, `error States.Runtime`},
		{"StringToJson accepts only strings", `"Parameters": {"x.$": "States.StringToJson($.f)"}`, `error States.Runtime`},

		{"InputPath finds nothing", `"InputPath": "$.nothing"`, `error States.Runtime`},
		{"InputPath finds no element", `"InputPath": "$.a.b[2]"`, `error States.Runtime`},
		{"InputPath reads a field of a string", `"InputPath": "$.t.x"`, `error States.Runtime`},
		{"InputPath has an index for an object", `"InputPath": "$.a[0]"`, `error States.Runtime`},
		{"OutputPath finds nothing", `"OutputPath": "$.nothing"`, `error States.Runtime`},
		{"Parameters find nothing", `"Parameters": {"x.$": "$.nothing"}`, `error States.Runtime`},
		{"ResultSelector finds nothing", `"ResultSelector": {"x.$": "$.nothing"}`, `error States.Runtime`},
	} {
		t.Run(c.what, func(t *testing.T) {
			l := newRecorder(t)
			r := l.run(echoing(c.fields), input)
			if name, isError := strings.CutPrefix(c.want, "error "); isError {
				same(t, "error", r.Error, name)
				return
			}
			if r.Status != asl.Succeeded {
				t.Fatalf("%s: %s", r.Error, r.Cause)
			}
			want, err := compact(c.want)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "output", string(r.Output), want)
		})
	}

	t.Run("ResultPath does not change data that other states share", func(t *testing.T) {
		out := newRecorder(t).output(`{"StartAt": "S", "States": {
			"S": {"Type": "Pass", "Result": "new", "ResultPath": "$.a[0].b", "Next": "T"},
			"T": {"Type": "Pass", "Parameters": {"now.$": "$", "was.$": "$$.Execution.Input"}, "End": true}}}`, `{"a": [{"b": "old"}]}`)
		same(t, "output", out, `{"now":{"a":[{"b":"new"}]},"was":{"a":[{"b":"old"}]}}`)
	})

	t.Run("a missing path is reported with the state, the field and the path", func(t *testing.T) {
		r := newRecorder(t).run(echoing(`"Parameters": {"x": {"y.$": "$.nothing"}}`), `{}`)
		same(t, "cause", r.Cause, "an error occurred while executing the state 'S': Parameters: x: y: the path $.nothing finds nothing")
	})
}

// compact encodes JSON as an execution does: sorted, and with unchanged numbers.
func compact(s string) (string, error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", err
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

func TestPass(t *testing.T) {
	pass := func(fields string) string { return one(`"Type": "Pass", "End": true` + fields) }
	for what, c := range map[string]struct{ fields, want string }{
		"hands on its input":                  {``, `{"a":{"b":1}}`},
		"gives its Result":                    {`, "Result": {"c.$": "$.a"}`, `{"c.$":"$.a"}`},
		"puts its Result at ResultPath":       {`, "Result": 2, "ResultPath": "$.a.c"`, `{"a":{"b":1,"c":2}}`},
		"gives its Parameters":                {`, "Parameters": {"x.$": "$.a.b"}`, `{"x":1}`},
		"applies its paths":                   {`, "InputPath": "$.a", "Parameters": {"x.$": "$.b"}, "ResultPath": "$.y", "OutputPath": "$.y"`, `{"x":1}`},
		"gives null where its Result is null": {`, "Result": null`, `null`},
	} {
		t.Run(what, func(t *testing.T) {
			same(t, "output", newRecorder(t).output(pass(c.fields), `{"a": {"b": 1}}`), c.want)
		})
	}
}

func TestWait(t *testing.T) {
	for _, c := range []struct {
		what, fields string
		want         time.Duration
		err          string
	}{
		{"some seconds", `"Seconds": 90`, 90 * time.Second, ""},
		{"no seconds", `"Seconds": 0`, 0, ""},
		{"seconds from the input", `"SecondsPath": "$.s"`, 7 * time.Second, ""},
		{"until a time", `"Timestamp": "2026-11-22T08:01:00.25Z"`, time.Minute + 250*time.Millisecond, ""},
		{"until a time in another zone", `"Timestamp": "2026-11-22T16:00:01+08:00"`, time.Second, ""},
		{"until a time from the input", `"TimestampPath": "$.t"`, 24 * time.Hour, ""},
		{"until the execution's start, which is over", `"TimestampPath": "$$.Execution.StartTime"`, 0, ""},
		{"until a time that is over", `"Timestamp": "2020-01-01T00:00:00Z"`, 0, ""},
		{"until what is no time", `"TimestampPath": "$.x"`, 0, "States.Runtime"},
		{"until a number", `"TimestampPath": "$.s"`, 0, "States.Runtime"},
		{"until what is not there", `"TimestampPath": "$.nothing"`, 0, "States.Runtime"},
		{"seconds that are no number", `"SecondsPath": "$.t"`, 0, "States.Runtime"},
		{"seconds below 0", `"SecondsPath": "$.below"`, 0, "States.Runtime"},
		{"parts of a second", `"SecondsPath": "$.part"`, 0, "States.Runtime"},
	} {
		t.Run(c.what, func(t *testing.T) {
			l := newRecorder(t)
			r := l.run(two(`"Type": "Wait", "Next": "Done", `+c.fields), `{"s": 7, "t": "2026-11-23T08:00:00Z", "x": "soon", "below": -1, "part": 0.5}`)
			same(t, "error", r.Error, c.err)
			same(t, "waited", r.Stop.Sub(r.Start), c.want)
			same(t, "the clock", l.world.Now().Sub(start), c.want)
		})
	}

	t.Run("a stopped execution does not continue after a Wait that has ended", func(t *testing.T) {
		l := newRecorder(t)
		ctx, cancel := context.WithCancel(context.Background())
		l.runner.Observe = func(e asl.Event) {
			if e.State == "S" {
				cancel()
			}
			if e.State == "Done" {
				t.Error("it continued")
			}
		}
		r := l.runner.Run(ctx, l.parse(two(`"Type": "Wait", "Next": "Done", "Seconds": 0`)), asl.Execution{Name: "x"})
		same(t, "status", r.Status, asl.Aborted)
	})
}

func TestChoice(t *testing.T) {
	const input = `{"s": "b", "n": 10, "big": 9007199254740993, "x": 1.5, "yes": true, "no": false, "null": null, "o": {"p": 1}}`
	for _, c := range []struct {
		rule string
		want string // yes, no, or an error
	}{
		{`{"Variable": "$.s", "StringEquals": "b"}`, "yes"},
		{`{"Variable": "$.s", "StringEquals": "B"}`, "no"},
		{`{"Variable": "$.s", "StringLessThan": "c"}`, "yes"},
		{`{"Variable": "$.s", "StringLessThan": "b"}`, "no"},
		{`{"Variable": "$.s", "StringLessThanEquals": "b"}`, "yes"},
		{`{"Variable": "$.s", "StringGreaterThan": "a"}`, "yes"},
		{`{"Variable": "$.s", "StringGreaterThanEquals": "c"}`, "no"},
		{`{"Variable": "$.n", "StringEquals": "10"}`, "no"},
		{`{"Variable": "$.n", "NumericEquals": 10}`, "yes"},
		{`{"Variable": "$.n", "NumericEquals": 10.0}`, "yes"},
		{`{"Variable": "$.n", "NumericGreaterThan": 9}`, "yes"},
		{`{"Variable": "$.n", "NumericGreaterThan": 10}`, "no"},
		{`{"Variable": "$.n", "NumericGreaterThanEquals": 10}`, "yes"},
		{`{"Variable": "$.n", "NumericLessThan": 10}`, "no"},
		{`{"Variable": "$.n", "NumericLessThanEquals": 10}`, "yes"},
		{`{"Variable": "$.x", "NumericLessThan": 2}`, "yes"},
		{`{"Variable": "$.big", "NumericGreaterThan": 9007199254740992}`, "yes"}, // as binary64 they would be equal
		{`{"Variable": "$.s", "NumericEquals": 10}`, "no"},
		{`{"Variable": "$.yes", "BooleanEquals": true}`, "yes"},
		{`{"Variable": "$.no", "BooleanEquals": true}`, "no"},
		{`{"Variable": "$.no", "BooleanEquals": false}`, "yes"},
		{`{"Variable": "$.null", "BooleanEquals": false}`, "no"},
		{`{"Variable": "$.nothing", "IsPresent": false}`, "yes"},
		{`{"Variable": "$.nothing", "IsPresent": true}`, "no"},
		{`{"Variable": "$.null", "IsPresent": true}`, "yes"},
		{`{"Variable": "$.null", "IsNull": true}`, "yes"},
		{`{"Variable": "$.s", "IsNull": false}`, "yes"},
		{`{"Variable": "$.s", "IsString": true}`, "yes"},
		{`{"Variable": "$.n", "IsString": true}`, "no"},
		{`{"Variable": "$.n", "IsNumeric": true}`, "yes"},
		{`{"Variable": "$.no", "IsBoolean": true}`, "yes"},
		{`{"Variable": "$.o", "IsBoolean": false}`, "yes"},
		{`{"Variable": "$$.Execution.Name", "StringEquals": "run-1"}`, "yes"},
		{`{"Variable": "$.nothing", "StringEquals": "b"}`, "States.Runtime"},
		{`{"Not": {"Variable": "$.s", "StringEquals": "b"}}`, "no"},
		{`{"Not": {"Variable": "$.s", "StringEquals": "c"}}`, "yes"},
		{`{"And": [{"Variable": "$.s", "IsString": true}, {"Variable": "$.s", "StringEquals": "b"}]}`, "yes"},
		{`{"And": [{"Variable": "$.s", "IsString": true}, {"Variable": "$.s", "StringEquals": "c"}]}`, "no"},
		{`{"And": [{"Variable": "$.nothing", "IsPresent": true}, {"Variable": "$.nothing", "StringEquals": "c"}]}`, "no"},
		{`{"And": [{"Variable": "$.nothing", "StringEquals": "c"}, {"Variable": "$.nothing", "IsPresent": true}]}`, "States.Runtime"},
		{`{"Or": [{"Variable": "$.s", "StringEquals": "c"}, {"Variable": "$.n", "NumericEquals": 10}]}`, "yes"},
		{`{"Or": [{"Variable": "$.s", "StringEquals": "b"}, {"Variable": "$.nothing", "NumericEquals": 10}]}`, "yes"},
		{`{"Or": [{"Variable": "$.s", "StringEquals": "c"}, {"Not": {"Variable": "$.yes", "BooleanEquals": true}}]}`, "no"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			rule := strings.TrimSuffix(c.rule, "}") + `, "Next": "Yes"}`
			r := newRecorder(t).run(`{"StartAt": "S", "States": {"S": {"Type": "Choice", "Choices": [`+rule+`], "Default": "No"},
				"Yes": {"Type": "Pass", "Result": "yes", "End": true}, "No": {"Type": "Pass", "Result": "no", "End": true}}}`, input)
			got := r.Error
			if r.Status == asl.Succeeded {
				got = strings.Trim(string(r.Output), `"`)
			}
			same(t, "taken", got, c.want)
		})
	}

	choose := func(fields string) string {
		return `{"StartAt": "S", "States": {"S": {"Type": "Choice", "Choices": [
			{"Variable": "$.n", "NumericGreaterThan": 5, "Next": "First"}, {"Variable": "$.n", "NumericGreaterThan": 3, "Next": "Second"}]` + fields + `},
			"First": {"Type": "Pass", "End": true, "ResultPath": "$.first", "Result": 1}, "Second": {"Type": "Pass", "ResultPath": "$.second", "Result": 2, "End": true}}}`
	}
	t.Run("the first rule that is true decides, and the input is passed on", func(t *testing.T) {
		same(t, "output", newRecorder(t).output(choose(""), `{"n": 6}`), `{"first":1,"n":6}`)
		same(t, "output", newRecorder(t).output(choose(""), `{"n": 4}`), `{"n":4,"second":2}`)
	})
	t.Run("InputPath applies to the rules and the output", func(t *testing.T) {
		same(t, "output", newRecorder(t).output(choose(`, "InputPath": "$.in"`), `{"in": {"n": 4}}`), `{"n":4,"second":2}`)
	})
	t.Run("without a match and without a Default it fails as in AWS", func(t *testing.T) {
		r := newRecorder(t).run(choose(""), `{"n": 1}`)
		same(t, "error", r.Error, "States.Runtime")
		same(t, "cause", r.Cause, "an error occurred while executing the state 'S': Choices: no choice matched, and there is no Default")
	})
}

func TestSucceedAndFail(t *testing.T) {
	t.Run("Succeed applies its paths and ends", func(t *testing.T) {
		same(t, "output", newRecorder(t).output(one(`"Type": "Succeed", "InputPath": "$.a", "OutputPath": "$.b"`), `{"a": {"b": 3}}`), "3")
	})
	for what, c := range map[string]struct{ fields, err, cause string }{
		"gives its Error and Cause":    {`, "Error": "E", "Cause": "c"`, "E", "c"},
		"may have neither":             {``, "", ""},
		"takes them from the input":    {`, "ErrorPath": "$.e", "CausePath": "States.Format('{} is {}', $.e, $.n)"`, "Boom", "Boom is 3"},
		"takes a Cause that is JSON":   {`, "Error": "E", "CausePath": "States.JsonToString($)"`, "E", `{"e":"Boom","n":3}`},
		"takes strings only":           {`, "ErrorPath": "$.n"`, "States.Runtime", "an error occurred while executing the state 'S': ErrorPath: is a number, not a string"},
		"takes what is there only":     {`, "CausePath": "$.c"`, "States.Runtime", "an error occurred while executing the state 'S': CausePath: the path $.c finds nothing"},
		"knows the execution it is in": {`, "ErrorPath": "$$.Execution.Name"`, "run-1", ""},
	} {
		t.Run("Fail "+what, func(t *testing.T) {
			r := newRecorder(t).run(one(`"Type": "Fail"`+c.fields), `{"e": "Boom", "n": 3}`)
			same(t, "result", []string{string(r.Status), r.Error, r.Cause}, []string{"FAILED", c.err, c.cause})
		})
	}
}
