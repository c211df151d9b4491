package workflow_test

import (
	"context"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func goodPaths() []path {
	return []path{
		{
			name: "all is well",
			want: story{asl.Succeeded, "", runSucceeds, others(good...), allBut(made...), nil},
		},
		{
			name:  "no instance has the tag",
			given: func(f *fixture) { f.instance("web", 1, "Name=web-1", "SnapshotHourly=3") },
			want: story{
				asl.Succeeded, "", []string{"DiscoverInstances", "WhatWasFound", "ReportRun", "HowItEnded", "RunSucceeded"},
				map[string][]string{}, map[string][]string{}, nil,
			},
		},
		{
			name: "two schedules fire in the same minute, on the same volumes",
			given: func(f *fixture) {
				f.fleet()
				f.account.TagInstance("i-web", "SnapshotHourly", "24")
			},
			when: func(f *fixture) (daily asl.Result) {
				f.inParallel(func() { f.fire("SnapshotHourly") }, func() { daily = f.fire("SnapshotDaily") })
				return daily
			},
			want: story{asl.Succeeded, "", runSucceeds, others(good...), map[string][]string{
				"vol-db-0":  made,
				"vol-web-0": {"completed SnapshotHourly/2026-11-22T00:00:00Z", made[0]},
				"vol-web-1": {"completed SnapshotHourly/2026-11-22T00:00:00Z", made[0]},
			}, nil},
		},
		{
			name: "a person starts a run by hand, with the keyword only",
			when: func(f *fixture) asl.Result {
				return f.start(context.Background(), map[string]string{"SnapshotKeyWord": "SnapshotDaily"})
			},
			want: story{asl.Succeeded, "", runSucceeds, others(good...), allBut(made...), nil},
		},
		{
			name:  "EC2's lists lag by minutes",
			setup: func(s *setup) { s.ListLag = 4 * time.Minute },
			want:  story{asl.Succeeded, "", runSucceeds, others(good...), allBut(made...), nil},
		},
		{
			name:  "Step Functions runs one child at a time",
			setup: func(s *setup) { s.atOnce = 1 },
			want:  story{asl.Succeeded, "", runSucceeds, others(good...), allBut(made...), nil},
		},
		{
			name: "discovery is throttled for a while",
			given: func(f *fixture) {
				f.fleet()
				f.account.Inject(ec2sim.Fault{Action: "DescribeInstances", Code: "RequestLimitExceeded", Times: 12})
			},
			want: story{asl.Succeeded, "", runSucceeds, others(good...), allBut(made...), nil},
		},
		{
			name: "S3 refuses the claim, the ledger and the manifest, each for a while",
			given: func(f *fixture) {
				f.fleet()
				claim := refuses(1, "create", hasSuffix("run.json"))
				ledger := refuses(1, "create", hasSuffix("pacing.json"))
				manifest := refuses(1, "put", hasSuffix("manifest.json"))
				f.objects.Fault = func(op, key string) error {
					for _, f := range []func(string, string) error{claim, ledger, manifest} {
						if err := f(op, key); err != nil {
							return err
						}
					}
					return nil
				}
			},
			want: story{asl.Succeeded, "", runSucceeds, others(good...), allBut(made...), nil},
		},
	}
}

// redeliver delivers the same event again: same keyword, same scheduled time.
func redeliver(f *fixture) asl.Result {
	return f.start(context.Background(), contract.Input{
		SnapshotKeyWord: "SnapshotDaily", ScheduledTime: start.Format(time.RFC3339), TimeZone: "Asia/Shanghai",
	})
}

func repeatedPaths() []path {
	takenOver := story{asl.Succeeded, "", runSucceeds, others(good...), allBut(made...), nil}
	return []path{
		{
			name: "EventBridge delivers the event twice at the same moment",
			when: func(f *fixture) (second asl.Result) {
				f.inParallel(func() { redeliver(f) }, func() { second = redeliver(f) })
				return second
			},
			want: story{asl.Succeeded, "", duplicate, map[string][]string{}, allBut(made...), nil},
		},
		{
			name: "EventBridge delivers the event again while the run is under way",
			when: func(f *fixture) (second asl.Result) {
				f.inParallel(func() { redeliver(f) }, func() { f.wait(time.Minute); second = redeliver(f) })
				return second
			},
			want: story{asl.Succeeded, "", duplicate, map[string][]string{}, allBut(made...), nil},
		},
		{
			name: "EventBridge delivers the event again after the run has succeeded",
			when: func(f *fixture) asl.Result {
				redeliver(f)
				f.wait(time.Hour)
				return redeliver(f)
			},
			want: story{asl.Succeeded, "", duplicate, map[string][]string{}, allBut(made...), nil},
		},
		{
			name:  "a person aborts the run mid-way and starts it again",
			setup: func(s *setup) { s.pace = discover.Pace{Burst: 1, Rate: 1.0 / 60} }, // a volume each minute
			when: func(f *fixture) asl.Result {
				ctx, cancel := f.world.WithTimeout(context.Background(), 0)
				f.inParallel(func() { f.start(ctx, f.input("SnapshotDaily")) }, func() { f.wait(90 * time.Second); cancel() })
				same(f.t, "held when the run was aborted", f.held(), map[string][]string{
					"vol-db-0": {"pending SnapshotDaily/2026-11-22T00:00:00Z"},
				})
				f.wait(time.Minute)
				return redeliver(f)
			},
			want: takenOver,
		},
		{
			name: "the run failed, its cause is removed, and a person starts it again",
			when: func(f *fixture) asl.Result {
				remove := f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation"})
				if r := redeliver(f); r.Status != asl.Failed {
					f.t.Errorf("the first run ended %s", r.Status)
				}
				remove()
				f.topic.mails = nil
				return redeliver(f)
			},
			want: takenOver,
		},
		{
			name: "some volumes of the run failed, and starting it again finishes those",
			when: func(f *fixture) asl.Result {
				remove := f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Times: 1})
				defer remove()
				redeliver(f)
				f.topic.mails = nil
				return redeliver(f)
			},
			want: takenOver,
		},
		{
			name:  "the run timed out, and starting it again finishes it",
			setup: func(s *setup) { s.pace = discover.Pace{Burst: 1, Rate: 1.0 / (11 * 3600)} }, // the last has its turn after 22 hours
			when: func(f *fixture) asl.Result {
				f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "PendingSnapshotLimitExceeded", Times: 40,
					Match: func(r ec2sim.Request) bool { return r.Get("VolumeId") == "vol-web-1" }})
				if r := redeliver(f); r.Status != asl.TimedOut {
					f.t.Errorf("the first run ended %s", r.Status)
				}
				return redeliver(f)
			},
			want: takenOver,
		},
		{
			name: "two people start a failed run again at the same moment",
			when: func(f *fixture) (second asl.Result) {
				f.meddle(workflow.ReportRun, "", fails(1, &contract.AccessDeniedError{Message: "no"}))
				redeliver(f)
				f.topic.mails = nil
				f.inParallel(func() { redeliver(f) }, func() { second = redeliver(f) })
				return second
			},
			want: story{asl.Succeeded, "", duplicate, map[string][]string{}, allBut(made...), nil},
		},
	}
}

func brokenPaths() []path {
	input := func(v any) func(*fixture) asl.Result {
		return func(f *fixture) asl.Result { return f.start(context.Background(), v) }
	}
	refused := func(op string, fits func(string) bool) func(*fixture) {
		return func(f *fixture) {
			f.fleet()
			f.objects.Fault = refuses(always, op, fits)
		}
	}
	return []path{
		{name: "the input has no keyword", when: input(map[string]string{"ScheduledTime": "2026-11-22T00:00:00Z"}), want: broken(),
			says: []string{"has no SnapshotKeyWord", `{"ScheduledTime":"2026-11-22T00:00:00Z"}`, "execution:run-1"}},
		{name: "the keyword has a wildcard", when: input(contract.Input{SnapshotKeyWord: "Snapshot*"}), want: broken(),
			says: []string{"Snapshot*", "InvalidInputError"}},
		{name: "the keyword is one of this tool's own tags", when: input(contract.Input{SnapshotKeyWord: "snapshot-lifecycle:run"}),
			want: broken(), says: []string{"reserved for the tags of this tool"}},
		{name: "the input is not an object", when: input([]string{"SnapshotDaily"}), want: broken(),
			says: []string{"can't be read"}},
		{name: "the time zone is unknown", when: input(contract.Input{SnapshotKeyWord: "SnapshotDaily", TimeZone: "Mars/Olympus"}),
			want: broken(), says: []string{"Mars/Olympus"}},
		{name: "discovery is denied", given: func(f *fixture) {
			f.fleet()
			f.account.Inject(ec2sim.Fault{Action: "DescribeInstances", Code: "UnauthorizedOperation"})
		}, want: broken(), says: []string{"AccessDeniedError", "ec2:DescribeInstances was denied"}},
		{name: "discovery of volumes is denied", given: func(f *fixture) {
			f.fleet()
			f.account.Inject(ec2sim.Fault{Action: "DescribeVolumes", Code: "UnauthorizedOperation"})
		}, want: broken(), says: []string{"ec2:DescribeVolumes was denied"}},
		{name: "S3 refuses the claim", given: refused("create", hasSuffix("run.json")), want: broken(), says: []string{"claim run"}},
		{name: "S3 refuses the ledger", given: refused("create", hasSuffix("pacing.json")), want: broken(), says: []string{"reserve creates"}},
		{name: "S3 refuses the manifest", given: refused("put", hasSuffix("manifest.json")), want: broken(), says: []string{"write the manifest"}},
	}
}
