package main

import (
	"context"
	"strings"
	"testing"
)

func TestTheDemonstrationIsPlayed(t *testing.T) {
	c := newCommand(t)
	c.says(t, 0, []string{"demo", "--days", "1"})
	for _, want := range []string{"a day in a simulated AWS account", "yes  6. No silent failure"} {
		if !strings.Contains(c.stdout.String(), want) {
			t.Errorf("the text lacks %q", want)
		}
	}
	if strings.Contains(c.stdout.String(), "\x1b") {
		t.Error("there are colours in what is no terminal")
	}
}

func TestAStoppedDemonstrationFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := newCommand(t)
	if got := c.run(ctx, "demo"); got != exitStopped || c.stdout.Len() > 0 || !strings.Contains(c.stderr.String(), "the demonstration was stopped") {
		t.Errorf("exit status %d, output %q, errors %q", got, c.stdout.String(), c.stderr.String())
	}
}

func TestTheDemonstrationShowsOnATerminalHowFarItIs(t *testing.T) {
	c := newCommand(t)
	a := c.app()
	a.console.errWidth = 80
	if got := execute(t.Context(), a, []string{"demo", "--days", "2"}); got != exitOK || !strings.Contains(c.stderr.String(), "simulating day 1 of 2") || !strings.HasSuffix(c.stderr.String(), "\r\x1b[K") {
		t.Errorf("exit status %d: %q", got, c.stderr.String())
	}
}
