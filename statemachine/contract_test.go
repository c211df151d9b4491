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

// TestTheCheckFinds proves that the test above can fail: each case changes one thing in the definition, and the check must report
// exactly these faults.
func TestTheCheckFinds(t *testing.T) {
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
		}, []string{"PruneVolume: Payload: field Volume: contract.Instance instead of contract.Volume"}},
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
		}, []string{"RecordFailure: Parameters: Body.$: States.JSONToString is not a function that this test supports"}},
		{"a field of the context object that does not exist", func(e *editor) {
			e.set("$$.Execution.Arn", "DiscoverInstances", "Parameters", "Payload", "Execution.$")
		}, []string{"DiscoverInstances: Parameters: Payload: Execution.$: $$.Execution.Arn is not in the context object"}},
		{"a map's item read outside of its map", func(e *editor) {
			e.set("$$.Map.Item.Value", "SnapshotVolume", "Parameters", "Payload", "Volume.$")
		}, []string{"SnapshotVolume: Parameters: Payload: Volume.$: $$.Map.Item.Value is not in the context object"}},
		{"a time read from another type", func(e *editor) {
			e.set("$.FailurePrefix", "WaitForTurn", "TimestampPath")
		}, []string{"WaitForTurn: TimestampPath: string instead of time.Time"}},
		{"a list of items read from another type", func(e *editor) {
			e.set("$.Instance", "SnapshotVolumes", "ItemsPath")
		}, []string{"SnapshotVolumes: ItemsPath: contract.Instance is not a list (<nil>)"}},
		{"a manifest read from elsewhere", func(e *editor) {
			e.set("$.Manifest", "SnapshotInstances", "ItemReader", "Parameters", "Key.$")
		}, []string{"SnapshotInstances: ItemReader: Key.$: $.Manifest: there is no Manifest in contract.Discovery"}},
		{"a result that the function does not return", func(e *editor) {
			e.set("$.Payload.SnapshotId", "SnapshotVolume", "ResultSelector", "Payload.$")
		}, []string{
			"SnapshotVolume: ResultSelector: Payload.$: $.Payload.SnapshotId: there is no SnapshotId in contract.SnapshotResult",
			"SnapshotVolume: contract.SnapshotAnswer needs a field Payload, which is missing",
			"PruneVolume: Parameters: Payload: Snapshot.$: $.Snapshot.Payload: there is no Snapshot in contract.VolumeTask",
		}},
		{"a cause that the report does not give", func(e *editor) {
			e.set("$.Cause", "RunFailed", "CausePath")
		}, []string{"RunFailed: CausePath: $.Cause: there is no Cause in contract.ReportResult"}},

		// What states give.
		{"a request that lacks a field", func(e *editor) {
			e.drop("SnapshotVolume", "Parameters", "Payload", "Attempt.$")
		}, []string{"SnapshotVolume: Payload: contract.SnapshotRequest needs a field Attempt, which is missing"}},
		{"a request with a field too many", func(e *editor) {
			e.add("$.FailurePrefix", "PruneVolume", "Parameters", "Payload", "Prefix.$")
		}, []string{"PruneVolume: Payload: contract.PruneRequest has no field Prefix"}},
		{"an item that lacks a field", func(e *editor) {
			e.drop("SnapshotVolumes", "ItemSelector", "FailurePrefix.$")
		}, []string{"SnapshotVolumes: ItemSelector: contract.VolumeTask needs a field FailurePrefix, which is missing"}},
		{"a call of another function", func(e *editor) {
			e.set("${PruneVolumeFunction}", "SnapshotVolume", "Parameters", "FunctionName")
		}, []string{
			"SnapshotVolume: Payload: contract.PruneRequest needs a field InstanceID, which is missing",
			"SnapshotVolume: field Payload: contract.PruneResult instead of contract.SnapshotResult",
			"PruneVolume: Parameters: Payload: Snapshot.$: $.Snapshot.Payload: there is no Snapshot in contract.VolumeTask",
		}},
		{"a parameter that S3 does not take", func(e *editor) {
			e.drop("RecordFailure", "Parameters", "Body.$")
		}, []string{"RecordFailure: ${S3PutObjectSdk} needs [Body Bucket Key] and gets [Bucket Key]"}},
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
		{"a wait that is not a number", func(e *editor) {
			e.set("$.Volume.SnapshotID", "GiveItTime", "SecondsPath")
		}, []string{"GiveItTime: SecondsPath: string instead of int"}},
		{"children that return something", func(e *editor) {
			e.drop("SnapshotVolumes", "OutputPath")
		}, []string{"SnapshotVolumes: returns contract.MapResult: it must return {}, because the results of a Map grow with the fleet"}},
		{"results that go to the parent", func(e *editor) {
			e.drop("SnapshotInstances", "ResultWriter")
		}, []string{"SnapshotInstances: without a ResultWriter the results of a Distributed Map grow with the fleet"}},

		// What choices compare.
		{"an outcome that does not exist", func(e *editor) {
			e.set("Works", "WhatWasFound", "Choices", 0, "StringEquals")
		}, []string{`WhatWasFound: "Works" is not an outcome of contract.Discovery, which has [Work Nothing Duplicate]`}},
		{"an outcome of another function", func(e *editor) {
			e.set("Work", "HowItEnded", "Choices", 0, "StringEquals")
		}, []string{`HowItEnded: "Work" is not an outcome of contract.ReportResult, which has [Succeeded Failed]`}},
		{"a choice by something else", func(e *editor) {
			e.set("$.Summary", "HowItEnded", "Choices", 0, "Variable")
		}, []string{"HowItEnded: $.Summary of contract.ReportResult is not an outcome"}},

		// Errors and retries.
		{"a misspelt error", func(e *editor) {
			e.set("SnapshotPendingErr", "PruneVolume", "Retry", 2, "ErrorEquals", 0)
		}, []string{"PruneVolume: Retry 2 names SnapshotPendingErr, which is an error neither of the contract nor of AWS"}},
		{"an error of AWS that is not listed", func(e *editor) {
			e.set("Lambda.Unknown", "PruneVolume", "Retry", 1, "ErrorEquals", 1)
		}, []string{"PruneVolume: Retry 1 names Lambda.Unknown, which is an error neither of the contract nor of AWS"}},
		{"an error of the contract that nothing handles", func(e *editor) {
			e.set("ThrottledError", "SnapshotVolume", "Retry", 3, "ErrorEquals", 0)
		}, []string{
			"SnapshotVolume: Retry 3 names ThrottledError, but an earlier one handles it",
			"SnapshotQuotaError: either an ErrorEquals must name it, or byAll must list it, and not both",
		}},
		{"a retrier after one that handles everything", func(e *editor) {
			e.set("States.ALL", "PruneVolume", "Retry", 1, "ErrorEquals", 0)
		}, []string{
			"PruneVolume: Retry 1 names States.ALL together with others",
			"PruneVolume: Retry 1 names Lambda.TooManyRequestsException, but an earlier one handles it",
			"PruneVolume: Retry 2 names SnapshotPendingError, but an earlier one handles it",
			"PruneVolume: Retry 3 names States.ALL, but an earlier one handles it",
		}},
		{"a retrier without jitter", func(e *editor) {
			e.drop("PruneVolume", "Retry", 1, "JitterStrategy")
		}, []string{"PruneVolume: Retry 1 has no JitterStrategy"}},
		{"a Task without a Retry", func(e *editor) {
			e.drop("AlertRunBroken", "Retry")
		}, []string{"AlertRunBroken: a Task needs a Retry"}},
		{"a Task without a Catch", func(e *editor) {
			e.drop("AlertUnrecordedFailure", "Catch")
		}, []string{
			"AlertUnrecordedFailure: it needs a Catch of States.ALL as its last one",
			"FailureUnrecorded: no state leads here",
		}},
		{"a Catch of some errors only", func(e *editor) {
			e.set("ThrottledError", "ReportRun", "Catch", 0, "ErrorEquals", 0)
		}, []string{"ReportRun: it needs a Catch of States.ALL as its last one"}},
		{"a Distributed Map without a Catch", func(e *editor) {
			e.drop("SnapshotInstances", "Catch")
		}, []string{"SnapshotInstances: it needs a Catch of States.ALL as its last one"}},
		{"a Retry on the Distributed Map", func(e *editor) {
			e.add([]any{map[string]any{"ErrorEquals": []any{"States.ALL"}}}, "SnapshotInstances", "Retry")
		}, []string{"SnapshotInstances: a Retry on a Distributed Map runs every child again"}},
		{"a Task without a timeout", func(e *editor) {
			e.drop("RecordFailure", "TimeoutSeconds")
		}, []string{"RecordFailure: a Task needs TimeoutSeconds, of at most 900"}},
		{"a run without a timeout", func(e *editor) {
			delete(e.definition, "TimeoutSeconds")
		}, []string{"the definition has no TimeoutSeconds: a run could take up to a year"}},

		// Names, comments, and where states lead.
		{"a run without a comment", func(e *editor) {
			e.definition["Comment"] = " "
		}, []string{"the definition has no Comment"}},
		{"a nested state without a comment", func(e *editor) {
			e.drop("SnapshotStillPending", "Comment")
		}, []string{"SnapshotStillPending: it has no Comment"}},
		{"a name that a state in another map has", func(e *editor) {
			e.inner("SnapshotInstances")["WhatWasFound"] = e.state("WaitForTurn")
		}, []string{"WhatWasFound: another state has this name", "WhatWasFound: no state leads here"}},
		{"a misspelt field", func(e *editor) {
			e.add(60.0, "RecordFailure", "HeartbeatSecond")
		}, []string{"RecordFailure: the field HeartbeatSecond is not supported by this test"}},
		{"a step that does not exist", func(e *editor) {
			e.set("PruneVolumes", "GiveItTime", "Next")
		}, []string{"PruneVolumes: there is no such state", "PruneVolume: no state leads here", "SnapshotStillPending: no state leads here"}},
		{"a run that does not end in a Succeed or a Fail", func(e *editor) {
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
