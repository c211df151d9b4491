// Package sfngw asks Step Functions about executions.
package sfngw

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const callTimeout = 30 * time.Second

// Executions is Step Functions' memory of executions: 90 days.
type Executions struct{ client *sfn.Client }

// New asks the Step Functions that cfg names.
func New(cfg aws.Config) *Executions { return &Executions{sfn.NewFromConfig(cfg)} }

// Status says how the execution with the ARN stands.
func (e *Executions) Status(ctx context.Context, arn string) (discover.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := e.client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{
		ExecutionArn: aws.String(arn), IncludedData: types.IncludedDataMetadataOnly,
	})
	if _, forgotten := errors.AsType[*types.ExecutionDoesNotExist](err); forgotten {
		return discover.Ended, nil
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "AccessDeniedException" {
		err = &contract.AccessDeniedError{Message: "states:DescribeExecution was denied: " + api.ErrorMessage()}
	}
	if err != nil {
		return "", fmt.Errorf("ask how execution %s stands: %w", arn, err)
	}
	switch out.Status {
	case types.ExecutionStatusRunning, types.ExecutionStatusPendingRedrive:
		return discover.Running, nil
	case types.ExecutionStatusSucceeded, types.ExecutionStatusFailed, types.ExecutionStatusTimedOut, types.ExecutionStatusAborted:
		return discover.Ended, nil
	}
	// The SDK takes an answer without a body for a success. A run must not be taken from an execution that may be under way.
	return "", fmt.Errorf("ask how execution %s stands: Step Functions answered with the status %q", arn, out.Status)
}
