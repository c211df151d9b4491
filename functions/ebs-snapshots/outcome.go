package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/plan"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/report"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// runOutput is what a run did.
type runOutput struct {
	account
	RunID         string       `json:"runId"`
	Keyword       string       `json:"keyword"`
	ScheduledTime time.Time    `json:"scheduledTime"`
	TimeZone      string       `json:"timeZone"`
	Status        string       `json:"status"` // of the execution, as Step Functions names it
	Over          bool         `json:"over"`   // the run was over before, and nothing was done now
	Instances     int          `json:"instances"`
	Volumes       int          `json:"volumes"`
	Completed     int          `json:"completed"` // volumes with a completed snapshot of this run
	Created       []created    `json:"created"`
	Deleted       []deleted    `json:"deleted"`
	Refused       []deleted    `json:"refused"` // what the retention no longer keeps, and EC2 refused to delete
	Failures      []runFailure `json:"failures"`
	Problems      []runProblem `json:"problems"` // that need attention, and no backup failed for them
	Gone          []plan.Place `json:"gone"`     // volumes that no longer exist
	Report        string       `json:"report"`   // the file; "" if the run was stopped before it
	summary       string
	nothing       bool
}

type created struct {
	plan.Place
	SnapshotID string `json:"snapshotId"`
	Found      bool   `json:"found"` // an earlier attempt of the run created it
}

type deleted struct {
	plan.Place
	SnapshotID string `json:"snapshotId"`
	reason     string
}

type runFailure struct {
	plan.Place
	Error   string `json:"error"`   // its name in the closed list
	Message string `json:"message"` // what the service said
}

type runProblem struct {
	plan.Place
	Message string `json:"message"`
}

// outcome puts together what was seen of the run.
func (t *tracker) outcome(l local, status string) runOutput {
	t.mu.Lock()
	defer t.mu.Unlock()
	byVolume := func(a, b deleted) int {
		return cmp.Or(plan.ByName(a.Place, b.Place), cmp.Compare(a.SnapshotID, b.SnapshotID))
	}
	slices.SortFunc(t.created, func(a, b created) int { return plan.ByName(a.Place, b.Place) })
	slices.SortFunc(t.deleted, byVolume)
	slices.SortFunc(t.refused, byVolume)
	// A prune that is called again is refused again.
	t.refused = slices.CompactFunc(t.refused, func(a, b deleted) bool { return a.SnapshotID == b.SnapshotID })
	return runOutput{
		account: l.account, RunID: l.run.ID, Keyword: l.run.SnapshotKeyWord, ScheduledTime: l.run.ScheduledTime, TimeZone: l.run.TimeZone,
		Status: status, Over: t.discovery.Outcome == contract.OutcomeDuplicate, Instances: t.discovery.Instances, Volumes: t.discovery.Volumes,
		Created: append([]created{}, t.created...), Deleted: append([]deleted{}, t.deleted...), Refused: append([]deleted{}, t.refused...),
		Failures: []runFailure{}, Problems: []runProblem{}, Gone: []plan.Place{}, nothing: t.discovery.Outcome == contract.OutcomeNothing,
	}
}

// take adds what the report says.
func (o *runOutput) take(r report.Report, file string) {
	o.Report, o.summary, o.Completed = file, r.Summary, r.Completed
	for _, f := range r.Failures {
		o.Failures = append(o.Failures, runFailure{plan.PlaceOf(f.Place), f.Error, f.Reason})
	}
	for _, p := range r.Problems {
		o.Problems = append(o.Problems, runProblem{plan.PlaceOf(p.Place), p.What})
	}
	for _, g := range r.Gone {
		o.Gone = append(o.Gone, plan.PlaceOf(g))
	}
}

// printOutcome says what needs a person, and last how the run ended, where a terminal still shows it.
func (c *console) printOutcome(o runOutput) {
	var rows [][]string
	row := func(what string, at plan.Place, text string) {
		rows = append(rows, []string{what, at.Name(), at.VolumeID, text})
	}
	for _, d := range o.Refused {
		row("kept", d.Place, d.SnapshotID+": "+d.reason)
	}
	for _, g := range o.Gone {
		row("gone", g, "the volume no longer exists")
	}
	for _, p := range o.Problems {
		row("note", p.Place, p.Message)
	}
	c.untitled(rows, column{}, column{}, column{solid: true}, column{})
	rows = nil
	for _, f := range o.Failures {
		row("FAILED", f.Place, f.Error+": "+f.Message)
	}
	c.untitled(rows, column{alarm: true}, column{}, column{solid: true}, column{})
	switch {
	case o.nothing:
		c.text("There is nothing to snapshot. Neither an instance nor a volume here carries the tag %s, or its value is off.", o.Keyword)
	case o.Over:
		c.text("Run %s was over before, and nothing was done now. Then:", o.RunID)
	}
	if o.summary != "" {
		c.text("%s", o.summary)
	}
	c.text("Run %s: %s. %s created, %d deleted.", o.RunID, o.Status, ebs.Count(len(o.Created), "snapshot"), len(o.Deleted))
	if o.Report != "" {
		c.printf("Report: %s\n", o.Report)
	}
}
