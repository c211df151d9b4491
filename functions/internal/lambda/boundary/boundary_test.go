package boundary

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func TestHandle(t *testing.T) {
	cases := []struct {
		name    string
		request string
		err     error // of the use case
		want    contract.SnapshotResult
		wantErr error
		calls   int
	}{
		{name: "passes the request to the use case, and returns its result", request: `{"Volume": {"ID": "vol-1"}}`,
			want: contract.SnapshotResult{SnapshotID: "snap-of-vol-1"}, calls: 1},
		{name: "ignores unknown fields", request: `{"Volume": {"ID": "vol-1"}, "more": 1}`,
			want: contract.SnapshotResult{SnapshotID: "snap-of-vol-1"}, calls: 1},
		{name: "calls a request that is not JSON an invalid input", request: `{"Volume"`,
			wantErr: &contract.InvalidInputError{Message: "read the request: unexpected end of JSON input"}},
		{name: "calls an empty request an invalid input", request: ``,
			wantErr: &contract.InvalidInputError{Message: "read the request: unexpected end of JSON input"}},
		{name: "calls a field of another type an invalid input", request: `{"Attempt": "many"}`,
			wantErr: &contract.InvalidInputError{Message: "read the request: json: cannot unmarshal string into Go struct field SnapshotRequest.Attempt of type int"}},
		{name: "returns the contract's error itself, together with the result", request: `{"Volume": {"ID": "vol-1"}}`,
			err:  fmt.Errorf("create: %w", fmt.Errorf("deeper: %w", &contract.ThrottledError{Message: "slow down"})),
			want: contract.SnapshotResult{SnapshotID: "snap-of-vol-1"}, wantErr: &contract.ThrottledError{Message: "create: deeper: slow down"}, calls: 1},
		{name: "calls any other error unexpected", request: `{"Volume": {"ID": "vol-1"}}`, err: context.DeadlineExceeded,
			want: contract.SnapshotResult{SnapshotID: "snap-of-vol-1"}, wantErr: &contract.UnexpectedError{Message: "context deadline exceeded"}, calls: 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			handler, logged := handlerOf(&calls, c.err)
			got, err := handler(t.Context(), json.RawMessage(c.request))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.wantErr, err); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if calls != c.calls {
				t.Errorf("the use case was called %d times, want %d", calls, c.calls)
			}
			checkLog(t, logged.Bytes(), c.wantErr)
		})
	}
}

func handlerOf(calls *int, err error) (Handler[contract.SnapshotResult], *bytes.Buffer) {
	var logged bytes.Buffer
	return Handle(slog.New(slog.NewJSONHandler(&logged, nil)),
		func(_ context.Context, req contract.SnapshotRequest) (contract.SnapshotResult, error) {
			*calls++
			return contract.SnapshotResult{SnapshotID: "snap-of-" + req.Volume.ID}, err
		}), &logged
}

func TestAPanicIsAnUnexpectedErrorAndLogged(t *testing.T) {
	var logged bytes.Buffer
	handler := Handle(slog.New(slog.NewJSONHandler(&logged, nil)), func(context.Context, contract.SnapshotRequest) (contract.SnapshotResult, error) {
		var none map[string]int
		none["x"] = 1 //nolint:staticcheck // it must panic
		return contract.SnapshotResult{}, nil
	})
	_, err := lambda.NewHandler(handler).Invoke(t.Context(), []byte(`{}`))
	want := &contract.UnexpectedError{Message: "panic: assignment to entry in nil map; its stack is in the function's log"}
	if diff := cmp.Diff(error(want), err); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	var line struct{ Level, Msg, Stack string }
	if err := json.Unmarshal(logged.Bytes(), &line); err != nil {
		t.Fatalf("%v in the log %q, want one line", err, logged.Bytes())
	}
	if line.Level != "ERROR" || line.Msg != "request failed" || !strings.Contains(line.Stack, "boundary_test.go") {
		t.Errorf("logged %+v", line)
	}
}

func TestErrorsThatTheStateMachineHandlesAreNotLoggedAsErrors(t *testing.T) {
	for _, e := range contract.Errors() {
		calls := 0
		handler, logged := handlerOf(&calls, e)
		_, _ = handler(t.Context(), json.RawMessage(`{}`))
		planned := false
		switch e.(type) {
		case *contract.SnapshotPendingError, *contract.ThrottledError, *contract.SnapshotRateError, *contract.SnapshotQuotaError, *contract.VolumeGoneError:
			planned = true
		}
		if strings.Contains(logged.String(), `"level":"INFO"`) != planned {
			t.Errorf("%T: %s", e, logged)
		}
	}
}

func TestTheRuntimeDoesNotPrintAHandlersErrorAgain(t *testing.T) {
	const runtimes = `{"errorMessage":"json: unsupported type: func()","errorType":"UnsupportedTypeError"}` + "\n"
	var out bytes.Buffer
	for _, line := range []string{`{"errorMessage":"slow down","errorType":"ThrottledError"}` + "\n", runtimes, "failed to get next\n"} {
		if n, err := (withoutErrors{&out}).Write([]byte(line)); n != len(line) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if out.String() != runtimes+"failed to get next\n" {
		t.Errorf("printed %q", out.String())
	}
}

// checkLog: an error is logged once, and nothing else is.
func checkLog(t *testing.T, logged []byte, want error) {
	t.Helper()
	if want == nil {
		if len(logged) > 0 {
			t.Errorf("logged without an error: %s", logged)
		}
		return
	}
	var line map[string]any
	if err := json.Unmarshal(logged, &line); err != nil {
		t.Fatalf("%v in the log %q, want one line", err, logged)
	}
	delete(line, "time")
	level := "ERROR"
	if _, planned := errors.AsType[*contract.ThrottledError](want); planned {
		level = "INFO"
	}
	wantLine := map[string]any{"level": level, "msg": "request failed", "error_type": fmt.Sprintf("%T", want), "error": want.Error()}
	if diff := cmp.Diff(wantLine, line); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// The runtime's own code decides which name Step Functions gets for an error.
func TestTheRuntimeNamesTheErrorAsTheDefinitionDoes(t *testing.T) {
	for _, e := range contract.Errors() {
		calls := 0
		handler, _ := handlerOf(&calls, fmt.Errorf("attempted: %w", e))
		_, err := lambda.NewHandler(handler).Invoke(t.Context(), []byte(`{}`))
		if fmt.Sprintf("%T", err) != fmt.Sprintf("%T", e) || errors.Unwrap(err) != nil || calls != 1 {
			t.Errorf("the runtime gets a %T, want a %T", err, e)
		}
	}
}
