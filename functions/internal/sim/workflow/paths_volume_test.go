package workflow_test

import (
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// on makes a fault hit only the calls about one volume.
func on(volume string) func(ec2sim.Request) bool {
	return func(r ec2sim.Request) bool { return r.Get("VolumeId") == volume }
}

// withFault is the fleet with a fault of EC2.
func withFault(fault ec2sim.Fault) func(*fixture) {
	return func(f *fixture) {
		f.fleet()
		f.account.Inject(fault)
	}
}

// volumePaths are failures of one volume in EC2.
func volumePaths() []path {
	create := func(code string, times int) func(*fixture) {
		return withFault(ec2sim.Fault{Action: "CreateSnapshot", Match: on("vol-web-0"), Code: code, Times: times})
	}
	return []path{
		{
			name:  "a volume is deleted before its turn",
			setup: func(s *setup) { s.pace = discover.Pace{Burst: 1, Rate: 1.0 / 60} },
			given: func(f *fixture) {
				f.fleet()
				f.meddle(workflow.SnapshotVolume, "vol-db-0", meanwhile(func() { f.account.DeleteVolume("vol-web-0") }))
			},
			want: story{asl.Succeeded, "", runSucceeds, others("SnapshotVolume", "VolumeGone"), allBut(), nil},
		},
		{name: "a volume's snapshot is throttled for a while", given: create("RequestLimitExceeded", 12), want: oneVolumeIsLate()},
		{name: "another tool has just made a snapshot of a volume", given: create("SnapshotCreationPerVolumeRateExceeded", 3),
			want: oneVolumeIsLate()},
		{name: "a volume has too many pending snapshots for some hours", given: create("ConcurrentSnapshotLimitExceeded", 10),
			want: oneVolumeIsLate()},
		{name: "the account has too many pending snapshots for some hours", given: create("PendingSnapshotLimitExceeded", 10),
			want: oneVolumeIsLate()},
		{name: "EC2 answers with a 5xx for a while", given: create("InternalError", 2), want: oneVolumeIsLate()},
		{name: "another tool holds a volume's pending snapshots for ever", given: create("ConcurrentSnapshotLimitExceeded", 0),
			want: oneVolumeFails(notMade, nil), says: []string{"web-1 (i-web), volume vol-web-0", "SnapshotQuotaError", "Look for other tools"}},
		{name: "the Region is full", given: create("SnapshotLimitExceeded", 0), want: oneVolumeFails(notMade, nil),
			says: []string{"web-1 (i-web), volume vol-web-0", "SnapshotLimitError", "The Region cannot hold more snapshots"}},
		{name: "creating is denied", given: create("UnauthorizedOperation", 0), want: oneVolumeFails(notMade, nil),
			says: []string{"web-1 (i-web), volume vol-web-0", "AccessDeniedError", "ec2:CreateSnapshot was denied"}},
		{name: "EC2 returns an unknown code", given: create("Nonsense", 0), want: oneVolumeFails(notMade, nil),
			says: []string{"web-1 (i-web), volume vol-web-0", "UnexpectedError", "Nonsense"}},
		{
			name: "deleting is denied",
			given: func(f *fixture) {
				f.fleet()
				for day := 3; day > 0; day-- {
					f.old("vol-web-0", day)
				}
				f.account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Code: "UnauthorizedOperation"})
			},
			want: oneVolumeFails(notKept, []string{
				"completed SnapshotDaily/2026-11-19T00:00:00Z", "completed SnapshotDaily/2026-11-20T00:00:00Z",
				"completed SnapshotDaily/2026-11-21T00:00:00Z", made[0],
			}),
			says: []string{"web-1 (i-web), volume vol-web-0", "AccessDeniedError", "ec2:DeleteSnapshot was denied", "is good, but older snapshots"},
		},
		{
			name: "the snapshot ends in error",
			given: func(f *fixture) {
				f.fleet()
				f.account.FailNextSnapshotOf("vol-web-0")
			},
			want: oneVolumeFails(notKept, nil),
			says: []string{"web-1 (i-web), volume vol-web-0", "SnapshotFailedError", "ended in state error"},
		},
		{
			name: "the snapshot takes some hours",
			setup: func(s *setup) {
				s.Completion = func(volume string, _ int) time.Duration {
					return map[bool]time.Duration{true: 5 * time.Hour, false: time.Minute}[volume == "vol-web-0"]
				}
			},
			want: oneVolumeIsLate(),
		},
		{
			name: "the snapshot takes longer than all retries",
			setup: func(s *setup) {
				s.Completion = func(volume string, _ int) time.Duration {
					return map[bool]time.Duration{true: 100 * time.Hour, false: time.Minute}[volume == "vol-web-0"]
				}
			},
			want: story{
				asl.Succeeded, "", runSucceeds, others("SnapshotVolume", "GiveItTime", "PruneVolume", "SnapshotStillPending"),
				allBut("pending SnapshotDaily/2026-11-22T00:00:00Z"), []string{attention},
			},
			says: []string{"web-1 (i-web), volume vol-web-0", "was still pending when the run ended"},
		},
		{
			name: "a person deletes the snapshot during the run",
			given: func(f *fixture) {
				f.fleet()
				f.meddle(workflow.PruneVolume, "vol-web-0", meanwhile(func() {
					f.account.DeleteSnapshotByPerson(f.ids("vol-web-0")[0])
					f.wait(f.setup.ListLag)
				}))
			},
			want: oneVolumeFails(notKept, nil),
			says: []string{"web-1 (i-web), volume vol-web-0", "SnapshotFailedError", "no longer exists: someone deleted it"},
		},
		{
			name: "a person claims the snapshot during the run",
			given: func(f *fixture) {
				f.fleet()
				f.meddle(workflow.PruneVolume, "vol-web-0", meanwhile(func() {
					f.claim(f.ids("vol-web-0")[0], func(id string) {
						f.account.UntagSnapshot(id, ebs.TagSchedule)
						f.account.UntagSnapshot(id, "SnapshotDaily")
					})
					f.wait(f.setup.ListLag)
				}))
			},
			want: story{asl.Succeeded, "", runSucceeds, others(good...), allBut(made[0] + " (foreign)"), nil},
		},
		{
			name: "pruning is throttled and gets 5xx for a while",
			given: func(f *fixture) {
				f.fleet()
				for day := 3; day > 0; day-- {
					f.old("vol-web-0", day)
				}
				f.account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Code: "RequestLimitExceeded", Times: 7})
				f.account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Code: "Unavailable", Times: 4})
			},
			want: story{asl.Succeeded, "", runSucceeds, others(good...), allBut(
				"completed SnapshotDaily/2026-11-20T00:00:00Z", "completed SnapshotDaily/2026-11-21T00:00:00Z", made[0],
			), nil},
		},
		{
			name: "the functions crash, hang and panic, and recover",
			given: func(f *fixture) {
				f.fleet()
				f.meddle(workflow.DiscoverInstances, "", hangs(1, true))
				f.meddle(workflow.SnapshotVolume, "vol-web-0", hangs(1, true))
				f.meddle(workflow.SnapshotVolume, "vol-web-1", panics(2))
				f.meddle(workflow.PruneVolume, "vol-web-0", hangs(2, false))
				f.meddle(workflow.PruneVolume, "vol-web-1", fails(3, errCrash))
				f.meddle(workflow.ReportRun, "", crashesAfterwards(2))
			},
			want: oneVolumeIsLate(),
		},
		{
			name: "Lambda throttles the functions for a while",
			given: func(f *fixture) {
				f.fleet()
				for _, name := range []string{workflow.DiscoverInstances, workflow.SnapshotVolume, workflow.PruneVolume, workflow.ReportRun} {
					f.lambdaRefuses(name, 10, "Lambda.TooManyRequestsException")
				}
			},
			want: oneVolumeIsLate(),
		},
		{
			name: "prune-volume asks for a retry, and gets it",
			given: func(f *fixture) {
				f.fleet()
				f.meddle(workflow.PruneVolume, "vol-web-0", fails(1, &contract.SnapshotPendingError{Message: "not yet"}))
			},
			want: oneVolumeIsLate(),
		},
	}
}
