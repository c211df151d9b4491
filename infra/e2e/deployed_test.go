//go:build e2e

package e2e_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/e2e"
)

// speed is how much faster waits and retries pass: an hour of them takes half a minute.
const speed = 120

// TestDeployed deploys the app, lives with it as its users do, changes it and removes it.
func TestDeployed(t *testing.T) {
	d := deploy(t, "us-east-1")
	d.part(t, "an error of ours is matched by its name", d.canary)
	d.part(t, "schedules start runs that snapshot each volume once", d.schedulesFire)
	d.part(t, "hour after hour exactly as many are kept as the tag says", d.hoursPass)
	d.part(t, "the checks look, and tell of what they find", d.theChecksLook)
	d.part(t, "a firing that is delivered twice makes nothing twice", d.deliveredTwice)
	d.part(t, "a run that a person aborts is finished by a new execution, and the next firing goes well", d.aborted)
	d.part(t, "the interpreters agree", func(t *testing.T) { theInterpretersAgree(t, d.lab) })
	d.part(t, "the simulated EC2 and moto's agree", d.theSimulatedEC2Agrees)
	d.part(t, "a changed schedule is deployed, and the runs go on", d.update)
	d.part(t, "cdk destroy leaves the snapshots and the reports", d.destroy)
}

// TestDeployedInChina sees the app through one run in another partition, where ARNs begin otherwise and Lambda has no X-Ray.
func TestDeployedInChina(t *testing.T) {
	d := deploy(t, "cn-northwest-1")
	d.part(t, "schedules start runs that snapshot each volume once, in China", d.schedulesFire)
}

// canary proves that the interpreter gets the names of our errors: this one is not retried only if its name is matched. If it were
// not, each test of an error would be of States.ALL.
func (d *deployed) canary(t *testing.T) {
	e, arn := d.wait(t, d.start(t, `{"SnapshotKeyWord": "Canary*"}`))
	same(t, "the end", []string{e.Status, e.Error}, []string{"FAILED", "RunBroken"})
	same(t, "calls", d.lab.Endpoint.Calls("Canary*"), []e2e.Call{{Function: discover, Keyword: "Canary*", Error: "InvalidInputError"}})
	visited, err := d.lab.Visited(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "states", visited.Run, broken)
	mails := d.lab.Endpoint.Mails("Canary*")
	if len(mails) != 1 || !strings.Contains(mails[0].Message, "InvalidInputError") || !strings.Contains(mails[0].Message, "contains '*'") {
		t.Errorf("the mails are %v", mails)
	}
}

// schedulesFire has both schedules fire in the same minute, on the same instances.
func (d *deployed) schedulesFire(t *testing.T) {
	ctx := t.Context()
	d.hour = d.hour.Add(time.Hour)
	daily, hourly := d.start(t, d.fire(t, "SnapshotDaily")), d.start(t, d.fire(t, "SnapshotHourly"))
	d.succeed(t, daily)
	d.succeed(t, hourly)
	d.holds(t, "SnapshotDaily", 3)
	d.holds(t, "SnapshotHourly", 2)

	// What is on a snapshot.
	snapshots, err := d.lab.Snapshots(ctx, "SnapshotDaily")
	if err != nil || len(snapshots) == 0 {
		t.Fatalf("%d snapshots, %v", len(snapshots), err)
	}
	first := snapshots[0]
	instance := first.Tags["snapshot-lifecycle:instance"]
	same(t, "tags", first.Tags, map[string]string{
		"SnapshotDaily": "3", "SnapshotHourly": "2", "Name": "web", "team": "storage",
		"snapshot-lifecycle:schedule": "SnapshotDaily", "snapshot-lifecycle:retention": "3",
		"snapshot-lifecycle:run": "SnapshotDaily/2026-11-22T01:00:00Z", "snapshot-lifecycle:instance": instance,
	})
	if i := slices.IndexFunc(d.fleet, func(i e2e.Instance) bool { return i.ID == instance }); i < 0 || !slices.Contains(d.fleet[i].Volumes, first.VolumeID) {
		t.Errorf("%s of %s says that it is of %s", first.ID, first.VolumeID, instance)
	}

	// What the console shows: an execution for each instance.
	children, err := d.lab.Children(ctx, daily)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "children", len(children), instances)
	for _, c := range children {
		if c.Status != "SUCCEEDED" {
			t.Errorf("child %s ended %s", c.ARN, c.Status)
		}
	}
	d.wroteReport(t, "runs/SnapshotDaily/20261122T010000Z/run-", instances*volumes)
	same(t, "mails", d.lab.Endpoint.Mails("SnapshotDaily"), []e2e.Mail(nil))
}

func (d *deployed) hoursPass(t *testing.T) {
	for range 3 {
		d.hour = d.hour.Add(time.Hour)
		d.succeed(t, d.start(t, d.fire(t, "SnapshotHourly")))
	}
	d.holds(t, "SnapshotHourly", 2)
	d.holds(t, "SnapshotDaily", 3)
}

func (d *deployed) deliveredTwice(t *testing.T) {
	d.hour = d.hour.Add(time.Hour)
	input := d.fire(t, "SnapshotHourly")
	both := []string{d.start(t, input), d.start(t, input)}
	var ends []string
	for _, arn := range both {
		d.succeed(t, arn)
		visited, err := d.lab.Visited(t.Context(), arn)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, visited.Run[len(visited.Run)-1])
	}
	slices.Sort(ends)
	same(t, "how the two ended", ends, []string{"DuplicateRun", "RunSucceeded"})
	d.holds(t, "SnapshotHourly", 2)
}

// aborted stops an execution when some of its volumes have their snapshot and the others do not.
func (d *deployed) aborted(t *testing.T) {
	d.hour = d.hour.Add(time.Hour)
	input := d.fire(t, "SnapshotHourly")
	made, reached := 0, make(chan struct{})
	var mu sync.Mutex
	stop := sync.OnceFunc(d.lab.Endpoint.Behave(func(c e2e.Call) e2e.Behaviour {
		if c.Function != create {
			return e2e.Works
		}
		mu.Lock()
		defer mu.Unlock()
		if made++; made == 20 {
			close(reached)
		}
		if made > 20 {
			return e2e.IsThrottled // so that the others are still to do when the person acts
		}
		return e2e.Works
	}))
	defer stop()
	mails := len(d.lab.Endpoint.Mails("SnapshotHourly"))
	arn := d.start(t, input)
	select {
	case <-reached:
	case <-time.After(time.Minute):
		t.Fatal("the run has not begun in a minute")
	}
	d.cli(t, nil, "stepfunctions", "stop-execution", "--execution-arn", arn)
	e, _ := d.wait(t, arn)
	same(t, "the end", e.Status, "ABORTED")
	visited, err := d.lab.Visited(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "states", visited.Run, []string{"DiscoverInstances", "WhatWasFound", "SnapshotInstances"})
	if n := d.madeBy(t, "SnapshotHourly/"+d.hour.Format(time.RFC3339)); n == 0 || n >= instances*volumes {
		t.Errorf("%d of %d volumes have their snapshot: the run was not in its middle", n, instances*volumes)
	}
	// The rule that tells of an aborted run is EventBridge's to apply, and moto has no events of executions (infra/lifecycle tests it).
	same(t, "mails", len(d.lab.Endpoint.Mails("SnapshotHourly"))-mails, 0)
	stop()

	again := d.start(t, input)
	d.succeed(t, again)
	d.holds(t, "SnapshotHourly", 2)
	d.hour = d.hour.Add(time.Hour)
	d.succeed(t, d.start(t, d.fire(t, "SnapshotHourly")))
	d.holds(t, "SnapshotHourly", 2)
}

func (d *deployed) update(t *testing.T) {
	schedules := []map[string]string{
		{"keyword": "SnapshotHourly", "expression": "cron(30 * * * ? *)", "timeZone": "UTC"},
		{"keyword": "SnapshotWeekly", "expression": "cron(0 3 ? * SUN *)", "timeZone": "Asia/Shanghai"},
	}
	text, err := json.Marshal(schedules)
	if err != nil {
		t.Fatal(err)
	}
	d.deployWith(t, e2e.Settings{"schedules": string(text)})
	same(t, "schedules", slices.Sorted(maps.Keys(d.schedules)), []string{"SnapshotHourly", "SnapshotWeekly"})
	var hourly struct{ ScheduleExpression string }
	d.cli(t, &hourly, "scheduler", "get-schedule", "--name", "SnapshotHourly", "--group-name", e2e.StackName)
	same(t, "the expression", hourly.ScheduleExpression, "cron(30 * * * ? *)")

	d.hour = d.hour.Add(time.Hour)
	d.succeed(t, d.start(t, d.fire(t, "SnapshotHourly")))
	d.holds(t, "SnapshotHourly", 2)
	old := d.fleet
	d.fleet, err = d.lab.Launch(t.Context(), 2, 1, map[string]string{"SnapshotWeekly": "weekly=4"})
	if err != nil {
		t.Fatal(err)
	}
	d.succeed(t, d.start(t, d.fire(t, "SnapshotWeekly")))
	d.holds(t, "SnapshotWeekly", 4)
	d.fleet = old
}

func (d *deployed) destroy(t *testing.T) {
	if err := d.lab.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	var machines struct{ StateMachines []any }
	d.cli(t, &machines, "stepfunctions", "list-state-machines")
	var functions struct{ Functions []any }
	d.cli(t, &functions, "lambda", "list-functions")
	var schedules struct{ Schedules []any }
	d.cli(t, &schedules, "scheduler", "list-schedules")
	same(t, "what is left", []int{len(machines.StateMachines), len(functions.Functions), len(schedules.Schedules)}, []int{0, 0, 0})
	d.holds(t, "SnapshotHourly", 2)
	d.holds(t, "SnapshotDaily", 3)
	d.cli(t, nil, "s3api", "head-bucket", "--bucket", d.stack.Outputs["RunsBucket"])
}
