package workflow

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// SimulatedEC2 is a gateway to a simulated account through the real SDK client, whose retries wait by the world's clock.
func SimulatedEC2(account *ec2sim.Account, world asl.World) *ec2gw.Gateway {
	return ec2gw.New(aws.Config{
		Region:      "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("simulated", "simulated", ""),
		HTTPClient:  account,
	}, ec2gw.Options{Backoff: func(d time.Duration) {
		_ = world.Sleep(context.Background(), d) // the SDK gives no context here; it looks at its own afterwards
	}})
}
