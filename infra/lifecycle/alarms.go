package lifecycle

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

type alarmsProps struct {
	Watches      []config.Watch
	StateMachine awsstepfunctions.StateMachine
	Functions    functions
	Undelivered  awssqs.Queue
	Rules        *rules
	Alerts       *alerts
}

// alarm describes one alarm.
type alarm struct {
	id        string
	happened  string // the description's first part: what has happened
	whatToDo  string // its second part
	metric    awscloudwatch.IMetric
	threshold int // the metric's value from which on the alarm is in the state ALARM
	periods   int // how many periods in a row must reach it; 0: one
	// missingFor makes it an alarm for missing data: it reports when there was no data for so long, and when data is back. 0: it is
	// a usual alarm.
	missingFor time.Duration
	// keepsState: without data the alarm keeps its state. It also reports when everything is well again.
	keepsState bool
}

// newAlarms creates the alarms and returns their names. A run reports its own problems; the alarms are for what no run can report.
func newAlarms(scope constructs.Construct, p alarmsProps) []string {
	at := constructs.NewConstruct(scope, str("Alarms"))
	var out []string
	for _, a := range p.alarms() {
		a.create(at, p.Alerts)
		out = append(out, a.name())
	}
	return out
}

// name is in the subject of the e-mail, so a person must be able to read it.
func (a alarm) name() string { return alarmPrefix + a.id }

const alarmPrefix = Name + "-"

func (p alarmsProps) alarms() []alarm {
	sum := &awscloudwatch.MetricOptions{Statistic: str("Sum"), Period: minutes(5)}
	out := []alarm{
		{
			id: "RunFailed", metric: p.StateMachine.MetricFailed(sum), threshold: 1,
			happened: "A run ended with the status FAILED.",
			whatToDo: "1. Read the e-mail of the run. It says which volumes failed, why, and how to try them again. " +
				"2. If there is no e-mail, look at the execution in the Step Functions console, and check that the state machine and " +
				"report-run are allowed to publish to the topic.",
		},
		{
			id: "RunThrottled", metric: p.StateMachine.MetricThrottled(sum), threshold: 1,
			happened: "Step Functions is slowing down the state machines of this account, so runs take longer.",
			whatToDo: "If it happens only once, do nothing. If it happens again, lower maxConcurrency, or ask AWS for a higher quota " +
				"on state transitions.",
		},
		{
			id: "FiringUndelivered", threshold: 1, metric: p.Undelivered.MetricApproximateNumberOfMessagesVisible(&awscloudwatch.MetricOptions{
				Statistic: str("Maximum"), Period: minutes(5),
			}),
			happened: "EventBridge Scheduler could not start a scheduled run and has stopped trying.",
			whatToDo: p.startUndelivered(),
		},
	}
	for _, f := range p.Functions.ofWorkflow() {
		out = append(out, p.errors(f, sum), alarm{
			id: f.ID + "Throttled", metric: f.Lambda.MetricThrottles(sum), threshold: 1, periods: 3,
			happened: "Lambda has throttled calls of " + f.Name + " for 15 minutes.",
			whatToDo: "1. Find out in the Lambda console what uses up the account's concurrency. 2. Raise the quota, or lower " +
				"maxConcurrency. Nothing is lost meanwhile: the state machine tries again.",
		})
	}
	for _, r := range []struct {
		id   string
		name *string
	}{{"RunEndedUntold", p.Rules.RunEnded.Ref()}, {"SnapshotFailedUntold", p.Rules.SnapshotFailed.Ref()}} {
		out = append(out, alarm{
			id: r.id, threshold: 1, metric: awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
				Namespace: str("AWS/Events"), MetricName: str("FailedInvocations"), DimensionsMap: &map[string]*string{"RuleName": r.name},
				Statistic: str("Sum"), Period: minutes(5),
			}),
			happened: "EventBridge could not deliver an alert to the SNS topic.",
			whatToDo: "1. Look in the Step Functions and EC2 consoles for runs and snapshots that failed in the last hour. 2. Allow " +
				"events.amazonaws.com to publish to the topic and to use its KMS key.",
		})
	}
	if f := p.Functions.Freshness; f != nil {
		out = append(out, freshnessAlarms()...)
		out = append(out, alarm{
			id: f.ID + "Errors", metric: f.Lambda.MetricErrors(sum), threshold: 1,
			happened: "The function check-freshness could not look for stale volumes, or could not send its e-mail.",
			whatToDo: "Find the cause in the log group of check-freshness and remove it. Lambda tries again, and the next check is within " +
				"the hour. Until then, freshness.json in the bucket has the result of the last check.",
		})
	}
	if f := p.Functions.Orphans; f != nil {
		out = append(out, alarm{
			id: f.ID + "Errors", metric: f.Lambda.MetricErrors(sum), threshold: 1,
			happened: "The function tidy-orphans could not check or delete all orphaned snapshots.",
			whatToDo: "Find the cause in the log group of tidy-orphans and remove it. The function tries again the next day. Until then, " +
				"the remaining orphaned snapshots are kept.",
		})
	}
	named := map[string]int{}
	for _, w := range p.Watches {
		if w.WhyNot != "" {
			continue
		}
		a := p.noSuccess(w)
		if named[a.id]++; named[a.id] > 1 { // two keywords have the same hash
			a.id = fmt.Sprintf("%s.%d", a.id, named[a.id])
		}
		out = append(out, a)
	}
	return out
}

// startUndelivered says how to start a run that EventBridge Scheduler could not start. The message's body is the request to start
// the execution, which contains the input as a text. No command accepts that body as it is.
func (p alarmsProps) startUndelivered() string {
	return "1. Read the message: aws sqs receive-message --queue-url " + *p.Undelivered.QueueUrl() + " --message-attribute-names All. " +
		"Its attributes ERROR_CODE and ERROR_MESSAGE give the cause. Remove it. " +
		"2. Start the run: aws stepfunctions start-execution --state-machine-arn " +
		*p.StateMachine.StateMachineArn() + ` --input '{"SnapshotKeyWord": "<keyword>", "ScheduledTime": "<SCHEDULED_TIME>"}'. ` +
		"The keyword is in the message's body, under Input. SCHEDULED_TIME is an attribute. If it is more than 23 hours ago, omit " +
		"ScheduledTime: the run then takes the current time. " +
		"3. Delete the message: aws sqs delete-message, with its ReceiptHandle as --receipt-handle."
}

// freshnessAlarms do not depend on any run. The first reports stale volumes, the second reports that nothing checks for them.
func freshnessAlarms() []alarm {
	return []alarm{
		{
			id: "StaleVolumes", metric: staleVolumesMetric("Maximum", 60), threshold: 1, keepsState: true,
			happened: "Some volumes have had no completed snapshot for longer than freshnessPeriods allows.",
			whatToDo: "Read the e-mail: it lists the volumes and what to check. The complete list is in freshness.json in the bucket. The " +
				"alarm ends when each volume has a fresh snapshot or no longer has the tag.",
		},
		{
			id: "FreshnessUnchecked", metric: staleVolumesMetric("SampleCount", 5), threshold: 1, missingFor: 3 * time.Hour,
			happened: "There was no check for stale volumes in the last three hours.",
			whatToDo: "1. Look for errors in the log group of check-freshness. 2. Check in the EventBridge Scheduler console that the " +
				"schedule check.freshness is enabled. After the first deployment this alarm is normal until the first check, at half past " +
				"the hour.",
		},
	}
}

// errors is about errors that are not part of normal work. discover-instances and report-run return an error only if something is
// wrong. The other two also return one when there is something to wait for, such as a snapshot that is not completed yet, so
// Lambda's count of their errors would mean nothing.
func (p alarmsProps) errors(f *function, sum *awscloudwatch.MetricOptions) alarm {
	a := alarm{
		id: f.ID + "Errors", threshold: 1, metric: unexpectedErrorsMetric(f),
		happened: "The function " + f.Name + " had an unexpected error, crashed or timed out.",
		whatToDo: "Find the cause in the log group of the function and remove it. The state machine tries the call again, and the " +
			"failure is reported if that does not help.",
	}
	if f == p.Functions.Discover || f == p.Functions.Report {
		a.metric = f.Lambda.MetricErrors(sum)
		a.happened = "The function " + f.Name + " returned an error."
	}
	return a
}

// noSuccess reports that the runs of a keyword no longer succeed, for any reason: the schedule is off, no run could start, or all
// runs failed.
func (p alarmsProps) noSuccess(w config.Watch) alarm {
	return alarm{
		id: "NoSuccess-" + scheduleID(w.Keyword), threshold: 1, missingFor: w.Within,
		metric: runsSucceededMetric(w.Keyword, awscdk.Duration_Seconds(jsii.Number(w.Period.Seconds()))),
		happened: fmt.Sprintf("No run of %s has succeeded in the last %s (two periods of its schedule).",
			contract.KeywordASCII(w.Keyword), inHours(w)),
		whatToDo: "1. Check in the EventBridge Scheduler console that the schedule is enabled. 2. Look in the Step Functions console how " +
			"the last runs ended, and remove the cause. 3. Start a run by hand. After the first deployment this alarm is normal until " +
			"the first run has succeeded.",
	}
}

func inHours(w config.Watch) string {
	if w.Within%time.Hour != 0 {
		return fmt.Sprintf("%g minutes", w.Within.Minutes())
	}
	return fmt.Sprintf("%g hours", w.Within.Hours())
}

func (a alarm) create(scope constructs.Construct, alerts *alerts) {
	props := &awscloudwatch.AlarmProps{
		AlarmName:          str(a.name()),
		AlarmDescription:   str(a.happened + " What to do: " + a.whatToDo),
		Metric:             a.metric,
		Threshold:          jsii.Number(a.threshold),
		EvaluationPeriods:  jsii.Number(max(1, a.periods)),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	}
	if a.missingFor > 0 {
		// FILL is needed: to treat missing data as breaching is not enough. CloudWatch would look for older data first, and an alarm
		// for two hours would come after four or five.
		period, n := config.Periods(a.missingFor)
		props.Metric = awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Expression: str("FILL(m, 0)"), UsingMetrics: &map[string]awscloudwatch.IMetric{"m": a.metric},
			Period: awscdk.Duration_Seconds(jsii.Number(period.Seconds())),
		})
		props.EvaluationPeriods = jsii.Number(n)
		props.ComparisonOperator = awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD
		props.TreatMissingData = awscloudwatch.TreatMissingData_BREACHING
	}
	if a.keepsState {
		props.TreatMissingData = awscloudwatch.TreatMissingData_IGNORE
	}
	created := awscloudwatch.NewAlarm(scope, str(a.id), props)
	action := awscloudwatchactions.NewSnsAction(alerts.Topic)
	created.AddAlarmAction(action)
	if a.missingFor > 0 || a.keepsState {
		created.AddOkAction(action)
	}
}
