// Command prune-volume is the Lambda that deletes what the retention of one volume no longer keeps.
package main

import (
	"log/slog"
	"time"
	_ "time/tzdata" // Lambda's system has no time zones

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/lambda/boundary"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/prune"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func main() {
	boundary.Start(func(cfg aws.Config, log *slog.Logger) (boundary.Handler[contract.PruneResult], error) {
		s := &prune.Service{EC2: ec2gw.New(cfg, ec2gw.Options{}), Now: time.Now, Wait: boundary.Wait, Log: log}
		return boundary.Handle(log, s.Prune), nil
	})
}
