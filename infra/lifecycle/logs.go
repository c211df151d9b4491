package lifecycle

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// newLogGroup makes a log group that goes with the stack: what it tells of the past, CloudTrail and the reports in the bucket
// tell too. name "" has CloudFormation choose one.
func newLogGroup(scope constructs.Construct, name string, days int) awslogs.LogGroup {
	props := &awslogs.LogGroupProps{RemovalPolicy: awscdk.RemovalPolicy_DESTROY}
	if name != "" {
		props.LogGroupName = str(name)
	}
	group := awslogs.NewLogGroup(scope, str("Logs"), props)
	// The number as configured: the CDK has a name for each, which would have to be looked up.
	group.Node().DefaultChild().(awslogs.CfnLogGroup).SetRetentionInDays(jsii.Number(days))
	return group
}
