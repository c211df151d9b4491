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

// checks makes the functions that have a schedule of their own, as far as they are configured.
func (p functionsProps) checks(f *functions, create creation) {
	c := p.Config
	if limits := c.FreshnessLimits(); len(limits) > 0 {
		texts := map[string]string{}
		for keyword, limit := range limits {
			texts[keyword] = limit.String()
		}
		f.Freshness = create("check-freshness", "CheckFreshness", "Looks for volumes whose snapshots are too old, whatever the reason",
			fleetSeconds, fleetMiB, map[string]*string{
				contract.EnvBucket: p.Bucket.BucketName(), contract.EnvTopicARN: p.Alerts.TopicARN, contract.EnvLimits: str(config.JSON(texts)),
				contract.EnvExcludeBoot: str(config.JSON(c.ExcludeBoot())),
			})
		p.check(f.Freshness, freshnessKey)
	}
	if keywords := c.OrphanKeywords(); len(keywords) > 0 {
		f.Orphans = create("tidy-orphans", "TidyOrphans", "Looks for snapshots that belong to no run any more, and deletes what the policy does not keep",
			fleetSeconds, fleetMiB, map[string]*string{
				contract.EnvBucket: p.Bucket.BucketName(), contract.EnvTopicARN: p.Alerts.TopicARN, contract.EnvKeywords: str(config.JSON(keywords)),
				contract.EnvPolicy: str(c.Orphans), contract.EnvExpireDays: str(strconv.Itoa(c.OrphansExpire)),
			})
		p.check(f.Orphans, orphansKey)
		// Lambda would call it twice more after an error, and each call deletes as much as one may. The next day is soon enough.
		f.Orphans.Lambda.ConfigureAsyncInvoke(&awslambda.EventInvokeConfigOptions{RetryAttempts: jsii.Number(0)})
		if c.OrphansDeleted() {
			p.deleteOnlyOurs(f.Orphans)
		}
	}
}

// check lets a function look at what there is, remember what it found, and tell of it.
func (p functionsProps) check(f *function, key string) {
	// * : EC2's Describe actions know no resources.
	allow(f.Role, "FindInstancesVolumesAndSnapshots",
		[]string{"ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeSnapshots"}, []string{"*"}, nil)
	allow(f.Role, "RememberWhatItFound", []string{"s3:GetObject", "s3:PutObject"}, []string{*p.Bucket.ArnForObjects(str(key))}, nil)
	// As for discovery: without it, S3 answers 403 for an object that is not there yet.
	allow(f.Role, "TellMissingFromForbidden", []string{"s3:ListBucket"}, []string{*p.Bucket.BucketArn()}, nil)
	p.Alerts.letPublish(f.Role)
}

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
	if f := p.Functions.Orphans; f != nil {
		p.schedule(at, "tidy.orphans", "cron(15 3 * * ? *)", "Looks for snapshots that belong to no run any more", f, role)
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
