package lifecycle

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

type outputsProps struct {
	Config       config.Config
	StateMachine awsstepfunctions.StateMachine
	Alerts       *alerts
	Bucket       awss3.Bucket
}

// consoles are where the AWS console of a partition is.
var consoles = map[string]string{
	"aws":        "console.aws.amazon.com",
	"aws-cn":     "console.amazonaws.cn",
	"aws-us-gov": "console.amazonaws-us-gov.com",
	"aws-eusc":   "console.amazonaws-eusc.eu",
}

// newOutputs says what a person needs next.
func newOutputs(stack awscdk.Stack, p outputsProps) {
	region := *stack.Region()
	console := "https://" + domain(stack) + "/"
	output(stack, "StateMachineArn", "The state machine", *p.StateMachine.StateMachineArn())
	output(stack, "RunsConsole", "Its runs in the console",
		console+"states/home?region="+region+"#/statemachines/view/"+*p.StateMachine.StateMachineArn())
	output(stack, "DashboardConsole", "Did last night's run work?",
		console+"cloudwatch/home?region="+region+"#dashboards:name="+dashboardName(region))
	output(stack, "QueriesConsole", "What happened to a volume? See the saved queries under "+Name,
		console+"cloudwatch/home?region="+region+"#logsV2:logs-insights")
	output(stack, "AlertTopicArn", "Where alerts go", *p.Alerts.TopicARN)
	output(stack, "SubscribeToAlerts", "How to subscribe an address; AWS asks it to confirm",
		fmt.Sprintf("aws sns subscribe --region %s --topic-arn %s --protocol email --notification-endpoint you@example.com",
			region, *p.Alerts.TopicARN))
	output(stack, "StartRun", "How to start a run by hand; instances with the tag are snapshotted now",
		fmt.Sprintf(`aws stepfunctions start-execution --region %s --state-machine-arn %s --input '{"SnapshotKeyWord": %s}'`,
			region, *p.StateMachine.StateMachineArn(), config.JSON(anyKeyword(p.Config))))
	output(stack, "RunsBucket", "Where manifests and reports are; it stays when the stack is destroyed, as do all snapshots",
		*p.Bucket.BucketName())
	if unwatched := unwatched(p.Config); unwatched != "" {
		output(stack, "NotWatched", "Keywords of which no alarm says that their runs stay away; runs that fail are told of all the same",
			unwatched)
	}
}

func output(stack awscdk.Stack, id, description, value string) {
	awscdk.NewCfnOutput(stack, str(id), &awscdk.CfnOutputProps{Description: str(description), Value: str(value)})
}

// domain is the console's: which partition it is, only the deployment knows.
func domain(stack awscdk.Stack) string {
	mapping := map[string]*map[string]any{}
	for partition, name := range consoles {
		mapping[partition] = &map[string]any{"Domain": name}
	}
	m := awscdk.NewCfnMapping(stack, str("Consoles"), &awscdk.CfnMappingProps{Mapping: &mapping})
	return *m.FindInMap(stack.Partition(), str("Domain"), nil)
}

func anyKeyword(c config.Config) string {
	for _, s := range c.Schedules {
		if s.Enabled {
			return s.Keyword
		}
	}
	return "SnapshotDaily"
}

func unwatched(c config.Config) string {
	var out []string
	for _, w := range c.Watches() {
		if w.Not != "" {
			out = append(out, contract.KeywordASCII(w.Keyword)+": "+w.Not)
		}
	}
	return strings.Join(out, "; ")
}
