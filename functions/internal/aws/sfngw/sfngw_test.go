package sfngw

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const arn = "arn:aws:states:us-east-1:123456789012:execution:snapshot-lifecycle:one"

// answering asks a Step Functions that gives the same response to each request.
func answering(t *testing.T, status int, body string) (discover.Status, error) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	defer s.Close()
	return New(aws.Config{
		Region: "us-east-1", BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}).Status(t.Context(), arn)
}

func TestAnExecutionsStatusSaysWhetherItsRunMayBeTakenOver(t *testing.T) {
	for status, want := range map[string]discover.Status{
		"RUNNING": discover.Running, "PENDING_REDRIVE": discover.Running, "SUCCEEDED": discover.Ended,
		"FAILED": discover.Ended, "TIMED_OUT": discover.Ended, "ABORTED": discover.Ended,
	} {
		got, err := answering(t, http.StatusOK, fmt.Sprintf(`{"executionArn": %q, "status": %q}`, arn, status))
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", status, got, err, want)
		}
	}
}

func TestAForgottenExecutionHasEnded(t *testing.T) {
	got, err := answering(t, http.StatusBadRequest, `{"__type": "ExecutionDoesNotExist", "message": "gone"}`)
	if err != nil || got != discover.Ended {
		t.Errorf("got %s, %v; want %s", got, err, discover.Ended)
	}
}

func TestAResponseWithoutAStatusIsAnErrorAndNotAnEndedExecution(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
	}{{200, ""}, {200, "{}"}, {200, `{"status": "ASLEEP"}`}, {200, `{"html": "a proxy's page"}`}, {202, ""}, {203, "{}"}, {204, ""}} {
		if got, err := answering(t, c.status, c.body); err == nil || got != "" {
			t.Errorf("%d %q: got %q, %v", c.status, c.body, got, err)
		}
	}
}

func TestAFailedRequestIsAnErrorAndNotAnEndedExecution(t *testing.T) {
	for body, denial := range map[string]bool{
		`{"__type": "AccessDeniedException", "message": "no"}`: true,
		`{"__type": "InternalFailure", "message": "sorry"}`:    false,
	} {
		got, err := answering(t, http.StatusBadRequest, body)
		if err == nil || got != "" || contract.Is[*contract.AccessDeniedError](err) != denial || !strings.Contains(err.Error(), arn) {
			t.Errorf("%s: got %q, %v", body, got, err)
		}
	}
}
