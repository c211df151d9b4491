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

// part runs a part of a test and prints a line of progress.
func (d *deployed) part(t *testing.T, name string, do func(*testing.T)) {
	began, ran := time.Now(), false
	passed := t.Run(name, func(t *testing.T) { ran = true; do(t) })
	switch took := time.Since(began).Seconds(); {
	case !passed:
		d.bed.Say("%5.1f s  %s: FAILED", took, name)
	case ran: // otherwise -run excludes it
		d.bed.Say("%5.1f s  %s", took, name)
	}
}

func start(t *testing.T, region string) *e2e.Testbed {
	t.Helper()
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	t.Cleanup(stop)
	bed, err := e2e.Start(ctx, e2e.Options{Region: region, Speed: speed, Progress: os.Stdout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bed.Close(t.Failed()) })
	// At Ctrl-C, go test ends a test binary at once. This stops the emulator before.
	context.AfterFunc(ctx, func() {
		if t.Context().Err() == nil {
			bed.Close(true)
			os.Exit(130)
		}
	})
	return bed
}

type deployed struct {
	bed       *e2e.Testbed
	stack     e2e.Stack
	schedules map[string]string // the inputs, by the names of the schedules
	checks    map[string]string // the functions with their own schedule, by the names of the schedules
	fleet     []e2e.Instance
	hour      time.Time           // the latest full hour in the test's time
	triggered map[string][]string // the runs so far, by keyword
	runs      int
}

const instances, volumes = 25, 2

// firstHour is when the time of the tests begins: a midnight some days ago, since a run may be neither of the future nor of three months ago.
var firstHour = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -3)

// deploy deploys the app with cdk.json. It starts instances with the tags of both schedules, and others without.
func deploy(t *testing.T, region string) *deployed {
	t.Helper()
	ctx := t.Context()
	d := &deployed{bed: start(t, region), hour: firstHour, triggered: map[string][]string{}}
	if err := d.bed.Bootstrap(ctx); err != nil {
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
	if err := d.bed.Subscribe(ctx, d.stack); err != nil {
		t.Fatal(err)
	}
	var err error
	d.fleet, err = d.bed.Launch(ctx, instances, volumes, map[string]string{"SnapshotDaily": "3", "SnapshotHourly": "2", "Name": "web", "team": "storage"})
	if err == nil {
		_, err = d.bed.Launch(ctx, 2, 1, map[string]string{"Name": "not ours"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *deployed) deployWith(t *testing.T, s e2e.Settings) {
	t.Helper()
	stack, err := d.bed.Deploy(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	d.stack = stack
	left, err := stack.Skipped()
	if err != nil {
		t.Error(err)
	}
	if s == nil {
		d.bed.SayAll("not created in the emulator: ", left)
	}
	d.readSchedules(t)
}

// readSchedules reads the inputs that the deployed schedules give to executions.
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
		case schedule.Target.Arn == d.bed.StateMachineARN():
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
	if err := d.bed.CLI(t.Context(), into, args...); err != nil {
		t.Fatal(err)
	}
}

// start starts an execution, as a person does.
func (d *deployed) start(t *testing.T, input string) (arn string) {
	t.Helper()
	d.runs++
	var started struct{ ExecutionArn string }
	d.cli(t, &started, "stepfunctions", "start-execution", "--state-machine-arn", d.stack.Outputs["StateMachineArn"],
		"--name", fmt.Sprintf("run-%d", d.runs), "--input", input)
	return started.ExecutionArn
}

// trigger returns the input for the next execution of a schedule, with the time filled in as EventBridge Scheduler does.
func (d *deployed) trigger(t *testing.T, schedule string) string {
	t.Helper()
	input, ok := d.schedules[schedule]
	const placeholder = "<aws.scheduler.scheduled-time>"
	if !ok || !strings.Contains(input, placeholder) {
		t.Fatalf("the input of the schedule %s is %q; the schedules are %v", schedule, input, slices.Sorted(maps.Keys(d.schedules)))
	}
	at := d.hour.Format(time.RFC3339)
	d.triggered[schedule] = append(d.triggered[schedule], schedule+"/"+at) // the names of the default schedules are their keywords
	return strings.ReplaceAll(input, placeholder, at)
}

func (d *deployed) wait(t *testing.T, arn string) (e2e.Execution, string) {
	t.Helper()
	e, err := d.bed.Wait(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	return e, arn
}

// mustSucceed waits for an execution, which must succeed.
func (d *deployed) mustSucceed(t *testing.T, arn string) {
	t.Helper()
	if e, _ := d.wait(t, arn); e.Status != "SUCCEEDED" {
		t.Errorf("%s ended %s: %s: %s\nmail: %v", arn, e.Status, e.Error, e.Cause, d.bed.Endpoint.Mails(""))
	}
}

// checkReport checks a run's manifest and report in S3.
func (d *deployed) checkReport(t *testing.T, prefix string, volumes int) {
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

// checkSnapshots checks that each volume of the fleet has exactly one completed snapshot of each of the keyword's latest runs, and no
// others.
func (d *deployed) checkSnapshots(t *testing.T, keyword string, latest int) {
	t.Helper()
	snapshots, err := d.bed.Snapshots(t.Context(), keyword)
	if err != nil {
		t.Fatal(err)
	}
	runs := d.triggered[keyword][max(0, len(d.triggered[keyword])-latest):]
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
	same(t, "snapshots of each volume, "+keyword, got, want)
}

// countSnapshots counts the snapshots of a run.
func (d *deployed) countSnapshots(t *testing.T, run string) int {
	t.Helper()
	keyword, _, _ := strings.Cut(run, "/")
	snapshots, err := d.bed.Snapshots(t.Context(), keyword)
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
