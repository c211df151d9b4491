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

// speed is how many times faster waits and retries are: an hour takes half a minute.
const speed = 120

// TestDeployed deploys the app, uses it as its users do, changes it and destroys it.
func TestDeployed(t *testing.T) {
	d := deploy(t, "us-east-1")
	d.part(t, "an error of the contract is matched by its name", d.errorIsMatched)
	d.part(t, "schedules start runs that snapshot each volume once", d.schedulesTrigger)
	d.part(t, "after each run, as many snapshots are kept as the tag says", d.hoursPass)
	d.part(t, "the checks report what they find", d.runChecks)
	d.part(t, "a run that is triggered twice creates no snapshot twice", d.deliveredTwice)
	d.part(t, "a new execution finishes a run that a person aborted, and the next run succeeds", d.aborted)
	d.part(t, "the interpreters agree", func(t *testing.T) { theInterpretersAgree(t, d.bed) })
	d.part(t, "the simulated EC2 and moto's agree", d.theSimulatedEC2Agrees)
	d.part(t, "a changed schedule is deployed, and its runs succeed", d.update)
	d.part(t, "cdk destroy leaves the snapshots and the reports", d.destroy)
}

// TestDeployedInChina does one run in another partition, where ARNs have another prefix and Lambda does not support X-Ray.
func TestDeployedInChina(t *testing.T) {
	d := deploy(t, "cn-northwest-1")
	d.part(t, "schedules start runs that snapshot each volume once, in China", d.schedulesTrigger)
}

// errorIsMatched proves that the interpreter gets the names of the contract's errors: this error is not retried, because its name is
// matched. Otherwise every other test of an error would only test States.ALL.
func (d *deployed) errorIsMatched(t *testing.T) {
	e, arn := d.wait(t, d.start(t, `{"SnapshotKeyWord": "Canary*"}`))
	same(t, "the end", []string{e.Status, e.Error}, []string{"FAILED", "RunBroken"})
	same(t, "calls", d.bed.Endpoint.Calls("Canary*"), []e2e.Call{{Function: discover, Keyword: "Canary*", Error: "InvalidInputError"}})
	visited, err := d.bed.Visited(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "states", visited.Run, broken)
	mails := d.bed.Endpoint.Mails("Canary*")
	if len(mails) != 1 || !strings.Contains(mails[0].Message, "InvalidInputError") || !strings.Contains(mails[0].Message, "contains '*'") {
		t.Errorf("the mails are %v", mails)
	}
}

// schedulesTrigger triggers both schedules in the same minute, for the same instances.
func (d *deployed) schedulesTrigger(t *testing.T) {
	ctx := t.Context()
	d.hour = d.hour.Add(time.Hour)
	daily, hourly := d.start(t, d.trigger(t, "SnapshotDaily")), d.start(t, d.trigger(t, "SnapshotHourly"))
	d.mustSucceed(t, daily)
	d.mustSucceed(t, hourly)
	d.checkSnapshots(t, "SnapshotDaily", 3)
	d.checkSnapshots(t, "SnapshotHourly", 2)

	// The tags of a snapshot.
	snapshots, err := d.bed.Snapshots(ctx, "SnapshotDaily")
	if err != nil || len(snapshots) == 0 {
		t.Fatalf("%d snapshots, %v", len(snapshots), err)
	}
	first := snapshots[0]
	instance := first.Tags["snapshot-lifecycle:instance"]
	same(t, "tags", first.Tags, map[string]string{
		"SnapshotDaily": "3", "SnapshotHourly": "2", "Name": "web", "team": "storage",
		"snapshot-lifecycle:schedule": "SnapshotDaily", "snapshot-lifecycle:retention": "3",
		"snapshot-lifecycle:run": "SnapshotDaily/" + d.hour.Format(time.RFC3339), "snapshot-lifecycle:instance": instance,
	})
	if i := slices.IndexFunc(d.fleet, func(i e2e.Instance) bool { return i.ID == instance }); i < 0 || !slices.Contains(d.fleet[i].Volumes, first.VolumeID) {
		t.Errorf("the snapshot %s of %s has the instance %s in its tags", first.ID, first.VolumeID, instance)
	}

	// The console shows an execution for each instance.
	children, err := d.bed.Children(ctx, daily)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "children", len(children), instances)
	for _, c := range children {
		if c.Status != "SUCCEEDED" {
			t.Errorf("child %s ended %s", c.ARN, c.Status)
		}
	}
	d.checkReport(t, "runs/SnapshotDaily/"+d.hour.Format("20060102T150405Z")+"/run-", instances*volumes)
	same(t, "mails", d.bed.Endpoint.Mails("SnapshotDaily"), []e2e.Mail(nil))
}

func (d *deployed) hoursPass(t *testing.T) {
	for range 3 {
		d.hour = d.hour.Add(time.Hour)
		d.mustSucceed(t, d.start(t, d.trigger(t, "SnapshotHourly")))
	}
	d.checkSnapshots(t, "SnapshotHourly", 2)
	d.checkSnapshots(t, "SnapshotDaily", 3)
}

func (d *deployed) deliveredTwice(t *testing.T) {
	d.hour = d.hour.Add(time.Hour)
	input := d.trigger(t, "SnapshotHourly")
	both := []string{d.start(t, input), d.start(t, input)}
	var ends []string
	for _, arn := range both {
		d.mustSucceed(t, arn)
		visited, err := d.bed.Visited(t.Context(), arn)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, visited.Run[len(visited.Run)-1])
	}
	slices.Sort(ends)
	same(t, "how the two ended", ends, []string{"DuplicateRun", "RunSucceeded"})
	d.checkSnapshots(t, "SnapshotHourly", 2)
}

// aborted stops an execution while some of its volumes have their snapshot and others do not.
func (d *deployed) aborted(t *testing.T) {
	d.hour = d.hour.Add(time.Hour)
	input := d.trigger(t, "SnapshotHourly")
	made, reached := 0, make(chan struct{})
	var mu sync.Mutex
	stop := sync.OnceFunc(d.bed.Endpoint.SetBehaviour(func(c e2e.Call) e2e.Behaviour {
		if c.Function != create {
			return e2e.Works
		}
		mu.Lock()
		defer mu.Unlock()
		if made++; made == 20 {
			close(reached)
		}
		if made > 20 {
			return e2e.IsThrottled // so that the others have no snapshot when the execution is stopped
		}
		return e2e.Works
	}))
	defer stop()
	mails := len(d.bed.Endpoint.Mails("SnapshotHourly"))
	arn := d.start(t, input)
	select {
	case <-reached:
	case <-time.After(time.Minute):
		t.Fatal("the run has not begun in a minute")
	}
	d.cli(t, nil, "stepfunctions", "stop-execution", "--execution-arn", arn)
	e, _ := d.wait(t, arn)
	same(t, "the end", e.Status, "ABORTED")
	visited, err := d.bed.Visited(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "states", visited.Run, []string{"DiscoverInstances", "WhatWasFound", "SnapshotInstances"})
	if n := d.countSnapshots(t, "SnapshotHourly/"+d.hour.Format(time.RFC3339)); n == 0 || n >= instances*volumes {
		t.Errorf("%d of %d volumes have their snapshot, want some but not all", n, instances*volumes)
	}
	// An EventBridge rule reports an aborted run, but moto has no events of executions (infra/lifecycle tests the rule).
	same(t, "mails", len(d.bed.Endpoint.Mails("SnapshotHourly"))-mails, 0)
	stop()

	d.mustSucceed(t, d.start(t, input))
	d.checkSnapshots(t, "SnapshotHourly", 2)
	d.hour = d.hour.Add(time.Hour)
	d.mustSucceed(t, d.start(t, d.trigger(t, "SnapshotHourly")))
	d.checkSnapshots(t, "SnapshotHourly", 2)
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
	d.mustSucceed(t, d.start(t, d.trigger(t, "SnapshotHourly")))
	d.checkSnapshots(t, "SnapshotHourly", 2)
	old := d.fleet
	d.fleet, err = d.bed.Launch(t.Context(), 2, 1, map[string]string{"SnapshotWeekly": "weekly=4"})
	if err != nil {
		t.Fatal(err)
	}
	d.mustSucceed(t, d.start(t, d.trigger(t, "SnapshotWeekly")))
	d.checkSnapshots(t, "SnapshotWeekly", 4)
	d.fleet = old
}

func (d *deployed) destroy(t *testing.T) {
	if err := d.bed.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	var machines struct{ StateMachines []any }
	d.cli(t, &machines, "stepfunctions", "list-state-machines")
	var functions struct{ Functions []any }
	d.cli(t, &functions, "lambda", "list-functions")
	var schedules struct{ Schedules []any }
	d.cli(t, &schedules, "scheduler", "list-schedules")
	same(t, "what is left", []int{len(machines.StateMachines), len(functions.Functions), len(schedules.Schedules)}, []int{0, 0, 0})
	d.checkSnapshots(t, "SnapshotHourly", 2)
	d.checkSnapshots(t, "SnapshotDaily", 3)
	d.cli(t, nil, "s3api", "head-bucket", "--bucket", d.stack.Outputs["RunsBucket"])
}
