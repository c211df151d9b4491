package asl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

type VolumeGoneError struct{ ID string }

func (e *VolumeGoneError) Error() string { return "the volume " + e.ID + " is <gone>" }

type valueError string

func (e valueError) Error() string { return string(e) }

func TestErrorName(t *testing.T) {
	for want, err := range map[string]error{
		"VolumeGoneError": &VolumeGoneError{"v"},
		"valueError":      valueError("x"),
		"errorString":     errors.New("x"),
		"wrapError":       fmt.Errorf("x: %w", &VolumeGoneError{"v"}), // the outermost type, as in aws-lambda-go
		"":                nil,
	} {
		same(t, "name", asl.ErrorName(err), want)
	}
}

func TestLambdaInvoke(t *testing.T) {
	invoke := func(function asl.Task, parameters string) (string, error) {
		task := asl.LambdaInvoke(map[string]asl.Task{"snapshot-volume": function})
		out, err := task(context.Background(), json.RawMessage(parameters))
		return string(out), err
	}

	t.Run("passes the payload to the function, and Lambda's answer to the state", func(t *testing.T) {
		for _, name := range []string{"snapshot-volume", "snapshot-volume:live", "arn:aws:lambda:us-east-1:123456789012:function:snapshot-volume", "arn:aws-cn:lambda:cn-north-1:123456789012:function:snapshot-volume:live"} {
			out, err := invoke(echo, `{"FunctionName": "`+name+`", "Payload": {"a": 1.50}}`)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "answer", out, `{"ExecutedVersion":"$LATEST","Payload":{"a":1.50},"StatusCode":200}`)
		}
	})
	t.Run("without a payload, the function gets {}; without a result, the state gets null", func(t *testing.T) {
		out, err := invoke(func(_ context.Context, in json.RawMessage) (json.RawMessage, error) {
			same(t, "payload", string(in), "{}")
			return nil, nil
		}, `{"FunctionName": "snapshot-volume"}`)
		same(t, "answer", []any{out, err}, []any{`{"ExecutedVersion":"$LATEST","Payload":null,"StatusCode":200}`, nil})
	})

	fails := func(err error) asl.Task {
		return func(context.Context, json.RawMessage) (json.RawMessage, error) { return nil, err }
	}
	for _, c := range []struct {
		what        string
		function    asl.Task
		parameters  string
		name, cause string
	}{
		{"an error has the name of its type and the cause that Lambda gives", fails(&VolumeGoneError{"vol-1"}), ``, "VolumeGoneError", `{"errorMessage":"the volume vol-1 is <gone>","errorType":"VolumeGoneError"}`},
		{"an error that wraps another has its own name", fails(fmt.Errorf("x: %w", &VolumeGoneError{"v"})), ``, "wrapError", `{"errorMessage":"x: the volume v is <gone>","errorType":"wrapError"}`},
		{"an unknown function", echo, `{"FunctionName": "other"}`, "Lambda.ResourceNotFoundException", "Function not found: other"},
		{"a parameter that is not supported", echo, `{"FunctionName": "snapshot-volume", "InvocationType": "Event"}`, "States.Runtime", `lambda:invoke does not support these parameters: json: unknown field "InvocationType"`},
		{"an answer that is not JSON", func(context.Context, json.RawMessage) (json.RawMessage, error) { return json.RawMessage("{"), nil }, ``, "States.Runtime", "the function snapshot-volume returned a result that is not JSON"},
	} {
		t.Run(c.what, func(t *testing.T) {
			if c.parameters == "" {
				c.parameters = `{"FunctionName": "snapshot-volume", "Payload": {}}`
			}
			_, err := invoke(c.function, c.parameters)
			var e *asl.TaskError
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			same(t, "error", *e, asl.TaskError{Name: c.name, Cause: c.cause})
		})
	}

	t.Run("a panic is an error with the type of its value, and with its stack", func(t *testing.T) {
		for want, function := range map[string]asl.Task{
			"string":          func(context.Context, json.RawMessage) (json.RawMessage, error) { panic("boom") },
			"VolumeGoneError": func(context.Context, json.RawMessage) (json.RawMessage, error) { panic(&VolumeGoneError{"v"}) },
			"boundsError":     func(_ context.Context, in json.RawMessage) (json.RawMessage, error) { return in[len(in)+1:], nil },
		} {
			_, err := invoke(function, `{"FunctionName": "snapshot-volume", "Payload": {}}`)
			var e *asl.TaskError
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			var cause struct {
				ErrorMessage, ErrorType string
				StackTrace              []struct {
					Path, Label string
					Line        int
				}
			}
			if err := json.Unmarshal([]byte(e.Cause), &cause); err != nil {
				t.Fatal(err)
			}
			same(t, "names", []string{e.Name, cause.ErrorType}, []string{want, want})
			stack := fmt.Sprint(cause.StackTrace)
			if cause.ErrorMessage == "" || !strings.Contains(stack, "lambda_test.go") {
				t.Errorf("%s: the stack is %s", want, stack)
			}
		}
	})

	t.Run("the definition can distinguish the errors and read their causes", func(t *testing.T) {
		l := newRecorder(t)
		l.runner.Resources["lambda:invoke"] = asl.LambdaInvoke(map[string]asl.Task{"f": fails(&VolumeGoneError{"vol-1"})})
		out := l.output(`{"StartAt": "S", "States": {
			"S": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "End": true,
				"Catch": [{"ErrorEquals": ["VolumeGoneError"], "Next": "Gone", "ResultPath": "$.failure"}]},
			"Gone": {"Type": "Pass", "Parameters": {"why.$": "States.StringToJson($.failure.Cause)"}, "OutputPath": "$.why.errorMessage", "End": true}}}`, `{}`)
		same(t, "output", out, `"the volume vol-1 is <gone>"`)
	})
}
