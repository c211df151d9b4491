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

// execution is an open one, of a run.
type execution struct{ arn, region string }

func (p *place) client(region string) *sfn.Client {
	return sfn.NewFromConfig(p.cfg, func(o *sfn.Options) { o.Region = region })
}

// open lists the open executions of the stacks' state machines, as far as the credentials' account has them. A state machine with
// an open one stays in DELETING, and its name then blocks the next deployment.
func (p *place) open(ctx context.Context) ([]execution, error) {
	var out []execution
	for _, t := range p.targets {
		if t.Account != p.account {
			continue // these credentials can't look there
		}
		machine := fmt.Sprintf("arn:%s:states:%s:%s:stateMachine:%s", p.partition, t.Region, t.Account, config.StackName)
		pages := sfn.NewListExecutionsPaginator(p.client(t.Region), &sfn.ListExecutionsInput{
			StateMachineArn: aws.String(machine), StatusFilter: types.ExecutionStatusRunning,
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if _, gone := errors.AsType[*types.StateMachineDoesNotExist](err); gone {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("list the open executions of %s: %w", machine, err)
			}
			for _, e := range page.Executions {
				out = append(out, execution{aws.ToString(e.ExecutionArn), t.Region})
			}
		}
	}
	return out, nil
}

// stop stops them. The executions that each has begun for its instances end with it.
func (p *place) stop(ctx context.Context, stderr io.Writer) error {
	open, err := p.open(ctx)
	if err != nil {
		return err
	}
	for _, e := range open {
		_, err := p.client(e.region).StopExecution(ctx, &sfn.StopExecutionInput{
			ExecutionArn: aws.String(e.arn), Error: aws.String("Destroyed"), Cause: aws.String("The stack is being destroyed."),
		})
		if _, ended := errors.AsType[*types.ExecutionDoesNotExist](err); err != nil && !ended {
			return fmt.Errorf("stop %s: %w", e.arn, err)
		}
		fmt.Fprintln(stderr, "stopped", e.arn)
	}
	return nil
}
