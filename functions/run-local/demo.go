package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	demonstration "github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/demo"
)

// patience is how many simulated days are over before anybody wonders.
const patience = 14

// demo plays the demonstration over a simulated account. It fails if what the product promises did not hold in it.
func demo(ctx context.Context, o options, stdout io.Writer) error {
	var log slog.Handler
	if o.verbose {
		log = functionLog(o, os.Stderr)
	}
	if o.days > patience && terminal(os.Stderr) {
		ebs.Fprintf(os.Stderr, "Simulating %d days; a week takes two or three seconds.\n", o.days)
	}
	result, err := demonstration.Run(ctx, demonstration.Options{Days: o.days, Log: log})
	if err != nil {
		return err
	}
	if err := emit(o, stdout, result, func(w io.Writer) { result.Print(w, colorful(w)) }); err != nil {
		return err
	}
	return result.Err()
}

// colorful says whether a person watches who has not asked for plain text (https://no-color.org).
func colorful(w io.Writer) bool {
	return terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
