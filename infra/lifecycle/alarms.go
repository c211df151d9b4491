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

// alarm is one alarm, in the words that alarms have in common.
type alarm struct {
	id      string
	means   string // what has happened
	todo    string // what to do about it
	metric  awscloudwatch.IMetric
	least   int // of the metric's sum that alarms
	periods int // in a row; 0: one
	// missing: the alarm is for data that stays away for so long, and says so, too, when it comes again. 0: it is not.
	missing time.Duration
	// holds: without data the alarm stays as it is; it says, too, when all is well again.
	holds bool
}

// newAlarms makes the alarms, and gives their names. What a run can tell by itself comes with its report; these are for what it
// can't tell.
func newAlarms(scope constructs.Construct, p alarmsProps) []string {
	at := constructs.NewConstruct(scope, str("Alarms"))
	var out []string
	for _, a := range p.alarms() {
		a.create(at, p.Alerts)
		out = append(out, a.name())
	}
	return out
}

// name stands in the subject of the e-mail: a person has to read it.
func (a alarm) name() string { return alarmPrefix + a.id }

const alarmPrefix = Name + "-"

func (p alarmsProps) alarms() []alarm {
	sum := &awscloudwatch.MetricOptions{Statistic: str("Sum"), Period: minutes(5)}
	out := []alarm{
		{
			id: "RunFailed", metric: p.StateMachine.MetricFailed(sum), least: 1,
			means: "A run ended FAILED.",
			todo: "The e-mail of the run says which volumes failed, why, and how to try them again. If none came, see the execution " +
				"in the Step Functions console, and whether the state machine and report-run may publish.",
		},
		{
			id: "RunThrottled", metric: p.StateMachine.MetricThrottled(sum), least: 1,
			means: "Step Functions slowed the account's state machines down.",
			todo: "Nothing, if it passes: runs only take longer. If it comes back, lower maxConcurrency, or ask for more of the " +
				"quota on state transitions.",
		},
		{
			id: "FiringUndelivered", least: 1, metric: p.Undelivered.MetricApproximateNumberOfMessagesVisible(&awscloudwatch.MetricOptions{
				Statistic: str("Maximum"), Period: minutes(5),
			}),
			means: "A schedule fired, and no run could be started, however often it was tried.",
			todo:  p.deliver(),
		},
	}
	for _, f := range p.Functions.all() {
		out = append(out, p.errors(f, sum), alarm{
			id: f.ID + "Throttled", metric: f.Lambda.MetricThrottles(sum), least: 1, periods: 3,
			means: "Lambda has refused calls of " + f.Name + " for a quarter of an hour.",
			todo: "Nothing is lost: the state machine tries again. See in the Lambda console what uses up the account's concurrency; " +
				"raise the quota, or lower maxConcurrency.",
		})
	}
	for _, r := range []struct {
		id   string
		name *string
	}{{"RunEndedUntold", p.Rules.RunEnded.Ref()}, {"SnapshotFailedUntold", p.Rules.SnapshotFailed.Ref()}} {
		out = append(out, alarm{
			id: r.id, least: 1, metric: awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
				Namespace: str("AWS/Events"), MetricName: str("FailedInvocations"), DimensionsMap: &map[string]*string{"RuleName": r.name},
				Statistic: str("Sum"), Period: minutes(5),
			}),
			means: "EventBridge had something to tell, and the topic did not take it.",
			todo: "See in the Step Functions and EC2 consoles what failed in the last hour. Let events.amazonaws.com publish to the " +
				"topic and use its key.",
		})
	}
	if f := p.Functions.Freshness; f != nil {
		out = append(out, freshnessAlarms()...)
		out = append(out, alarm{
			id: f.ID + "Errors", metric: f.Lambda.MetricErrors(sum), least: 1,
			means: "Stale volumes could not be looked for, or nobody could be told of them.",
			todo: "The log group of check-freshness says what it was. It is tried again, and the next hour; freshness.json in the bucket " +
				"has what was found last.",
		})
	}
	if f := p.Functions.Orphans; f != nil {
		out = append(out, alarm{
			id: f.ID + "Errors", metric: f.Lambda.MetricErrors(sum), least: 1,
			means: "Snapshots that belong to no run any more could not all be looked for or deleted.",
			todo:  "The log group of tidy-orphans says what it was. It is tried again the next day; until then such snapshots stay.",
		})
	}
	named := map[string]int{}
	for _, w := range p.Watches {
		if w.Not != "" {
			continue
		}
		a := p.missed(w)
		if named[a.id]++; named[a.id] > 1 { // the hashes of two keywords met
			a.id = fmt.Sprintf("%s.%d", a.id, named[a.id])
		}
		out = append(out, a)
	}
	return out
}

// deliver says how to start what a schedule could not. The message's body is the request to start the execution, with the input as
// a text in it: no command takes it as it is.
func (p alarmsProps) deliver() string {
	return "1. Read the message: aws sqs receive-message --queue-url " + *p.Undelivered.QueueUrl() + " --message-attribute-names All. " +
		"Its attributes ERROR_CODE and ERROR_MESSAGE say why; put that right. " +
		"2. Within 23 hours of the attribute SCHEDULED_TIME, start the run: aws stepfunctions start-execution --state-machine-arn " +
		*p.StateMachine.StateMachineArn() + ` --input '{"SnapshotKeyWord": "<keyword>", "ScheduledTime": "<SCHEDULED_TIME>"}'; ` +
		"the keyword is in the message's body, under Input. Later, leave ScheduledTime out: the run is then one of now. " +
		"3. Delete it: aws sqs delete-message, with its ReceiptHandle as --receipt-handle."
}

// freshnessAlarms do not depend on any run: the first is about the volumes, the second about who looks after them.
func freshnessAlarms() []alarm {
	return []alarm{
		{
			id: "StaleVolumes", metric: stale("Maximum", 60), least: 1, holds: true,
			means: "Volumes have no completed snapshot in the last periods of their schedule, whatever the reason.",
			todo: "The e-mail names them, and what to look at. The alarm stands until each has a fresh snapshot, or is no longer tagged; " +
				"freshness.json in the bucket has the whole list.",
		},
		{
			id: "FreshnessUnchecked", metric: stale("SampleCount", 5), least: 1, missing: 3 * time.Hour,
			means: "Nothing has looked for stale volumes in the last three hours.",
			todo: "See the log group of check-freshness for errors, and in the EventBridge Scheduler console whether its schedule " +
				"check.freshness is enabled. Right after the first deployment it is in alarm until the first check, at half past the hour.",
		},
	}
}

// errors is about what a function does not return as a matter of course. discover-instances and report-run return an error when
// something is wrong; the other two also when there is something to wait for, such as a snapshot that is not completed yet, so
// that Lambda's count of their errors says nothing.
func (p alarmsProps) errors(f *function, sum *awscloudwatch.MetricOptions) alarm {
	a := alarm{
		id: f.ID + "Errors", least: 1, metric: unexpectedErrors(f),
		means: "The function " + f.Name + " met an error that it has no name for, crashed, or ran out of time.",
		todo:  "It is tried again, and reported if that does not help. Its log group says what it was.",
	}
	if f == p.Functions.Discover || f == p.Functions.Report {
		a.metric = f.Lambda.MetricErrors(sum)
		a.means = "The function " + f.Name + " returned an error."
	}
	return a
}

// missed is about a keyword whose runs do not succeed any more, whatever the reason: no firing, none delivered, all failed.
func (p alarmsProps) missed(w config.Watch) alarm {
	return alarm{
		id: "NoSuccess-" + scheduleID(w.Keyword), least: 1, missing: w.Within,
		metric: successes(w.Keyword, awscdk.Duration_Seconds(jsii.Number(w.Period.Seconds()))),
		means: fmt.Sprintf("No run of %s has succeeded in the last %s, two periods of its schedule.",
			contract.KeywordASCII(w.Keyword), inHours(w)),
		todo: "See whether the schedule is enabled and fires, and in the Step Functions console how its last runs ended; then start " +
			"one by hand. Right after the first deployment it is in alarm until the first run has succeeded.",
	}
}

func inHours(w config.Watch) string {
	if w.Within%time.Hour != 0 {
		return fmt.Sprintf("%g minutes", w.Within.Minutes())
	}
	return fmt.Sprintf("%g hours", w.Within.Hours())
}

func (a alarm) create(scope constructs.Construct, to *alerts) {
	props := &awscloudwatch.AlarmProps{
		AlarmName:          str(a.name()),
		AlarmDescription:   str(a.means + " What to do: " + a.todo),
		Metric:             a.metric,
		Threshold:          jsii.Number(a.least),
		EvaluationPeriods:  jsii.Number(max(1, a.periods)),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	}
	if a.missing > 0 {
		// FILL: to find missing data breaching is not enough. CloudWatch then looks for older data first, and an alarm of two hours
		// comes after four or five.
		period, n := config.Periods(a.missing)
		props.Metric = awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Expression: str("FILL(m, 0)"), UsingMetrics: &map[string]awscloudwatch.IMetric{"m": a.metric},
			Period: awscdk.Duration_Seconds(jsii.Number(period.Seconds())),
		})
		props.EvaluationPeriods = jsii.Number(n)
		props.ComparisonOperator = awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD
		props.TreatMissingData = awscloudwatch.TreatMissingData_BREACHING
	}
	if a.holds {
		props.TreatMissingData = awscloudwatch.TreatMissingData_IGNORE
	}
	made := awscloudwatch.NewAlarm(scope, str(a.id), props)
	action := awscloudwatchactions.NewSnsAction(to.Topic)
	made.AddAlarmAction(action)
	if a.missing > 0 || a.holds {
		made.AddOkAction(action)
	}
}
