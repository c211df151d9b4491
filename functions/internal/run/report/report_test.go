package report

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

var (
	vol1 = ebs.Place{InstanceID: "i-web", Name: "web", VolumeID: "vol-1", Device: "/dev/xvda"}
	vol2 = ebs.Place{InstanceID: "i-web", Name: "web", VolumeID: "vol-2", Device: "/dev/sdf"}
)

func TestReportSendsNoMailAboutAGoodRun(t *testing.T) {
	w := newWorld(t, web())
	result, r := w.report()
	const summary = "SnapshotDaily/2026-11-22T00:00:00Z: 2 of 2 volumes with a completed snapshot, 0 failed, 0 no longer exist, 0 other problems"
	if diff := cmp.Diff(contract.ReportResult{
		Outcome: contract.OutcomeSucceeded, Summary: summary, ReportKey: prefix + "report.json", Volumes: 2, Healthy: 2,
	}, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Report{
		Run: daily, Execution: execution, WrittenAt: later, Outcome: contract.OutcomeSucceeded, Summary: summary,
		Instances: 1, Volumes: 2, Completed: 2,
	}, r); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if len(w.topic.messages) > 0 {
		t.Errorf("alerts were published: %q", w.topic.subjects)
	}
	if len(w.asked) > 0 {
		t.Errorf("EC2 was asked for volumes that have a snapshot: %v", w.asked)
	}
}

func TestReportSendsNoMailAboutARunWithoutWork(t *testing.T) {
	w := newWorld(t)
	w.put(w.discovery.ManifestKey, []contract.Item{})
	w.discovery.Outcome = contract.OutcomeNothing
	result, _ := w.report()
	if result.Outcome != contract.OutcomeSucceeded || len(w.topic.messages) > 0 {
		t.Errorf("outcome %s, alerts %q", result.Outcome, w.topic.subjects)
	}
}

func TestReportListsTheExcludedVolumes(t *testing.T) {
	w := newWorld(t, web())
	want := []contract.Excluded{{InstanceID: "i-1", Name: "web", VolumeID: "vol-9", Device: "/dev/sdz", Reason: contract.VolumeTagOff}}
	w.put(contract.ExcludedKey(w.discovery.ManifestKey), want)
	w.discovery.Excluded = 1
	_, r := w.report()
	if diff := cmp.Diff(want, r.Excluded); diff != "" {
		t.Errorf("excluded (-want +got):\n%s", diff)
	}
	if len(w.topic.messages) > 0 {
		t.Errorf("excluded volumes alone caused a mail: %v", w.topic.messages)
	}
}

func TestReportIsWrittenWithoutTheExcludedVolumesIfTheyCannotBeRead(t *testing.T) {
	w := newWorld(t, web())
	w.discovery.Excluded = 1 // and the object is not there
	result, r := w.report()
	if result.Outcome != contract.OutcomeSucceeded || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].What, "no such object") {
		t.Errorf("outcome %s, problems %v", result.Outcome, r.Problems)
	}
}

// found is what a report lists.
type found struct {
	Outcome   string
	Completed int
	Failures  []Failure
	Gone      []ebs.Place
	Problems  []Problem
}

func TestReportJudgesEachVolume(t *testing.T) {
	const (
		look    = "Look at the instance's child execution in the Step Functions console"
		generic = look + ". If the cause was a fault of AWS, start the run again."
		denied  = "Allow the function's role the action named above. If the volume is encrypted, also allow the role to use its KMS key."
	)
	cases := []struct {
		name  string
		setup func(*world)
		want  found
	}{
		{"a missing snapshot fails, with the reason that was recorded", func(w *world) {
			w.state("vol-1", "")
			w.record("vol-1", "AccessDeniedError", "ec2:CreateSnapshot was denied")
		}, found{Outcome: "Failed", Completed: 1, Failures: []Failure{
			{vol1, "", "AccessDeniedError", "ec2:CreateSnapshot was denied", denied},
		}}},
		{"a missing snapshot fails although nothing recorded why", func(w *world) {
			w.state("vol-2", "")
		}, found{Outcome: "Failed", Completed: 1, Failures: []Failure{
			{vol2, "", "NoSnapshot", "EC2 has no snapshot of the volume from this run, and no reason was recorded", "1. " + look + ". 2. Start the run again."},
		}}},
		{"a deleted volume is not a failure", func(w *world) {
			w.state("vol-1", "")
			w.deleted = []string{"vol-1"}
		}, found{Outcome: "Succeeded", Completed: 1, Gone: []ebs.Place{vol1}}},
		{"a deleted volume whose deletion was recorded is not a failure", func(w *world) {
			w.state("vol-1", "")
			w.deleted = []string{"vol-1"}
			w.record("vol-1", "VolumeGoneError", "gone")
		}, found{Outcome: "Succeeded", Completed: 1, Gone: []ebs.Place{vol1}}},
		{"another recorded failure outranks the deletion of a volume", func(w *world) {
			w.state("vol-1", "")
			w.deleted = []string{"vol-1"}
			w.record("vol-1", "AccessDeniedError", "no")
		}, found{Outcome: "Failed", Completed: 1, Failures: []Failure{{vol1, "", "AccessDeniedError", "no", denied}}}},
		{"a deleted volume that has its snapshot is completed", func(w *world) {
			w.deleted = []string{"vol-1"}
		}, found{Outcome: "Succeeded", Completed: 2}},
		{"a snapshot in state error fails, recorded or not", func(w *world) {
			w.state("vol-1", ebs.Error)
		}, found{Outcome: "Failed", Completed: 1, Failures: []Failure{
			{vol1, "snap-of-vol-1", "SnapshotFailedError", "snap-of-vol-1 ended in state error",
				"1. See the volume's events in the EC2 console; the usual cause is a KMS key that is disabled or not allowed. 2. Start the run again."},
		}}},
		{"a good snapshot makes up for a failed one of the same volume", func(w *world) {
			failed := snapshotOf("vol-1", ebs.Error)
			failed.ID = "snap-failed"
			w.snapshots = append([]ebs.Snapshot{failed}, w.snapshots...)
		}, found{Outcome: "Succeeded", Completed: 2}},
		{"a snapshot that is still pending is a problem and not a failure", func(w *world) {
			w.state("vol-2", ebs.Pending)
		}, found{Outcome: "Succeeded", Completed: 1, Problems: []Problem{
			{vol2, "snap-of-vol-2 was still pending when the run ended", "Nothing if the volume is large or new. The next run prunes after the snapshot has completed."},
		}}},
		{"a snapshot in the Recycle Bin is not a backup", func(w *world) {
			w.state("vol-2", ebs.Recoverable)
		}, found{Outcome: "Failed", Completed: 1, Failures: []Failure{
			{vol2, "snap-of-vol-2", "SnapshotFailedError", "snap-of-vol-2 ended in state recoverable", advice("SnapshotFailedError")},
		}}},
		{"a volume that was not pruned fails, and the report says that it has its snapshot", func(w *world) {
			w.record("vol-1", "AccessDeniedError", "ec2:DeleteSnapshot was denied")
		}, found{Outcome: "Failed", Completed: 2, Failures: []Failure{
			{vol1, "snap-of-vol-1", "AccessDeniedError",
				"snap-of-vol-1 is good, but older snapshots were not pruned: ec2:DeleteSnapshot was denied", denied},
		}}},
		{"a record that is a JSON text of JSON is read like one that is JSON", func(w *world) {
			w.put(w.discovery.FailurePrefix+"vol-1.json", `{"Error": "States.Timeout", "Cause": ""}`)
		}, found{Outcome: "Failed", Completed: 2, Failures: []Failure{
			{vol1, "snap-of-vol-1", "States.Timeout", "snap-of-vol-1 is good, but older snapshots were not pruned: the function did not answer before the step timed out", slow},
		}}},
		{"a record that can't be read is still a failure", func(w *world) {
			w.put(w.discovery.FailurePrefix+"vol-1.json", []int{1})
		}, found{Outcome: "Failed", Completed: 2, Failures: []Failure{
			{vol1, "snap-of-vol-1", "Unreadable", "snap-of-vol-1 is good, but older snapshots were not pruned: [1]", generic},
		}}},
		{"a failure without a cause says so", func(w *world) {
			w.put(w.discovery.FailurePrefix+"vol-1.json", contract.Failure{Error: "Lambda.Unknown"})
			w.state("vol-1", "")
		}, found{Outcome: "Failed", Completed: 1, Failures: []Failure{
			{vol1, "", "Lambda.Unknown", "no reason was given", generic},
		}}},
		{"two snapshots of one volume by one run are a problem", func(w *world) {
			twin := snapshotOf("vol-1", ebs.Pending)
			twin.ID = "snap-twin"
			w.snapshots = append(w.snapshots, twin)
		}, found{Outcome: "Succeeded", Completed: 2, Problems: []Problem{
			{vol1, "this run has 2 snapshots of the volume", "Nothing now. Each of them counts towards the retention. Please tell the maintainers how this happened."},
		}}},
		{"snapshots of volumes that the run did not list change nothing", func(w *world) {
			w.snapshots = append(w.snapshots, snapshotOf("vol-other", ebs.Error))
		}, found{Outcome: "Succeeded", Completed: 2}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, web())
			c.setup(w)
			check(t, w, c.want)
		})
	}
}

// check runs the report and compares what it lists, in report.json and in the result, and whether it was published.
func check(t *testing.T, w *world, want found) {
	t.Helper()
	result, r := w.report()
	if diff := cmp.Diff(want, found{r.Outcome, r.Completed, r.Failures, r.Gone, r.Problems}); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	counts := contract.ReportResult{
		Outcome: want.Outcome, Summary: r.Summary, ReportKey: prefix + "report.json", Volumes: w.discovery.Volumes,
		Healthy: want.Completed, Failed: (&Report{Failures: want.Failures}).failedVolumes(), Gone: len(want.Gone), Problems: len(want.Problems),
	}
	if diff := cmp.Diff(counts, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if alert := len(want.Failures)+len(want.Problems) > 0; alert != (len(w.topic.messages) == 1) {
		t.Errorf("alerts: %q", w.topic.subjects)
	}
}

func TestReportFails(t *testing.T) {
	broken := errors.New("broken")
	failing := func(op string) func(*world) {
		return func(w *world) {
			w.bucket.Fault = func(asked, _ string) error {
				if asked == op {
					return broken
				}
				return nil
			}
		}
	}
	cases := []struct {
		name  string
		setup func(*world)
		want  string
	}{
		{"when the manifest is not there", func(w *world) { w.discovery.ManifestKey = "elsewhere" },
			"read the manifest of run SnapshotDaily/2026-11-22T00:00:00Z: get elsewhere: no such object"},
		{"when the manifest can't be read", func(w *world) { w.put(w.discovery.ManifestKey, "text") },
			"read the manifest of run SnapshotDaily/2026-11-22T00:00:00Z: json: cannot unmarshal string into Go value of type []contract.Item"},
		{"when EC2 does not answer", func(w *world) { w.ec2Err = broken }, "broken"},
		{"when the failures can't be listed", failing("list"), "list the failures of run SnapshotDaily/2026-11-22T00:00:00Z: broken"},
		{"when a failure can't be read", func(w *world) {
			w.record("vol-1", "ThrottledError", "too many")
			w.bucket.Fault = func(op, key string) error {
				if op == "get" && strings.HasPrefix(key, w.discovery.FailurePrefix) {
					return broken
				}
				return nil
			}
		}, "read a recorded failure: broken"},
		{"when the report can't be written", failing("put"), "write the report of run SnapshotDaily/2026-11-22T00:00:00Z: broken"},
		{"when the alert can't be published", func(w *world) { w.topic.err = broken; w.state("vol-1", "") }, "broken"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, web())
			c.setup(w)
			_, err := w.service().Report(t.Context(), w.discovery)
			if err == nil || err.Error() != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}
