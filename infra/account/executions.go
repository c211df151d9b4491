package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// execution is a running execution of a state machine.
type execution struct{ arn, region string }

func (d *destination) client(region string) *sfn.Client {
	return sfn.NewFromConfig(d.cfg, func(o *sfn.Options) { o.Region = region })
}

// runningExecutions lists the running executions of the stacks' state machines in the account of the credentials. While one is
// running, a deleted state machine stays in the status DELETING, and no new state machine can have its name.
func (d *destination) runningExecutions(ctx context.Context) ([]execution, error) {
	var out []execution
	for _, t := range d.targets {
		if t.Account != d.account {
			continue // the credentials are for another account
		}
		machine := fmt.Sprintf("arn:%s:states:%s:%s:stateMachine:%s", d.partition, t.Region, t.Account, config.StackName)
		pages := sfn.NewListExecutionsPaginator(d.client(t.Region), &sfn.ListExecutionsInput{
			StateMachineArn: aws.String(machine), StatusFilter: types.ExecutionStatusRunning,
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if _, gone := errors.AsType[*types.StateMachineDoesNotExist](err); gone {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("list the running executions of %s: %w", machine, err)
			}
			for _, e := range page.Executions {
				out = append(out, execution{aws.ToString(e.ExecutionArn), t.Region})
			}
		}
	}
	return out, nil
}

// stop stops the running executions. Their child executions stop with them.
func (d *destination) stop(ctx context.Context, stderr io.Writer) error {
	running, err := d.runningExecutions(ctx)
	if err != nil {
		return err
	}
	for _, e := range running {
		_, err := d.client(e.region).StopExecution(ctx, &sfn.StopExecutionInput{
			ExecutionArn: aws.String(e.arn), Error: aws.String("Destroyed"), Cause: aws.String("The stack is being destroyed."),
		})
		if _, ended := errors.AsType[*types.ExecutionDoesNotExist](err); err != nil && !ended {
			return fmt.Errorf("stop %s: %w", e.arn, err)
		}
		fmt.Fprintln(stderr, "stopped", e.arn)
	}
	return nil
}
