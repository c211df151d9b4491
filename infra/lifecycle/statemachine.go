package lifecycle

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine"
)

// mapLabel is the Label of the Distributed Map in the definition: its children's ARNs contain it.
const mapLabel = "SnapshotInstances"

type stateMachineProps struct {
	Config    config.Config
	Functions functions
	Bucket    awss3.Bucket
	Alerts    *alerts
	ARNs      arns
}

// newStateMachine makes the state machine of the definition as it stands in statemachine/. The template holds all of it as text,
// where a reader and the goldens see it; an S3 asset would hide it.
func newStateMachine(scope constructs.Construct, p stateMachineProps) awsstepfunctions.StateMachine {
	at := constructs.NewConstruct(scope, str("Workflow"))
	definition, err := statemachine.Render(statemachine.Definition, p.values())
	if err != nil {
		panic(err) // a placeholder was renamed on one side only; the tests say so first
	}
	role := p.role(at)
	return awsstepfunctions.NewStateMachine(at, str("StateMachine"), &awsstepfunctions.StateMachineProps{
		StateMachineName: str(Name),
		DefinitionBody:   awsstepfunctions.DefinitionBody_FromString(str(string(definition))),
		Role:             role,
		// X-Ray's permission is on *: its segments have no ARN.
		TracingEnabled: yes,
		Logs: &awsstepfunctions.LogOptions{
			// Under this prefix one policy for all log groups is enough; each other group would use up some of the 5,120
			// characters that CloudWatch Logs has for such policies.
			Destination: newLogGroup(at, "/aws/vendedlogs/states/"+Name, p.Config.LogRetentionDays),
			// Every event, so that a run can be followed for longer than the 90 days of the console; without data, which would be
			// each instance's tags over and over.
			Level: awsstepfunctions.LogLevel_ALL, IncludeExecutionData: no,
		},
	})
}

// values are the placeholders' values. Most are the CDK's tokens, of which it makes references when it writes the template.
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
	for _, f := range p.Functions.all() {
		out[f.ID+"Function"] = *f.Lambda.FunctionArn()
	}
	return out
}

// role is by hand: the CDK can't see what a definition in text calls.
func (p stateMachineProps) role(scope constructs.Construct) awsiam.Role {
	role := awsiam.NewRole(scope, str("Role"), &awsiam.RoleProps{
		Description: str("What the workflow may do: call its functions, keep its objects, run itself for each instance, and alert"),
		AssumedBy: awsiam.NewServicePrincipal(str("states.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: conditions{
				"StringEquals": {"aws:SourceAccount": *p.ARNs.stack.Account()},
				// * : the machine, and the label under which its children run.
				"ArnLike": {"aws:SourceArn": p.ARNs.stateMachine() + "*"},
			}.props(),
		}),
	})
	var calls []string
	for _, f := range p.Functions.all() {
		calls = append(calls, *f.Lambda.FunctionArn())
	}
	allow(role, "CallTheFunctions", []string{"lambda:InvokeFunction"}, calls, nil)
	runs, results := *p.Bucket.ArnForObjects(str(runsKeys)), *p.Bucket.ArnForObjects(str(resultsKeys))
	// runs/*, results/* : a folder for each run.
	allow(role, "ReadManifestsRecordFailures", []string{"s3:GetObject", "s3:PutObject"}, []string{runs}, nil)
	allow(role, "ExportTheChildrensResults",
		[]string{"s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"}, []string{results}, nil)
	p.Alerts.letPublish(role)
	allow(role, "StartAnExecutionForEachInstance", []string{"states:StartExecution"}, []string{p.ARNs.stateMachine()}, nil)
	// * : any execution of this state machine, and any of its children.
	allow(role, "FollowAndStopThem", []string{"states:DescribeExecution", "states:StopExecution"},
		[]string{p.ARNs.executions(), p.ARNs.children()}, nil)
	// * : any child; a redriven run redrives those that failed.
	allow(role, "RedriveThem", []string{"states:RedriveExecution"}, []string{p.ARNs.children()}, nil)
	return role
}
