// Package lifecycle is the product as a CloudFormation stack: the state machine, its functions, and what starts, tells of and
// shows their runs. One construct a file.
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

// Name is the stack's and the state machine's: what a person types, and looks for in the console. There is one in an account and
// Region: two would snapshot and prune the same volumes.
const Name = config.StackName

// Props says what a stack is made of.
type Props struct {
	Config config.Config
	Target config.Target // the zero Target: where the AWS CLI's configuration points
	Build  string        // the folder of the built functions: <Build>/<function>/bootstrap
}

func (p Props) check() error {
	var errs []error
	if len(p.Config.Architecture) == 0 || p.Config.MaxConcurrency == 0 {
		errs = append(errs, errors.New("Props.Config is empty: give what config.Read or config.Default returns"))
	}
	for _, f := range config.Functions() {
		if _, err := os.Stat(filepath.Join(p.Build, f, "bootstrap")); err != nil {
			errs = append(errs, fmt.Errorf("Props.Build: %w: run `make build`, and give the folder build", err))
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
		Description: str("Tag-driven life-cycle management of EBS snapshots: creates, keeps, prunes and reports"),
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
	alerts.admit(rules, at)
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
			str("Nobody subscribes to the alerts. Set alertEmails in cdk.json, or subscribe to the topic that the outputs name."))
	}
	return stack, nil
}

// environment is nil for a stack that goes where the AWS CLI's configuration points. Its template then names no account and no
// Region, and is the same for all of them.
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
