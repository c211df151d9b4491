package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

func TestARunCreatesPrunesAndReports(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "2", "vol-1", "vol-2")
	var c *command
	for _, hours := range []int{2, 1, 0} {
		c = newCommand(t) // each in a folder of its own, where no run before it reserved any creates
		if err := c.daily(t.Context(), "-scheduled-time", hoursBefore(hours)); err != nil {
			t.Fatalf("%v\n%s", err, c.stderr.String())
		}
	}
	want := []string{"SnapshotDaily/" + hoursBefore(1), "SnapshotDaily/" + at}
	for _, v := range []string{"vol-1", "vol-2"} {
		if d := cmp.Diff(want, runsOf(account, v)); d != "" {
			t.Errorf("snapshots of %s (-want +got):\n%s", v, d)
		}
	}
	for _, text := range []string{"SUCCEEDED", "created snap-", "deleted snap-", "beyond last=2", "2 of 2 volumes with a completed snapshot"} {
		if !strings.Contains(c.stdout.String(), text) {
			t.Errorf("the output does not say %q:\n%s", text, c.stdout.String())
		}
	}
}

func TestTheJSONHoldsWhatTheTextSays(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "2", "vol-1")
	c := newCommand(t)
	if err := c.daily(t.Context(), "-scheduled-time", at, "-json", "-"); err != nil {
		t.Fatal(err)
	}
	var got outcome
	if err := json.Unmarshal(c.stdout.Bytes(), &got); err != nil {
		t.Fatalf("%v:\n%s", err, c.stdout.String())
	}
	if got.Status != "SUCCEEDED" || len(got.Created) != 1 || got.Report == nil || got.Report.Completed != 1 {
		t.Errorf("got %+v", got)
	}
	if _, err := os.Stat(got.ReportFile); err != nil {
		t.Errorf("the report file: %v", err)
	}
}

func TestAFailureIsNamedAndEndsWithStatus1(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-good", "vol-bad")
	account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Status: 403,
		Match: func(r ec2sim.Request) bool { return r.Params.Get("VolumeId") == "vol-bad" }})
	c := newCommand(t)
	err := c.daily(t.Context(), "-scheduled-time", at)
	if err == nil || !strings.Contains(err.Error(), "the run failed") {
		t.Fatalf("error %v, want one that says that the run failed", err)
	}
	for _, text := range []string{"FAILED  web-i-1 (i-1), volume vol-bad", "AccessDeniedError", "ec2:CreateSnapshot was denied"} {
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
	err := c.daily(ctx, "-scheduled-time", at, "-create-burst", "10", "-create-rate", "5")
	if err == nil || !strings.Contains(err.Error(), "-schedule SnapshotDaily -scheduled-time "+at+" -time-zone UTC -dir ") {
		t.Fatalf("error %v, want one that says how to go on", err)
	}
	made := len(account.Snapshots())
	if made == 0 || made == volumes {
		t.Fatalf("%d snapshots when the run was stopped; the test wants to stop it in between", made)
	}
	if said := strings.Count(c.stdout.String(), "  created "); said != made {
		t.Errorf("the stopped run says it created %d snapshots, EC2 holds %d", said, made)
	}
	if err := c.daily(t.Context(), "-scheduled-time", at); err != nil {
		t.Fatal(err)
	}
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
	if err := c.daily(t.Context(), "-scheduled-time", at); err != nil {
		t.Fatal(err)
	}
	for _, s := range account.Snapshots() {
		account.DeleteSnapshotByPerson(s.ID) // as the runs after it do in the end
	}
	if err := c.daily(t.Context(), "-scheduled-time", at); err != nil {
		t.Errorf("error %v, want none: what was asked for is done", err)
	}
	if n := len(account.Snapshots()); n > 0 {
		t.Errorf("%d new snapshots", n)
	}
	for _, text := range []string{"SnapshotDaily/" + at + " is over, and nothing was done now", "1 of 1 volume with a completed snapshot", "Report: "} {
		if !strings.Contains(c.stdout.String(), text) {
			t.Errorf("the output does not say %q:\n%s", text, c.stdout.String())
		}
	}
}

func TestTheCommandThatFinishesARunIsTheSameRunInAShell(t *testing.T) {
	o, err := parse([]string{
		"-schedule", "Snapshot Daily", "-time-zone", "Asia/Shanghai", "-scheduled-time", at, "-dir", "it's here", "-create-rate", "0.5",
		"-create-burst", "7", "-any-keyword", "-config", "elsewhere.json", "-topic-arn", "arn:aws:sns:eu-west-1:123456789012:alerts",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	run, err := runOf(o)
	if err != nil {
		t.Fatal(err)
	}
	want := `go run ./functions/run-local -schedule 'Snapshot Daily' -scheduled-time ` + at + ` -time-zone Asia/Shanghai ` +
		`-any-keyword -dir 'it'\''s here' -config elsewhere.json -topic-arn arn:aws:sns:eu-west-1:123456789012:alerts -create-burst 7 -create-rate 0.5`
	if d := cmp.Diff(want, o.again(run)); d != "" {
		t.Errorf("command (-want +got):\n%s", d)
	}
}

func TestARunByAClockThatIsWrongIsRefused(t *testing.T) {
	for _, given := range [][]string{nil, {"-scheduled-time", at}} {
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
				ok = err != nil && strings.HasPrefix(err.Error(), says) && strings.Contains(err.Error(), how) && len(account.Snapshots()) == 0
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
	err := c.daily(t.Context(), "-scheduled-time", at)
	if err == nil || !strings.Contains(err.Error(), "ec2:DescribeInstances was denied") {
		t.Errorf("error %v, want one that says why", err)
	}
	if strings.Contains(c.stdout.String(), "No volume to snapshot") {
		t.Errorf("the output gives a false reason:\n%s", c.stdout.String())
	}
}

func TestAFileThatCanNotBeWrittenIsNamedBeforeAnythingIsDone(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	c := newCommand(t)
	err := c.daily(t.Context(), "-scheduled-time", at, "-json", c.dir+"/missing/out.json")
	if err == nil || !strings.Contains(err.Error(), "-json") || len(account.Snapshots()) != 0 {
		t.Errorf("error %v and %d snapshots, want one about -json and none", err, len(account.Snapshots()))
	}
}

func TestASecondCopyAtTheSameTimeDoesNothing(t *testing.T) {
	account := server(t)
	for n := range 5 {
		addInstance(account, fmt.Sprintf("i-%d", n), "3", fmt.Sprintf("vol-%d", n))
	}
	first := newCommand(t)
	copies := []*command{first, {dir: first.dir}, {dir: first.dir}}
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
			errs[i] = c.daily(t.Context(), "-scheduled-time", at)
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
	if err := c.daily(t.Context(), "-scheduled-time", at); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.stdout.String(), "no instance here carries the tag SnapshotDaily") {
		t.Errorf("the output does not say that nothing was found:\n%s", c.stdout.String())
	}
}

func TestAnEndpointThatIsDownIsNamed(t *testing.T) {
	server(t)
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	c := newCommand(t)
	if err := c.daily(t.Context(), "-scheduled-time", at); err == nil || !strings.Contains(err.Error(), "list the volumes with tag SnapshotDaily") ||
		!strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v, want one that says why", err)
	}
	if err := c.daily(t.Context(), "-plan"); err == nil || !strings.Contains(err.Error(), "list the instances with tag SnapshotDaily") {
		t.Errorf("-plan: error %v, want one that says what was attempted", err)
	}
}
