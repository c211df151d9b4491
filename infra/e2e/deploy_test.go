//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/e2e"
)

// part is a part of a test, and a line of progress.
func (d *deployed) part(t *testing.T, name string, do func(*testing.T)) {
	began, ran := time.Now(), false
	passed := t.Run(name, func(t *testing.T) { ran = true; do(t) })
	switch took := time.Since(began).Seconds(); {
	case !passed:
		d.lab.Say("%5.1f s  %s: FAILED", took, name)
	case ran: // else -run did not ask for it
		d.lab.Say("%5.1f s  %s", took, name)
	}
}

func start(t *testing.T, region string) *e2e.Lab {
	t.Helper()
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	t.Cleanup(stop)
	lab, err := e2e.Start(ctx, e2e.Options{Region: region, Speed: speed, Progress: os.Stdout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close(t.Failed()) })
	// go test ends a test binary at Ctrl-C as it stands; nothing here is to be left behind.
	context.AfterFunc(ctx, func() {
		if t.Context().Err() == nil {
			lab.Close(true)
			os.Exit(130)
		}
	})
	return lab
}

type deployed struct {
	lab       *e2e.Lab
	stack     e2e.Stack
	schedules map[string]string // inputs, by the schedules' names
	checks    map[string]string // functions that have a schedule of their own, by the schedules' names
	fleet     []e2e.Instance
	hour      time.Time           // the last full one that has passed here
	fired     map[string][]string // the runs that there were, by keyword
	runs      int
}

const instances, volumes = 25, 2

// deploy deploys the app as cdk.json has it, and has a fleet whose instances opt in to both schedules, among others that don't.
func deploy(t *testing.T, region string) *deployed {
	t.Helper()
	ctx := t.Context()
	d := &deployed{lab: start(t, region), hour: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), fired: map[string][]string{}}
	if err := d.lab.Bootstrap(ctx); err != nil {
		t.Fatal(err)
	}
	d.deployWith(t, nil)
	for _, output := range []string{"StateMachineArn", "AlertTopicArn", "RunsBucket", "StartRun"} {
		if d.stack.Outputs[output] == "" {
			t.Fatalf("the stack has no output %s: %v", output, d.stack.Outputs)
		}
	}
	same(t, "schedules", slices.Sorted(maps.Keys(d.schedules)), []string{"SnapshotDaily", "SnapshotHourly"})
	same(t, "checks", slices.Sorted(maps.Keys(d.checks)), []string{"check.freshness", "tidy.orphans"})
	if err := d.lab.Subscribe(ctx, d.stack); err != nil {
		t.Fatal(err)
	}
	var err error
	d.fleet, err = d.lab.Launch(ctx, instances, volumes, map[string]string{"SnapshotDaily": "3", "SnapshotHourly": "2", "Name": "web", "team": "storage"})
	if err == nil {
		_, err = d.lab.Launch(ctx, 2, 1, map[string]string{"Name": "not ours"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *deployed) deployWith(t *testing.T, s e2e.Settings) {
	t.Helper()
	stack, err := d.lab.Deploy(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	d.stack = stack
	left, err := stack.Skipped()
	if err != nil {
		t.Error(err)
	}
	if s == nil {
		d.lab.SayAll("not made here: ", left)
	}
	d.readSchedules(t)
}

// readSchedules reads what the deployed schedules give to executions.
func (d *deployed) readSchedules(t *testing.T) {
	t.Helper()
	var listed struct {
		Schedules []struct{ Name, GroupName string }
	}
	d.cli(t, &listed, "scheduler", "list-schedules")
	d.schedules, d.checks = map[string]string{}, map[string]string{}
	for _, s := range listed.Schedules {
		var schedule struct{ Target struct{ Arn, Input string } }
		d.cli(t, &schedule, "scheduler", "get-schedule", "--name", s.Name, "--group-name", s.GroupName)
		switch {
		case schedule.Target.Arn == d.lab.StateMachineARN():
			d.schedules[s.Name] = schedule.Target.Input
		case strings.Contains(schedule.Target.Arn, ":function:"+e2e.StackName+"-"):
			d.checks[s.Name] = schedule.Target.Arn
		default:
			t.Errorf("schedule %s starts %s", s.Name, schedule.Target.Arn)
		}
	}
}

func (d *deployed) cli(t *testing.T, into any, args ...string) {
	t.Helper()
	if err := d.lab.CLI(t.Context(), into, args...); err != nil {
		t.Fatal(err)
	}
}

// start starts an execution as a person does.
func (d *deployed) start(t *testing.T, input string) (arn string) {
	t.Helper()
	d.runs++
	var started struct{ ExecutionArn string }
	d.cli(t, &started, "stepfunctions", "start-execution", "--state-machine-arn", d.stack.Outputs["StateMachineArn"],
		"--name", fmt.Sprintf("run-%d", d.runs), "--input", input)
	return started.ExecutionArn
}

// fire gives the input that a schedule gives to an execution when it fires now: Scheduler puts the time in.
func (d *deployed) fire(t *testing.T, schedule string) string {
	t.Helper()
	input, ok := d.schedules[schedule]
	const placeholder = "<aws.scheduler.scheduled-time>"
	if !ok || !strings.Contains(input, placeholder) {
		t.Fatalf("the schedule %s gives %q; there are %v", schedule, input, slices.Sorted(maps.Keys(d.schedules)))
	}
	at := d.hour.Format(time.RFC3339)
	d.fired[schedule] = append(d.fired[schedule], schedule+"/"+at) // the default schedules are named as their keywords
	return strings.ReplaceAll(input, placeholder, at)
}

func (d *deployed) wait(t *testing.T, arn string) (e2e.Execution, string) {
	t.Helper()
	e, err := d.lab.Wait(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	return e, arn
}

// succeed waits for an execution, and insists on its success.
func (d *deployed) succeed(t *testing.T, arn string) {
	t.Helper()
	if e, _ := d.wait(t, arn); e.Status != "SUCCEEDED" {
		t.Errorf("%s ended %s: %s: %s\nmail: %v", arn, e.Status, e.Error, e.Cause, d.lab.Endpoint.Mails(""))
	}
}

// wroteReport looks for a run's manifest and report in S3.
func (d *deployed) wroteReport(t *testing.T, prefix string, volumes int) {
	t.Helper()
	bucket := d.stack.Outputs["RunsBucket"]
	var listed struct{ Contents []struct{ Key string } }
	d.cli(t, &listed, "s3api", "list-objects-v2", "--bucket", bucket, "--prefix", prefix)
	var names []string
	for _, o := range listed.Contents {
		names = append(names, o.Key[strings.LastIndex(o.Key, "/")+1:])
		if !strings.HasSuffix(o.Key, "/report.json") {
			continue
		}
		file := t.TempDir() + "/report.json"
		d.cli(t, nil, "s3api", "get-object", "--bucket", bucket, "--key", o.Key, file)
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var report struct{ Volumes, Completed int }
		if err := json.Unmarshal(body, &report); err != nil {
			t.Fatal(err)
		}
		same(t, "volumes in the report", [2]int{report.Volumes, report.Completed}, [2]int{volumes, volumes})
	}
	slices.Sort(names)
	same(t, "objects of the run", names, []string{"manifest.json", "report.json"})
}

// holds insists that each volume of the fleet has a completed snapshot of each of the keyword's latest runs, one each, and no other.
func (d *deployed) holds(t *testing.T, keyword string, latest int) {
	t.Helper()
	snapshots, err := d.lab.Snapshots(t.Context(), keyword)
	if err != nil {
		t.Fatal(err)
	}
	runs := d.fired[keyword][max(0, len(d.fired[keyword])-latest):]
	got, want := map[string][]string{}, map[string][]string{}
	for _, s := range snapshots {
		got[s.VolumeID] = append(got[s.VolumeID], s.State+" "+s.Tags["snapshot-lifecycle:run"])
	}
	for _, i := range d.fleet {
		for _, v := range i.Volumes {
			for _, run := range runs {
				want[v] = append(want[v], "completed "+run)
			}
			slices.Sort(got[v])
		}
	}
	if len(runs) == 0 {
		want = map[string][]string{}
	}
	same(t, "what each volume has of "+keyword, got, want)
}

// madeBy counts the snapshots that a run has made.
func (d *deployed) madeBy(t *testing.T, run string) int {
	t.Helper()
	keyword, _, _ := strings.Cut(run, "/")
	snapshots, err := d.lab.Snapshots(t.Context(), keyword)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range snapshots {
		if s.Tags["snapshot-lifecycle:run"] == run {
			n++
		}
	}
	return n
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
