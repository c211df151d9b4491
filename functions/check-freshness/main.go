// Command check-freshness is the Lambda that reports volumes whose newest snapshot is too old. It runs each hour.
package main

import (
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/s3store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/snsgw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/lambda/boundary"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/freshness"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func main() {
	boundary.Start(func(cfg aws.Config, log *slog.Logger) (boundary.Handler[freshness.Result], error) {
		var e boundary.Settings
		bucket := e.String(contract.EnvBucket)
		s := &freshness.Service{
			EC2:         ec2gw.New(cfg, ec2gw.Options{}),
			Objects:     s3store.New(cfg, bucket),
			Topic:       snsgw.New(cfg, e.String(contract.EnvTopicARN)),
			Limits:      e.Durations(contract.EnvLimits),
			ExcludeBoot: e.List(contract.EnvExcludeBoot),
			Base:        "s3://" + bucket + "/",
			Now:         time.Now,
			Log:         log,
		}
		return boundary.Handle(log, s.Check), e.Err()
	})
}
