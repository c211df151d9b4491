// Package lifecycle is the product as a CloudFormation stack: the state machine, its functions, and what starts their runs, reports
// on them and shows them. Each file has one construct.
package lifecycle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// Name is the name of the stack and of the state machine: a person types it, and looks for it in the console. There must be only one
// stack in an account and Region, because two would snapshot and prune the same volumes.
const Name = config.StackName

// Props are the properties of a stack.
type Props struct {
	Config config.Config
	Target config.Target // the zero Target: the account and Region of the AWS CLI's configuration
	Build  string        // the folder of the built functions: <Build>/<function>/bootstrap
}

func (p Props) check() error {
	var errs []error
	if len(p.Config.Architecture) == 0 || p.Config.MaxConcurrency == 0 {
		errs = append(errs, errors.New("Props.Config is empty: use the result of config.Read or config.Default"))
	}
	for _, f := range config.Functions() {
		if _, err := os.Stat(filepath.Join(p.Build, f, "bootstrap")); err != nil {
			errs = append(errs, fmt.Errorf("Props.Build: %w: run `make build`, and use the folder build", err))
		}
	}
	return errors.Join(errs...)
}

// New adds a stack to the app.
func New(scope constructs.Construct, id string, p Props) (awscdk.Stack, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	c := p.Config
	stack := awscdk.NewStack(scope, &id, &awscdk.StackProps{
		StackName:   str(Name),
		Description: str("Tag-driven EBS snapshots: creates them on schedules, deletes old ones by the retention in the tag, and reports problems"),
		Env:         environment(p.Target),
	})
	for _, key := range sortedKeys(c.Tags) {
		awscdk.Tags_Of(stack).Add(str(key), str(c.Tags[key]), nil)
	}
	at := arns{stack}
	bucket := newBucket(stack)
	alerts := newAlerts(stack, c)
	functions := newFunctions(stack, functionsProps{Config: c, Build: p.Build, Bucket: bucket, Alerts: alerts, ARNs: at})
	machine := newStateMachine(stack, stateMachineProps{Config: c, Functions: functions, Bucket: bucket, Alerts: alerts, ARNs: at})
	schedules := newSchedules(stack, schedulesProps{Schedules: c.Schedules, StateMachine: machine, ARNs: at})
	newChecks(stack, checksProps{Functions: functions, Group: schedules.Group, ARNs: at})
	rules := newRules(stack, rulesProps{StateMachine: machine, Alerts: alerts})
	alerts.allowServices(rules, at)
	newMetrics(stack, functions)
	alarms := newAlarms(stack, alarmsProps{
		Watches: c.Watches(), StateMachine: machine, Functions: functions, Undelivered: schedules.Undelivered,
		Rules: rules, Alerts: alerts,
	})
	newDashboard(stack, dashboardProps{Region: *stack.Region(), StateMachine: machine, Functions: functions, Alarms: alarms, ARNs: at})
	newQueries(stack, functions)
	newOutputs(stack, outputsProps{Config: c, StateMachine: machine, Alerts: alerts, Bucket: bucket})
	if c.AlertTopicARN == "" && len(c.AlertEmails) == 0 {
		awscdk.Annotations_Of(stack).AddWarningV2(str("ebs-snapshot-lifecycle:nobody-is-told"),
			str("Nobody has subscribed to the alerts. Set alertEmails in cdk.json, or run the command in the output SubscribeToAlerts."))
	}
	return stack, nil
}

// environment is nil for the account and Region of the AWS CLI's configuration. The template then contains neither, and is the same
// for all accounts and Regions.
func environment(t config.Target) *awscdk.Environment {
	if t == (config.Target{}) {
		return nil
	}
	env := &awscdk.Environment{Region: str(t.Region)}
	if t.Account != "" {
		env.Account = str(t.Account)
	}
	return env
}

var (
	str  = jsii.String
	strs = jsii.Strings
	yes  = jsii.Bool(true)
	no   = jsii.Bool(false)
)
