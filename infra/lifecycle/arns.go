package lifecycle

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
)

// arns builds the ARNs that can't be references. One is the ARN of the state machine: its own role needs it, and so does the role
// of a function that it calls. References there would be a cycle. No ARN has a literal partition.
type arns struct{ stack awscdk.Stack }

func (a arns) of(service, resource string) string {
	return "arn:" + *a.stack.Partition() + ":" + service + ":" + *a.stack.Region() + ":" + *a.stack.Account() + ":" + resource
}

// snapshots matches every snapshot. The ARN of a snapshot has no account.
func (a arns) snapshots() string {
	return "arn:" + *a.stack.Partition() + ":ec2:" + *a.stack.Region() + "::snapshot/*"
}

func (a arns) volumes() string { return a.of("ec2", "volume/*") }

func (a arns) stateMachine() string { return a.of("states", "stateMachine:"+Name) }

// executions matches the executions that schedules and people start.
func (a arns) executions() string { return a.of("states", "execution:"+Name+":*") }

// children matches the executions that the Distributed Map starts, one for each instance.
func (a arns) children() string { return a.of("states", "execution:"+Name+"/"+mapLabel+":*") }

// integration is the ARN of a Step Functions service integration, e.g. lambda:invoke.
func (a arns) integration(action string) string {
	return "arn:" + *a.stack.Partition() + ":states:::" + action
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
