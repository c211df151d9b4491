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

// withFault is the fleet, and a fault of EC2's.
func withFault(f ec2sim.Fault) func(*lab) {
	return func(l *lab) {
		l.fleet()
		l.account.Inject(f)
	}
}

// volumePaths are what may befall one volume in EC2.
func volumePaths() []path {
	create := func(code string, times int) func(*lab) {
		return withFault(ec2sim.Fault{Action: "CreateSnapshot", Match: on("vol-web-0"), Code: code, Times: times})
	}
	return []path{
		{
			name:  "a volume is deleted before its turn",
			setup: func(s *setup) { s.pace = discover.Pace{Burst: 1, Rate: 1.0 / 60} },
			given: func(l *lab) {
				l.fleet()
				l.meddle(workflow.SnapshotVolume, "vol-db-0", meanwhile(func() { l.account.DeleteVolume("vol-web-0") }))
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
		{name: "EC2 says something that nobody knows", given: create("Nonsense", 0), want: oneVolumeFails(notMade, nil),
			says: []string{"web-1 (i-web), volume vol-web-0", "UnexpectedError", "Nonsense"}},
		{
			name: "deleting is denied",
			given: func(l *lab) {
				l.fleet()
				for day := 3; day > 0; day-- {
					l.old("vol-web-0", day)
				}
				l.account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Code: "UnauthorizedOperation"})
			},
			want: oneVolumeFails(notKept, []string{
				"completed SnapshotDaily/2026-11-19T00:00:00Z", "completed SnapshotDaily/2026-11-20T00:00:00Z",
				"completed SnapshotDaily/2026-11-21T00:00:00Z", made[0],
			}),
			says: []string{"web-1 (i-web), volume vol-web-0", "AccessDeniedError", "ec2:DeleteSnapshot was denied", "is good, but older snapshots"},
		},
		{
			name: "the snapshot ends in error",
			given: func(l *lab) {
				l.fleet()
				l.account.FailNextSnapshotOf("vol-web-0")
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
			name: "a person deletes the snapshot while the run is under way",
			given: func(l *lab) {
				l.fleet()
				l.meddle(workflow.PruneVolume, "vol-web-0", meanwhile(func() {
					l.account.DeleteSnapshotByPerson(l.ids("vol-web-0")[0])
					l.wait(l.setup.ListLag)
				}))
			},
			want: oneVolumeFails(notKept, nil),
			says: []string{"web-1 (i-web), volume vol-web-0", "SnapshotFailedError", "no longer exists: someone deleted it"},
		},
		{
			name: "a person claims the snapshot while the run is under way",
			given: func(l *lab) {
				l.fleet()
				l.meddle(workflow.PruneVolume, "vol-web-0", meanwhile(func() {
					l.claim(l.ids("vol-web-0")[0], func(id string) {
						l.account.UntagSnapshot(id, ebs.TagSchedule)
						l.account.UntagSnapshot(id, "SnapshotDaily")
					})
					l.wait(l.setup.ListLag)
				}))
			},
			want: story{asl.Succeeded, "", runSucceeds, others(good...), allBut(made[0] + " (foreign)"), nil},
		},
		{
			name: "pruning meets throttles and 5xx for a while",
			given: func(l *lab) {
				l.fleet()
				for day := 3; day > 0; day-- {
					l.old("vol-web-0", day)
				}
				l.account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Code: "RequestLimitExceeded", Times: 7})
				l.account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Code: "Unavailable", Times: 4})
			},
			want: story{asl.Succeeded, "", runSucceeds, others(good...), allBut(
				"completed SnapshotDaily/2026-11-20T00:00:00Z", "completed SnapshotDaily/2026-11-21T00:00:00Z", made[0],
			), nil},
		},
		{
			name: "the functions crash, hang and panic, and recover",
			given: func(l *lab) {
				l.fleet()
				l.meddle(workflow.DiscoverInstances, "", hangs(1, true))
				l.meddle(workflow.SnapshotVolume, "vol-web-0", hangs(1, true))
				l.meddle(workflow.SnapshotVolume, "vol-web-1", panics(2))
				l.meddle(workflow.PruneVolume, "vol-web-0", hangs(2, false))
				l.meddle(workflow.PruneVolume, "vol-web-1", fails(3, errCrash))
				l.meddle(workflow.ReportRun, "", crashesAfterwards(2))
			},
			want: oneVolumeIsLate(),
		},
		{
			name: "Lambda has no room for the functions for a while",
			given: func(l *lab) {
				l.fleet()
				for _, f := range []string{workflow.DiscoverInstances, workflow.SnapshotVolume, workflow.PruneVolume, workflow.ReportRun} {
					l.lambdaRefuses(f, 10, "Lambda.TooManyRequestsException")
				}
			},
			want: oneVolumeIsLate(),
		},
		{
			name: "prune-volume asks to be called again, and is",
			given: func(l *lab) {
				l.fleet()
				l.meddle(workflow.PruneVolume, "vol-web-0", fails(1, &contract.SnapshotPendingError{Message: "not yet"}))
			},
			want: oneVolumeIsLate(),
		},
	}
}
