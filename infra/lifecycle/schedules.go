package lifecycle

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// schedules are the schedules that start the runs.
type schedules struct {
	Undelivered awssqs.Queue // the dead-letter queue: runs that EventBridge Scheduler could not start
	Group       awsscheduler.CfnScheduleGroup
}

type schedulesProps struct {
	Schedules    []config.Schedule
	StateMachine awsstepfunctions.StateMachine
	ARNs         arns
}

func newSchedules(scope constructs.Construct, p schedulesProps) *schedules {
	at := constructs.NewConstruct(scope, str("Schedules"))
	undelivered := awssqs.NewQueue(at, str("Undelivered"), &awssqs.QueueProps{
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      yes,
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)), // the maximum
	})
	group := awsscheduler.NewCfnScheduleGroup(at, str("Group"), &awsscheduler.CfnScheduleGroupProps{Name: str(Name)})
	role := p.role(at, undelivered)
	named := map[string]int{}
	for _, s := range p.Schedules {
		id := scheduleID(s.Keyword)
		if named[id]++; named[id] > 1 {
			id = fmt.Sprintf("%s.%d", id, named[id]) // no other ID has a dot
		}
		p.schedule(at, id, s, group, role, undelivered)
	}
	return &schedules{Undelivered: undelivered, Group: group}
}

// role creates a role that may only start this state machine and write to the queue.
func (p schedulesProps) role(scope constructs.Construct, undelivered awssqs.Queue) awsiam.Role {
	role := awsiam.NewRole(scope, str("Role"), &awsiam.RoleProps{
		Description: str("Allows the schedules to start runs, and to queue those that could not be started"),
		AssumedBy:   p.ARNs.scheduler(),
	})
	allow(role, "StartRuns", []string{"states:StartExecution"}, []string{*p.StateMachine.StateMachineArn()}, nil)
	allow(role, "QueueRunsThatCouldNotBeStarted", []string{"sqs:SendMessage"}, []string{*undelivered.QueueArn()}, nil)
	return role
}

// scheduler is EventBridge Scheduler as a principal, for the schedules of this stack only.
func (a arns) scheduler() awsiam.IPrincipal {
	return awsiam.NewServicePrincipal(str("scheduler.amazonaws.com"), &awsiam.ServicePrincipalOpts{
		Conditions: conditions{"StringEquals": {
			"aws:SourceAccount": *a.stack.Account(),
			// The ARN of the group, because EventBridge Scheduler does not send the ARN of the schedule.
			"aws:SourceArn": a.of("scheduler", "schedule-group/"+Name),
		}}.props(),
	})
}

const maxAge = 24 * time.Hour // the limit of EventBridge Scheduler

func (p schedulesProps) schedule(
	scope constructs.Construct, id string, s config.Schedule, group awsscheduler.CfnScheduleGroup, role awsiam.Role, undelivered awssqs.Queue,
) {
	window := &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: str("OFF")}
	if s.WindowMinutes > 0 {
		window = &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{
			Mode: str("FLEXIBLE"), MaximumWindowInMinutes: jsii.Number(s.WindowMinutes),
		}
	}
	state := "ENABLED"
	if !s.Enabled {
		state = "DISABLED"
	}
	// A late run is better than none until the next one is due. After that, it would only create a second snapshot of the same data.
	age := maxAge
	if s.Expression.Longest > 0 {
		age = min(maxAge, s.Expression.Longest)
	}
	schedule := awsscheduler.NewCfnSchedule(scope, str(id), &awsscheduler.CfnScheduleProps{
		Name:                       str(id),
		GroupName:                  group.Ref(),
		Description:                str("Starts a run for the instances with the tag " + contract.KeywordASCII(s.Keyword)),
		ScheduleExpression:         str(s.Expression.Text),
		ScheduleExpressionTimezone: str(s.TimeZone),
		FlexibleTimeWindow:         window,
		State:                      str(state),
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn:     p.StateMachine.StateMachineArn(),
			RoleArn: role.RoleArn(),
			Input:   str(input(s)),
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumEventAgeInSeconds: jsii.Number(age.Seconds()), MaximumRetryAttempts: jsii.Number(185),
			},
			DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: undelivered.QueueArn()},
		},
	})
	// Otherwise the schedule might trigger before its role has permissions.
	schedule.Node().AddDependency(role)
}

// input is the input of the execution. EventBridge Scheduler fills in the scheduled time. It is the same if a trigger is delivered
// twice.
func input(s config.Schedule) string {
	return config.JSON(contract.Input{SnapshotKeyWord: s.Keyword, ScheduledTime: "<aws.scheduler.scheduled-time>", TimeZone: s.TimeZone})
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9-]+`)

// maxID leaves room for a number: names in EventBridge Scheduler have at most 64 characters.
const maxID = 56

// scheduleID turns a keyword into a valid name of a schedule. If that changes the keyword, a hash of it is added to the name, so that
// two keywords do not get the same name.
func scheduleID(keyword string) string {
	id := notInNames.ReplaceAllString(keyword, "-")
	if id == keyword && len(id) <= maxID {
		return id
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(keyword)) // never fails
	return fmt.Sprintf("%s-%08x", cmp.Or(strings.Trim(id[:min(len(id), maxID-9)], "-"), "schedule"), h.Sum32())
}
