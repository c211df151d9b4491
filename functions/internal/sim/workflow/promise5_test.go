package workflow_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// troubles are failures of vol-web-0. failed says whether the run must report a failure.
var troubles = map[string]struct {
	failed bool
	says   string
	happen func(*fixture)
}{
	"creating is denied":               {true, "ec2:CreateSnapshot was denied", fault("CreateSnapshot", "UnauthorizedOperation")},
	"its KMS key is denied":            {true, "AccessDeniedError", fault("CreateSnapshot", "KMS.AccessDeniedException")},
	"creating is throttled for ever":   {true, "ThrottledError", fault("CreateSnapshot", "RequestLimitExceeded")},
	"it is snapshotted all the time":   {true, "SnapshotRateError", fault("CreateSnapshot", "SnapshotCreationPerVolumeRateExceeded")},
	"it has too many pending ones":     {true, "SnapshotQuotaError", fault("CreateSnapshot", "ConcurrentSnapshotLimitExceeded")},
	"the Region is full":               {true, "SnapshotLimitError", fault("CreateSnapshot", "SnapshotLimitExceeded")},
	"EC2 answers 5xx for ever":         {true, "InternalError", fault("CreateSnapshot", "InternalError")},
	"EC2's code is unknown":            {true, "NewSpeak", fault("CreateSnapshot", "NewSpeak")},
	"its state is wrong":               {true, "IncorrectState", fault("CreateSnapshot", "IncorrectState")},
	"listing its snapshots is denied":  {true, "ec2:DescribeSnapshots was denied", fault("DescribeSnapshots", "UnauthorizedOperation")},
	"listing its snapshots breaks":     {true, "InternalError", fault("DescribeSnapshots", "InternalError")},
	"deleting is denied":               {true, "ec2:DeleteSnapshot was denied", fault("DeleteSnapshot", "UnauthorizedOperation")},
	"deleting breaks":                  {true, "Unavailable", fault("DeleteSnapshot", "Unavailable")},
	"deleting is throttled for ever":   {true, "ThrottledError", fault("DeleteSnapshot", "RequestLimitExceeded")},
	"EC2 refuses to delete a snapshot": {false, "", fault("DeleteSnapshot", "InvalidSnapshot.InUse")},
	"its snapshot ends in error":       {true, "ended in state error", func(f *fixture) { f.account.FailNextSnapshotOf("vol-web-0") }},
	"it is deleted": {false, "", func(f *fixture) {
		f.meddle(workflow.SnapshotVolume, "vol-web-1", meanwhile(func() { f.account.DeleteVolume("vol-web-0") }))
		f.meddle(workflow.SnapshotVolume, "vol-web-0", func(i invocation) (json.RawMessage, error) { f.wait(time.Second); return i.call() })
	}},
	"its snapshot is deleted by a person": {true, "no longer exists: someone deleted it", func(f *fixture) {
		f.meddle(workflow.PruneVolume, "vol-web-0", meanwhile(func() {
			held := f.ids("vol-web-0")
			f.account.DeleteSnapshotByPerson(held[len(held)-1])
			f.wait(f.setup.ListLag)
		}))
	}},
	"snapshot-volume crashes":     {true, "killed", meddled(workflow.SnapshotVolume, fails(always, errCrash))},
	"snapshot-volume panics":      {true, "nil map", meddled(workflow.SnapshotVolume, panics(always))},
	"snapshot-volume hangs":       {true, "States.Timeout", meddled(workflow.SnapshotVolume, hangs(always, false))},
	"snapshot-volume acts, hangs": {false, "", meddled(workflow.SnapshotVolume, hangs(2, true))},
	"prune-volume crashes":        {true, "killed", meddled(workflow.PruneVolume, fails(always, errCrash))},
	"prune-volume panics":         {true, "nil map", meddled(workflow.PruneVolume, panics(always))},
	"prune-volume hangs":          {true, "States.Timeout", meddled(workflow.PruneVolume, hangs(always, false))},
	"prune-volume answers nonsense, its work done": {false, "", meddled(workflow.PruneVolume, func(i invocation) (json.RawMessage, error) {
		_, err := i.call()
		return json.RawMessage(`"?"`), err
	})},
	"an error that this function should not return": {true, "no room", meddled(workflow.PruneVolume, fails(always, &contract.SnapshotQuotaError{Message: "no room"}))},
	"its retention can't be read":                   {false, "", func(f *fixture) { f.account.TagVolume("vol-web-0", "SnapshotDaily", "abc") }},
	"S3 refuses the record of its failure": {true, "NoSnapshot", func(f *fixture) {
		fault("CreateSnapshot", "UnauthorizedOperation")(f)
		f.objects.Fault = refuses(always, "put", hasPart("/failures/"))
	}},
}

// fault makes EC2 return a code for each call about vol-web-0 or one of its snapshots.
func fault(action, code string) func(*fixture) {
	return func(f *fixture) {
		f.account.Inject(ec2sim.Fault{Action: action, Code: code, Match: func(r ec2sim.Request) bool {
			s, _ := f.account.Snapshot(r.Get("SnapshotId"))
			filtered := r.Filter("volume-id")
			return r.Get("VolumeId") == "vol-web-0" || s.VolumeID == "vol-web-0" || len(filtered) == 1 && filtered[0] == "vol-web-0"
		}})
	}
}

func meddled(function string, do meddling) func(*fixture) {
	return func(f *fixture) { f.meddle(function, "vol-web-0", do) }
}

// Promise 5: a failure of one volume does not affect the others.
func TestPromise5AFailureOfOneVolumeDoesNotAffectOthers(t *testing.T) {
	others := []string{"vol-app-0", "vol-db-0", "vol-db-1", "vol-web-1"}
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.instance("web", 2, "SnapshotDaily=3", "Name=web-1")
			f.instance("db", 2, "SnapshotDaily=3", "Name=db-1")
			f.instance("app", 1, "SnapshotDaily=3")
			last := f.troubledSince(append(others, "vol-web-0"))
			trouble.happen(f)
			r := f.fire("SnapshotDaily")

			for _, v := range others {
				same(t, "days of which "+v+" has a snapshot", f.runsOf(v), []string{"20", "21", "22"})
			}
			for _, e := range f.events {
				if e.Kind == asl.StateExited && e.State == "PruneVolume" && e.Next == "" && e.Time.After(start.Add(5*time.Minute)) {
					if path := f.volumeOf(e); path != "vol-web-0" {
						t.Errorf("%s was done at %v only", path, e.Time)
					}
				}
			}
			if _, ok := f.account.Snapshot(last["vol-web-0"]); !ok {
				t.Error("the last good snapshot of the failing volume was deleted")
			}
			// Promise 6: the failure is reported, and nothing else.
			if !trouble.failed {
				same(t, "the run", r.Status, asl.Succeeded)
				return
			}
			same(t, "the run", r.Error, "VolumesFailed")
			m := f.lastMail("1 of 5 volumes FAILED", "web-1 (i-web), volume vol-web-0", trouble.says)
			for _, v := range others {
				if contains(m.message, v) {
					t.Errorf("the mail names %s:\n%s", v, m.message)
				}
			}
			if f := f.report().Failures; len(f) != 1 || f[0].VolumeID != "vol-web-0" || f[0].InstanceID != "i-web" || f[0].Name != "web-1" ||
				!contains(f[0].Error+f[0].Reason, trouble.says) || f[0].Advice == "" {
				t.Errorf("the report's failures are %+v", f)
			}
		})
	}
}

// troubledSince adds three snapshots of earlier days for each volume, and returns the last ones.
func (f *fixture) troubledSince(volumes []string) map[string]string {
	last := map[string]string{}
	for _, v := range volumes {
		for day := 3; day > 0; day-- {
			last[v] = f.old(v, day)
		}
	}
	return last
}

// volumeOf gives the volume of an event.
func (f *fixture) volumeOf(e asl.Event) string {
	for _, entered := range f.events {
		if entered.Kind == asl.StateEntered && entered.Execution == e.Execution && entered.Path == e.Path && entered.State == e.State {
			return volumeIn(entered.Input)
		}
	}
	return ""
}

func TestPromise5AnInvalidAnswerFailsOnlyItsVolume(t *testing.T) {
	for _, garbage := range []string{`[]`, `"<html>"`, `{}`, `null`, `{"SnapshotID": 7}`} {
		f := newFixture(t)
		f.fleet()
		f.meddle(workflow.SnapshotVolume, "vol-web-0", answers(garbage))
		f.fire("SnapshotDaily")
		same(t, garbage+": held", f.held(), allBut())
		f.lastMail(oneFailed, "web-1 (i-web), volume vol-web-0", "InvalidInputError")
	}
}

func TestPromise5AFailureOfAnInstanceDoesNotAffectOthers(t *testing.T) {
	// A result that is too large for its state ends the child execution with all volumes of the instance, but not the other instances'.
	f := newFixture(t)
	f.instance("web", 2, "SnapshotDaily=3", "Name=web-1")
	f.instance("db", 2, "SnapshotDaily=3", "Name=db-1")
	f.meddle(workflow.SnapshotVolume, "vol-web-0", answers(tooMuch))
	f.fire("SnapshotDaily")
	same(t, "held", f.held(), map[string][]string{"vol-db-0": made, "vol-db-1": made})
	f.lastMail("2 of 4 volumes FAILED", "web-1 (i-web), volume vol-web-0", "web-1 (i-web), volume vol-web-1", "States.DataLimitExceeded")
}

func TestPromise5FiftyVolumesOfOneInstanceDoNotDelayEachOther(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 50, "SnapshotDaily=1", "Name=web-1")
	f.account.FailNextSnapshotOf("vol-web-0")
	f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Match: on("vol-web-49"), Code: "ConcurrentSnapshotLimitExceeded"})
	r := f.fire("SnapshotDaily")
	for _, s := range f.account.Snapshots() {
		if s.State != ebs.Completed {
			t.Errorf("%s of %s is %s", s.ID, s.VolumeID, s.State)
		}
	}
	same(t, "snapshots", len(f.account.Snapshots()), 48)
	same(t, "children", r.Children, 3) // 20 volumes each
	f.lastMail("2 of 50 volumes FAILED", "volume vol-web-0 ", "volume vol-web-49 ")
}
