package lifecycle

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine"
)

// mapLabel is the Label of the Distributed Map in the definition. The ARNs of its children contain it.
const mapLabel = "SnapshotInstances"

type stateMachineProps struct {
	Config    config.Config
	Functions functions
	Bucket    awss3.Bucket
	Alerts    *alerts
	ARNs      arns
}

// newStateMachine creates the state machine from the definition in statemachine/. The template contains the definition as text, so
// that readers and the golden files show it. An S3 asset would hide it.
func newStateMachine(scope constructs.Construct, p stateMachineProps) awsstepfunctions.StateMachine {
	at := constructs.NewConstruct(scope, str("Workflow"))
	definition, err := statemachine.Render(statemachine.Definition, p.values())
	if err != nil {
		panic(err) // a placeholder was renamed on one side only; a test finds that
	}
	role := p.role(at)
	return awsstepfunctions.NewStateMachine(at, str("StateMachine"), &awsstepfunctions.StateMachineProps{
		StateMachineName: str(Name),
		DefinitionBody:   awsstepfunctions.DefinitionBody_FromString(str(string(definition))),
		Role:             role,
		// The CDK grants its permission on *, because X-Ray segments have no ARN.
		TracingEnabled: yes,
		Logs: &awsstepfunctions.LogOptions{
			// With this prefix, one resource policy is enough for all log groups. Any other name would need its own, and CloudWatch Logs
			// limits their length to 5,120 characters.
			Destination: newLogGroup(at, "/aws/vendedlogs/states/"+Name, p.Config.LogRetentionDays),
			// Every event is logged, because the console shows a run for only 90 days. The data is not logged: it would repeat the
			// tags of each instance many times.
			Level: awsstepfunctions.LogLevel_ALL, IncludeExecutionData: no,
		},
	})
}

// values are the values of the placeholders. Most are CDK tokens. The CDK replaces them by references when it writes the template.
func (p stateMachineProps) values() statemachine.Values {
	out := statemachine.Values{
		"Bucket":         *p.Bucket.BucketName(),
		"TopicArn":       *p.Alerts.TopicARN,
		"LambdaInvoke":   p.ARNs.integration("lambda:invoke"),
		"S3GetObject":    p.ARNs.integration("s3:getObject"),
		"S3PutObject":    p.ARNs.integration("s3:putObject"),
		"S3PutObjectSdk": p.ARNs.integration("aws-sdk:s3:putObject"),
		"SnsPublish":     p.ARNs.integration("sns:publish"),
		"MaxConcurrency": p.Config.MaxConcurrency,
	}
	for _, f := range p.Functions.ofWorkflow() {
		out[f.ID+"Function"] = *f.Lambda.FunctionArn()
	}
	return out
}

// role lists the permissions by hand, because the CDK can't see what a definition in text calls.
func (p stateMachineProps) role(scope constructs.Construct) awsiam.Role {
	role := awsiam.NewRole(scope, str("Role"), &awsiam.RoleProps{
		Description: str("Allows the workflow to invoke its functions, use its objects, start its child executions, and send alerts"),
		AssumedBy: awsiam.NewServicePrincipal(str("states.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: conditions{
				"StringEquals": {"aws:SourceAccount": *p.ARNs.stack.Account()},
				// * : the state machine itself, and the label of its child executions.
				"ArnLike": {"aws:SourceArn": p.ARNs.stateMachine() + "*"},
			}.props(),
		}),
	})
	var calls []string
	for _, f := range p.Functions.ofWorkflow() {
		calls = append(calls, *f.Lambda.FunctionArn())
	}
	allow(role, "InvokeTheFunctions", []string{"lambda:InvokeFunction"}, calls, nil)
	runs, results := *p.Bucket.ArnForObjects(str(runsKeys)), *p.Bucket.ArnForObjects(str(resultsKeys))
	// runs/*, results/* : a folder for each run.
	allow(role, "ReadManifestsAndRecordFailures", []string{"s3:GetObject", "s3:PutObject"}, []string{runs}, nil)
	allow(role, "ExportTheChildrensResults",
		[]string{"s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"}, []string{results}, nil)
	p.Alerts.allowRole(role)
	allow(role, "StartAnExecutionForEachInstance", []string{"states:StartExecution"}, []string{p.ARNs.stateMachine()}, nil)
	// * : any execution of this state machine, and any of its children.
	allow(role, "DescribeAndStopExecutions", []string{"states:DescribeExecution", "states:StopExecution"},
		[]string{p.ARNs.executions(), p.ARNs.children()}, nil)
	// * : any child. If a person redrives a run, Step Functions redrives its failed children.
	allow(role, "RedriveChildExecutions", []string{"states:RedriveExecution"}, []string{p.ARNs.children()}, nil)
	return role
}
