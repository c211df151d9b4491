package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// What SNS refuses is retried for half an hour (ReportRun), so that no whole run is waited for here.
func TestAnAlertThatSNSRefusesIsAFailureOfTheCommand(t *testing.T) {
	refusal := errors.New("publish to arn:aws:sns:us-east-1:123456789012:alerts: AuthorizationError")
	objects, err := localstore.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []error{refusal, nil} {
		c := newCommand(t)
		v := &runVerb{app: c.app()}
		alerts := &alertPrinter{out: v.console.err, also: topicThatAnswers{want}}
		_ = alerts.Publish(t.Context(), "subject", "message\n") // the workflow has it, too
		got := v.finish(t.Context(), local{run: contract.Run{ID: "SnapshotDaily/" + at}, objects: objects}, newTracker(newProgress(v.console)),
			asl.Result{Status: asl.Succeeded}, alerts)
		if !errors.Is(got, want) {
			t.Errorf("SNS answered %v; the command ends with %v", want, got)
		}
		if !strings.Contains(c.stderr.String(), "--- alert: subject\nmessage") {
			t.Errorf("the alert is not printed:\n%s", c.stderr.String())
		}
	}
}

type topicThatAnswers struct{ err error }

func (a topicThatAnswers) Publish(context.Context, string, string) error { return a.err }

func TestAnAdoptionOfWhichEC2RefusesSomeEndsWithStatus1(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	leave(account, "i-1", "vol-1", 3)
	account.Inject(ec2sim.Fault{Action: "CreateTags", Code: "TagLimitExceeded", Match: func(r ec2sim.Request) bool {
		return slices.Contains(r.List("ResourceId"), "snap-vol-1-1")
	}})
	c := newCommand(t)
	if got := c.run(t.Context(), "adopt", "SnapshotDaily", "--yes"); got != 1 {
		t.Errorf("exit status %d, want 1: %s", got, c.stderr.String())
	}
	if !strings.Contains(c.stdout.String(), "Adopted 2 snapshots") || !strings.Contains(c.stdout.String(), "FAILED snap-vol-1-1: ") {
		t.Errorf("it says\n%s", c.stdout.String())
	}
	if _, adopted := tagsOf(account)["snap-vol-1-0"][ebs.TagSchedule]; !adopted {
		t.Error("one that EC2 took is not adopted")
	}
}

func TestAPlanOfAnUndoAsksNobodyAndChangesNothing(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	leave(account, "i-1", "vol-1", 3)
	c := newCommand(t)
	if got := c.run(t.Context(), "adopt", "SnapshotDaily", "--yes"); got != 0 {
		t.Fatalf("exit status %d: %s", got, c.stderr.String())
	}
	before := tagsOf(account)
	account.ResetLog()
	if err := c.answering(t.Context(), "yes\n", "adopt", "SnapshotDaily", "--undo", "--dry-run"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.stdout.String(), "3 adopted snapshots of SnapshotDaily to give back") || strings.Contains(c.stderr.String()+c.stdout.String(), "yes") {
		t.Errorf("it says\n%s%s", c.stdout.String(), c.stderr.String())
	}
	for _, call := range account.Log() {
		if !strings.HasPrefix(call.Action, "Describe") {
			t.Errorf("it called %s", call.Action)
		}
	}
	if d := cmp.Diff(before, tagsOf(account)); d != "" {
		t.Errorf("tags (-before +after):\n%s", d)
	}
}
