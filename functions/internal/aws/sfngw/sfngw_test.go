package sfngw

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const arn = "arn:aws:states:us-east-1:123456789012:execution:snapshot-lifecycle:one"

// answering asks a Step Functions that gives the same response to each request.
func answering(t *testing.T, status int, body string) (bool, error) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	defer s.Close()
	return New(aws.Config{
		Region: "us-east-1", BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}).Running(t.Context(), arn)
}

func TestAnExecutionsStatusSaysWhetherItsRunMayBeTakenOver(t *testing.T) {
	for status, want := range map[string]bool{
		"RUNNING": true, "PENDING_REDRIVE": true, "SUCCEEDED": false,
		"FAILED": false, "TIMED_OUT": false, "ABORTED": false,
	} {
		got, err := answering(t, http.StatusOK, fmt.Sprintf(`{"executionArn": %q, "status": %q}`, arn, status))
		if err != nil || got != want {
			t.Errorf("%s: got %t, %v; want %t", status, got, err, want)
		}
	}
}

func TestAForgottenExecutionHasEnded(t *testing.T) {
	got, err := answering(t, http.StatusBadRequest, `{"__type": "ExecutionDoesNotExist", "message": "gone"}`)
	if err != nil || got != false {
		t.Errorf("got %t, %v; want %t", got, err, false)
	}
}

func TestAResponseWithoutAStatusIsAnErrorAndNotAnEndedExecution(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
	}{{200, ""}, {200, "{}"}, {200, `{"status": "ASLEEP"}`}, {200, `{"html": "a proxy's page"}`}, {202, ""}, {203, "{}"}, {204, ""}} {
		if got, err := answering(t, c.status, c.body); err == nil || got {
			t.Errorf("%d %q: got %t, %v", c.status, c.body, got, err)
		}
	}
}

func TestAFailedRequestIsAnErrorAndNotAnEndedExecution(t *testing.T) {
	for body, denial := range map[string]bool{
		`{"__type": "AccessDeniedException", "message": "no"}`: true,
		`{"__type": "InternalFailure", "message": "sorry"}`:    false,
	} {
		got, err := answering(t, http.StatusBadRequest, body)
		if err == nil || got || contract.Is[*contract.AccessDeniedError](err) != denial || !strings.Contains(err.Error(), arn) {
			t.Errorf("%s: got %t, %v", body, got, err)
		}
	}
}
