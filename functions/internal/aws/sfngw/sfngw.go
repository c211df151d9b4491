// Package sfngw is the gateway to Step Functions' executions.
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

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const callTimeout = 30 * time.Second

// Executions are the executions of the last 90 days.
type Executions struct{ client *sfn.Client }

// New makes a gateway to the Step Functions that cfg names.
func New(cfg aws.Config) *Executions { return &Executions{sfn.NewFromConfig(cfg)} }

// Running says whether the execution with the ARN is running. One that Step Functions has forgotten is not.
func (e *Executions) Running(ctx context.Context, arn string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := e.client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{
		ExecutionArn: aws.String(arn), IncludedData: types.IncludedDataMetadataOnly,
	})
	if _, forgotten := errors.AsType[*types.ExecutionDoesNotExist](err); forgotten {
		return false, nil
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "AccessDeniedException" {
		err = &contract.AccessDeniedError{Message: "states:DescribeExecution was denied: " + api.ErrorMessage()}
	}
	if err != nil {
		return false, fmt.Errorf("get the status of execution %s: %w", arn, err)
	}
	switch out.Status {
	case types.ExecutionStatusRunning, types.ExecutionStatusPendingRedrive:
		return true, nil
	case types.ExecutionStatusSucceeded, types.ExecutionStatusFailed, types.ExecutionStatusTimedOut, types.ExecutionStatusAborted:
		return false, nil
	}
	// The SDK takes a response without a body for a success. A run must not be taken over from an execution that may be running.
	return false, fmt.Errorf("get the status of execution %s: Step Functions answered %q", arn, out.Status)
}
