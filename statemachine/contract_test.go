package statemachine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheDefinitionKeepsTheContractAndTheRules(t *testing.T) {
	if diff := cmp.Diff([]string(nil), check(parse(t, Definition))); diff != "" {
		t.Errorf("faults:\n%s", diff)
	}
}

// TestTheCheckerFinds proves that the test above can fail: each change of the definition breaks one thing, and the checker
// must say so, in these words.
func TestTheCheckerFinds(t *testing.T) {
	cases := []struct {
		name   string
		change func(*editor)
		want   []string
	}{
		// What states read.
		{"a path that no type has", func(e *editor) {
			e.set("$.Rum", "SnapshotVolume", "Parameters", "Payload", "Run.$")
		}, []string{"SnapshotVolume: Parameters: Payload: Run.$: $.Rum: there is no Rum in contract.VolumeTask"}},
		{"a path that another scope has", func(e *editor) {
			e.set("$.Volumes", "PruneVolume", "Parameters", "Payload", "Volume.$")
		}, []string{"PruneVolume: Parameters: Payload: Volume.$: $.Volumes: there is no Volumes in contract.VolumeTask"}},
		{"a path to a value of another type", func(e *editor) {
			e.set("$.Instance", "PruneVolume", "Parameters", "Payload", "Volume.$")
		}, []string{"PruneVolume: Payload: field Volume: contract.Instance where a contract.Volume is wanted"}},
		{"a path deep inside intrinsic functions", func(e *editor) {
			e.set("States.Format('{}{}.json', $.FailurePrefix, $.Volume.Id)", "RecordFailure", "Parameters", "Key.$")
		}, []string{"RecordFailure: Parameters: Key.$: $.Volume.Id: there is no Id in contract.Volume"}},
		{"a nested function's path", func(e *editor) {
			e.set("States.Format('{} {}', 'it\\'s, (', States.JsonToString($.Failures))", "AlertRunBroken", "Parameters", "Message.$")
		}, []string{
			"AlertRunBroken: Parameters: Message.$: $.Failures: there is no Failures in contract.Failure",
		}},
		{"fewer values than a format has room for", func(e *editor) {
			e.set("States.Format('{}{}.json', $.FailurePrefix)", "RecordFailure", "Parameters", "Key.$")
		}, []string{"RecordFailure: Parameters: Key.$: States.Format has 2 {} and 1 values for them"}},
		{"an object where a format wants a text", func(e *editor) {
			e.set("States.Format('{}{}.json', $.FailurePrefix, $.Volume)", "RecordFailure", "Parameters", "Key.$")
		}, []string{"RecordFailure: Parameters: Key.$: States.Format can't format contract.Volume: only a text or a number"}},
		{"a function that does not exist", func(e *editor) {
			e.set("States.JSONToString($.Failure)", "RecordFailure", "Parameters", "Body.$")
		}, []string{"RecordFailure: Parameters: Body.$: States.JSONToString is no function that this test understands"}},
		{"a field of the context object that does not exist", func(e *editor) {
			e.set("$$.Execution.Arn", "DiscoverInstances", "Parameters", "Payload", "Execution.$")
		}, []string{"DiscoverInstances: Parameters: Payload: Execution.$: $$.Execution.Arn is not in the context object"}},
		{"a map's item read outside of its map", func(e *editor) {
			e.set("$$.Map.Item.Value", "SnapshotVolume", "Parameters", "Payload", "Volume.$")
		}, []string{"SnapshotVolume: Parameters: Payload: Volume.$: $$.Map.Item.Value is not in the context object"}},
		{"a moment read from what is none", func(e *editor) {
			e.set("$.FailurePrefix", "WaitForTurn", "TimestampPath")
		}, []string{"WaitForTurn: TimestampPath: string where a time.Time is wanted"}},
		{"a list of items that is none", func(e *editor) {
			e.set("$.Instance", "SnapshotVolumes", "ItemsPath")
		}, []string{"SnapshotVolumes: ItemsPath: contract.Instance is no list (<nil>)"}},
		{"a manifest read from elsewhere", func(e *editor) {
			e.set("$.Manifest", "SnapshotInstances", "ItemReader", "Parameters", "Key.$")
		}, []string{"SnapshotInstances: ItemReader: Key.$: $.Manifest: there is no Manifest in contract.Discovery"}},
		{"a result that the function does not return", func(e *editor) {
			e.set("$.Payload.SnapshotId", "SnapshotVolume", "ResultSelector", "Payload.$")
		}, []string{
			"SnapshotVolume: ResultSelector: Payload.$: $.Payload.SnapshotId: there is no SnapshotId in contract.SnapshotResult",
			"SnapshotVolume: contract.SnapshotAnswer wants a field Payload, which is not given",
			"PruneVolume: Parameters: Payload: Snapshot.$: $.Snapshot.Payload: there is no Snapshot in contract.VolumeTask",
		}},
		{"a cause that the report does not give", func(e *editor) {
			e.set("$.Cause", "RunFailed", "CausePath")
		}, []string{"RunFailed: CausePath: $.Cause: there is no Cause in contract.ReportResult"}},

		// What states give.
		{"a request that lacks a field", func(e *editor) {
			e.drop("SnapshotVolume", "Parameters", "Payload", "Attempt.$")
		}, []string{"SnapshotVolume: Payload: contract.SnapshotRequest wants a field Attempt, which is not given"}},
		{"a request with a field too many", func(e *editor) {
			e.add("$.FailurePrefix", "PruneVolume", "Parameters", "Payload", "Prefix.$")
		}, []string{"PruneVolume: Payload: contract.PruneRequest has no field Prefix, which is given"}},
		{"an item that lacks a field", func(e *editor) {
			e.drop("SnapshotVolumes", "ItemSelector", "FailurePrefix.$")
		}, []string{"SnapshotVolumes: ItemSelector: contract.VolumeTask wants a field FailurePrefix, which is not given"}},
		{"another function called", func(e *editor) {
			e.set("${PruneVolumeFunction}", "SnapshotVolume", "Parameters", "FunctionName")
		}, []string{
			"SnapshotVolume: Payload: contract.PruneRequest wants a field InstanceID, which is not given",
			"SnapshotVolume: field Payload: contract.PruneResult where a contract.SnapshotResult is wanted",
			"PruneVolume: Parameters: Payload: Snapshot.$: $.Snapshot.Payload: there is no Snapshot in contract.VolumeTask",
		}},
		{"a parameter that S3 does not take", func(e *editor) {
			e.drop("RecordFailure", "Parameters", "Body.$")
		}, []string{"RecordFailure: ${S3PutObjectSdk} takes [Body Bucket Key], and is given [Bucket Key]"}},
		{"a result that takes the place of the state", func(e *editor) {
			e.drop("SnapshotVolume", "ResultPath")
		}, []string{
			"GiveItTime: SecondsPath: $.Volume.WaitSeconds: there is no Volume in an object of 1 fields",
			"PruneVolume: Parameters: Payload: InstanceID.$: $.Instance.ID: there is no Instance in an object of 1 fields",
			"RecordFailure: Parameters: Key.$: $.FailurePrefix: there is no FailurePrefix in an object of 2 fields",
			"AlertUnrecordedFailure: Parameters: Message.$: $.Volume.ID: there is no Volume in an object of 3 fields",
		}},
		{"a result put where the next step does not look", func(e *editor) {
			e.set("$.Result", "SnapshotVolume", "ResultPath")
		}, []string{
			"SnapshotVolume: ResultPath $.Result: contract.VolumeTask has no field for it",
			"PruneVolume: Parameters: Payload: Snapshot.$: $.Snapshot.Payload: there is no Snapshot in contract.VolumeTask",
		}},
		{"an error put where its record does not look", func(e *editor) {
			e.set("$.RecordError", "PruneVolume", "Catch", 1, "ResultPath")
		}, []string{
			"RecordFailure: Parameters: Body.$: $.Failure: there is no Failure in contract.VolumeTask",
			"AlertUnrecordedFailure: Parameters: Message.$: $.Failure: there is no Failure in contract.VolumeTask",
		}},
		{"a wait that is no number", func(e *editor) {
			e.set("$.Volume.SnapshotID", "GiveItTime", "SecondsPath")
		}, []string{"GiveItTime: SecondsPath: string where a int is wanted"}},
		{"children that return something", func(e *editor) {
			e.drop("SnapshotVolumes", "OutputPath")
		}, []string{"SnapshotVolumes: leaves contract.MapResult: what a Map's item leaves grows with the fleet, so it must be {}"}},
		{"results that go to the parent", func(e *editor) {
			e.drop("SnapshotInstances", "ResultWriter")
		}, []string{"SnapshotInstances: without a ResultWriter the results of a Distributed Map grow with the fleet"}},

		// What choices compare.
		{"an outcome that there is not", func(e *editor) {
			e.set("Works", "WhatWasFound", "Choices", 0, "StringEquals")
		}, []string{`WhatWasFound: "Works" is no outcome of contract.Discovery, which has [Work Nothing Duplicate]`}},
		{"an outcome of another function", func(e *editor) {
			e.set("Work", "HowItEnded", "Choices", 0, "StringEquals")
		}, []string{`HowItEnded: "Work" is no outcome of contract.ReportResult, which has [Succeeded Failed]`}},
		{"a choice by something else", func(e *editor) {
			e.set("$.Summary", "HowItEnded", "Choices", 0, "Variable")
		}, []string{"HowItEnded: $.Summary of contract.ReportResult is no outcome"}},

		// Errors and retries.
		{"a misspelt error", func(e *editor) {
			e.set("SnapshotPendingErr", "PruneVolume", "Retry", 2, "ErrorEquals", 0)
		}, []string{"PruneVolume: Retry 2 names SnapshotPendingErr, which is neither of the contract nor of AWS"}},
		{"an error of AWS that is not listed", func(e *editor) {
			e.set("Lambda.Unknown", "PruneVolume", "Retry", 1, "ErrorEquals", 1)
		}, []string{"PruneVolume: Retry 1 names Lambda.Unknown, which is neither of the contract nor of AWS"}},
		{"an error of the contract that nothing handles", func(e *editor) {
			e.set("ThrottledError", "SnapshotVolume", "Retry", 3, "ErrorEquals", 0)
		}, []string{
			"SnapshotVolume: Retry 3 names ThrottledError, which an earlier one handles",
			"SnapshotQuotaError: no ErrorEquals names it and it is not listed as left to States.ALL, or both",
		}},
		{"a retrier behind one that takes everything", func(e *editor) {
			e.set("States.ALL", "PruneVolume", "Retry", 1, "ErrorEquals", 0)
		}, []string{
			"PruneVolume: Retry 1 names States.ALL beside others",
			"PruneVolume: Retry 1 names Lambda.TooManyRequestsException, which an earlier one handles",
			"PruneVolume: Retry 2 names SnapshotPendingError, which an earlier one handles",
			"PruneVolume: Retry 3 names States.ALL, which an earlier one handles",
		}},
		{"a retrier without jitter", func(e *editor) {
			e.drop("PruneVolume", "Retry", 1, "JitterStrategy")
		}, []string{"PruneVolume: Retry 1 says nothing of jitter"}},
		{"a Task without a Retry", func(e *editor) {
			e.drop("AlertRunBroken", "Retry")
		}, []string{"AlertRunBroken: a Task needs a Retry"}},
		{"a Task without a Catch", func(e *editor) {
			e.drop("AlertUnrecordedFailure", "Catch")
		}, []string{
			"AlertUnrecordedFailure: it needs a Catch of States.ALL, the last of its catchers",
			"FailureUnrecorded: no state leads here",
		}},
		{"a Catch of some errors only", func(e *editor) {
			e.set("ThrottledError", "ReportRun", "Catch", 0, "ErrorEquals", 0)
		}, []string{"ReportRun: it needs a Catch of States.ALL, the last of its catchers"}},
		{"a Distributed Map without a Catch", func(e *editor) {
			e.drop("SnapshotInstances", "Catch")
		}, []string{"SnapshotInstances: it needs a Catch of States.ALL, the last of its catchers"}},
		{"a Retry on the Distributed Map", func(e *editor) {
			e.add([]any{map[string]any{"ErrorEquals": []any{"States.ALL"}}}, "SnapshotInstances", "Retry")
		}, []string{"SnapshotInstances: a Retry on a Distributed Map runs every child again"}},
		{"a Task without a timeout", func(e *editor) {
			e.drop("RecordFailure", "TimeoutSeconds")
		}, []string{"RecordFailure: a Task needs TimeoutSeconds, of at most 900"}},
		{"a run without a timeout", func(e *editor) {
			delete(e.definition, "TimeoutSeconds")
		}, []string{"the definition has no TimeoutSeconds: a run could hang for a year"}},

		// Names, comments, and where states lead.
		{"a run without a comment", func(e *editor) {
			e.definition["Comment"] = " "
		}, []string{"the definition has no Comment"}},
		{"a nested state without a comment", func(e *editor) {
			e.drop("SnapshotStillPending", "Comment")
		}, []string{"SnapshotStillPending: it has no Comment"}},
		{"a name that is taken in another map", func(e *editor) {
			e.inner("SnapshotInstances")["WhatWasFound"] = e.state("WaitForTurn")
		}, []string{"WhatWasFound: the name is taken by another state", "WhatWasFound: no state leads here"}},
		{"a misspelt field", func(e *editor) {
			e.add(60.0, "RecordFailure", "HeartbeatSecond")
		}, []string{"RecordFailure: the field HeartbeatSecond is nothing that this test understands"}},
		{"a step that does not exist", func(e *editor) {
			e.set("PruneVolumes", "GiveItTime", "Next")
		}, []string{"PruneVolumes: there is no such state", "PruneVolume: no state leads here", "SnapshotStillPending: no state leads here"}},
		{"a run that ends without saying how", func(e *editor) {
			e.drop("AlertRunBroken", "Next")
			e.add(true, "AlertRunBroken", "End")
		}, []string{"AlertRunBroken: the run must end in a Succeed or a Fail"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := &editor{t, parse(t, Definition)}
			c.change(e)
			if diff := cmp.Diff(c.want, check(e.definition)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}
