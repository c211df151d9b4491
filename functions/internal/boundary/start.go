package boundary

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// Start runs a Lambda: it makes the logger and the AWS configuration, has the handler made of them, and serves.
func Start[O any](wire func(cfg aws.Config, log *slog.Logger) (Handler[O], error)) {
	log := lambdacontext.NewLogger()
	cfg, err := config.LoadDefaultConfig(context.Background())
	var handler Handler[O]
	if err == nil {
		handler, err = wire(cfg, log)
	}
	if err != nil {
		log.Error("function can't start", "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(handler)
}

// Wait waits, or ends with the call.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
