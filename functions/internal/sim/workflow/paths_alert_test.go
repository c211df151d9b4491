package workflow_test

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

var errSNS = errors.New("AuthorizationError: not allowed to publish")

// snsRefuses refuses mails whose subject has this text, the first times.
func snsRefuses(times int, words string) func(string) error {
	return func(subject string) error {
		if strings.Contains(subject, words) && times > 0 {
			times--
			return errSNS
		}
		return nil
	}
}

// denied is the fleet, with a denied CreateSnapshot of vol-web-0.
func denied(f *fixture) {
	withFault(ec2sim.Fault{Action: "CreateSnapshot", Match: on("vol-web-0"), Code: "UnauthorizedOperation"})(f)
}

// alertPaths are failures of reporting a failure.
func alertPaths() []path {
	unreported := []string{"DiscoverInstances", "WhatWasFound", "SnapshotInstances", "ReportRun", "AlertRunBroken", "RunBroken"}
	untold := []string{"SnapshotVolume", "RecordFailure", "AlertUnrecordedFailure", "FailureUnrecorded"}
	records := func(f *fixture, times int) { f.objects.Fault = refuses(times, "put", hasPart("/failures/")) }
	return []path{
		{
			name:  "S3 refuses the record of a failure for a while",
			given: func(f *fixture) { denied(f); records(f, 3) },
			want:  oneVolumeFails(notMade, nil),
			says:  []string{"web-1 (i-web), volume vol-web-0", "ec2:CreateSnapshot was denied"},
		},
		{
			name: "S3 and SNS hang for a while",
			given: func(f *fixture) {
				denied(f)
				f.serviceHangs(workflow.S3PutObjectResource, 5)
				f.serviceHangs(workflow.SNSPublishResource, 3)
				f.meddle(workflow.ReportRun, "", func(i invocation) (json.RawMessage, error) {
					if took := f.world.Now().Sub(start); took > 30*time.Minute {
						f.t.Errorf("the report began after %v", took)
					}
					f.serviceHangs(workflow.SNSPublishResource, 3)
					return nil, &contract.AccessDeniedError{Message: "no"}
				})
			},
			want: story{
				asl.Failed, "RunBroken", unreported, others("SnapshotVolume", "RecordFailure", "AlertUnrecordedFailure"), allBut(),
				[]string{unwritten, brokenOff},
			},
		},
		{
			name:  "S3 refuses the record of a failure",
			given: func(f *fixture) { denied(f); records(f, always); f.topic.fault = snsRefuses(2, "recorded") },
			want: story{
				asl.Failed, "VolumesFailed", runFails, others("SnapshotVolume", "RecordFailure", "AlertUnrecordedFailure"), allBut(),
				[]string{unwritten, oneFailed},
			},
			says: []string{"web-1 (i-web), volume vol-web-0", "NoSnapshot"},
		},
		{
			name:  "S3 refuses the record of a failure, and SNS the alert about it",
			given: func(f *fixture) { denied(f); records(f, always); f.topic.fault = snsRefuses(always, "recorded") },
			want:  story{asl.Failed, "VolumesFailed", runFails, others(untold...), allBut(), []string{oneFailed}},
			says:  []string{"web-1 (i-web), volume vol-web-0", "NoSnapshot"},
		},
		{
			name:  "S3 refuses the record of a failure, and SNS everything",
			given: func(f *fixture) { denied(f); records(f, always); f.topic.fault = snsRefuses(always, "") },
			want:  story{asl.Failed, "RunBroken", unreported, others(untold...), allBut(), nil},
		},
		{
			name: "the report is denied EC2",
			given: func(f *fixture) {
				f.fleet()
				f.meddle(workflow.ReportRun, "", fails(always, &contract.AccessDeniedError{Message: "no, no"}))
			},
			want: story{asl.Failed, "RunBroken", unreported, others(good...), allBut(made...), []string{brokenOff}},
			says: []string{"no, no", "execution:run-1", "SnapshotDaily"},
		},
		{
			name: "S3 refuses the report, and SNS the alert for a while",
			given: func(f *fixture) {
				f.fleet()
				f.objects.Fault = refuses(always, "put", hasSuffix("report.json"))
				f.topic.fault = snsRefuses(3, "broke off")
			},
			want: story{asl.Failed, "RunBroken", unreported, others(good...), allBut(made...), []string{brokenOff}},
			says: []string{"write the report"},
		},
		{
			name:  "SNS refuses the report and every alert",
			given: func(f *fixture) { denied(f); f.topic.fault = snsRefuses(always, "") },
			want:  story{asl.Failed, "RunBroken", unreported, others(notMade...), allBut(), nil},
		},
		{
			name:  "SNS refuses the report for a while",
			given: func(f *fixture) { denied(f); f.topic.fault = snsRefuses(3, "") },
			want:  oneVolumeFails(notMade, nil),
			says:  []string{"ec2:CreateSnapshot was denied"},
		},
		{
			name: "the map can't read the manifest",
			given: func(f *fixture) {
				f.fleet()
				f.objects.Fault = refuses(1, "get", hasSuffix("manifest.json"))
			},
			want: story{asl.Failed, "VolumesFailed", runFails, map[string][]string{}, map[string][]string{}, []string{allFailed}},
			says: []string{"db-1 (i-db), volume vol-db-0", "the step SnapshotInstances failed", "States.ItemReaderFailed"},
		},
		{
			// The definition does not catch this error. EventBridge reports it (infra/lifecycle).
			name: "the state machine may not write to results/, which Step Functions tries before any child starts",
			given: func(f *fixture) {
				f.fleet()
				f.objects.Fault = refuses(always, "put", hasPart("results/"))
			},
			want: story{asl.Failed, "States.Runtime", []string{"DiscoverInstances", "WhatWasFound", "SnapshotInstances"}, map[string][]string{}, map[string][]string{}, nil},
		},
		{
			name: "S3 refuses the children's results",
			given: func(f *fixture) {
				f.fleet()
				tried := false
				f.objects.Fault = refuses(1, "put", func(key string) bool {
					before := tried
					tried = tried || hasPart("results/")(key)
					return before && hasPart("results/")(key)
				})
			},
			want: story{asl.Failed, "VolumesFailed", runFails, others(good...), allBut(made...), []string{onlyTheRun}},
			says: []string{"the run as a whole", "States.ResultWriterFailed", "may not have been pruned"},
		},
	}
}

// functionPaths are permanent failures of a function.
func functionPaths() []path {
	return []path{
		{
			name:  "snapshot-volume panics each time",
			given: func(f *fixture) { f.fleet(); f.meddle(workflow.SnapshotVolume, "vol-web-0", panics(always)) },
			want:  oneVolumeFails(notMade, nil),
			says:  []string{"web-1 (i-web), volume vol-web-0", "nil map"},
		},
		{
			name:  "snapshot-volume hangs each time",
			given: func(f *fixture) { f.fleet(); f.meddle(workflow.SnapshotVolume, "vol-web-0", hangs(always, false)) },
			want:  oneVolumeFails(notMade, nil),
			says:  []string{"web-1 (i-web), volume vol-web-0", "States.Timeout: the function did not answer before the step timed out"},
		},
		{
			name:  "prune-volume hangs each time",
			given: func(f *fixture) { f.fleet(); f.meddle(workflow.PruneVolume, "vol-web-0", hangs(always, false)) },
			want:  oneVolumeFails(notKept, made),
			says:  []string{"web-1 (i-web), volume vol-web-0", "States.Timeout", "is good, but older snapshots"},
		},
		{
			name: "prune-volume says that its request is unreadable",
			given: func(f *fixture) {
				f.fleet()
				f.meddle(workflow.PruneVolume, "vol-web-0", fails(always, &contract.InvalidInputError{Message: "what?"}))
			},
			want: oneVolumeFails(notKept, made),
			says: []string{"InvalidInputError", "what?"},
		},
		{
			name:  "discover-instances hangs each time",
			given: func(f *fixture) { f.fleet(); f.meddle(workflow.DiscoverInstances, "", hangs(always, false)) },
			want:  broken(),
			says:  []string{`"Error":"States.Timeout"`, "States.Timeout with an empty Cause means that a function did not answer within 15 minutes"},
		},
		{
			name: "discover-instances returns nonsense",
			given: func(f *fixture) {
				f.fleet()
				f.meddle(workflow.DiscoverInstances, "", answers(`{"Outcome": "Perhaps"}`))
			},
			want: story{
				asl.Failed, "RunBroken", []string{"DiscoverInstances", "WhatWasFound", "ReportRun", "AlertRunBroken", "RunBroken"},
				map[string][]string{}, map[string][]string{}, []string{brokenOff},
			},
		},
		{
			name: "report-run returns nonsense",
			given: func(f *fixture) {
				f.fleet()
				f.meddle(workflow.ReportRun, "", answers(`{"Outcome": "Perhaps", "Summary": "?"}`))
			},
			want: story{asl.Failed, "VolumesFailed", runFails, others(good...), allBut(made...), nil},
		},
		{
			name: "snapshot-volume returns no snapshot",
			given: func(f *fixture) {
				f.fleet()
				f.meddle(workflow.SnapshotVolume, "vol-web-0", answers(`{"garbage": [1]}`))
			},
			want: oneVolumeFails(notKept, nil),
			says: []string{"web-1 (i-web), volume vol-web-0", "InvalidInputError", "snapshot-volume returned no snapshot ID"},
		},
		{
			name:  "snapshot-volume returns more than a Task may",
			given: func(f *fixture) { f.fleet(); f.meddle(workflow.SnapshotVolume, "vol-web-0", answers(tooLarge)) },
			want:  oneVolumeFails(notMade, nil),
			says:  []string{"web-1 (i-web), volume vol-web-0", "States.DataLimitExceeded"},
		},
		{
			name: "snapshot-volume returns more than its state can hold, which ends the child execution",
			given: func(f *fixture) {
				f.fleet()
				f.meddle(workflow.SnapshotVolume, "vol-web-0", func(i invocation) (json.RawMessage, error) {
					f.wait(time.Minute)
					return json.RawMessage(tooMuch), nil
				})
			},
			want: story{
				asl.Failed, "VolumesFailed", runFails,
				map[string][]string{"vol-db-0": good, "vol-web-0": {"SnapshotVolume"}, "vol-web-1": {"SnapshotVolume", "GiveItTime"}},
				map[string][]string{"vol-db-0": made, "vol-web-1": made},
				[]string{"SnapshotDaily 2026-11-22 08:00 +08:00: 2 of 3 volumes FAILED"},
			},
			says: []string{
				"web-1 (i-web), volume vol-web-0", "States.DataLimitExceeded", "child execution ",
				"web-1 (i-web), volume vol-web-1", "is good, but older snapshots",
			},
		},
	}
}
