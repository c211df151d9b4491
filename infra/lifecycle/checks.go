package lifecycle

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// createChecks creates the functions that have a schedule of their own, if the configuration needs them.
func (p functionsProps) createChecks(f *functions, create createFunction) {
	c := p.Config
	if limits := c.FreshnessLimits(); len(limits) > 0 {
		texts := map[string]string{}
		for keyword, limit := range limits {
			texts[keyword] = limit.String()
		}
		f.Freshness = create("check-freshness", "CheckFreshness", "Looks for volumes whose snapshots are too old",
			fleetSeconds, fleetMiB, map[string]*string{
				contract.EnvBucket: p.Bucket.BucketName(), contract.EnvTopicARN: p.Alerts.TopicARN, contract.EnvLimits: str(config.JSON(texts)),
				contract.EnvExcludeBoot: str(config.JSON(c.ExcludeBoot())),
			})
		p.allowCheck(f.Freshness, freshnessKey)
	}
	if keywords := c.OrphanKeywords(); len(keywords) > 0 {
		f.Orphans = create("tidy-orphans", "TidyOrphans", "Looks for orphaned snapshots, and deletes those that the policy does not keep",
			fleetSeconds, fleetMiB, map[string]*string{
				contract.EnvBucket: p.Bucket.BucketName(), contract.EnvTopicARN: p.Alerts.TopicARN, contract.EnvKeywords: str(config.JSON(keywords)),
				contract.EnvPolicy: str(c.Orphans), contract.EnvExpireDays: str(strconv.Itoa(c.OrphansExpire)),
			})
		p.allowCheck(f.Orphans, orphansKey)
		// After an error Lambda would call it twice more, and each call may delete as much as one call is allowed to. The next day is
		// early enough.
		f.Orphans.Lambda.ConfigureAsyncInvoke(&awslambda.EventInvokeConfigOptions{RetryAttempts: jsii.Number(0)})
		if c.OrphansDeleted() {
			p.allowDelete(f.Orphans)
		}
	}
}

// allowCheck lets a function read from EC2, save the result of its last check, and publish alerts.
func (p functionsProps) allowCheck(f *function, key string) {
	// * : EC2's Describe actions do not support resources.
	allow(f.Role, "FindInstancesVolumesAndSnapshots",
		[]string{"ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeSnapshots"}, []string{"*"}, nil)
	allow(f.Role, "SaveTheLastResult", []string{"s3:GetObject", "s3:PutObject"}, []string{*p.Bucket.ArnForObjects(str(key))}, nil)
	// As for discover-instances: without this permission, S3 answers 403 for an object that does not exist yet.
	allow(f.Role, "DistinguishMissingFromForbidden", []string{"s3:ListBucket"}, []string{*p.Bucket.BucketArn()}, nil)
	p.Alerts.allowRole(f.Role)
}

type checksProps struct {
	Functions functions
	Group     awsscheduler.CfnScheduleGroup
	ARNs      arns
}

// newChecks creates the schedules of the checks. The checks watch the runs, so they share neither role nor schedule with them. They
// need no dead-letter queue: an alarm reports when there are no checks.
func newChecks(scope constructs.Construct, p checksProps) {
	if len(p.Functions.checks()) == 0 {
		return
	}
	at := constructs.NewConstruct(scope, str("Checks"))
	role := awsiam.NewRole(at, str("Role"), &awsiam.RoleProps{
		Description: str("Allows the schedules of the checks to invoke their functions"),
		AssumedBy:   p.ARNs.scheduler(),
	})
	var calls []string
	for _, f := range p.Functions.checks() {
		calls = append(calls, *f.Lambda.FunctionArn())
	}
	allow(role, "InvokeTheChecks", []string{"lambda:InvokeFunction"}, calls, nil)
	if f := p.Functions.Freshness; f != nil {
		// At half past the hour: runs that start on the hour have usually ended by then.
		p.schedule(at, "check.freshness", "cron(30 * * * ? *)", "Looks for volumes whose snapshots are too old", f, role)
	}
	if f := p.Functions.Orphans; f != nil {
		p.schedule(at, "tidy.orphans", "cron(15 3 * * ? *)", "Looks for orphaned snapshots", f, role)
	}
}

// schedule creates the schedule of a check. Its name has a dot that is not followed by a number. No schedule of a keyword has such a
// name.
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
				MaximumEventAgeInSeconds: jsii.Number(3000), MaximumRetryAttempts: jsii.Number(10), // until the next check
			},
		},
	})
	schedule.Node().AddDependency(role)
}
