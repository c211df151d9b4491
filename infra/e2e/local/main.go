// Command local deploys the product to an emulated AWS account on this machine and keeps it running until Ctrl-C, so that a person can
// try it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/e2e"
)

const usage = `local deploys the product to an emulated AWS account on this machine (moto), starts a few instances, and keeps it running until
Ctrl-C. It prints commands to try with the AWS CLI. It does not read or change a real AWS account.

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("local", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	region := f.String("region", "us-east-1", "the `Region` to deploy to; for China's partition: cn-north-1 or cn-northwest-1")
	speed := f.Int("speed", 1, "how many `times` faster waits and retries are, 1 to 1000")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case f.NArg() > 0:
		fmt.Fprintf(stderr, "local: unknown argument %q; -h lists the flags\n", f.Arg(0))
		return 2
	case *speed < 1 || *speed > 1000:
		fmt.Fprintf(stderr, "local: -speed is %d; give a number from 1 to 1000\n", *speed)
		return 2
	}
	if err := live(ctx, e2e.Options{Region: *region, Speed: *speed, Progress: stdout}, stdout); err != nil && ctx.Err() == nil {
		fmt.Fprintf(stderr, "local: %v\n", err)
		return 1
	}
	fmt.Fprintln(stdout, "Stopped. Nothing is still running.")
	return 0
}

// live deploys the product and waits for Ctrl-C.
func live(ctx context.Context, o e2e.Options, stdout io.Writer) (err error) {
	bed, err := e2e.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if ctx.Err() != nil {
			fmt.Fprintln(stdout, "\nStopping. Everything in the emulated account is deleted.")
		}
		bed.Close(err != nil && ctx.Err() == nil)
	}()
	if err := bed.Bootstrap(ctx); err != nil {
		return err
	}
	stack, err := bed.Deploy(ctx, nil)
	if err != nil {
		return err
	}
	left, err := stack.Skipped()
	if err != nil {
		return err
	}
	bed.SayAll("not created in the emulator: ", left)
	if err := bed.Subscribe(ctx, stack); err != nil {
		return err
	}
	bed.Endpoint.OnMail(func(m e2e.Mail) {
		if m.Message != "" {
			fmt.Fprintf(stdout, "\n--- e-mail: %s\n%s\n---\n", m.Subject, m.Message)
		}
	})
	fleet, err := bed.Launch(ctx, 3, 2, map[string]string{"Name": "web", "SnapshotDaily": "3", "SnapshotHourly": "24"})
	if err != nil {
		return err
	}
	explain(stdout, bed, stack, fleet)
	<-ctx.Done()
	return nil
}

const guide = `
Deployed. In another terminal:

  unset AWS_PROFILE
  %s
  aws() { %s "$@"; }

Start a run, as the schedule would, and look how it ends. E-mails are printed in this terminal.

  aws stepfunctions start-execution --name first --state-machine-arn %s --input '{"SnapshotKeyWord": "SnapshotDaily"}'
  aws stepfunctions list-executions --state-machine-arn %[3]s
  aws stepfunctions get-execution-history --execution-arn %s:first
  aws ec2 describe-snapshots --owner-ids self --query 'Snapshots[].[SnapshotId,VolumeId,State,Description]' --output table

Each instance has a child execution with its own history:

  aws stepfunctions list-map-runs --execution-arn %[4]s:first
  aws stepfunctions list-executions --map-run-arn <mapRunArn>

More:

  aws scheduler list-schedules
  aws cloudwatch describe-alarms --query 'MetricAlarms[].[AlarmName,AlarmDescription]'
  aws s3 ls --recursive s3://%s

The instances: %s. Each has two volumes and the tags SnapshotDaily=3 and SnapshotHourly=24. To cause a problem:

  aws ec2 create-tags --resources %s --tags Key=SnapshotDaily,Value=a-few

Schedules do not trigger here. Waits and retries take their real time (with make local ARGS='-speed 60', an hour takes a minute).
The logs of the functions: %s
Ctrl-C stops everything.
`

// quoted quotes a command for a shell.
func quoted(command []string) string {
	return "'" + strings.Join(command, "' '") + "'"
}

func explain(w io.Writer, bed *e2e.Testbed, s e2e.Stack, fleet []e2e.Instance) {
	var ids, exports []string
	for _, i := range fleet {
		ids = append(ids, i.ID)
	}
	for _, v := range bed.AWS() {
		for _, wanted := range []string{"AWS_ENDPOINT_URL=", "AWS_REGION=", "AWS_DEFAULT_REGION=", "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_PAGER=", "NO_PROXY="} {
			if strings.HasPrefix(v, wanted) {
				exports = append(exports, v)
			}
		}
	}
	machine := s.Outputs["StateMachineArn"]
	fmt.Fprintf(w, guide, "export "+strings.Join(exports, " "), quoted(bed.AWSCommand()), machine, strings.Replace(machine, ":stateMachine:", ":execution:", 1),
		s.Outputs["RunsBucket"], strings.Join(ids, ", "), ids[0], bed.Logs+"/functions.log")
}
