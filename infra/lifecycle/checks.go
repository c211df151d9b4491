package lifecycle

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

type checksProps struct {
	Functions functions
	Group     awsscheduler.CfnScheduleGroup
	ARNs      arns
}

// newChecks calls the functions that have a schedule of their own. They share neither role nor schedule with the runs, which they
// watch. No queue keeps a call that can't be made: an alarm tells that they stay away.
func newChecks(scope constructs.Construct, p checksProps) {
	if len(p.Functions.checks()) == 0 {
		return
	}
	at := constructs.NewConstruct(scope, str("Checks"))
	role := awsiam.NewRole(at, str("Role"), &awsiam.RoleProps{
		Description: str("Lets the checks' schedules call the functions that check"),
		AssumedBy:   p.ARNs.scheduler(),
	})
	var calls []string
	for _, f := range p.Functions.checks() {
		calls = append(calls, *f.Lambda.FunctionArn())
	}
	allow(role, "CallTheChecks", []string{"lambda:InvokeFunction"}, calls, nil)
	if f := p.Functions.Freshness; f != nil {
		// At half past: what fires on the hour has had its time.
		p.schedule(at, "check.freshness", "cron(30 * * * ? *)", "Looks for volumes whose snapshots are too old", f, role)
	}
}

// schedule calls a function. Its name has a dot, and no number behind it: no keyword's schedule has such a name.
func (p checksProps) schedule(scope constructs.Construct, name, expression, description string, f *function, role awsiam.Role) {
	schedule := awsscheduler.NewCfnSchedule(scope, str(f.ID), &awsscheduler.CfnScheduleProps{
		Name:               str(name),
		GroupName:          p.Group.Ref(),
		Description:        str(description),
		ScheduleExpression: str(expression),
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: str("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn: f.Lambda.FunctionArn(), RoleArn: role.RoleArn(), Input: str("{}"),
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumEventAgeInSeconds: jsii.Number(3000), MaximumRetryAttempts: jsii.Number(10), // until the next one is due
			},
		},
	})
	schedule.Node().AddDependency(role)
}
