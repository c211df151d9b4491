package main

// What others wrote, in tags or in EC2's messages, can neither begin a line nor command the terminal: all that this command prints goes
// through ebs.Fprintf, but for JSON and texts of its own.

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

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
func say(w io.Writer, err error) {
	if several := (lines)(nil); errors.As(err, &several) {
		fmt.Fprintf(w, "run-local: %s\n", several.Error())
		return
	}
	ebs.Fprintf(w, "run-local: %v\n", err)
}

// and gives both errors; the second may be nil.
func and(err, more error) error {
	if more == nil {
		return err
	}
	return lines{err.Error(), more.Error()}
}

// plainJSON is a writer of JSON that goes to a person's terminal.
type plainJSON struct{ io.Writer }

func (p plainJSON) Write(body []byte) (int, error) {
	if _, err := p.Writer.Write(ebs.VisibleJSON(body)); err != nil {
		return 0, err
	}
	return len(body), nil
}
