package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// StackName is the name under which the app deploys itself.
const StackName = "EbsSnapshotLifecycle"

// Settings are keys of the app's configuration, as `cdk -c key=value` takes them.
type Settings map[string]string

// settings are what an emulator on a small machine wants otherwise than AWS: it starts a thread for each child that may run, and
// its snapshots are completed at once.
func settings(more Settings) []string {
	all := Settings{"architecture": "arm64", "maxConcurrency": "40", "settleSeconds": "1"}
	if runtime.GOARCH == "amd64" {
		all["architecture"] = "x86_64"
	}
	maps.Copy(all, more)
	var out []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, "-c", key+"="+all[key])
	}
	return out
}

// Bootstrap prepares the account for the CDK.
func (l *Lab) Bootstrap(ctx context.Context) error {
	return l.step("cdk bootstrap", func() error {
		return l.cdk(ctx, append([]string{"bootstrap", "aws://" + account + "/" + l.o.Region}, settings(nil)...)...)
	})
}

// Deploy deploys the app, or what has changed of it.
func (l *Lab) Deploy(ctx context.Context, s Settings) (Stack, error) {
	err := l.step("cdk deploy "+strings.Join(slices.Sorted(maps.Keys(s)), " "), func() error {
		// moto knows neither how the CDK waits for a change set, nor a parameter's previous value.
		return l.cdk(ctx, append([]string{
			"deploy", "--all", "--require-approval", "never", "--method", "direct", "--no-previous-parameters",
		}, settings(s)...)...)
	})
	if err != nil {
		return Stack{}, err
	}
	return l.stack(ctx)
}

// Subscribe has the alerts delivered to the endpoint.
func (l *Lab) Subscribe(ctx context.Context, s Stack) error {
	return l.CLI(ctx, nil, "sns", "subscribe", "--topic-arn", s.Outputs["AlertTopicArn"], "--protocol", "http",
		"--notification-endpoint", l.Endpoint.URL+mailbox)
}

// Destroy removes what was deployed.
func (l *Lab) Destroy(ctx context.Context) error {
	return l.step("cdk destroy", func() error {
		return l.cdk(ctx, append([]string{"destroy", "--all", "--force"}, settings(nil)...)...)
	})
}

// Stack is what was deployed.
type Stack struct {
	Outputs map[string]string
	Made    map[string]string // types of the resources that were made, by logical ID
	Wanted  map[string]string // of those that are in the template
}

func (l *Lab) stack(ctx context.Context) (Stack, error) {
	s := Stack{Outputs: map[string]string{}, Made: map[string]string{}, Wanted: map[string]string{}}
	var described struct {
		Stacks []struct {
			StackStatus string
			Outputs     []struct{ OutputKey, OutputValue string }
		}
	}
	if err := l.CLI(ctx, &described, "cloudformation", "describe-stacks", "--stack-name", StackName); err != nil {
		return s, err
	}
	for _, stack := range described.Stacks {
		for _, o := range stack.Outputs {
			s.Outputs[o.OutputKey] = o.OutputValue
		}
	}
	var resources struct {
		StackResources []struct {
			ID         string `json:"LogicalResourceId"`
			Type       string `json:"ResourceType"`
			PhysicalID string `json:"PhysicalResourceId"`
		}
	}
	if err := l.CLI(ctx, &resources, "cloudformation", "describe-stack-resources", "--stack-name", StackName); err != nil {
		return s, err
	}
	for _, r := range resources.StackResources {
		// What moto can't make it lists without a type.
		if r.Type != "" && r.PhysicalID != "" {
			s.Made[r.ID] = r.Type
		}
	}
	body, err := os.ReadFile(filepath.Join(l.folder, "cdk.out", StackName+".template.json"))
	if err != nil {
		return s, err
	}
	var template struct {
		Resources map[string]struct{ Type string }
	}
	if err := json.Unmarshal(body, &template); err != nil {
		return s, fmt.Errorf("the template: %w", err)
	}
	for id, r := range template.Resources {
		s.Wanted[id] = r.Type
	}
	return s, nil
}

// unmade are the types that CloudFormation skips here, and why nothing that is tested misses them.
var unmade = map[string]string{
	"AWS::Lambda::EventInvokeConfig": "nothing is called asynchronously here",
	"AWS::Logs::MetricFilter":        "moto makes no metrics of logs",
	"AWS::Logs::QueryDefinition":     "moto has no saved queries",
	"AWS::S3::BucketPolicy":          "moto enforces no policies",
	"AWS::SNS::TopicPolicy":          "moto enforces no policies",
	"AWS::SQS::QueuePolicy":          "moto enforces no policies",
}

// Skipped compares what was made with the template. CloudFormation must not skip a type in silence, and the list of those that
// it is known to skip must be true.
func (s Stack) Skipped() (known []string, err error) {
	var wrong []string
	missing := map[string]bool{}
	for id, kind := range s.Wanted {
		switch made := s.Made[id]; {
		case made == kind && unmade[kind] != "":
			wrong = append(wrong, kind+" is made by now: take it off the list of those that moto can't make")
		case made != kind && unmade[kind] == "":
			wrong = append(wrong, fmt.Sprintf("%s (%s) was not made, and CloudFormation said nothing", id, kind))
		case made != kind:
			missing[kind+": "+unmade[kind]] = true
		}
	}
	if len(s.Wanted) == 0 {
		wrong = append(wrong, "the template has no resources")
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return nil, fmt.Errorf("%s", strings.Join(slices.Compact(wrong), "\n"))
	}
	return slices.Sorted(maps.Keys(missing)), nil
}
