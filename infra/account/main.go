// Command account stands before the CDK in the Makefile: it says where a deployment goes, refuses to begin without usable
// credentials, and stops the executions that would keep a stack from being destroyed. It needs no AWS CLI.
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

const usage = `usage: account check|environments|confirm|stop [<the CDK's arguments>]
  check         says which account and Regions it is about; fails without usable credentials
  environments  the same, and prints aws://<account>/<Region> of each for cdk bootstrap
  confirm       the same, and asks whether the stacks are to be destroyed (YES=1 in the environment: does not ask)
  stop          stops the open executions of the stacks' state machines
STACKS in the environment names the stacks, as for the CDK`

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
	p, err := find(ctx, args[1:], env)
	if err != nil {
		return err
	}
	if args[0] == "stop" {
		return p.stop(ctx, stderr)
	}
	for _, line := range p.lines() {
		fmt.Fprintln(stderr, line)
	}
	switch args[0] {
	case "environments":
		for _, t := range p.targets {
			fmt.Fprintf(stdout, "aws://%s/%s\n", t.Account, t.Region)
		}
	case "confirm":
		return p.confirm(ctx, env("YES") != "", stdin, stderr)
	}
	return nil
}

// confirm asks before stacks are destroyed.
func (p *place) confirm(ctx context.Context, yes bool, stdin io.Reader, stderr io.Writer) error {
	open, err := p.open(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "make destroy removes %s there, and stops its open executions: %d now. No snapshot is deleted.\n", stacks(p.targets), len(open))
	if yes {
		return nil
	}
	if file, ok := stdin.(*os.File); ok && !term.IsTerminal(int(file.Fd())) {
		return errors.New("there is no terminal to ask on; `make destroy YES=1` does not ask")
	}
	fmt.Fprint(stderr, "Destroy? (y/N) ")
	var answer string
	_, _ = fmt.Fscanln(stdin, &answer) // no answer is a no
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return errors.New("nothing was destroyed")
	}
	return nil
}
