package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const name = "ebs-snapshots"

// app is what all verbs share: where they read and write, and what the flags of every verb say.
type app struct {
	console *console
	called  string // how the person called it, for the commands that it prints
	waits   waits  // of a run
	begun   bool   // the command line was understood, and the verb is at work

	region, profile, config, output string
	noColor, debug                  bool
}

// one takes one argument, and says which if it is not there.
func one(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return fmt.Errorf("%s needs %s", cmd.Name(), what)
		case 1:
			return nil
		}
		return fmt.Errorf("%s takes %s, and got %d words: %s", cmd.Name(), what, len(args), strings.Join(args, " "))
	}
}

// atMostOne takes one argument or none.
func atMostOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("%s takes at most one %s, and got %d words: %s", cmd.Name(), what, len(args), strings.Join(args, " "))
		}
		return nil
	}
}

// functionLog is where the functions' logs go.
func (a *app) functionLog() slog.Handler {
	if !a.debug {
		return slog.DiscardHandler
	}
	return slog.NewJSONHandler(visibleJSON{a.console.err}, nil)
}

// calledAs gives the words with which a person can call the program again.
func calledAs(program string) string {
	if strings.HasPrefix(program, os.TempDir()) && strings.Contains(program, "go-build") {
		return "go run ./functions/" + name
	}
	if filepath.Base(filepath.Dir(program)) == "bin" && strings.HasPrefix(program, ".cache") { // the Makefile's
		return "go run ./functions/" + name
	}
	return quoted(program)
}

// waits is how long a run waits for what EC2 shows late.
type waits struct {
	settle    time.Duration // from a snapshot's creation to the first look at it
	aftermath time.Duration // from the end of an execution until EC2's lists show all that it created
}

// personWaits are shorter than deployed: a person is watching, and no function of an earlier execution outlives its process.
var personWaits = waits{settle: 3 * time.Second, aftermath: 20 * time.Second}
