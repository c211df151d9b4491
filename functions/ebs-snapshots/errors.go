package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// Exit statuses, as the help gives them.
const (
	exitOK      = 0
	exitFailed  = 1   // something failed; it was named
	exitUsage   = 2   // the command line is wrong
	exitStopped = 130 // Ctrl-C
)

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
