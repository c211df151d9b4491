package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
)

// LambdaInvoke is the task of "lambda:invoke" for functions by name. It fails as Lambda does with aws-lambda-go: the name of the error
// is its ErrorName, or the type of the value with which the handler panicked, and its cause is the JSON of Lambda.
//
// A FunctionName may be a name or an ARN, with or without an alias. The only other supported parameter is Payload.
func LambdaInvoke(functions map[string]Task) Task {
	return func(ctx context.Context, input json.RawMessage) (json.RawMessage, error) {
		var in struct {
			FunctionName string
			Payload      json.RawMessage
		}
		d := json.NewDecoder(strings.NewReader(string(input)))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			return nil, &TaskError{Name: errRuntime, Cause: fmt.Sprintf("lambda:invoke does not support these parameters: %v", err)}
		}
		function, ok := functions[in.FunctionName]
		if !ok {
			if function, ok = functions[functionName(in.FunctionName)]; !ok {
				return nil, &TaskError{Name: "Lambda.ResourceNotFoundException", Cause: "Function not found: " + in.FunctionName}
			}
		}
		if in.Payload == nil {
			in.Payload = json.RawMessage("{}")
		}
		payload, err := invoke(ctx, function, in.Payload)
		if err != nil {
			return nil, err
		}
		if len(payload) == 0 {
			payload = json.RawMessage("null")
		}
		if !json.Valid(payload) {
			return nil, &TaskError{Name: errRuntime, Cause: "the function " + in.FunctionName + " returned a result that is not JSON"}
		}
		return encode(map[string]any{"ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200}), nil
	}
}

// functionName returns the name in arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS], or in NAME[:ALIAS].
func functionName(s string) string {
	if parts := strings.Split(s, ":"); len(parts) >= 7 && parts[0] == "arn" {
		return parts[6]
	}
	name, _, _ := strings.Cut(s, ":")
	return name
}

// lambdaError is the payload of a failed invocation.
type lambdaError struct {
	Message string       `json:"errorMessage"`
	Type    string       `json:"errorType"`
	Stack   []stackFrame `json:"stackTrace,omitempty"`
}

func invoke(ctx context.Context, function Task, payload json.RawMessage) (out json.RawMessage, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = functionError(lambdaError{fmt.Sprint(r), typeName(r), panicStack()})
		}
	}()
	out, err = function(ctx, payload)
	if err != nil {
		return nil, functionError(lambdaError{Message: err.Error(), Type: ErrorName(err)})
	}
	return out, nil
}

func functionError(e lambdaError) *TaskError {
	return &TaskError{Name: e.Type, Cause: string(encode(e))}
}

type stackFrame struct {
	Path  string `json:"path"`
	Line  int    `json:"line"`
	Label string `json:"label"`
}

// panicStack returns the stack of the handler's panic.
func panicStack() []stackFrame {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)]) // without Callers, panicStack, the deferred function and panic
	var stack []stackFrame
	for {
		f, more := frames.Next()
		stack = append(stack, stackFrame{Path: f.File, Line: f.Line, Label: f.Function})
		if !more {
			return stack
		}
	}
}
