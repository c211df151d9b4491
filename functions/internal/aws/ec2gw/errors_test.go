package ec2gw

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// answer is an error of EC2 as the SDK returns it.
func answer(operation string, status int, code, message string) error {
	return &smithy.OperationError{ServiceID: "EC2", OperationName: operation, Err: &awshttp.ResponseError{
		RequestID: "req-1",
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code, Message: message},
		},
	}}
}

func TestClassify(t *testing.T) {
	kinds := map[string]string{
		"RequestLimitExceeded": "ThrottledError", "Throttling": "ThrottledError", "ThrottlingException": "ThrottledError",
		"ThrottledException": "ThrottledError", "RequestThrottled": "ThrottledError", "RequestThrottledException": "ThrottledError",
		"EC2ThrottledException": "ThrottledError", "TooManyRequestsException": "ThrottledError", "SlowDown": "ThrottledError",
		"BandwidthLimitExceeded": "ThrottledError", "PriorRequestNotComplete": "ThrottledError",

		"SnapshotCreationPerVolumeRateExceeded": "SnapshotRateError",
		"ConcurrentSnapshotLimitExceeded":       "SnapshotQuotaError",
		"PendingSnapshotLimitExceeded":          "SnapshotQuotaError",
		"SnapshotLimitExceeded":                 "SnapshotLimitError",
		"InvalidVolume.NotFound":                "VolumeGoneError",

		"ResourceLimitExceeded": "UnexpectedError", "InvalidSnapshot.InUse": "UnexpectedError", "InvalidSnapshot.NotFound": "UnexpectedError",
		"FilterLimitExceeded": "UnexpectedError", "IncorrectState": "UnexpectedError", "IncorrectInstanceState": "UnexpectedError",
		"InternalError": "UnexpectedError", "InternalFailure": "UnexpectedError", "Unavailable": "UnexpectedError", "": "UnexpectedError",
	}
	for code, kind := range kinds {
		t.Run(code, func(t *testing.T) {
			// The message names another error: it must not be used.
			err := classify("list", answer("DescribeSnapshots", 400, code, "RequestLimitExceeded, InvalidVolume.NotFound "))
			want := fmt.Sprintf("*contract.%s: list: %s: RequestLimitExceeded, InvalidVolume.NotFound", kind, code)
			if got := outermost(err); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	for _, code := range []string{
		"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "AuthFailure", "Blocked", "OptInRequired", "PendingVerification",
		"InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "KMSAccessDeniedException", "KMS.AccessDeniedException",
	} {
		t.Run(code, func(t *testing.T) {
			err := classify("create a snapshot of vol-1", answer("CreateSnapshot", 403, code, "no"))
			want := "*contract.AccessDeniedError: create a snapshot of vol-1: ec2:CreateSnapshot was denied: " + code + ": no"
			if got := outermost(err); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// outermost gives an error as Step Functions sees it.
func outermost(err error) string {
	err = contract.Outermost(err)
	return fmt.Sprintf("%T: %v", err, err)
}

func TestClassifySaysWhatIsMissingWithoutTheBlob(t *testing.T) {
	const said = "You are not authorized to perform this operation. User: arn:aws:sts::111122223333:assumed-role/snapshot-volume/x is not " +
		"authorized to perform: ec2:CreateTags on resource: arn:aws:ec2:eu-central-1::snapshot/*"
	for name, message := range map[string]string{
		"with the blob":    said + ". Encoded authorization failure message: kT9GkQw_ZrPq0r3Zl-AAAA",
		"without the blob": said + ". ",
	} {
		t.Run(name, func(t *testing.T) {
			err := classify("create a snapshot of vol-1", answer("CreateSnapshot", 403, "UnauthorizedOperation", message))
			want := &contract.AccessDeniedError{
				Message: "create a snapshot of vol-1: ec2:CreateSnapshot was denied: UnauthorizedOperation: " + said + ".",
			}
			if diff := cmp.Diff(error(want), contract.Outermost(err)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	t.Run("without the operation's name", func(t *testing.T) {
		err := classify("list", &smithy.GenericAPIError{Code: "UnauthorizedOperation", Message: "no"})
		if got, want := outermost(err), "*contract.AccessDeniedError: list: UnauthorizedOperation: no"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// EC2's messages quote tags, and the state machine's mails quote these errors unchanged.
func TestWhatEC2SaysIsVisibleInErrors(t *testing.T) {
	const hostile, want = "no tag web\n\u009b2K\u202e allowed", `no tag web\n\u009b2K\u202e allowed`
	for _, err := range []error{
		classify("create", answer("CreateSnapshot", 403, "UnauthorizedOperation", hostile)),
		classify("list", answer("DescribeSnapshots", 400, "InvalidParameterValue", hostile)),
		refusal("snap-1", answer("DeleteSnapshot", 400, "InvalidSnapshot.InUse", hostile)),
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want one with %q", err, want)
		}
	}
}

func TestClassifyKeepsErrorsThatAreNotEC2s(t *testing.T) {
	err := classify("list", &smithy.OperationError{ServiceID: "EC2", OperationName: "DescribeVolumes", Err: context.DeadlineExceeded})
	if !errors.Is(err, context.DeadlineExceeded) || outermost(err) != "*contract.UnexpectedError: list: operation error EC2: DescribeVolumes, context deadline exceeded" {
		t.Errorf("got %s", outermost(err))
	}
}

func TestIsRefusal(t *testing.T) {
	cases := []struct {
		name string
		err  error
		want bool
	}{
		{"an AMI uses the snapshot", answer("DeleteSnapshot", 400, "InvalidSnapshot.InUse", ""), true},
		{"the snapshot is locked or another service owns it, with a code that is not documented", answer("DeleteSnapshot", 400, "OperationNotPermitted", ""), true},
		{"the snapshot is in another state", answer("DeleteSnapshot", 400, "IncorrectState", ""), true},
		{"a conflict", answer("DeleteSnapshot", 409, "Conflict", ""), true},
		{"a throttle with a client error's status", answer("DeleteSnapshot", 400, "Throttling", ""), false},
		{"a throttle", answer("DeleteSnapshot", 503, "RequestLimitExceeded", ""), false},
		{"a denial", answer("DeleteSnapshot", 403, "UnauthorizedOperation", ""), false},
		{"an error of EC2's own", answer("DeleteSnapshot", 500, "InternalError", ""), false},
		{"EC2 is not there", answer("DeleteSnapshot", 503, "Unavailable", ""), false},
		{"an error without an answer", &smithy.OperationError{Err: context.DeadlineExceeded}, false},
		{"an answer without a status", &smithy.GenericAPIError{Code: "InvalidSnapshot.InUse"}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := isRefusal(c.err); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestARefusalHasEC2sReason(t *testing.T) {
	err := refusal("snap-1", answer("DeleteSnapshot", 400, "InvalidSnapshot.InUse", "The snapshot snap-1 is currently in use by ami-1\n"))
	want := &ebs.RefusedError{SnapshotID: "snap-1", Code: "InvalidSnapshot.InUse", Message: "The snapshot snap-1 is currently in use by ami-1"}
	if diff := cmp.Diff(error(want), err); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
