// Command ebs-snapshots shows, explains and changes the EBS snapshots that the schedules in cdk.json manage.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	_ "time/tzdata" // for machines without time zones

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process immediately
	os.Exit(execute(ctx, &app{console: systemConsole(), called: calledAs(os.Args[0]), waits: personWaits}, os.Args[1:]))
}

// execute runs the command line, and gives the exit status.
func execute(ctx context.Context, a *app, args []string) int {
	root := a.root()
	root.SetArgs(args)
	verb, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitOK
	case a.begun && ctx.Err() != nil:
		say(a, err)
		return exitStopped
	case a.begun && !errors.Is(err, errUsage):
		say(a, err)
		return exitFailed
	}
	say(a, err)
	if m := unknown.FindStringSubmatch(err.Error()); m != nil {
		if likely := verb.SuggestionsFor(m[1]); len(likely) > 0 {
			ebs.Fprintf(a.console.err, "Did you mean %s?\n", strings.Join(likely, " or "))
		}
	}
	fmt.Fprintf(a.console.err, "See '%s --help'.\n", verb.CommandPath())
	return exitUsage
}

// unknown is cobra's error about a verb that there is none of; it has no type.
var unknown = regexp.MustCompile(`^unknown command "([^"]+)"`)
