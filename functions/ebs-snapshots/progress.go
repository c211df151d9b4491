package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// progress shows a person how a run proceeds: on a terminal one line that is rewritten, elsewhere a line for what is worth one.
// Its caller serializes the calls.
type progress struct {
	console *console
	line    *status
	told    map[string]int // how often a kind of trouble was told
}

// maxTold is how many lines each kind of trouble gets; the report has them all.
const maxTold = 5

func newProgress(c *console) *progress {
	return &progress{console: c, line: c.status(), told: map[string]int{}}
}

// found tells what the run has to do.
func (p *progress) found(d contract.Discovery) {
	if d.Outcome != contract.OutcomeWork {
		return
	}
	text := ebs.Count(d.Volumes, "volume")
	if d.Instances > 0 { // some volumes may be attached to none
		text += ", " + ebs.Count(d.Instances, "instance")
	}
	if wait := time.Until(d.LastStartAt); wait > time.Second {
		text += fmt.Sprintf("; at EC2's pace the last snapshot is created in %s", wait.Round(time.Second))
	}
	p.print(text)
}

// trouble tells that a volume, or a step of the run, is in trouble, which its retries may or may not cure.
func (p *progress) trouble(what, name, message string) {
	message = strings.ReplaceAll(message, "\n", "; ")
	p.told[name]++
	switch n := p.told[name]; {
	case n < maxTold:
		p.print(fmt.Sprintf("%s: %s: %s", what, name, message))
	case n == maxTold:
		p.print(fmt.Sprintf("%s: %s: %s (more of the kind are not printed)", what, name, message))
	}
}

// show says how far the run is.
func (p *progress) show(volumes, created, done int, waiting map[string]string) {
	if volumes == 0 {
		return
	}
	text := fmt.Sprintf("%d volumes: %d with a snapshot, %d done", volumes, created, done)
	counts := map[string]int{}
	for _, name := range waiting {
		counts[name]++
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		text += fmt.Sprintf(", %d %s", counts[name], waitingFor(name))
	}
	p.line.show(text)
}

// waitedFor are the errors that a run waits for, in a person's words.
var waitedFor = map[string]string{
	"SnapshotPendingError": "not completed yet", "ThrottledError": "throttled",
	"SnapshotRateError": "waiting for EC2's limits", "SnapshotQuotaError": "waiting for EC2's limits",
}

func awaited(name string) bool { return waitedFor[name] != "" }

// waitingFor says what a volume is retried for.
func waitingFor(name string) string {
	if awaited(name) {
		return waitedFor[name]
	}
	return "in trouble (" + name + ")"
}

func (p *progress) print(text string) {
	p.close()
	ebs.Fprintf(p.console.err, "%s\n", text)
}

// close removes the line of a terminal.
func (p *progress) close() { p.line.clear() }
