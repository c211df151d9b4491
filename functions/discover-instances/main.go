// Command discover-instances is the Lambda that begins a run: it claims the run, finds its instances and volumes, and writes the manifest.
package main

import (
	"log/slog"
	"time"
	_ "time/tzdata" // Lambda's system has no time zones

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/s3store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/sfngw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/lambda/boundary"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func main() {
	boundary.Start(func(cfg aws.Config, log *slog.Logger) (boundary.Handler[contract.Discovery], error) {
		var e boundary.Settings
		s := &discover.Service{
			EC2:        ec2gw.New(cfg, ec2gw.Options{}),
			Objects:    s3store.New(cfg, e.String(contract.EnvBucket)),
			Executions: sfngw.New(cfg),
			Pace: discover.Pace{
				Burst: e.Int(contract.EnvCreateBurst, discover.DefaultPace.Burst),
				Rate:  e.Rate(contract.EnvCreateRate, discover.DefaultPace.Rate),
			},
			TimeZones:   e.Strings(contract.EnvTimeZones),
			ExcludeBoot: e.List(contract.EnvExcludeBoot),
			Settle:      time.Duration(e.Count(contract.EnvSettleSeconds)) * time.Second,
			Aftermath:   discover.LambdaAftermath,
			Now:         time.Now,
			Log:         log,
		}
		return boundary.Handle(log, s.Discover), e.Err()
	})
}
