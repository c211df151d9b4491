package contract_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func TestTheClosedListOfErrors(t *testing.T) {
	want := []string{
		"InvalidInputError", "NoTurnError", "ThrottledError", "SnapshotRateError", "SnapshotQuotaError", "SnapshotLimitError",
		"SnapshotPendingError", "SnapshotFailedError", "VolumeGoneError", "AccessDeniedError", "UnexpectedError",
	}
	var got []string
	for _, e := range contract.Errors() {
		got = append(got, nameOf(e))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTheListHasEveryDeclaredError(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared, listed []string
	for _, e := range contract.Errors() {
		listed = append(listed, nameOf(e))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			if _, ok := spec.Type.(*ast.StructType); ok {
				declared = append(declared, spec.Name.Name)
			}
		}
		return true
	})
	if diff := cmp.Diff(declared, listed); diff != "" || len(declared) == 0 {
		t.Errorf("-declared +listed:\n%s", diff)
	}
}

// nameOf returns the name that Step Functions sees: the type of the outermost value, as in aws-lambda-go.
func nameOf(err error) string {
	if err == nil {
		return ""
	}
	return reflect.TypeOf(err).Elem().Name()
}

func TestEachErrorKeepsItsNameAndTheWholeMessage(t *testing.T) {
	for _, e := range contract.Errors() {
		t.Run(nameOf(e), func(t *testing.T) {
			got := contract.Outermost(fmt.Errorf("prune vol-1: %w", fmt.Errorf("delete snap-1: %w", e)))
			if nameOf(got) != nameOf(e) || got.Error() != "prune vol-1: delete snap-1: " {
				t.Errorf("got a %s: %v", nameOf(got), got)
			}
			if errors.Unwrap(got) != nil {
				t.Error("it wraps another error, but it must be the outermost and only one")
			}
		})
	}
}

func TestOutermost(t *testing.T) {
	throttled := &contract.ThrottledError{Message: "slow down"}
	pending := &contract.SnapshotPendingError{Message: "not yet"}
	cases := []struct {
		name string
		err  error
		want error
	}{
		{"returns an error of the contract as it is", throttled, &contract.ThrottledError{Message: "slow down"}},
		{"finds an error of the contract at any depth", fmt.Errorf("a: %w", fmt.Errorf("b: %w", throttled)), &contract.ThrottledError{Message: "a: b: slow down"}},
		{"takes the first of several, and the message of all", errors.Join(io.EOF, throttled, pending), &contract.ThrottledError{Message: "EOF\nslow down\nnot yet"}},
		{"takes the outer of two that are nested", fmt.Errorf("%w: %w", pending, throttled), &contract.SnapshotPendingError{Message: "not yet: slow down"}},
		{"turns any other error into an UnexpectedError", fmt.Errorf("read: %w", io.EOF), &contract.UnexpectedError{Message: "read: EOF"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, contract.Outermost(c.err)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	t.Run("leaves nil nil", func(t *testing.T) {
		if err := contract.Outermost(nil); err != nil {
			t.Errorf("got a %T", err)
		}
	})
	t.Run("does not change what it was given", func(t *testing.T) {
		_ = contract.Outermost(fmt.Errorf("a: %w", throttled))
		if throttled.Message != "slow down" {
			t.Errorf("the message became %q", throttled.Message)
		}
	})
}
