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

// StackName is the name of the app's stack.
const StackName = "EbsSnapshotLifecycle"

// Settings are keys of the app's configuration, as `cdk -c key=value` takes them.
type Settings map[string]string

// settings changes the settings that an emulator on a small machine needs. The emulator starts a thread for each child that may run,
// and its snapshots are completed at once.
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
func (b *Testbed) Bootstrap(ctx context.Context) error {
	return b.step("cdk bootstrap", func() error {
		return b.cdk(ctx, append([]string{"bootstrap", "aws://" + account + "/" + b.o.Region}, settings(nil)...)...)
	})
}

// Deploy deploys the app, or the changes to it.
func (b *Testbed) Deploy(ctx context.Context, s Settings) (Stack, error) {
	err := b.step("cdk deploy "+strings.Join(slices.Sorted(maps.Keys(s)), " "), func() error {
		// moto supports neither change sets as the CDK uses them, nor the previous value of a parameter.
		return b.cdk(ctx, append([]string{
			"deploy", "--all", "--require-approval", "never", "--method", "direct", "--no-previous-parameters",
		}, settings(s)...)...)
	})
	if err != nil {
		return Stack{}, err
	}
	return b.stack(ctx)
}

// Subscribe subscribes the endpoint to the alerts.
func (b *Testbed) Subscribe(ctx context.Context, s Stack) error {
	return b.CLI(ctx, nil, "sns", "subscribe", "--topic-arn", s.Outputs["AlertTopicArn"], "--protocol", "http",
		"--notification-endpoint", b.Endpoint.URL+mailbox)
}

// Destroy deletes what was deployed.
func (b *Testbed) Destroy(ctx context.Context) error {
	return b.step("cdk destroy", func() error {
		return b.cdk(ctx, append([]string{"destroy", "--all", "--force"}, settings(nil)...)...)
	})
}

// Stack is the deployed stack.
type Stack struct {
	Outputs  map[string]string
	Created  map[string]string // the types of the created resources, by logical ID
	Template map[string]string // the types of the resources in the template
}

func (b *Testbed) stack(ctx context.Context) (Stack, error) {
	s := Stack{Outputs: map[string]string{}, Created: map[string]string{}, Template: map[string]string{}}
	var described struct {
		Stacks []struct {
			StackStatus string
			Outputs     []struct{ OutputKey, OutputValue string }
		}
	}
	if err := b.CLI(ctx, &described, "cloudformation", "describe-stacks", "--stack-name", StackName); err != nil {
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
	if err := b.CLI(ctx, &resources, "cloudformation", "describe-stack-resources", "--stack-name", StackName); err != nil {
		return s, err
	}
	for _, r := range resources.StackResources {
		// moto lists a resource without a type if it can't create it.
		if r.Type != "" && r.PhysicalID != "" {
			s.Created[r.ID] = r.Type
		}
	}
	body, err := os.ReadFile(filepath.Join(b.folder, "cdk.out", StackName+".template.json"))
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
		s.Template[id] = r.Type
	}
	return s, nil
}

// unsupported are the types that moto's CloudFormation skips, and why no test needs them.
var unsupported = map[string]string{
	"AWS::Lambda::EventInvokeConfig": "no test calls a function asynchronously",
	"AWS::Logs::MetricFilter":        "moto makes no metrics from logs",
	"AWS::Logs::QueryDefinition":     "moto has no saved queries",
	"AWS::S3::BucketPolicy":          "moto enforces no policies",
	"AWS::SNS::TopicPolicy":          "moto enforces no policies",
	"AWS::SQS::QueuePolicy":          "moto enforces no policies",
}

// Skipped compares the created resources with the template, and returns the known types that moto skipped. It fails if moto skipped
// another type, or if it created one of the known types.
func (s Stack) Skipped() (known []string, err error) {
	var wrong []string
	missing := map[string]bool{}
	for id, kind := range s.Template {
		switch created := s.Created[id]; {
		case created == kind && unsupported[kind] != "":
			wrong = append(wrong, "moto can create "+kind+" now: remove it from the list unsupported")
		case created != kind && unsupported[kind] == "":
			wrong = append(wrong, fmt.Sprintf("moto did not create %s (%s) and reported no error", id, kind))
		case created != kind:
			missing[kind+": "+unsupported[kind]] = true
		}
	}
	if len(s.Template) == 0 {
		wrong = append(wrong, "the template has no resources")
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return nil, fmt.Errorf("%s", strings.Join(slices.Compact(wrong), "\n"))
	}
	return slices.Sorted(maps.Keys(missing)), nil
}
