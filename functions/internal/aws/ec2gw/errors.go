package ec2gw

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Who retries what: the SDK sleeps inside a paid Lambda, so it makes only three attempts within about four seconds. That is enough for a short
// burst. For longer waits Step Functions retries (ThrottledError and others), since waiting costs nothing there. Nothing in between retries.
// The SDK tries CreateSnapshot and CreateSnapshots only once: after a lost response or a 5xx a second attempt could create a second snapshot, and after a
// throttle it would not help, since our creates are paced and others have emptied the bucket (see functions/SCALING.md).
const (
	attempts   = 3
	maxBackoff = 2 * time.Second
)

// codes maps EC2's error codes (EC2 API Reference, "Error codes") to the contract's errors. The message is never used: EC2 changes its text.
var codes = map[string]func(message string) contract.Error{
	"SnapshotCreationPerVolumeRateExceeded": func(m string) contract.Error { return &contract.SnapshotRateError{Message: m} },
	"ConcurrentSnapshotLimitExceeded":       quota,
	"PendingSnapshotLimitExceeded":          quota,
	"SnapshotLimitExceeded":                 func(m string) contract.Error { return &contract.SnapshotLimitError{Message: m} },
	"InvalidVolume.NotFound":                func(m string) contract.Error { return &contract.VolumeGoneError{Message: m} },
	unauthorized:                            denied,
	"AccessDenied":                          denied,
	"AccessDeniedException":                 denied,
	"AuthFailure":                           denied,
	"Blocked":                               denied,
	"OptInRequired":                         denied,
	"PendingVerification":                   denied,
	"InvalidClientTokenId":                  denied,
	"SignatureDoesNotMatch":                 denied,
	"ExpiredToken":                          denied,
	"ExpiredTokenException":                 denied,
	"RequestExpired":                        denied,
	"UnrecognizedClientException":           denied,
	"MissingAuthenticationToken":            denied,
	"IncompleteSignature":                   denied,
	"InvalidSecurityToken":                  denied,
	"KMSAccessDeniedException":              denied,
	"KMS.AccessDeniedException":             denied,
}

func quota(m string) contract.Error  { return &contract.SnapshotQuotaError{Message: m} }
func denied(m string) contract.Error { return &contract.AccessDeniedError{Message: m} }

// classify wraps the contract's error for EC2's code, and adds what was attempted.
func classify(attempted string, err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return fmt.Errorf("%s: %w", attempted, err)
	}
	message := fmt.Sprintf("%s: %s", api.ErrorCode(), readable(api.ErrorMessage()))
	if isThrottle(err) {
		return fmt.Errorf("%s: %w", attempted, &contract.ThrottledError{Message: message})
	}
	kind := codes[api.ErrorCode()]
	if kind == nil {
		return fmt.Errorf("%s: %s", attempted, message)
	}
	if e := kind(message); !isDenied(e) {
		return fmt.Errorf("%s: %w", attempted, e)
	}
	// An operator's first question is which permission is missing. The action has the operation's name.
	if op, ok := errors.AsType[*smithy.OperationError](err); ok {
		message = fmt.Sprintf("ec2:%s was denied: %s", op.Operation(), message)
	}
	return fmt.Errorf("%s: %w", attempted, &contract.AccessDeniedError{Message: message})
}

func isDenied(e contract.Error) bool {
	_, ok := e.(*contract.AccessDeniedError)
	return ok
}

// readable removes the encoded text of 1 KB that EC2 appends to a denial and that only `aws sts decode-authorization-message` can read. It also
// makes the message visible: it may quote tags, and it is used in errors, logs and mails.
func readable(message string) string {
	const blob = "Encoded authorization failure message:"
	if i := strings.Index(message, blob); i >= 0 {
		message = message[:i]
	}
	return ebs.Visible(strings.TrimSpace(message))
}

var throttles = retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}

func isThrottle(err error) bool { return throttles.IsErrorThrottle(err) == aws.TrueTernary }

// unauthorized is EC2's code for an action that no policy allows. If a policy requires a tag, it is also the code for a resource that has lost
// the tag, or that no longer exists.
const unauthorized = "UnauthorizedOperation"

func isUnauthorized(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorCode() == unauthorized
}

func isGone(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorCode() == "InvalidSnapshot.NotFound"
}

// isRefusal says whether EC2 refuses for good. Its codes for locked snapshots, or for those that another service owns, are not documented. So
// every client error that is neither a throttle nor in codes counts as a refusal.
func isRefusal(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || isThrottle(err) || codes[api.ErrorCode()] != nil {
		return false
	}
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	return ok && response.HTTPStatusCode() >= http.StatusBadRequest &&
		response.HTTPStatusCode() < http.StatusInternalServerError
}

func refusal(id string, err error) error {
	api, _ := errors.AsType[smithy.APIError](err)
	return &ebs.RefusedError{SnapshotID: id, Code: api.ErrorCode(), Message: readable(api.ErrorMessage())}
}

// newRetryer gives the SDK's standard retryer with our limits.
func newRetryer(wait func(time.Duration)) aws.RetryerV2 {
	r := retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff, o.RateLimiter = attempts, maxBackoff, ratelimit.None
	})
	if wait == nil {
		return r
	}
	return elsewhere{r, wait}
}

// elsewhere waits for a retry's delay by another clock than the SDK's.
type elsewhere struct {
	aws.RetryerV2
	wait func(time.Duration)
}

func (e elsewhere) RetryDelay(attempt int, err error) (time.Duration, error) {
	d, err := e.RetryerV2.RetryDelay(attempt, err)
	if err == nil {
		e.wait(d)
	}
	return 0, err
}
