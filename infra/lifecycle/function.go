package lifecycle

import (
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// function is a Lambda function with a role of its own.
type function struct {
	Name   string // the name of its folder
	ID     string // the ID of its construct, and the name of its placeholder in the definition
	Lambda awslambda.Function
	Role   awsiam.Role
	Logs   awslogs.LogGroup
}

type functionProps struct {
	Name, ID, Description string
	Build                 string
	Architecture          string
	TimeoutSeconds        int
	MemoryMiB             int
	Environment           map[string]*string
	LogRetentionDays      int
	InChina               awscdk.CfnCondition
}

func newFunction(scope constructs.Construct, p functionProps) *function {
	at := constructs.NewConstruct(scope, str(p.ID))
	logs := newLogGroup(at, "", p.LogRetentionDays)
	role := awsiam.NewRole(at, str("Role"), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(str("lambda.amazonaws.com"), nil),
		Description: str("Allows " + p.Name + " exactly the calls that it makes"),
	})
	// Instead of AWSLambdaBasicExecutionRole, which allows a function to write to every log group.
	allow(role, "WriteItsLogs", []string{"logs:CreateLogStream", "logs:PutLogEvents"}, []string{*logs.LogGroupArn()}, nil)
	if p.MemoryMiB == fleetMiB {
		p.Environment["GOMEMLIMIT"] = str(fleetHeap)
	}
	architecture := awslambda.Architecture_ARM_64()
	if p.Architecture == config.X8664 {
		architecture = awslambda.Architecture_X86_64()
	}
	lambda := awslambda.NewFunction(at, str("Function"), &awslambda.FunctionProps{
		Description:  str(p.Description),
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: architecture,
		Handler:      str("bootstrap"),
		Code:         awslambda.Code_FromAsset(str(filepath.Join(p.Build, p.Name)), nil),
		Timeout:      awscdk.Duration_Seconds(jsii.Number(p.TimeoutSeconds)),
		MemorySize:   jsii.Number(p.MemoryMiB),
		Environment:  &p.Environment,
		Role:         role,
		LogGroup:     logs,
		// Metric filters and queries read JSON, and the functions' logger writes JSON only with this setting.
		LoggingFormat:         awslambda.LoggingFormat_JSON,
		ApplicationLogLevelV2: awslambda.ApplicationLogLevel_INFO,
		// WARN: Lambda itself logs only failed invocations.
		SystemLogLevelV2: awslambda.SystemLogLevel_WARN,
		// The CDK grants its permission on *, because X-Ray segments have no ARN.
		Tracing: awslambda.Tracing_ACTIVE,
	})
	// In the China Regions, Lambda does not support X-Ray (Getting Started with AWS in China, "Lambda").
	lambda.Node().DefaultChild().(awslambda.CfnFunction).SetTracingConfig(&awslambda.CfnFunction_TracingConfigProperty{
		Mode: awscdk.Token_AsString(awscdk.Fn_ConditionIf(p.InChina.LogicalId(), "PassThrough", "Active"), nil),
	})
	return &function{Name: p.Name, ID: p.ID, Lambda: lambda, Role: role, Logs: logs}
}
