// Command local deploys the product to an emulated AWS account on this machine, and leaves it running for a person to try, until
// Ctrl-C.
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

const usage = `local deploys the product to an emulated AWS account on this machine (moto), loads a small fleet, and leaves it running until Ctrl-C.
It prints how to look at it with the AWS CLI. Nothing of a real AWS account is read or changed.

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
	region := f.String("region", "us-east-1", "the `Region` to deploy to; cn-north-1 or cn-northwest-1 for China's partition")
	speed := f.Int("speed", 1, "how many `times` as fast waits and retries pass, 1 to 1000")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case f.NArg() > 0:
		fmt.Fprintf(stderr, "local: %q is not a flag; -h explains them.\n", f.Arg(0))
		return 2
	case *speed < 1 || *speed > 1000:
		fmt.Fprintf(stderr, "local: -speed %d is not in 1 to 1000\n", *speed)
		return 2
	}
	if err := live(ctx, e2e.Options{Region: *region, Speed: *speed, Progress: stdout}, stdout); err != nil && ctx.Err() == nil {
		fmt.Fprintf(stderr, "local: %v\n", err)
		return 1
	}
	fmt.Fprintln(stdout, "Stopped; nothing is left running.")
	return 0
}

// live sets it up, and waits for Ctrl-C.
func live(ctx context.Context, o e2e.Options, stdout io.Writer) (err error) {
	lab, err := e2e.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if ctx.Err() != nil {
			fmt.Fprintln(stdout, "\nStopping; everything here goes with it.")
		}
		lab.Close(err != nil && ctx.Err() == nil)
	}()
	if err := lab.Bootstrap(ctx); err != nil {
		return err
	}
	stack, err := lab.Deploy(ctx, nil)
	if err != nil {
		return err
	}
	left, err := stack.Skipped()
	if err != nil {
		return err
	}
	lab.SayAll("not made here: ", left)
	if err := lab.Subscribe(ctx, stack); err != nil {
		return err
	}
	lab.Endpoint.OnMail(func(m e2e.Mail) {
		if m.Message != "" {
			fmt.Fprintf(stdout, "\n--- e-mail: %s\n%s\n---\n", m.Subject, m.Message)
		}
	})
	fleet, err := lab.Launch(ctx, 3, 2, map[string]string{"Name": "web", "SnapshotDaily": "3", "SnapshotHourly": "24"})
	if err != nil {
		return err
	}
	explain(stdout, lab, stack, fleet)
	<-ctx.Done()
	return nil
}

const guide = `
Deployed. In another terminal:

  unset AWS_PROFILE
  %s
  aws() { %s "$@"; }

Start a run, as the schedule would, and see how it ends. E-mails are printed here.

  aws stepfunctions start-execution --name first --state-machine-arn %s --input '{"SnapshotKeyWord": "SnapshotDaily"}'
  aws stepfunctions list-executions --state-machine-arn %[3]s
  aws stepfunctions get-execution-history --execution-arn %s:first
  aws ec2 describe-snapshots --owner-ids self --query 'Snapshots[].[SnapshotId,VolumeId,State,Description]' --output table

Each instance is a child execution, with a history of its own:

  aws stepfunctions list-map-runs --execution-arn %[4]s:first
  aws stepfunctions list-executions --map-run-arn <mapRunArn>

What else there is:

  aws scheduler list-schedules
  aws cloudwatch describe-alarms --query 'MetricAlarms[].[AlarmName,AlarmDescription]'
  aws s3 ls --recursive s3://%s

The fleet: %s, with two volumes each, SnapshotDaily=3 and SnapshotHourly=24. To break it:

  aws ec2 create-tags --resources %s --tags Key=SnapshotDaily,Value=a-few

Schedules do not fire by themselves here, and what fails is tried again in real time (make local ARGS='-speed 60': an hour of it takes a minute). What the functions log: %s
Ctrl-C stops it all.
`

// quoted is a command for a shell.
func quoted(command []string) string {
	return "'" + strings.Join(command, "' '") + "'"
}

func explain(w io.Writer, lab *e2e.Lab, s e2e.Stack, fleet []e2e.Instance) {
	var ids, exports []string
	for _, i := range fleet {
		ids = append(ids, i.ID)
	}
	for _, v := range lab.AWS() {
		for _, wanted := range []string{"AWS_ENDPOINT_URL=", "AWS_REGION=", "AWS_DEFAULT_REGION=", "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_PAGER=", "NO_PROXY="} {
			if strings.HasPrefix(v, wanted) {
				exports = append(exports, v)
			}
		}
	}
	machine := s.Outputs["StateMachineArn"]
	fmt.Fprintf(w, guide, "export "+strings.Join(exports, " "), quoted(lab.AWSCommand()), machine, strings.Replace(machine, ":stateMachine:", ":execution:", 1),
		s.Outputs["RunsBucket"], strings.Join(ids, ", "), ids[0], lab.Logs+"/functions.log")
}
