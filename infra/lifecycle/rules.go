package lifecycle

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
)

// rules are EventBridge rules that turn events of AWS into alerts.
type rules struct{ RunEnded, SnapshotFailed awsevents.CfnRule }

func (r *rules) all() []awsevents.CfnRule { return []awsevents.CfnRule{r.RunEnded, r.SnapshotFailed} }

func (r *rules) arns() []*string {
	var out []*string
	for _, rule := range r.all() {
		out = append(out, rule.AttrArn())
	}
	return out
}

type rulesProps struct {
	StateMachine awsstepfunctions.StateMachine
	Alerts       *alerts
}

// alertedErrors are the errors with which the definition ends a run after it has sent an alert.
var alertedErrors = []string{"VolumesFailed", "RunBroken"}

func newRules(scope constructs.Construct, p rulesProps) *rules {
	at := constructs.NewConstruct(scope, str("Rules"))
	return &rules{
		RunEnded: p.rule(at, "RunEnded", "Reports runs that ended before they could send a report",
			map[string]any{
				"source":      []string{"aws.states"},
				"detail-type": []string{"Step Functions Execution Status Change"},
				"detail": map[string]any{
					// An exact match. The state machine's ARN of a child execution ends with the map's label. The report has its failures.
					"stateMachineArn": []*string{p.StateMachine.StateMachineArn()},
					"$or": []any{
						map[string]any{"status": []string{"TIMED_OUT", "ABORTED"}},
						map[string]any{"status": []string{"FAILED"}, "error": []any{map[string]any{"anything-but": alertedErrors}}},
						map[string]any{"status": []string{"FAILED"}, "error": []any{map[string]any{"exists": false}}},
					},
				},
			},
			map[string]string{
				"status": "$.detail.status", "execution": "$.detail.executionArn", "account": "$.account", "region": "$.region",
			},
			"An EBS snapshot run ended with the status <status> before it could send its report. Some volumes may have no snapshot of this run.",
			"Account <account>, Region <region>, execution <execution>",
			"What to do:",
			"1. Look in the Step Functions console why the execution ended.",
			"   ABORTED: a person stopped it.",
			"   TIMED_OUT: it was not finished after 24 hours.",
			"   FAILED with States.Runtime: a step could not run at all. The definition can't catch this error.",
			"   Failed to write a test manifest: the state machine is not allowed to write to results/ in its bucket, and it created no "+
				"snapshot. Check the policies of the bucket, of its KMS key and of the state machine's role.",
			"2. Remove the cause.",
			"3. Start a new execution with the same input. It creates the missing snapshots and no snapshot twice."),
		SnapshotFailed: p.rule(at, "SnapshotFailed", "Reports snapshots of this account that EC2 could not complete",
			map[string]any{
				"source":      []string{"aws.ec2"},
				"detail-type": []string{"EBS Snapshot Notification"},
				// Copies are excluded: runs make none. The event does not say who created the snapshot.
				"detail": map[string]any{"event": []string{"createSnapshot"}, "result": []string{"failed"}},
			},
			map[string]string{
				"snapshot": "$.detail.snapshot_id", "volume": "$.detail.source", "account": "$.account", "region": "$.region",
			},
			"An EBS snapshot failed: EC2 could not complete it.",
			"Snapshot <snapshot>",
			"Volume <volume>",
			"Account <account>, Region <region>",
			"Usual cause: the KMS key of the volume is disabled, or its use is not allowed.",
			"What to do:",
			"1. Check whether the snapshot has the tag "+scheduleTag+". This alert can't show it.",
			"2. With the tag: a run created the snapshot. If the run has not reported yet, wait for its report. It says what failed and how to "+
				"start the run again.",
			"   If the run has already reported, start it again. The snapshot's tag snapshot-lifecycle:run has the SnapshotKeyWord and the "+
				"ScheduledTime.",
			"   Without the tag: inform the person or the tool that created the snapshot."),
	}
}

// template builds the template of an input transformer. Each line is a quoted string of its own, because a \n inside a string would
// arrive as these two characters.
func template(lines []string) string { return `"` + strings.Join(lines, "\"\n\"") + `"` }

// rule creates a rule that sends a text to the topic for each event. It uses CloudFormation's resource, because the CDK's target
// would allow every rule of every account to use the topic and the key.
func (p rulesProps) rule(
	scope constructs.Construct, id, description string, pattern map[string]any, paths map[string]string, lines ...string,
) awsevents.CfnRule {
	return awsevents.NewCfnRule(scope, str(id), &awsevents.CfnRuleProps{
		Description:  str(description),
		EventPattern: pattern,
		State:        str("ENABLED"),
		Targets: []any{&awsevents.CfnRule_TargetProperty{
			Id: str("Alerts"), Arn: p.Alerts.TopicARN,
			InputTransformer: &awsevents.CfnRule_InputTransformerProperty{InputPathsMap: paths, InputTemplate: str(template(lines))},
		}},
	})
}
