package lifecycle

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
)

// rules turn events of AWS into alerts.
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

// The errors with which the definition itself ends a run, after it has told the administrator.
var toldAlready = []string{"VolumesFailed", "RunBroken"}

func newRules(scope constructs.Construct, p rulesProps) *rules {
	at := constructs.NewConstruct(scope, str("Rules"))
	return &rules{
		RunEnded: p.rule(at, "RunEnded", "Tells of runs that ended without being able to tell themselves",
			map[string]any{
				"source":      []string{"aws.states"},
				"detail-type": []string{"Step Functions Execution Status Change"},
				"detail": map[string]any{
					// Exactly: a child execution's state machine has the map's label behind its name, and its failure is in the report.
					"stateMachineArn": []*string{p.StateMachine.StateMachineArn()},
					"$or": []any{
						map[string]any{"status": []string{"TIMED_OUT", "ABORTED"}},
						map[string]any{"status": []string{"FAILED"}, "error": []any{map[string]any{"anything-but": toldAlready}}},
						map[string]any{"status": []string{"FAILED"}, "error": []any{map[string]any{"exists": false}}},
					},
				},
			},
			map[string]string{
				"status": "$.detail.status", "execution": "$.detail.executionArn", "account": "$.account", "region": "$.region",
			},
			"An EBS snapshot run is <status>, and could not report. Volumes may be without a snapshot of this run.",
			"Account <account>, Region <region>, execution <execution>",
			"What to do:",
			"1. See in the Step Functions console why it ended. ABORTED: a person stopped it. TIMED_OUT: it was not done after a day. "+
				"FAILED with States.Runtime: a step could not work at all, and nothing in the execution can catch that.",
			"   Failed to write a test manifest: the state machine may not write to results/ in its bucket, and no snapshot was made. "+
				"Allow it again: see the policies of the bucket, of its key and of the state machine's role.",
			"2. Start a new execution with the same input. It finishes what is missing and makes nothing twice."),
		SnapshotFailed: p.rule(at, "SnapshotFailed", "Tells of snapshots of this account that failed while EC2 made them",
			map[string]any{
				"source":      []string{"aws.ec2"},
				"detail-type": []string{"EBS Snapshot Notification"},
				// Copies are not ours; whose a created one is, the event does not say.
				"detail": map[string]any{"event": []string{"createSnapshot"}, "result": []string{"failed"}},
			},
			map[string]string{
				"snapshot": "$.detail.snapshot_id", "volume": "$.detail.source", "account": "$.account", "region": "$.region",
			},
			"An EBS snapshot failed while EC2 made it.",
			"Snapshot <snapshot>",
			"Volume <volume>",
			"Account <account>, Region <region>",
			"What to do: see whether it has the tag "+scheduleTag+"; this rule can't see tags.",
			"1. If so, it is ours. The report of its run comes by itself and says what failed; start the run again as it says. "+
				"A KMS key that is disabled or not allowed is the usual cause.",
			"2. If not, tell whoever made it."),
	}
}

// template makes an input transformer's template of a text: of several lines, each is a quoted string of its own. A \n inside a
// string would arrive as these two characters.
func template(lines []string) string { return `"` + strings.Join(lines, "\"\n\"") + `"` }

// rule makes one whose events go to the topic as a text. It is made of CloudFormation's resource: the CDK's target would let
// every rule of every account into the topic and the key.
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
