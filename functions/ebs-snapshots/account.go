package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/stsgw"
)

const credentialsWait = 15 * time.Second

// account is the AWS account and Region that a verb works on. Each output about one begins with it.
type account struct {
	ID       string `json:"account"`
	Region   string `json:"region"`
	endpoint string // another EC2 than Amazon's
	cfg      aws.Config
	ec2      *ec2gw.Gateway
}

// account asks AWS which account the configuration leads to.
func (a *app) account(ctx context.Context) (account, error) {
	var options []func(*config.LoadOptions) error
	if a.region != "" {
		options = append(options, config.WithRegion(a.region))
	}
	if a.profile != "" {
		options = append(options, config.WithSharedConfigProfile(a.profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return account{}, fmt.Errorf("the AWS configuration can't be read: %w", err)
	}
	if cfg.Region == "" {
		return account{}, errors.New("the AWS configuration names no Region; give one with --region or AWS_REGION, or choose a profile that has one")
	}
	waiting, cancel := context.WithTimeout(ctx, credentialsWait)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(waiting); err != nil {
		return account{}, fmt.Errorf("there are no AWS credentials; give --profile, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: %w", err)
	}
	id, err := stsgw.Account(ctx, cfg)
	if err != nil {
		return account{}, fmt.Errorf("%w; check --region, --profile and AWS_ENDPOINT_URL", err)
	}
	return account{ID: id, Region: cfg.Region, endpoint: endpointOf(cfg), cfg: cfg, ec2: ec2gw.New(cfg, ec2gw.Options{})}, nil
}

// String is the heading of each output.
func (a account) String() string {
	if a.endpoint != "" {
		return fmt.Sprintf("Account %s, Region %s at %s", a.ID, a.Region, a.endpoint)
	}
	return fmt.Sprintf("Account %s, Region %s", a.ID, a.Region)
}

// folder names the folder of an account and Region, so that what ran in one never stands in the way of another.
func (a account) folder() string {
	out := a.ID + "-" + a.Region
	if a.endpoint != "" {
		sum := sha256.Sum256([]byte(a.endpoint))
		out += "-" + hex.EncodeToString(sum[:4])
	}
	return out
}

func endpointOf(cfg aws.Config) string {
	for _, name := range []string{"AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return aws.ToString(cfg.BaseEndpoint)
}
