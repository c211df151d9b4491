package contract

import "errors"

// Error is an error of the closed list that the Lambda functions return. aws-lambda-go names an error by the Go type of the outermost
// value, and the definition's ErrorEquals match that name. So the boundary of the handlers returns these errors unwrapped.
type Error interface {
	error
	contract(message string) Error
}

type (
	// InvalidInputError: the keyword is missing or malformed or has a wildcard, or the input can't be read. Not retried.
	InvalidInputError struct{ Message string }
	// NoTurnError: the last instance could only start when the execution is nearly timed out. Not retried.
	NoTurnError struct{ Message string }
	// ThrottledError: EC2 throttled the requests, even after the SDK's own retries. Retried with full jitter, many times.
	ThrottledError struct{ Message string }
	// SnapshotRateError: two snapshots of one volume within 15 seconds. Retried after 15 seconds or more.
	SnapshotRateError struct{ Message string }
	// SnapshotQuotaError: the volume or the account has too many pending snapshots. Retried for hours.
	SnapshotQuotaError struct{ Message string }
	// SnapshotLimitError: the Region's quota of snapshots is reached. Not retried.
	SnapshotLimitError struct{ Message string }
	// SnapshotPendingError: this run's snapshot is not completed yet. Retried. If the retries are used up, that is not a failure.
	SnapshotPendingError struct{ Message string }
	// SnapshotFailedError: this run's snapshot is in the state error or was deleted. Not retried.
	SnapshotFailedError struct{ Message string }
	// VolumeGoneError: the volume was deleted after it was discovered. That is not a failure.
	VolumeGoneError struct{ Message string }
	// AccessDeniedError: IAM or KMS denied a call. Not retried.
	AccessDeniedError struct{ Message string }
	// UnexpectedError: anything else. Retried a few times.
	UnexpectedError struct{ Message string }
)

func (e *InvalidInputError) Error() string    { return e.Message }
func (e *NoTurnError) Error() string          { return e.Message }
func (e *ThrottledError) Error() string       { return e.Message }
func (e *SnapshotRateError) Error() string    { return e.Message }
func (e *SnapshotQuotaError) Error() string   { return e.Message }
func (e *SnapshotLimitError) Error() string   { return e.Message }
func (e *SnapshotPendingError) Error() string { return e.Message }
func (e *SnapshotFailedError) Error() string  { return e.Message }
func (e *VolumeGoneError) Error() string      { return e.Message }
func (e *AccessDeniedError) Error() string    { return e.Message }
func (e *UnexpectedError) Error() string      { return e.Message }

func (*InvalidInputError) contract(m string) Error    { return &InvalidInputError{m} }
func (*NoTurnError) contract(m string) Error          { return &NoTurnError{m} }
func (*ThrottledError) contract(m string) Error       { return &ThrottledError{m} }
func (*SnapshotRateError) contract(m string) Error    { return &SnapshotRateError{m} }
func (*SnapshotQuotaError) contract(m string) Error   { return &SnapshotQuotaError{m} }
func (*SnapshotLimitError) contract(m string) Error   { return &SnapshotLimitError{m} }
func (*SnapshotPendingError) contract(m string) Error { return &SnapshotPendingError{m} }
func (*SnapshotFailedError) contract(m string) Error  { return &SnapshotFailedError{m} }
func (*VolumeGoneError) contract(m string) Error      { return &VolumeGoneError{m} }
func (*AccessDeniedError) contract(m string) Error    { return &AccessDeniedError{m} }
func (*UnexpectedError) contract(m string) Error      { return &UnexpectedError{m} }

// Errors returns the closed list: one error of each type.
func Errors() []Error {
	return []Error{
		&InvalidInputError{}, &NoTurnError{}, &ThrottledError{}, &SnapshotRateError{}, &SnapshotQuotaError{}, &SnapshotLimitError{},
		&SnapshotPendingError{}, &SnapshotFailedError{}, &VolumeGoneError{}, &AccessDeniedError{}, &UnexpectedError{},
	}
}

// Is says whether err is one of the contract's errors, or wraps it: contract.Is[*contract.ThrottledError](err).
func Is[E Error](err error) bool {
	_, is := errors.AsType[E](err)
	return is
}

// Outermost converts err to an error of the contract with the same message. Its type is the contract's error that err wraps, or
// UnexpectedError. nil stays nil.
func Outermost(err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[Error](err)
	if !ok {
		e = &UnexpectedError{}
	}
	return e.contract(err.Error())
}
