package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// destination is the accounts and Regions that the CDK will work on.
type destination struct {
	cfg         aws.Config
	credentials string // where the credentials come from, in words
	identity    string // the ARN of the credentials' user or role
	partition   string
	targets     []config.Target // with account and Region
	account     string          // the account of the credentials
}

// identityTimeout limits the search for credentials. The last place that the SDK tries is the metadata service of an EC2 instance.
const identityTimeout = 30 * time.Second

// find returns the destination of the CDK with these arguments of its command line. It fails without valid credentials.
func find(ctx context.Context, args []string, env func(string) string) (*destination, error) {
	profile, given := arguments(args)
	targets, err := targetsOf(given)
	if err != nil {
		return nil, err
	}
	d := &destination{credentials: credentials(profile, env)}
	// Only the profile of the command line is set here. The SDK handles the environment as the CDK does: keys win over AWS_PROFILE.
	d.cfg, err = awsconfig.LoadDefaultConfig(ctx, awsconfig.WithSharedConfigProfile(profile))
	if err != nil {
		return nil, unusable(err)
	}
	if d.cfg.Region == "" && len(targets) > 0 {
		d.cfg.Region = targets[0].Region
	}
	if d.cfg.Region == "" {
		return nil, errors.New("no Region is configured. The CDK would silently use us-east-1.\n" +
			"Choose one: export AWS_REGION=eu-central-1 (for example), or set region in the profile, or set targets in cdk.json")
	}
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	caller, err := sts.NewFromConfig(d.cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		return nil, unusable(err)
	}
	d.account, d.identity = aws.ToString(caller.Account), aws.ToString(caller.Arn)
	if parts := strings.Split(d.identity, ":"); len(parts) > 1 {
		d.partition = parts[1]
	}
	if len(targets) == 0 {
		targets = []config.Target{{}}
	}
	for _, t := range targets {
		if selected(t, env("STACKS")) {
			d.targets = append(d.targets, config.Target{Account: cmp.Or(t.Account, d.account), Region: cmp.Or(t.Region, d.cfg.Region)})
		}
	}
	if len(d.targets) == 0 {
		return nil, fmt.Errorf("STACKS=%s selects no stack. The stacks are: %s", env("STACKS"), stackIDs(targets))
	}
	return d, nil
}

func unusable(err error) error {
	return fmt.Errorf("there are no valid AWS credentials: %w\n"+
		"Choose a profile (export AWS_PROFILE=my-account), log in again if the session has expired (aws sso login),\n"+
		"or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. `make demo` and `make local` need no AWS account", err)
}

// credentials says where the credentials come from.
func credentials(profile string, env func(string) string) string {
	switch {
	case profile == "" && env("AWS_ACCESS_KEY_ID") != "":
		return "keys from the environment"
	case cmp.Or(profile, env("AWS_PROFILE")) != "":
		return "profile " + cmp.Or(profile, env("AWS_PROFILE"))
	default:
		return "default credentials"
	}
}

// arguments returns the arguments of the CDK that decide about the destination: the profile and the keys of the context.
func arguments(args []string) (profile string, values map[string]any) {
	values = map[string]any{}
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		switch name {
		case "--profile", "--context", "-c":
			if !joined && i+1 < len(args) {
				i++
				value = args[i]
			}
		default:
			continue
		}
		if name == "--profile" {
			profile = value
			continue
		}
		if key, v, ok := strings.Cut(value, "="); ok {
			values[key] = v
		}
	}
	return profile, values
}

// targetsOf reads the targets from cdk.json and from the command line. The CDK app reports the other faults of the configuration.
func targetsOf(given map[string]any) ([]config.Target, error) {
	body, err := os.ReadFile("cdk.json")
	if err != nil {
		return nil, err
	}
	var file struct {
		Context map[string]any `json:"context"`
	}
	if err := json.Unmarshal(body, &file); err != nil {
		return nil, fmt.Errorf("cdk.json: %w", err)
	}
	targets, ok := file.Context["targets"]
	if v, overridden := given["targets"]; overridden {
		targets, ok = v, true
	}
	if !ok {
		return nil, nil
	}
	c, err := config.Read(map[string]any{"targets": targets}, config.Target{})
	return c.Targets, err
}

// selected says whether STACKS selects the stack of a target. The patterns are those of the CDK.
func selected(t config.Target, stacks string) bool {
	for name := range strings.FieldsSeq(cmp.Or(stacks, "--all")) {
		if ok, err := path.Match(name, t.StackID()); name == "--all" || ok && err == nil {
			return true
		}
	}
	return false
}

func stackIDs(targets []config.Target) string {
	var out []string
	for _, t := range targets {
		out = append(out, t.StackID())
	}
	return strings.Join(out, ", ")
}

func stacks(targets []config.Target) string {
	if len(targets) == 1 {
		return "the stack " + config.StackName
	}
	return fmt.Sprintf("the %d stacks %s", len(targets), config.StackName)
}

// lines describe the destination: one line for each stack.
func (d *destination) lines() []string {
	var out []string
	for _, t := range d.targets {
		line := fmt.Sprintf("Account %s, Region %s, %s, as %s", t.Account, t.Region, d.credentials, d.identity)
		if t.Account != d.account {
			line += ". The CDK assumes the roles that cdk bootstrap created in this account"
		}
		out = append(out, line)
	}
	return out
}
