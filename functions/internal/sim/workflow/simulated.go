package workflow

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// sdkBackoff has the longest wait of the SDK before each of its retries.
const sdkBackoff = 2 * time.Second

// SimulatedEC2 is a gateway to a simulated account (or to a wrapper of one) through the real SDK client. The retries wait by the world's clock.
// The SDK draws its backoff from the system's randomness. Here it is drawn from a fixed seed, so that a run can be repeated exactly.
func SimulatedEC2(account aws.HTTPClient, world *asl.Virtual) *ec2gw.Gateway {
	random := rand.New(rand.NewPCG(1, 2))
	return ec2gw.New(aws.Config{
		Region:      "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("simulated", "simulated", ""),
		HTTPClient:  account,
	}, ec2gw.Options{Backoff: func(time.Duration) {
		d := time.Duration(random.Float64() * float64(sdkBackoff))
		_ = world.Sleep(context.Background(), d) // the SDK gives no context here, and checks its own afterwards
	}})
}
