// Command account runs before the CDK in the Makefile. It shows the accounts and Regions of a deployment, refuses to start without
// valid credentials, and stops the running executions of a stack that is to be destroyed. It does not need the AWS CLI.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"golang.org/x/term"
)

const usage = `usage: account check|environments|confirm|stop [arguments of the CDK]
  check         shows the account and Region of each stack; fails without valid credentials
  environments  does the same, and prints aws://<account>/<Region> of each stack, for cdk bootstrap
  confirm       does the same, and asks whether to destroy the stacks (does not ask if YES=1 is in the environment)
  stop          stops the running executions of the stacks' state machines
STACKS in the environment selects the stacks, as for the CDK`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 0 || !slices.Contains([]string{"check", "environments", "confirm", "stop"}, args[0]) {
		return errors.New(usage)
	}
	d, err := find(ctx, args[1:], env)
	if err != nil {
		return err
	}
	if args[0] == "stop" {
		return d.stop(ctx, stderr)
	}
	for _, line := range d.lines() {
		fmt.Fprintln(stderr, line)
	}
	switch args[0] {
	case "environments":
		for _, t := range d.targets {
			fmt.Fprintf(stdout, "aws://%s/%s\n", t.Account, t.Region)
		}
	case "confirm":
		return d.confirm(ctx, env("YES") != "", stdin, stderr)
	}
	return nil
}

// confirm asks a person before the stacks are destroyed.
func (d *destination) confirm(ctx context.Context, yes bool, stdin io.Reader, stderr io.Writer) error {
	running, err := d.runningExecutions(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "This deletes %s and stops the running executions (now: %d). No snapshot is deleted.\n", stacks(d.targets), len(running))
	if yes {
		return nil
	}
	if file, ok := stdin.(*os.File); ok && !term.IsTerminal(int(file.Fd())) {
		return errors.New("there is no terminal, so nobody can answer the question. Run `make destroy YES=1`, which does not ask")
	}
	fmt.Fprint(stderr, "Destroy? (y/N) ")
	var answer string
	_, _ = fmt.Fscanln(stdin, &answer) // an empty answer means no
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return errors.New("nothing was destroyed")
	}
	return nil
}
