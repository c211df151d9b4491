package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// asker is the person at the terminal.
type asker struct {
	in    io.Reader
	there func() bool
}

func person() asker {
	return asker{os.Stdin, func() bool { return terminal(os.Stdin) && terminal(os.Stderr) }}
}

var errNotAsked = errors.New("nothing was changed: there is no terminal to ask at; read the list above, and add -yes if it is right")

// agree asks, and gives an error unless the answer is yes. Without a terminal nobody can answer, and -yes has to stand on the
// command line.
func (o options) agree(ctx context.Context, stderr io.Writer, question string) error {
	if o.yes {
		return nil
	}
	if !o.person.there() {
		return errNotAsked
	}
	ebs.Fprintf(stderr, "%s Type yes to go on: ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(o.person.in).ReadString('\n') // an end without an answer is none
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(stderr)
		return errors.New("nothing was changed: stopped")
	case a := <-answer:
		if a != "yes" {
			return errors.New("nothing was changed: the answer was not yes")
		}
		return nil
	}
}
