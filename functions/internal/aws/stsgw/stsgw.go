// Package stsgw asks AWS whose credentials these are.
package stsgw

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const callTimeout = 15 * time.Second

// Account gives the ID of the AWS account that the credentials of cfg belong to. Nobody can be denied the question.
func Account(ctx context.Context, cfg aws.Config) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
	if err == nil && aws.ToString(out.Account) == "" {
		err = errors.New("STS answered without an account") // the SDK takes an answer without a body for a success
	}
	if err != nil {
		return "", fmt.Errorf("ask AWS which account this is: %w", err)
	}
	return *out.Account, nil
}
