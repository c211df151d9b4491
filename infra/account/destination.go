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

// place is where the CDK will go.
type place struct {
	cfg       aws.Config
	by        string // which credentials, in words
	identity  string // ARN of whoever the credentials are
	partition string
	targets   []config.Target // with account and Region
	account   string          // that of the credentials
}

// patience bounds the question who the credentials are. Without any, the SDK also asks for those of an EC2 instance.
const patience = 30 * time.Second

// find says where the CDK will go with these arguments of its command line, and whether the credentials are usable.
func find(ctx context.Context, args []string, env func(string) string) (*place, error) {
	profile, given := arguments(args)
	targets, err := targetsOf(given)
	if err != nil {
		return nil, err
	}
	p := &place{by: credentials(profile, env)}
	// Only that of the command line: like the CDK, the SDK puts keys of the environment before a profile of the environment.
	p.cfg, err = awsconfig.LoadDefaultConfig(ctx, awsconfig.WithSharedConfigProfile(profile))
	if err != nil {
		return nil, unusable(err)
	}
	if p.cfg.Region == "" && len(targets) > 0 {
		p.cfg.Region = targets[0].Region
	}
	if p.cfg.Region == "" {
		return nil, errors.New("no Region is named, and the CDK would take us-east-1 without a word.\n" +
			"Name one: export AWS_REGION=eu-central-1 (or whichever it is), or set region in the profile, or targets in cdk.json")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	who, err := sts.NewFromConfig(p.cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		return nil, unusable(err)
	}
	p.account, p.identity = aws.ToString(who.Account), aws.ToString(who.Arn)
	if parts := strings.Split(p.identity, ":"); len(parts) > 1 {
		p.partition = parts[1]
	}
	if len(targets) == 0 {
		targets = []config.Target{{}}
	}
	for _, t := range targets {
		if wanted(t, env("STACKS")) {
			p.targets = append(p.targets, config.Target{Account: cmp.Or(t.Account, p.account), Region: cmp.Or(t.Region, p.cfg.Region)})
		}
	}
	if len(p.targets) == 0 {
		return nil, fmt.Errorf("STACKS=%s names none of the stacks. There are: %s", env("STACKS"), stackIDs(targets))
	}
	return p, nil
}

func unusable(err error) error {
	return fmt.Errorf("there are no usable credentials of an AWS account: %w\n"+
		"Name a profile (export AWS_PROFILE=my-account), log in again if it has expired (aws sso login), or set AWS_ACCESS_KEY_ID and\n"+
		"AWS_SECRET_ACCESS_KEY. Without an account, `make demo` and `make local` show what there is", err)
}

// credentials says which are used.
func credentials(profile string, env func(string) string) string {
	switch {
	case profile == "" && env("AWS_ACCESS_KEY_ID") != "":
		return "keys of the environment"
	case cmp.Or(profile, env("AWS_PROFILE")) != "":
		return "profile " + cmp.Or(profile, env("AWS_PROFILE"))
	default:
		return "no profile named"
	}
}

// arguments finds in the CDK's command line what decides where it goes: the profile, and keys of the context.
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

// targetsOf reads from cdk.json, and the command line, which stacks there are. What else is wrong with the configuration, the CDK
// app says.
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

// wanted says whether STACKS, as the CDK reads it, names the stack of a target.
func wanted(t config.Target, stacks string) bool {
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

// lines say where it goes.
func (p *place) lines() []string {
	var out []string
	for _, t := range p.targets {
		line := fmt.Sprintf("Account %s, Region %s, %s, as %s", t.Account, t.Region, p.by, p.identity)
		if t.Account != p.account {
			line += ": the CDK takes the roles there that its bootstrap made"
		}
		out = append(out, line)
	}
	return out
}
