package main

import (
	"encoding/json"
	"io"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// emit writes the value as JSON, or has it written as text.
func (a *app) emit(value any, text func()) error {
	if a.output != "json" {
		text()
		return nil
	}
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	_, err = a.console.out.Write(append(ebs.VisibleJSON(body), '\n'))
	return err
}

// show writes what a person is asked about: where standard output is for JSON, to the other one.
func (a *app) show(text func()) {
	if a.output == "json" {
		c := a.console
		defer func(out io.Writer) { c.out = out }(c.out)
		c.out = c.err
	}
	text()
}

// visibleJSON is a writer of JSON that goes to a person's terminal.
type visibleJSON struct{ io.Writer }

func (v visibleJSON) Write(body []byte) (int, error) {
	if _, err := v.Writer.Write(ebs.VisibleJSON(body)); err != nil {
		return 0, err
	}
	return len(body), nil
}
