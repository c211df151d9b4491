// Command tidy-orphans is the Lambda that finds snapshots that no run prunes any more, and deletes what the policy does not keep. It runs each
// day.
package main

import (
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/s3store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/snsgw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/lambda/boundary"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/orphans"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func main() {
	boundary.Start(func(cfg aws.Config, log *slog.Logger) (boundary.Handler[orphans.Result], error) {
		var e boundary.Settings
		bucket := e.String(contract.EnvBucket)
		s := &orphans.Service{
			EC2:      ec2gw.New(cfg, ec2gw.Options{}),
			Objects:  s3store.New(cfg, bucket),
			Topic:    snsgw.New(cfg, e.String(contract.EnvTopicARN)),
			Keywords: e.Some(contract.EnvKeywords),
			Base:     "s3://" + bucket + "/",
			Now:      time.Now,
			Wait:     boundary.Wait,
			Log:      log,
		}
		policy, expireDays := e.String(contract.EnvPolicy), e.Count(contract.EnvExpireDays)
		if err := e.Err(); err != nil {
			return nil, err
		}
		var err error
		s.Policy, err = orphans.ReadPolicy(policy, expireDays)
		return boundary.Handle(log, s.Tidy), err
	})
}
