package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// progress tells a person how a run goes: on a terminal one line that is rewritten, elsewhere a line for what is worth one.
// Its caller serializes the calls.
type progress struct {
	out      io.Writer
	terminal bool
	width    int
	last     time.Time
	line     bool           // a line stands on the terminal, to be rewritten
	told     map[string]int // how often a kind of trouble was told
}

const (
	redraw   = 100 * time.Millisecond
	maxTold  = 5 // lines for each kind of trouble; the report has them all
	minWidth = 40
)

func newProgress(out io.Writer) *progress {
	p := &progress{out: &oneAtATime{to: out}, told: map[string]int{}}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			p.terminal, p.width = true, max(w, minWidth)
		}
	}
	return p
}

// found tells what the run has to do.
func (p *progress) found(d contract.Discovery) {
	if d.Outcome != contract.OutcomeWork {
		return
	}
	text := fmt.Sprintf("%d volumes of %d instances", d.Volumes, d.Instances)
	if wait := time.Until(d.LastStartAt); wait > time.Second {
		text += fmt.Sprintf("; at EC2's pace the last snapshot is created in %s", wait.Round(time.Second))
	}
	p.print(text)
}

// trouble tells that a volume, or a step of the run, is in trouble, which its retries may or may not cure.
func (p *progress) trouble(what, name, message string) {
	p.told[name]++
	switch n := p.told[name]; {
	case n < maxTold:
		p.print(fmt.Sprintf("%s: %s: %s", what, name, message))
	case n == maxTold:
		p.print(fmt.Sprintf("%s: %s: %s (more of the kind are not printed)", what, name, message))
	}
}

// show rewrites the line of a terminal.
func (p *progress) show(volumes, created, done int, waiting map[string]string) {
	if !p.terminal || volumes == 0 || time.Since(p.last) < redraw && done < volumes {
		return
	}
	p.last, p.line = time.Now(), true
	text := fmt.Sprintf("%d volumes: %d with a snapshot, %d done", volumes, created, done)
	counts := map[string]int{}
	for _, name := range waiting {
		counts[name]++
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		text += fmt.Sprintf(", %d %s", counts[name], waitingFor(name))
	}
	r := []rune(ebs.Visible(text))
	ebs.Fprintf(p.out, "\r\x1b[K%s", string(r[:min(len(r), p.width-1)]))
}

// waitingFor says in a person's words what a volume is retried for.
func waitingFor(name string) string {
	switch name {
	case "SnapshotPendingError":
		return "not completed yet"
	case "ThrottledError":
		return "throttled"
	case "SnapshotRateError", "SnapshotQuotaError":
		return "waiting for EC2's limits"
	}
	return "in trouble (" + name + ")"
}

func (p *progress) print(text string) {
	p.close()
	ebs.Fprintf(p.out, "%s\n", text)
}

// close ends the line of a terminal.
func (p *progress) close() {
	if p.line {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.line = false
	}
}

// oneAtATime lets several write to one writer.
type oneAtATime struct {
	mu sync.Mutex
	to io.Writer
}

func (o *oneAtATime) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(p)
}
