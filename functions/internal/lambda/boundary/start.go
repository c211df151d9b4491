package boundary

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	stdlog "log" // the runtime logs with it
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Start runs a Lambda: it makes the logger and the AWS configuration, calls wire for the handler, and serves requests.
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
	stdlog.SetFlags(0)
	stdlog.SetOutput(withoutErrors{os.Stderr})
	lambda.Start(handler)
}

// withoutErrors drops the line that the runtime prints for each error of a handler, since Handle has logged it as JSON with its level. It does
// not drop the runtime's own errors, which have other types.
type withoutErrors struct{ io.Writer }

func (w withoutErrors) Write(line []byte) (int, error) {
	var printed struct{ ErrorType string }
	if json.Unmarshal(line, &printed) == nil {
		for _, e := range contract.Errors() {
			if "*contract."+printed.ErrorType == fmt.Sprintf("%T", e) {
				return len(line), nil
			}
		}
	}
	return w.Writer.Write(line)
}

// Wait waits for d, or until the call ends.
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
