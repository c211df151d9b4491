package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/plan"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func TestARunCreatesPrunesAndReports(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "2", "vol-1", "vol-2")
	var c *command
	for _, hours := range []int{2, 1, 0} {
		c = newCommand(t) // each in a folder of its own, where no run before it reserved any creates
		if err := c.daily(t.Context(), "--scheduled-time", hoursBefore(hours)); err != nil {
			t.Fatalf("%v\n%s", err, c.stderr.String())
		}
	}
	want := []string{"SnapshotDaily/" + hoursBefore(1), "SnapshotDaily/" + at}
	for _, v := range []string{"vol-1", "vol-2"} {
		if d := cmp.Diff(want, runsOf(account, v)); d != "" {
			t.Errorf("snapshots of %s (-want +got):\n%s", v, d)
		}
	}
	for _, text := range []string{"SUCCEEDED. 2 snapshots created, 2 deleted.", "2 of 2 volumes with a completed snapshot", "Account 123456789012, Region us-east-1"} {
		if !strings.Contains(c.stdout.String(), text) {
			t.Errorf("the output does not say %q:\n%s", text, c.stdout.String())
		}
	}
}

func TestTheJSONHoldsWhatTheTextSays(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "2", "vol-1")
	c := newCommand(t)
	if err := c.daily(t.Context(), "--scheduled-time", at, "--output", "json"); err != nil {
		t.Fatal(err)
	}
	var got runOutput
	if err := json.Unmarshal(c.stdout.Bytes(), &got); err != nil {
		t.Fatalf("%v:\n%s", err, c.stdout.String())
	}
	if got.Status != "SUCCEEDED" || len(got.Created) != 1 || got.Created[0].InstanceName != "web-i-1" || got.Completed != 1 || got.ID != "123456789012" {
		t.Errorf("got %+v", got)
	}
	if _, err := os.Stat(got.Report); err != nil {
		t.Errorf("the report file: %v", err)
	}
}

func TestAFailureIsNamedAndEndsWithStatus1(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-good", "vol-bad")
	account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Status: 403,
		Match: func(r ec2sim.Request) bool { return r.Params.Get("VolumeId") == "vol-bad" }})
	c := newCommand(t)
	err := c.daily(t.Context(), "--scheduled-time", at)
	if err == nil || !strings.Contains(err.Error(), "the run failed") {
		t.Fatalf("error %v, want one that says that the run failed", err)
	}
	for _, text := range []string{"FAILED  web-i-1  vol-bad  AccessDeniedError: ", "ec2:CreateSnapshot was denied"} {
		if !strings.Contains(c.stdout.String(), text) {
			t.Errorf("the output does not say %q:\n%s", text, c.stdout.String())
		}
	}
	if !strings.Contains(c.stderr.String(), "--- alert: SnapshotDaily "+due.Format("2006-01-02 15:04 -07:00")+": 1 of 2 volumes FAILED") {
		t.Errorf("no alert was printed:\n%s", c.stderr.String())
	}
	if d := cmp.Diff([]string{"SnapshotDaily/" + at}, runsOf(account, "vol-good")); d != "" {
		t.Errorf("snapshots of the other volume (-want +got):\n%s", d)
	}
}

func TestARunThatIsStoppedIsFinishedByTheNextWithoutASecondSnapshot(t *testing.T) {
	account := server(t, func(c *ec2sim.Config) { c.ListLag = 800 * time.Millisecond })
	const volumes = 30
	for n := range volumes {
		addInstance(account, fmt.Sprintf("i-%02d", n), "3", fmt.Sprintf("vol-%02d", n))
	}
	ctx, stop := context.WithCancel(t.Context())
	var creates atomic.Int32
	account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Match: func(ec2sim.Request) bool {
		if creates.Add(1) == volumes/2 {
			stop() // Ctrl-C, with calls under way
		}
		return false
	}})
	c := newCommand(t)
	c.settle = time.Second
	c.configured(t, `{"context": {"createBurst": 10, "createRate": 5, "schedules": [{"keyword": "SnapshotDaily", "expression": "rate(1 day)"}]}}`)
	err := c.daily(ctx, "--scheduled-time", at)
	if err == nil || !strings.Contains(err.Error(), "exit status 130: ") ||
		!strings.Contains(err.Error(), "ebs-snapshots run SnapshotDaily --scheduled-time "+at+" --time-zone UTC --config ") {
		t.Fatalf("error %v, want one that says how to go on", err)
	}
	made := len(account.Snapshots())
	if made == 0 || made == volumes {
		t.Fatalf("%d snapshots when the run was stopped; the test wants to stop it in between", made)
	}
	if said := ebs.Count(made, "snapshot") + " created, 0 deleted."; !strings.Contains(c.stdout.String(), said) {
		t.Errorf("the stopped run does not say %q:\n%s", said, c.stdout.String())
	}
	if err := c.daily(t.Context(), "--resume"); err != nil {
		t.Fatal(err)
	}
	c.says(t, 1, []string{"run", "SnapshotDaily", "--yes", "--resume"}, "there is no run of SnapshotDaily to resume")
	for n := range volumes {
		if d := cmp.Diff([]string{"SnapshotDaily/" + at}, runsOf(account, fmt.Sprintf("vol-%02d", n))); d != "" {
			t.Errorf("snapshots of volume %d (-want +got):\n%s", n, d)
		}
	}
}

func TestARunThatIsOverMakesNothingWhenItIsAskedForAgain(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	c := newCommand(t)
	if err := c.daily(t.Context(), "--scheduled-time", at); err != nil {
		t.Fatal(err)
	}
	for _, s := range account.Snapshots() {
		account.DeleteSnapshotByPerson(s.ID) // as the runs after it do in the end
	}
	if err := c.daily(t.Context(), "--scheduled-time", at); err != nil {
		t.Errorf("error %v, want none: what was asked for is done", err)
	}
	if n := len(account.Snapshots()); n > 0 {
		t.Errorf("%d new snapshots", n)
	}
	for _, text := range []string{"SnapshotDaily/" + at + " was over before, and nothing was done now", "1 of 1 volume with a completed snapshot", "Report: "} {
		if !strings.Contains(c.stdout.String(), text) {
			t.Errorf("the output does not say %q:\n%s", text, c.stdout.String())
		}
	}
}

func TestTheCommandThatFinishesARunIsTheSameRunInAShell(t *testing.T) {
	v := runVerb{
		app:      &app{called: "./ebs-snapshots", config: "it's/cdk.json", profile: "prod", region: "eu-west-1"},
		choice:   choice{anyKeyword: true},
		topicARN: "arn:aws:sns:eu-west-1:123456789012:alerts",
	}
	want := `./ebs-snapshots run 'Snapshot Daily' --scheduled-time ` + at + ` --time-zone Asia/Shanghai --any-keyword ` +
		`--config 'it'\''s/cdk.json' --profile prod --region eu-west-1 --topic-arn arn:aws:sns:eu-west-1:123456789012:alerts`
	if d := cmp.Diff(want, v.finishCommand(contract.Run{SnapshotKeyWord: "Snapshot Daily", ScheduledTime: due, TimeZone: "Asia/Shanghai"})); d != "" {
		t.Errorf("command (-want +got):\n%s", d)
	}
}

func TestTheCommandIsNamedAsItWasCalled(t *testing.T) {
	for program, want := range map[string]string{
		"ebs-snapshots": "ebs-snapshots", "./bin/ebs snapshots": "'./bin/ebs snapshots'", ".cache/bin/ebs-snapshots": "go run ./functions/ebs-snapshots",
		filepath.Join(os.TempDir(), "go-build123", "b001", "exe", "ebs-snapshots"): "go run ./functions/ebs-snapshots",
	} {
		if got := calledAs(program); got != want {
			t.Errorf("%s: %s, want %s", program, got, want)
		}
	}
}

func TestARunAsksAndChangesNothingWithoutAYes(t *testing.T) {
	for answer, made := range map[string]int{"yes\n": 1, "no\n": 0, "": 0} {
		account := server(t)
		addInstance(account, "i-1", "3", "vol-1")
		c := newCommand(t)
		c.answers = strings.NewReader(answer)
		status := c.run(t.Context(), "run", "SnapshotDaily")
		if got := len(account.Snapshots()); got != made || (status == exitOK) != (made == 1) {
			t.Errorf("answered %q: exit status %d, %d snapshots: %s", answer, status, got, c.stderr.String())
		}
		for _, text := range []string{"Account 123456789012, Region us-east-1", "create 1, keep 0, delete 0 snapshots. 1 volume of 1 instance."} {
			if !strings.Contains(c.stdout.String(), text) {
				t.Errorf("before it asks it does not say %q:\n%s", text, c.stdout.String())
			}
		}
	}
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	newCommand(t).says(t, 1, []string{"run", "SnapshotDaily"}, "there is no terminal to ask at; read what is above, and add --yes")
	if n := len(account.Snapshots()); n > 0 {
		t.Errorf("%d snapshots were made without a terminal", n)
	}
}

// A run that the deployed state machine, or another folder, has done would create everything again, and push good snapshots out.
func TestARunOfAnEarlierTimeThatMayBeOverElsewhereIsRefused(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "1", "vol-1")
	if err := newCommand(t).daily(t.Context(), "--scheduled-time", at); err != nil {
		t.Fatal(err)
	}
	c := newCommand(t)
	c.says(t, 1, []string{"run", "SnapshotDaily", "--yes", "--scheduled-time", hoursBefore(5)}, "SnapshotDaily/"+at, "may be over")
	if n := len(account.Snapshots()); n != 1 {
		t.Errorf("%d snapshots, want the one of the later run", n)
	}
}

func TestARunByAClockThatIsWrongIsRefused(t *testing.T) {
	for _, given := range [][]string{nil, {"--scheduled-time", at}} {
		for off, says := range map[time.Duration]string{
			-240 * time.Hour: "the clock of this machine is 240h",
			10 * time.Minute: "the clock of this machine is ",
			time.Minute:      "",
		} {
			account := server(t, func(c *ec2sim.Config) { c.Now = func() time.Time { return time.Now().Add(off) } })
			addInstance(account, "i-1", "3", "vol-1")
			err := newCommand(t).daily(t.Context(), given...)
			ok := err == nil && len(account.Snapshots()) == 1
			if says != "" {
				how := map[bool]string{true: "behind EC2's", false: "ahead of EC2's"}[off > 0]
				ok = err != nil && strings.Contains(err.Error(), says) && strings.Contains(err.Error(), how) && len(account.Snapshots()) == 0
			}
			if !ok {
				t.Errorf("EC2's clock is %v ahead, given %v: error %v, %d snapshots", off, given, err, len(account.Snapshots()))
			}
		}
	}
}

func TestARunThatCanNotFindItsWorkSaysWhy(t *testing.T) {
	account := server(t)
	account.Inject(ec2sim.Fault{Action: "DescribeInstances", Code: "UnauthorizedOperation", Status: 403})
	c := newCommand(t)
	err := c.daily(t.Context(), "--scheduled-time", at)
	if err == nil || !strings.Contains(err.Error(), "ec2:DescribeInstances was denied") {
		t.Errorf("error %v, want one that says why", err)
	}
	if strings.Contains(c.stdout.String(), "No volume to snapshot") {
		t.Errorf("the output gives a false reason:\n%s", c.stdout.String())
	}
}

func TestASecondCopyAtTheSameTimeDoesNothing(t *testing.T) {
	account := server(t)
	for n := range 5 {
		addInstance(account, fmt.Sprintf("i-%d", n), "3", fmt.Sprintf("vol-%d", n))
	}
	first := newCommand(t)
	copies := []*command{first, {dir: first.dir, config: first.config}, {dir: first.dir, config: first.config}}
	// Whichever of them runs is in its middle until the others have ended, or until so many snapshots are asked for that two run.
	over, held := make(chan struct{}), atomic.Int32{}
	end := sync.OnceFunc(func() { close(over) })
	account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Match: func(ec2sim.Request) bool {
		if held.Add(1) > 5 {
			end()
		}
		<-over
		return false
	}})
	errs := make([]error, len(copies))
	var ended atomic.Int32
	var wg sync.WaitGroup
	for i, c := range copies {
		wg.Go(func() {
			errs[i] = c.daily(t.Context(), "--scheduled-time", at)
			if int(ended.Add(1)) == len(copies)-1 {
				end()
			}
		})
	}
	wg.Wait()
	ran := 0
	for _, err := range errs {
		if err == nil {
			ran++
		} else if !strings.Contains(err.Error(), "under way") && !strings.Contains(err.Error(), "is written by") {
			t.Errorf("a copy failed: %v", err)
		}
	}
	if ran != 1 {
		t.Errorf("%d copies ran, want 1", ran)
	}
	for n := range 5 {
		if d := cmp.Diff([]string{"SnapshotDaily/" + at}, runsOf(account, fmt.Sprintf("vol-%d", n))); d != "" {
			t.Errorf("snapshots of volume %d (-want +got):\n%s", n, d)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestWithoutAnInstanceTheRunSaysSo(t *testing.T) {
	server(t)
	c := newCommand(t)
	if err := c.daily(t.Context(), "--scheduled-time", at); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.stdout.String(), "Neither an instance nor a volume here carries the tag SnapshotDaily") {
		t.Errorf("the output does not say that nothing was found:\n%s", c.stdout.String())
	}
}

func TestAnEndpointThatIsDownIsNamed(t *testing.T) {
	server(t)
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	for _, args := range []string{"run SnapshotDaily --yes", "plan"} {
		newCommand(t).says(t, 1, strings.Fields(args), "ask AWS which account this is", "connection refused")
	}
}

func TestAnEC2ThatIsDownIsNamedWithWhatWasAttempted(t *testing.T) {
	server(t)
	t.Setenv("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:1")
	newCommand(t).says(t, 1, []string{"run", "SnapshotDaily", "--yes"}, "list the volumes with tag SnapshotDaily", "connection refused")
	newCommand(t).says(t, 1, []string{"plan"}, "list the instances with tag SnapshotDaily")
}

func TestOnlyWhatARunDoesNotWaitForIsPrintedAsTrouble(t *testing.T) {
	c := newCommand(t)
	track := newTracker(newProgress(c.app().console))
	for _, err := range []error{&contract.ThrottledError{}, &contract.SnapshotPendingError{}, &contract.SnapshotRateError{}, &contract.SnapshotQuotaError{}} {
		if track.failed("vol-1", err); c.stderr.Len() > 0 {
			t.Errorf("of a %T it prints %q", err, c.stderr.String())
		}
	}
	track.places["vol-1"] = plan.Place{InstanceID: "i-1", InstanceName: "web-1", VolumeID: "vol-1"}
	track.failed("vol-1", &contract.UnexpectedError{Message: "one\ntwo"})
	if got, want := c.stderr.String(), "web-1, vol-1: UnexpectedError: one; two\n"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}

func TestARunIsResumedInTheTimeZoneInWhichItWasBegun(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "daily=7", "vol-1")
	deny := account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Status: 403})
	c := newCommand(t)
	c.says(t, 1, []string{"run", "SnapshotDaily", "--yes", "--time-zone", "America/New_York"}, "the run failed")
	deny()
	c.says(t, 0, []string{"run", "SnapshotDaily", "--yes", "--resume", "--output", "json"})
	var out runOutput
	if err := json.Unmarshal(c.stdout.Bytes(), &out); err != nil || out.TimeZone != "America/New_York" || out.Completed != 1 {
		t.Errorf("time zone %q, %d completed (%v)", out.TimeZone, out.Completed, err)
	}
}
