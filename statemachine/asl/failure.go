package asl

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// The error names that AWS reserves and that can occur here.
const (
	errAll             = "States.ALL"
	errTimeout         = "States.Timeout"
	errTaskFailed      = "States.TaskFailed"
	errRuntime         = "States.Runtime"
	errDataLimit       = "States.DataLimitExceeded"
	errResultPath      = "States.ResultPathMatchFailure"
	errTolerance       = "States.ExceedToleratedFailureThreshold"
	errItemReader      = "States.ItemReaderFailed"
	errResultWriter    = "States.ResultWriterFailed"
	errHeartbeat       = "States.HeartbeatTimeout"
	errPermissions     = "States.Permissions"
	reservedErrorStart = "States."
)

// TaskError is an error with a name that the definition's Retry and Catch can match. A Task returns it or an error that wraps it. Any
// other error of a Task becomes States.TaskFailed.
type TaskError struct {
	Name  string // as in ErrorEquals, e.g. "S3.S3Exception"
	Cause string
}

func (e *TaskError) Error() string {
	if e.Cause == "" {
		return e.Name
	}
	return e.Name + ": " + e.Cause
}

// ErrorName is the name that aws-lambda-go gives to an error of a handler: the Go type of the outermost value, without the pointer.
// (messages.InvokeResponse_Error, which has its own name, is not supported.)
func ErrorName(err error) string { return typeName(err) }

func typeName(v any) string {
	t := reflect.TypeOf(v)
	if t == nil {
		return ""
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}

// failure is why a state, and perhaps its execution, did not succeed.
type failure struct {
	name, cause string
	stopped     bool // the execution was stopped; nothing retries or catches this
	ofTask      bool // a Task failed, or its result is too large
	between     bool // the data from this state to the next is too large; nothing catches this
}

func (f *failure) output() map[string]any {
	return map[string]any{"Error": f.name, "Cause": f.cause}
}

func runtimeFailure(format string, args ...any) *failure {
	return &failure{name: errRuntime, cause: fmt.Sprintf(format, args...)}
}

// taskFailure converts an error of a Task.
func taskFailure(err error) *failure {
	if e, ok := errors.AsType[*TaskError](err); ok {
		return &failure{name: e.Name, cause: e.Cause, ofTask: true}
	}
	return &failure{name: errTaskFailed, cause: err.Error(), ofTask: true}
}

// caughtBy says whether a Catch of names handles f. Recordings of AWS show that States.ALL catches States.DataLimitExceeded of a
// Task's result, although the documentation says that it does not. They also show that nothing catches it between states.
func (f *failure) caughtBy(names []string) bool {
	if f.between && f.name == errDataLimit {
		return false
	}
	return f.matches(names) || f.name == errDataLimit && f.ofTask && slices.Contains(names, errAll)
}

// matches says whether one of names matches f. The wildcards do not match the errors that AWS calls terminal, and nothing matches
// States.Runtime.
func (f *failure) matches(names []string) bool {
	if f.name == errRuntime {
		return false
	}
	for _, name := range names {
		switch {
		case name == f.name:
			return true
		case name == errAll && f.name != errDataLimit:
			return true
		case name == errTaskFailed && f.name != errDataLimit && f.name != errTimeout:
			return true
		}
	}
	return false
}
