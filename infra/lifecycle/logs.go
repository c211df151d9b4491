package lifecycle

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// newLogGroup creates a log group that is deleted with the stack. CloudTrail and the reports in the bucket still have the history.
// If name is "", CloudFormation chooses the name.
func newLogGroup(scope constructs.Construct, name string, days int) awslogs.LogGroup {
	props := &awslogs.LogGroupProps{RemovalPolicy: awscdk.RemovalPolicy_DESTROY}
	if name != "" {
		props.LogGroupName = str(name)
	}
	group := awslogs.NewLogGroup(scope, str("Logs"), props)
	// The configured number is set directly, because the CDK has an enum value for each allowed number.
	group.Node().DefaultChild().(awslogs.CfnLogGroup).SetRetentionInDays(jsii.Number(days))
	return group
}
