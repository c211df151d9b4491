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

// Exit statuses, as the help gives them.
const (
	exitOK      = 0
	exitFailed  = 1   // something failed; it was named
	exitUsage   = 2   // the command line is wrong
	exitStopped = 130 // Ctrl-C
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

// errUsage marks an error as one of the command line.
var errUsage = errors.New("usage")

type usageError struct{ error }

func (usageError) Is(target error) bool { return target == errUsage }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// lines is an error that takes several lines to say, each of which may quote what others wrote.
type lines []string

func (l lines) Error() string {
	out := make([]string, len(l))
	for i := range l {
		out[i] = ebs.Visible(l[i])
	}
	return strings.Join(out, "\n")
}

// say writes the error that ends the command.
func say(a *app, err error) {
	if several, ok := errors.AsType[lines](err); ok {
		fmt.Fprintf(a.console.err, "%s: %s\n", name, several.Error())
		return
	}
	ebs.Fprintf(a.console.err, "%s: %v\n", name, err)
}
