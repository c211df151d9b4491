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

// consoles are the domains of the AWS console, by partition.
var consoles = map[string]string{
	"aws":        "console.aws.amazon.com",
	"aws-cn":     "console.amazonaws.cn",
	"aws-us-gov": "console.amazonaws-us-gov.com",
	"aws-eusc":   "console.amazonaws-eusc.eu",
}

// newOutputs creates the stack's outputs: what a person needs after the deployment.
func newOutputs(stack awscdk.Stack, p outputsProps) {
	region := *stack.Region()
	console := "https://" + domain(stack) + "/"
	output(stack, "StateMachineArn", "The state machine", *p.StateMachine.StateMachineArn())
	output(stack, "RunsConsole", "The runs in the console",
		console+"states/home?region="+region+"#/statemachines/view/"+*p.StateMachine.StateMachineArn())
	output(stack, "DashboardConsole", "The dashboard: did the last runs work?",
		console+"cloudwatch/home?region="+region+"#dashboards:name="+dashboardName(region))
	output(stack, "QueriesConsole", "Logs Insights: open a saved query under "+Name+", for example to see what happened to a volume",
		console+"cloudwatch/home?region="+region+"#logsV2:logs-insights")
	output(stack, "AlertTopicArn", "The SNS topic for alerts", *p.Alerts.TopicARN)
	output(stack, "SubscribeToAlerts", "Subscribes an e-mail address to the alerts; AWS asks the address to confirm",
		fmt.Sprintf("aws sns subscribe --region %s --topic-arn %s --protocol email --notification-endpoint you@example.com",
			region, *p.Alerts.TopicARN))
	output(stack, "StartRun", "Starts a run by hand: instances with the tag are snapshotted now",
		fmt.Sprintf(`aws stepfunctions start-execution --region %s --state-machine-arn %s --input '{"SnapshotKeyWord": %s}'`,
			region, *p.StateMachine.StateMachineArn(), config.JSON(anyKeyword(p.Config))))
	output(stack, "RunsBucket", "The bucket of manifests and reports; the bucket and all snapshots are kept when the stack is destroyed",
		*p.Bucket.BucketName())
	if unwatched := unwatched(p.Config); unwatched != "" {
		output(stack, "NotWatched", "Keywords without a NoSuccess alarm: no alarm reports if they have no runs; failed runs are still reported",
			unwatched)
	}
}

func output(stack awscdk.Stack, id, description, value string) {
	awscdk.NewCfnOutput(stack, str(id), &awscdk.CfnOutputProps{Description: str(description), Value: str(value)})
}

// domain returns the domain of the console. CloudFormation looks it up, because the partition is known only at the deployment.
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
		if w.WhyNot != "" {
			out = append(out, contract.KeywordASCII(w.Keyword)+": "+w.WhyNot)
		}
	}
	return strings.Join(out, "; ")
}
