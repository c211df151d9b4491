package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
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

// Scripts know the exit statuses by their numbers, so that these do, too.
func TestTheExitStatusesAreThoseOfTheHelp(t *testing.T) {
	if got := newCommand(t).run(t.Context(), "-h"); got != 0 {
		t.Errorf("the help ends with %d", got)
	}
	if got := newCommand(t).run(t.Context(), "-shedule", "x"); got != 2 {
		t.Errorf("a wrong command line ends with %d", got)
	}
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	c := newCommand(t)
	if got := c.run(t.Context(), "-schedule", "SnapshotDaily", "-plan"); got != 0 {
		t.Errorf("a plan ends with %d: %s", got, c.stderr.String())
	}
	account.Inject(ec2sim.Fault{Action: "DescribeInstances", Code: "UnauthorizedOperation", Status: 403})
	if got := c.run(t.Context(), "-schedule", "SnapshotDaily", "-plan"); got != 1 {
		t.Errorf("a plan that is denied ends with %d", got)
	}
}

// What SNS refuses is retried for half an hour (ReportRun), so that no whole run is waited for here.
func TestAnAlertThatSNSRefusesIsAFailureOfTheCommand(t *testing.T) {
	refusal := errors.New("publish to arn:aws:sns:us-east-1:123456789012:alerts: AuthorizationError")
	objects, err := localstore.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []error{refusal, nil} {
		var stdout, stderr bytes.Buffer
		alerts := &alertPrinter{out: &stderr, also: topicThatAnswers{want}}
		_ = alerts.Publish(t.Context(), "subject", "message\n") // the workflow has it, too
		got := finish(t.Context(), options{}, contract.Run{ID: "SnapshotDaily/" + at}, objects, newTracker(newProgress(io.Discard)),
			asl.Result{Status: asl.Succeeded}, alerts, &stdout)
		if !errors.Is(got, want) {
			t.Errorf("SNS answered %v; the command ends with %v", want, got)
		}
		if !strings.Contains(stderr.String(), "--- alert: subject\nmessage") {
			t.Errorf("the alert is not printed:\n%s", stderr.String())
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
	if got := c.run(t.Context(), "-adopt", "SnapshotDaily", "-yes"); got != 1 {
		t.Errorf("exit status %d, want 1: %s", got, c.stderr.String())
	}
	if !strings.Contains(c.stdout.String(), "Adopted 2 snapshots") || !strings.Contains(c.stdout.String(), "FAILED  snap-vol-1-1: ") {
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
	if got := c.run(t.Context(), "-adopt", "SnapshotDaily", "-yes"); got != 0 {
		t.Fatalf("exit status %d: %s", got, c.stderr.String())
	}
	before := tagsOf(account)
	account.ResetLog()
	if err := c.answering(t.Context(), "yes\n", "-adopt", "SnapshotDaily", "-undo", "-plan"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.stdout.String(), "3 snapshots to give back") || strings.Contains(c.stderr.String()+c.stdout.String(), "yes") {
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

func TestAnExplanationOfABootVolumeThatIsExcludedSaysThatNothingIsDeleted(t *testing.T) {
	account := server(t)
	account.AddInstance(ec2sim.Instance{ID: "i-1", Tags: map[string]string{"SnapshotData": "1"}, Volumes: []ec2sim.BlockDevice{
		{ID: "vol-1", Device: "/dev/xvda"}, {ID: "vol-data", Device: "/dev/sdf"},
	}})
	for hours := 1; hours <= 3; hours++ {
		ofSchedule(account, "SnapshotData", 24*hours)
	}
	c := newCommand(t)
	if got := c.run(t.Context(), "-explain", "vol-1", "-config", deployed(t), "-json", "-"); got != 0 {
		t.Fatalf("exit status %d: %s", got, c.stderr.String())
	}
	var e explained
	if err := json.Unmarshal(c.stdout.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	reasons := map[string]bool{}
	for _, s := range e.Snapshots {
		if !s.Keep || s.Goes != nil {
			t.Errorf("%s: kept %v, goes %v: %s", s.SnapshotID, s.Keep, s.Goes, s.Reason)
		}
		reasons[s.Reason] = true
	}
	if all := slices.Collect(maps.Keys(reasons)); len(e.Snapshots) != 3 || len(all) != 1 || !strings.Contains(all[0], "it is a boot volume") {
		t.Errorf("%d snapshots, reasons %v", len(e.Snapshots), all)
	}
}
