package lifecycle

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
)

// arns makes the ARNs that can't be references. The state machine's is one of them: its role, and the role of a function that
// it calls, name it, and a reference there would be a cycle. None has a literal partition.
type arns struct{ stack awscdk.Stack }

func (a arns) of(service, resource string) string {
	return "arn:" + *a.stack.Partition() + ":" + service + ":" + *a.stack.Region() + ":" + *a.stack.Account() + ":" + resource
}

// snapshots is every snapshot: their ARNs name no account.
func (a arns) snapshots() string {
	return "arn:" + *a.stack.Partition() + ":ec2:" + *a.stack.Region() + "::snapshot/*"
}

func (a arns) volumes() string { return a.of("ec2", "volume/*") }

func (a arns) stateMachine() string { return a.of("states", "stateMachine:"+Name) }

// executions are those that schedules and people start.
func (a arns) executions() string { return a.of("states", "execution:"+Name+":*") }

// children are the executions that the Distributed Map starts, one for each instance.
func (a arns) children() string { return a.of("states", "execution:"+Name+"/"+mapLabel+":*") }

// integration is a service integration of Step Functions, e.g. lambda:invoke.
func (a arns) integration(action string) string {
	return "arn:" + *a.stack.Partition() + ":states:::" + action
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
