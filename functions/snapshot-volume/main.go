// Command snapshot-volume is the Lambda that creates a run's snapshot of one volume.
package main

import (
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/lambda/boundary"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/snapshot"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func main() {
	boundary.Start(func(cfg aws.Config, log *slog.Logger) (boundary.Handler[contract.SnapshotResult], error) {
		s := &snapshot.Service{EC2: ec2gw.New(cfg, ec2gw.Options{}), Now: time.Now, Log: log}
		return boundary.Handle(log, s.Snapshot), nil
	})
}
