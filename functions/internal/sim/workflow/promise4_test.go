package workflow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Promise 4: one snapshot for each volume and run. EC2's interval of 15 seconds between two snapshots of a volume would hide some duplicates. So
// each failure is also tested without it, and with lists that lag by up to 20 seconds.
func TestPromise4OneSnapshotPerVolumeAndRun(t *testing.T) {
	create := func(f ec2sim.Fault) func(*fixture) {
		f.Action = "CreateSnapshot"
		return withFault(f)
	}
	around := func(do meddling) func(*fixture) {
		return func(f *fixture) { f.fleet(); f.meddle(workflow.SnapshotVolume, "", do) }
	}
	troubles := map[string]func(*fixture){
		"the answer is lost":                     create(ec2sim.Fault{After: true, Times: 3}),
		"the answer of one is lost":              create(ec2sim.Fault{After: true, Times: 1}),
		"the answer is not XML":                  create(ec2sim.Fault{Garbage: ec2sim.BrokenPage, Times: 3}),
		"the answer has no body":                 create(ec2sim.Fault{Garbage: ec2sim.NoBody, Times: 3}),
		"the answer is another document":         create(ec2sim.Fault{Garbage: ec2sim.AnotherDocument, Times: 3}),
		"EC2 acts, and a proxy answers 503":      create(ec2sim.Fault{Garbage: ec2sim.BrokenPage, Status: 503, Times: 3}),
		"EC2 acts, and a proxy answers 504":      create(ec2sim.Fault{Garbage: ec2sim.BrokenPage, Status: 504, Times: 3}),
		"the connection breaks before EC2 acts":  create(ec2sim.Fault{Before: true, Times: 3}),
		"EC2 answers 5xx":                        create(ec2sim.Fault{Code: "InternalError", Times: 5}),
		"EC2 throttles":                          create(ec2sim.Fault{Code: "RequestLimitExceeded", Times: 20}),
		"another tool was faster":                create(ec2sim.Fault{Code: "SnapshotCreationPerVolumeRateExceeded", Times: 7}),
		"the function crashes afterwards":        around(crashesAfterwards(3)),
		"the function crashes afterwards, twice": around(crashesAfterwards(6)),
		"the function hangs afterwards":          around(hangs(3, true)),
		"the function hangs before":              around(hangs(3, false)),
		"the function panics":                    around(panics(3)),
		"Lambda invokes the function twice, a minute and more apart": around(func(i invocation) (json.RawMessage, error) {
			first, err := i.call()
			if err != nil {
				return nil, err
			}
			i.f.wait(90 * time.Second)
			second, err := i.call() // attempt 0 again: as in a redriven execution
			if string(second) != string(found(first)) {
				i.f.t.Errorf("the first call gave %s, the second %s (%v)", first, second, err)
			}
			return second, err
		}),
		"EC2 throttles, then the answer is lost": func(f *fixture) {
			f.fleet()
			f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "RequestLimitExceeded", Times: 4})
			f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", After: true, Times: 2})
		},
		"the answer is lost, and looking for the snapshot is throttled": func(f *fixture) {
			f.fleet()
			f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", After: true, Times: 3})
			f.account.Inject(ec2sim.Fault{Action: "DescribeSnapshots", Code: "RequestLimitExceeded", Times: 15})
		},
		"the answer is lost, and looking for the snapshot meets a 5xx": func(f *fixture) {
			f.fleet()
			f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", After: true, Times: 1})
			f.account.Inject(ec2sim.Fault{Action: "DescribeSnapshots", Code: "Unavailable", Times: 5,
				Match: func(r ec2sim.Request) bool { return r.Filter("volume-id") != nil }})
		},
		"the answer is slow, and the function times out": create(ec2sim.Fault{Delay: 3 * time.Minute, Times: 2}),
	}
	for name, trouble := range troubles {
		for _, lag := range []time.Duration{0, 5 * time.Second, 20 * time.Second} {
			for _, interval := range []time.Duration{0, -1} {
				t.Run(fmt.Sprintf("%s, lists lag %v, interval %v", name, lag, interval), func(t *testing.T) {
					f := newFixture(t, func(s *setup) { s.ListLag, s.MinSnapshotInterval = lag, interval })
					trouble(f)
					f.succeed("SnapshotDaily")
					same(t, "held", f.held(), allBut(made...))
					f.noMail()
				})
			}
		}
	}
}

// found is a result of snapshot-volume that says that the snapshot existed, after 90 of its 120 seconds.
func found(answer json.RawMessage) json.RawMessage {
	var r contract.SnapshotResult
	_ = json.Unmarshal(answer, &r)
	r.Found = true
	out, _ := json.Marshal(r)
	return out
}

func TestPromise4ADuplicateDeliveryCreatesNothingTwice(t *testing.T) {
	for _, apart := range []time.Duration{0, 10 * time.Millisecond, 85 * time.Millisecond, time.Second, 20 * time.Second, 5 * time.Minute, 26 * time.Hour} {
		t.Run(apart.String()+" apart, with answers lost", func(t *testing.T) {
			f := newFixture(t, func(s *setup) { s.MinSnapshotInterval, s.ListLag = -1, 20*time.Second })
			f.fleet()
			f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", After: true, Times: 2})
			var results []asl.Result
			deliver := func(after time.Duration) func() {
				return func() { f.wait(after); results = append(results, redeliver(f)) }
			}
			f.inParallel(deliver(0), deliver(apart), deliver(2*apart))
			for _, r := range results {
				if r.Status != asl.Succeeded {
					t.Errorf("%s ended %s: %s %s", r.Name, r.Status, r.Error, r.Cause)
				}
			}
			same(t, "held", f.held(), allBut(made...))
			same(t, "lines in EC2's log of creates", f.account.Calls()["CreateSnapshot"], 3)
			f.noMail()
		})
	}
}

// Each execution is aborted some time after its start, and the run is started again some time later. Step Functions reports the abort
// immediately, but the Lambdas that it called continue.
func TestPromise4ATakeoverCreatesNothingTwice(t *testing.T) {
	abortedAfter := []time.Duration{50 * time.Millisecond, 500 * time.Millisecond, time.Second, 3 * time.Second, 18 * time.Second, 30 * time.Second}
	for _, after := range abortedAfter {
		for _, pause := range []time.Duration{0, 16 * time.Second, 10 * time.Minute} {
			for _, lag := range []time.Duration{5 * time.Second, 20 * time.Second} {
				t.Run(fmt.Sprintf("aborted after %v, again after %v, lists lag %v", after, pause, lag), func(t *testing.T) {
					f := newFixture(t, func(s *setup) {
						s.ListLag, s.MinSnapshotInterval = lag, -1
						s.pace = discover.Pace{Burst: 2, Rate: 0.2}
					})
					f.fleet()
					f.instance("app", 3, "SnapshotDaily=3")
					f.abort(after)
					f.wait(pause)
					if r := redeliver(f); r.Status != asl.Succeeded {
						t.Errorf("the second execution ended %s: %s %s", r.Status, r.Error, r.Cause)
					}
					want := allBut(made...)
					want["vol-app-0"], want["vol-app-1"], want["vol-app-2"] = made, made, made
					same(t, "held", f.held(), want)
					f.noMail()
				})
			}
		}
	}

	t.Run("if two executions take the run over at the same moment", func(t *testing.T) {
		var status slowStatus
		f := newFixture(t, func(s *setup) { s.MinSnapshotInterval, s.executions = -1, &status })
		status.fixture = f
		f.fleet()
		f.abort(50 * time.Millisecond)
		f.inParallel(func() { redeliver(f) }, func() { redeliver(f) }, func() { f.wait(500 * time.Millisecond); redeliver(f) })
		same(t, "held", f.held(), allBut(made...))
		runs := 0
		for n := 2; n <= f.executions; n++ {
			runs += len(f.states(fmt.Sprintf("run-%d", n), "SnapshotInstances[0]")) / 2
		}
		same(t, "executions that did the work", runs, 1)
		f.noMail()
	})

	t.Run("while Lambdas of the aborted execution still run", func(t *testing.T) {
		var status stoppedAtOnce
		f := newFixture(t, func(s *setup) { s.MinSnapshotInterval, s.executions = -1, &status })
		f.fleet()
		f.meddle(workflow.SnapshotVolume, "", func(i invocation) (json.RawMessage, error) {
			if i.n > 3 {
				return i.call()
			}
			f.wait(time.Minute) // a slow start
			return i.do(context.WithoutCancel(i.ctx), i.in)
		})
		f.inParallel(func() { f.abort(2 * time.Second) }, func() {
			f.wait(3 * time.Second)
			redeliver(f)
		})
		same(t, "held", f.held(), allBut(made...))
		f.noMail()
	})
}

// abort starts the run and aborts it after a while.
func (f *fixture) abort(after time.Duration) {
	ctx, cancel := f.world.WithTimeout(context.Background(), 0)
	f.inParallel(func() {
		if r := f.start(ctx, f.input("SnapshotDaily")); r.Status != asl.Aborted {
			f.t.Errorf("the first execution ended %s, want it aborted", r.Status)
		}
	}, func() { f.wait(after); cancel() })
}

// Seen: a run that was done and forgotten was started again after its snapshots were pruned, and created 31 new ones.
func TestPromise4ARunThatIsDoneIsDoneEvenIfStepFunctionsHasForgottenIt(t *testing.T) {
	for name, instances := range map[string]int{"a run that made snapshots": 1, "a run that found nothing to do": 0} {
		t.Run(name, func(t *testing.T) {
			var forgotten stoppedAtOnce
			f := newFixture(t, func(s *setup) { s.executions = &forgotten })
			if instances > 0 {
				f.fleet()
			}
			f.succeed("SnapshotDaily")
			for _, s := range f.account.Snapshots() {
				f.account.DeleteSnapshotByPerson(s.ID)
			}
			if instances == 0 {
				f.fleet() // tagged since
			}
			f.until(40 * 24 * time.Hour)
			if r := redeliver(f); r.Status != asl.Succeeded {
				t.Errorf("the second execution ended %s: %s", r.Status, r.Cause)
			}
			same(t, "states", f.states("run-2", ""), []string{"DiscoverInstances", "WhatWasFound", "DuplicateRun"})
			same(t, "snapshots", len(f.account.Snapshots()), 0)
		})
	}
}

// stoppedAtOnce says that each execution has ended without success.
type stoppedAtOnce struct{}

func (*stoppedAtOnce) Running(context.Context, string) (bool, error) {
	return false, nil
}

// slowStatus lets others act between the answer about an execution's status and its use.
type slowStatus struct{ fixture *fixture }

func (s *slowStatus) Running(ctx context.Context, arn string) (bool, error) {
	status, err := s.fixture.w.Running(ctx, arn)
	s.fixture.wait(time.Second)
	return status, err
}

func TestPromise4ATakeoverReplacesAFailedSnapshot(t *testing.T) {
	f := newFixture(t)
	f.fleet()
	f.account.FailNextSnapshotOf("vol-web-0")
	allow := f.account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Code: "UnauthorizedOperation"}) // the failed one stays for now
	if r := redeliver(f); r.Status != asl.Failed {
		t.Fatalf("the first execution ended %s", r.Status)
	}
	allow()
	f.topic.mails = nil
	// The second execution's first attempt is throttled, so that the next one looks for what an earlier attempt may have created.
	f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "RequestLimitExceeded", Times: 3})
	if r := redeliver(f); r.Status != asl.Succeeded {
		t.Errorf("the second execution ended %s: %s\n%s", r.Status, r.Cause, f.allMail())
	}
	same(t, "held", f.held(), allBut(made...)) // the failed one is gone, since a newer one completed
}

// Seen: one of three volumes was denied. Four good runs later the failed run was started again, and created three snapshots. For two of them good
// restore points were pruned.
func TestPromise4ARestartOnlyDoesWhatFailed(t *testing.T) {
	f := newFixture(t)
	f.fleet()
	denied := f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation",
		Match: func(r ec2sim.Request) bool { return r.Get("VolumeId") == "vol-web-0" }})
	if r := redeliver(f); r.Status != asl.Failed {
		t.Fatalf("the first execution ended %s", r.Status)
	}
	f.wait(time.Hour)
	if r := redeliver(f); r.Status != asl.Failed { // the snapshots of the others are there: nothing but the denied one is tried
		t.Fatalf("the second execution ended %s", r.Status)
	}
	same(t, "creates of the second execution", f.account.Calls()["CreateSnapshot"], 4)
	denied()
	f.days(1, 5, nil) // retention 3: the failed run's snapshots are pruned
	before := f.held()
	creates := f.account.Calls()["CreateSnapshot"]
	f.topic.mails = nil

	if r := redeliver(f); r.Status != asl.Succeeded {
		t.Errorf("the last execution ended %s: %s\n%s", r.Status, r.Cause, f.allMail())
	}
	same(t, "creates of the last execution", f.account.Calls()["CreateSnapshot"]-creates, 1)
	after := f.held()
	same(t, "what is held of vol-db-0", after["vol-db-0"], before["vol-db-0"])
	same(t, "what is held of vol-web-1", after["vol-web-1"], before["vol-web-1"])
	same(t, "what is held of vol-web-0", after["vol-web-0"], append(before["vol-web-0"][1:], "completed SnapshotDaily/2026-11-22T00:00:00Z"))
	f.noMail()
	r := f.report()
	same(t, "volumes and those done earlier", []int{r.Volumes, r.Completed, r.DoneEarlier}, []int{1, 1, 2})
	if !strings.HasSuffix(r.Summary, "; 2 more volumes completed by an earlier execution") {
		t.Errorf("the summary is %q", r.Summary)
	}

	redeliver(f) // it is over now
	same(t, "creates of all executions", f.account.Calls()["CreateSnapshot"]-creates, 1)
}

// Seen: a run with a pending snapshot counted as done. When that snapshot failed, nothing could finish the run.
func TestPromise4ARunIsDoneWhenNothingIsPending(t *testing.T) {
	slow := map[string]time.Duration{"vol-web-0": 30 * time.Hour}
	pendingLab := func(t *testing.T) *fixture {
		f := newFixture(t, func(s *setup) {
			s.MinSnapshotInterval = -1
			s.Completion = func(volume string, _ int) time.Duration { return max(2*time.Minute, slow[volume]) }
		})
		f.fleet()
		return f
	}
	creates := func(f *fixture) int { return f.account.Calls()["CreateSnapshot"] }
	ended := func(f *fixture, want asl.Status, states ...string) {
		f.t.Helper()
		r := redeliver(f)
		if r.Status != want {
			f.t.Errorf("execution %d ended %s: %s\n%s", f.executions, r.Status, r.Cause, f.allMail())
		}
		same(f.t, "its states", f.states(fmt.Sprintf("run-%d", f.executions), ""), states)
	}
	whole := []string{"DiscoverInstances", "WhatWasFound", "SnapshotInstances", "ReportRun", "HowItEnded", "RunSucceeded"}
	over := []string{"DiscoverInstances", "WhatWasFound", "DuplicateRun"}

	t.Run("a second delivery makes nothing twice", func(t *testing.T) {
		f := pendingLab(t)
		for range 3 {
			ended(f, asl.Succeeded, whole...)
			f.lastMail("1 problem, no backup failed", "was still pending when the run ended")
			same(t, "creates", creates(f), 3)
		}
		f.wait(30 * time.Hour)
		f.topic.mails = nil
		ended(f, asl.Succeeded, whole...)
		ended(f, asl.Succeeded, over...)
		same(t, "creates", creates(f), 3)
		same(t, "held", f.held(), allBut(made...))
		f.noMail()
	})

	t.Run("nor what had completed and was pruned since", func(t *testing.T) {
		f := pendingLab(t)
		ended(f, asl.Succeeded, whole...)
		f.days(1, 5, nil)
		f.wait(40 * time.Hour)
		before := f.held()
		ended(f, asl.Succeeded, whole...)
		same(t, "held of vol-db-0", f.held()["vol-db-0"], before["vol-db-0"])
		same(t, "held of vol-web-1", f.held()["vol-web-1"], before["vol-web-1"])
	})

	t.Run("a snapshot that fails after the report is made again", func(t *testing.T) {
		f := pendingLab(t)
		f.account.FailNextSnapshotOf("vol-web-0")
		ended(f, asl.Succeeded, whole...)
		f.wait(30 * time.Hour)
		delete(slow, "vol-web-0")
		ended(f, asl.Succeeded, whole...)
		same(t, "creates", creates(f), 4)
		same(t, "held", f.held(), allBut(made...))
		ended(f, asl.Succeeded, over...)
	})
}
