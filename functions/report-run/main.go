// Command report-run is the Lambda that ends a run: it compares the manifest with EC2, and reports to the administrator what is wrong.
package main

import (
	"log/slog"
	"time"
	_ "time/tzdata" // Lambda's system has no time zones

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/s3store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/snsgw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/lambda/boundary"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/report"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func main() {
	boundary.Start(func(cfg aws.Config, log *slog.Logger) (boundary.Handler[contract.ReportResult], error) {
		var e boundary.Settings
		bucket := e.String(contract.EnvBucket)
		s := &report.Service{
			EC2:     ec2gw.New(cfg, ec2gw.Options{}),
			Objects: s3store.New(cfg, bucket),
			Topic:   snsgw.New(cfg, e.String(contract.EnvTopicARN)),
			Base:    "s3://" + bucket + "/",
			Now:     time.Now,
			Log:     log,
		}
		return boundary.Handle(log, s.Report), e.Err()
	})
}
