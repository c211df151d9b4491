package lifecycle

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

type dashboardProps struct {
	Region       string
	StateMachine awsstepfunctions.StateMachine
	Functions    functions
	Alarms       []string // names
	ARNs         arns
}

// maxAlarms is how many alarms CloudWatch lets a widget show.
const maxAlarms = 100

// dashboardName contains the Region. Dashboards belong to the account and not to a Region, so the stacks of two Regions need
// different names.
func dashboardName(region string) string { return Name + "-" + region }

// newDashboard creates the dashboard. It answers from top to bottom: Is anything wrong? Did the last runs work? How many volumes
// were there, how many snapshots were created, how many failed, how long did it take? How old are the newest good snapshots? What
// was pruned?
func newDashboard(scope constructs.Construct, p dashboardProps) awscloudwatch.Dashboard {
	board := awscloudwatch.NewDashboard(scope, str("Dashboard"), &awscloudwatch.DashboardProps{
		DashboardName: str(dashboardName(p.Region)), DefaultInterval: awscdk.Duration_Days(jsii.Number(3)),
	})
	var alarms []interfacesawscloudwatch.IAlarmRef
	for _, name := range p.Alarms {
		alarms = append(alarms, awscloudwatch.Alarm_FromAlarmArn(board, str(name), str(p.ARNs.of("cloudwatch", "alarm:"+name))))
	}
	title := "Is anything wrong?"
	for chunk := range slices.Chunk(alarms, maxAlarms) {
		board.AddWidgets(awscloudwatch.NewAlarmStatusWidget(&awscloudwatch.AlarmStatusWidgetProps{
			Title: str(title), Alarms: &chunk, Width: jsii.Number(24), Height: jsii.Number(4),
		}))
		title = "Is anything wrong? (more alarms)"
	}
	report := []*function{p.Functions.Report}
	board.AddWidgets(table("Did the last runs work? How many volumes, and how long from the scheduled time to the report?", 16, report,
		`filter message = "run reported"`,
		"fields run_id as run, outcome, volumes, completed as created, failed, gone, problems, seconds/60 as minutes",
		"sort @timestamp desc", "limit 20"),
		table("How old is the newest good snapshot?", 8, report,
			`filter message = "run reported" and completed > 0`,
			"stats latest(run_id) as newest, (now() * 1000 - max(toMillis(@timestamp))) / 3600000 as hours_old by keyword"))
	prune := []*function{p.Functions.Prune}
	board.AddWidgets(
		table("How many snapshots were pruned?", 8, prune,
			`filter message in ["snapshot deleted", "snapshot kept"]`,
			`stats sum(strcontains(message, "deleted")) as pruned, sum(strcontains(message, "kept")) as kept_by_ec2, `+
				`max(@timestamp) as at by run_id`,
			"sort at desc", "limit 20"),
		table("What was pruned last, and why?", 16, prune,
			`filter message in ["snapshot deleted", "snapshot kept"]`,
			"fields @timestamp, message, snapshot_id, volume_id, reason", "sort @timestamp desc", "limit 20"))
	board.AddWidgets(p.graphs()...)
	return board
}

func (p dashboardProps) graphs() []awscloudwatch.IWidget {
	hourly := &awscloudwatch.MetricOptions{Statistic: str("Sum"), Period: minutes(60)}
	runs := []awscloudwatch.IMetric{
		p.StateMachine.MetricStarted(hourly), p.StateMachine.MetricSucceeded(hourly), p.StateMachine.MetricFailed(hourly),
		p.StateMachine.MetricTimedOut(hourly), p.StateMachine.MetricAborted(hourly),
	}
	duration := []awscloudwatch.IMetric{
		p.StateMachine.MetricTime(&awscloudwatch.MetricOptions{Statistic: str("Maximum"), Period: minutes(60)}),
	}
	var invocations, throttles []awscloudwatch.IMetric
	for _, f := range p.Functions.ofWorkflow() {
		invocations = append(invocations, f.Lambda.MetricInvocations(labelled(hourly, f.Name)))
		throttles = append(throttles, f.Lambda.MetricThrottles(labelled(hourly, f.Name+" throttled")))
	}
	return []awscloudwatch.IWidget{
		graph("Runs", runs, nil), graph("Duration of the longest run", duration, nil), graph("Invocations of the functions", invocations, throttles),
	}
}

func labelled(o *awscloudwatch.MetricOptions, label string) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Statistic: o.Statistic, Period: o.Period, Label: str(label)}
}

func graph(title string, left, right []awscloudwatch.IMetric) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: str(title), Left: &left, Right: &right, Width: jsii.Number(8), Height: jsii.Number(6),
	})
}

func table(title string, width int, functions []*function, lines ...string) awscloudwatch.IWidget {
	var groups, query []*string
	for _, f := range functions {
		groups = append(groups, f.Logs.LogGroupName())
	}
	for _, l := range lines {
		query = append(query, str(l))
	}
	return awscloudwatch.NewLogQueryWidget(&awscloudwatch.LogQueryWidgetProps{
		Title: str(title), LogGroupNames: &groups, QueryLines: &query, View: awscloudwatch.LogQueryVisualizationType_TABLE,
		Width: jsii.Number(width), Height: jsii.Number(7),
	})
}
