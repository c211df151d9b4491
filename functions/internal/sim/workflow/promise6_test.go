package workflow_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Seen: a 200 and a 204 without a body, in answer to DescribeInstances; "No volume to snapshot", SUCCEEDED, and nothing was backed up.
func TestPromise6AnAnswerThatIsNotEC2sIsNotAnEmptyList(t *testing.T) {
	for _, action := range []string{"DescribeInstances", "DescribeVolumes", "DescribeSnapshots", "DeleteSnapshot"} {
		for _, garbage := range []ec2sim.Fault{
			{Garbage: ec2sim.NoBody}, {Garbage: ec2sim.AnotherDocument},
			{Garbage: ec2sim.NoBody, Status: 204}, {Garbage: ec2sim.NoBody, Status: 202}, {Garbage: ec2sim.AnotherDocument, Status: 203},
		} {
			garbage.Action = action
			t.Run(fmt.Sprintf("%s is answered with %s, status %d", action, garbage.Garbage, cmp.Or(garbage.Status, 200)), func(t *testing.T) {
				f := newFixture(t)
				f.fleet()
				some := garbage
				some.Times = 4 // more than the SDK tries
				f.account.Inject(some)
				f.succeed("SnapshotDaily")
				if got := f.report().Completed; got != 3 {
					t.Errorf("%d of 3 volumes have a snapshot", got)
				}

				f.account.Inject(garbage)
				f.wait(24 * time.Hour)
				r := f.fire("SnapshotDaily")
				if r.Status == asl.Succeeded && action != "DeleteSnapshot" { // there is nothing to delete yet
					t.Errorf("it ended %s: %s", r.Status, r.Output)
				}
			})
		}
	}
}

// Promise 6: no silent failure, and the report agrees with EC2. (TestPromise5… tests that each failure of a volume is reported.)
func TestPromise6TheReportAgreesWithEC2(t *testing.T) {
	t.Run("a function that reports a snapshot that it did not create", func(t *testing.T) {
		f := newFixture(t)
		f.fleet()
		f.meddle(workflow.SnapshotVolume, "vol-web-0", answers(`{"SnapshotID": "snap-0123456789abcdef0", "Found": false}`))
		f.meddle(workflow.PruneVolume, "vol-web-0", answers(`{}`))
		f.fire("SnapshotDaily")
		f.lastMail("1 of 3 volumes FAILED", "Completed snapshots of this run: 2 of 3 volumes", "web-1 (i-web), volume vol-web-0", "NoSnapshot")
	})

	t.Run("a function that names a snapshot that does not exist: the next function notices", func(t *testing.T) {
		f := newFixture(t)
		f.fleet()
		f.meddle(workflow.SnapshotVolume, "vol-web-0", answers(`{"SnapshotID": "snap-0123456789abcdef0", "Found": false}`))
		f.fire("SnapshotDaily")
		f.lastMail("1 of 3 volumes FAILED", "web-1 (i-web), volume vol-web-0", "SnapshotFailedError", "snap-0123456789abcdef0 no longer exists")
	})

	t.Run("a function that reports success for a failed snapshot", func(t *testing.T) {
		f := newFixture(t)
		f.fleet()
		f.account.FailNextSnapshotOf("vol-web-0")
		f.meddle(workflow.PruneVolume, "vol-web-0", answers(`{}`))
		f.fire("SnapshotDaily")
		f.lastMail("1 of 3 volumes FAILED", "web-1 (i-web), volume vol-web-0", "SnapshotFailedError", "ended in state error")
	})

	t.Run("a snapshot that a person deletes after the prune", func(t *testing.T) {
		f := newFixture(t)
		f.fleet()
		f.meddle(workflow.ReportRun, "", meanwhile(func() {
			f.account.DeleteSnapshotByPerson(f.ids("vol-web-0")[0])
			f.wait(f.setup.ListLag)
		}))
		f.fire("SnapshotDaily")
		f.lastMail("1 of 3 volumes FAILED", "web-1 (i-web), volume vol-web-0", "NoSnapshot")
	})

	t.Run("a second snapshot of the run", func(t *testing.T) {
		f := newFixture(t)
		f.fleet()
		f.meddle(workflow.ReportRun, "", meanwhile(func() { f.oneMore("vol-web-0", "SnapshotDaily/2026-11-22T00:00:00Z") }))
		f.succeed("SnapshotDaily")
		f.lastMail("1 problem", "web-1 (i-web), volume vol-web-0", "this run has 2 snapshots of the volume")
	})

	t.Run("each snapshot that prune-volume reports as removed is deleted, and each other one exists", func(t *testing.T) {
		f := newFixture(t)
		f.fleet()
		last := f.troubledSince([]string{"vol-db-0", "vol-web-0", "vol-web-1"})
		held := f.ids("vol-web-0")
		f.account.HoldByAMI(held[0], "ami-0123456789abcdef0")
		f.account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Code: "RequestLimitExceeded", Times: 7})
		f.account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", After: true, Times: 1})
		var said contract.PruneResult
		f.meddle(workflow.PruneVolume, "", func(i invocation) (json.RawMessage, error) {
			out, err := i.call()
			var r contract.PruneResult
			if err == nil {
				err = json.Unmarshal(out, &r)
			}
			said.Removed = append(said.Removed, r.Removed...)
			said.Blocked = append(said.Blocked, r.Blocked...)
			return out, err
		})
		f.succeed("SnapshotDaily")
		if len(said.Removed) == 0 || len(said.Blocked) != 1 || said.Blocked[0].SnapshotID != held[0] {
			t.Errorf("prune-volume said %+v", said)
		}
		for _, r := range said.Removed {
			if _, ok := f.account.Snapshot(r.SnapshotID); ok {
				t.Errorf("%s is reported as removed, but exists", r.SnapshotID)
			}
		}
		for _, id := range last {
			if _, ok := f.account.Snapshot(id); !ok {
				t.Errorf("%s was deleted", id)
			}
		}
	})

	t.Run("numbers", func(t *testing.T) {
		f := newFixture(t, func(s *setup) {
			s.pace = discover.Pace{Burst: 1, Rate: 1}
			s.Completion = func(volume string, _ int) time.Duration {
				return map[bool]time.Duration{true: 100 * time.Hour, false: time.Minute}[volume == "vol-slow-0"]
			}
		})
		f.fleet()
		f.instance("odd", 1, "SnapshotDaily=often", "Name=odd-1")
		f.instance("gone", 1, "SnapshotDaily=1")
		f.instance("slow", 1, "SnapshotDaily=1")
		f.account.FailNextSnapshotOf("vol-web-1")
		fault("CreateSnapshot", "UnauthorizedOperation")(f)
		f.meddle(workflow.SnapshotVolume, "vol-db-0", meanwhile(func() { f.account.DeleteVolume("vol-gone-0") }))
		f.fire("SnapshotDaily")
		r := f.report()
		got := map[string]int{
			"instances": r.Instances, "volumes": r.Volumes, "completed": r.Completed,
			"failed": len(r.Failures), "gone": len(r.Gone), "problems": len(r.Problems),
		}
		same(t, "report.json", got, map[string]int{
			"instances": 5, "volumes": 6, "completed": 2, "failed": 2, "gone": 1, "problems": 2, // unreadable, still pending
		})
		same(t, "gone", r.Gone, []ebs.Place{{InstanceID: "i-gone", VolumeID: "vol-gone-0", Device: "/dev/sda"}})
		f.lastMail("Completed snapshots of this run: 2 of 6 volumes", "2 volumes failed, 1 no longer exist, 2 other problems",
			"1 × AccessDeniedError", "1 × SnapshotFailedError", "VOLUMES THAT NO LONGER EXIST", "instance i-gone, volume vol-gone-0")
	})
}

func TestPromise6ManyFailuresMakeOneReadableMail(t *testing.T) {
	f := newFixture(t)
	for n := range 60 {
		f.instance(fmt.Sprintf("n%02d", n), 2, "SnapshotDaily=1", fmt.Sprintf("Name=node-%02d", n))
	}
	f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Match: func(r ec2sim.Request) bool {
		return r.Get("VolumeId") != "vol-n59-1"
	}, Message: "You are not authorized. Encoded authorization failure message: " + strings.Repeat("x", 2000)})
	f.fire("SnapshotDaily")
	same(t, "mails", f.subjects(), []string{"SnapshotDaily 2026-11-22 08:00 +08:00: 119 of 120 volumes FAILED"})
	m := f.lastMail("119 × AccessDeniedError", "node-00 (i-n00), volume vol-n00-0", "99 more, listed in s3://local/runs/")
	if len(m.message) > 10_000 {
		t.Errorf("the mail has %d bytes", len(m.message))
	}
	same(t, "failures in report.json", len(f.report().Failures), 119)
}

func TestPromise6ARunThatCannotReportSendsAnAlert(t *testing.T) {
	for name, happen := range map[string]func(*fixture){
		"report-run crashes":      func(f *fixture) { f.meddle(workflow.ReportRun, "", fails(always, errCrash)) },
		"report-run panics":       func(f *fixture) { f.meddle(workflow.ReportRun, "", panics(always)) },
		"report-run hangs":        func(f *fixture) { f.meddle(workflow.ReportRun, "", hangs(always, false)) },
		"EC2 denies the listing":  fault6("DescribeSnapshots", "UnauthorizedOperation", "tag:snapshot-lifecycle:run"),
		"EC2 throttles for ever":  fault6("DescribeSnapshots", "RequestLimitExceeded", "tag:snapshot-lifecycle:run"),
		"S3 refuses the manifest": func(f *fixture) { f.objects.Fault = afterwards(f, "get", hasSuffix("manifest.json")) },
		"S3 refuses the failures": func(f *fixture) { f.objects.Fault = refuses(always, "list", hasPart("/failures/")) },
		"S3 refuses the report":   func(f *fixture) { f.objects.Fault = refuses(always, "put", hasSuffix("report.json")) },
		"SNS refuses the report":  func(f *fixture) { f.topic.fault = snsRefuses(always, "FAILED") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.fleet()
			f.account.FailNextSnapshotOf("vol-web-0") // so that there is something to tell
			happen(f)
			r := f.fire("SnapshotDaily")
			same(t, "the run", []string{string(r.Status), r.Error}, []string{"FAILED", "RunBroken"})
			same(t, "mails", f.subjects(), []string{brokenOff})
			f.lastMail("execution:run-1", `"SnapshotKeyWord":"SnapshotDaily"`, `"ScheduledTime":"2026-11-22T00:00:00Z"`)
		})
	}
}

// fault6 makes EC2 refuse a listing by a filter, after the map has begun.
func fault6(action, code, filter string) func(*fixture) {
	return func(f *fixture) {
		f.meddle(workflow.PruneVolume, "", meanwhile(func() {
			f.account.Inject(ec2sim.Fault{Action: action, Code: code, Match: func(r ec2sim.Request) bool {
				return r.Filter(filter) != nil && r.Filter("volume-id") == nil
			}})
		}))
	}
}

// afterwards refuses an operation after the map has read the manifest.
func afterwards(f *fixture, op string, fits func(string) bool) func(string, string) error {
	refuse := refuses(always, op, fits)
	return func(did, key string) error {
		if len(f.states("run-1", "SnapshotInstances[0]")) == 0 {
			return nil
		}
		return refuse(did, key)
	}
}

func TestPromise6AGoodRunSendsNoMail(t *testing.T) {
	f := newFixture(t)
	f.fleet()
	f.days(0, 5, nil)
	f.noMail()
	r := f.report()
	if r.Outcome != contract.OutcomeSucceeded || r.Completed != 3 || r.Volumes != 3 || len(r.Failures)+len(r.Gone)+len(r.Problems) != 0 {
		t.Errorf("report.json says %+v", r)
	}
	for _, e := range f.events {
		if e.Kind == asl.StateRetried {
			t.Errorf("a good run was retried: %v", e)
		}
	}
}

func TestPromise6TheReportIsWrittenEvenIfTheResultsCannotBeRead(t *testing.T) {
	f := newFixture(t)
	f.fleet()
	f.account.FailNextSnapshotOf("vol-web-0")
	f.objects.Fault = refuses(always, "get", hasPart("results/"))
	f.fire("SnapshotDaily")
	f.lastMail("1 of 3 volumes FAILED", "web-1 (i-web), volume vol-web-0", "some reasons may be missing", "results/")
}

// Seen: the input that the mail gave for a retry was refused, since no schedule has the keyword.
func TestPromise6TheInputThatTheMailGivesFinishesTheRun(t *testing.T) {
	for name, input := range map[string]contract.Input{
		"of a schedule": {SnapshotKeyWord: "SnapshotDaily", ScheduledTime: start.Format(time.RFC3339), TimeZone: "Asia/Shanghai"},
		"of a person with a keyword of no schedule": {SnapshotKeyWord: "SnapshotDaily", AnyKeyword: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(s *setup) {
				s.timeZones = map[string]string{"SnapshotHourly": "UTC"}
				if !input.AnyKeyword {
					s.timeZones["SnapshotDaily"] = "Asia/Shanghai"
				}
			})
			f.fleet()
			f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Times: 1})
			if r := f.start(t.Context(), input); r.Error != "VolumesFailed" {
				t.Fatalf("the first execution ended %s: %s %s", r.Status, r.Error, r.Cause)
			}
			var given json.RawMessage
			for line := range strings.Lines(f.lastMail().message) {
				if strings.HasPrefix(line, "{") {
					given = json.RawMessage(line)
				}
			}
			f.wait(time.Hour)
			if r := f.start(t.Context(), given); r.Status != asl.Succeeded {
				t.Errorf("the execution with the input %s ended %s: %s %s", given, r.Status, r.Error, r.Cause)
			}
			same(t, "volumes with a snapshot", f.report().Completed, 3)
			same(t, "snapshots", len(f.account.Snapshots()), 3)
		})
	}
}
