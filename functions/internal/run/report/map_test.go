package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const (
	slow    = "1. See in the function's CloudWatch log what it did last; the usual cause is that EC2 was slow. 2. Start the run again."
	generic = "Look at the instance's child execution in the Step Functions console. If the cause was a fault of AWS, start the run again."
	child1  = "arn:aws:states:eu-central-1:111122223333:execution:snapshot-lifecycle/SnapshotInstances:child-1"
)

// exported is the result of the map state when the children's results are in S3.
func exported(manifestKey string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"MapRunArn": "arn:aws:states:eu-central-1:111122223333:mapRun:snapshot-lifecycle/SnapshotInstances:run-1",
		"ResultWriterDetails": {"Bucket": "backups", "Key": %q}}`, manifestKey))
}

// export writes the children's results as Step Functions does (Step Functions Developer Guide, "ResultWriter").
func (w *world) export(status string, children ...map[string]any) {
	w.t.Helper()
	for _, c := range children {
		c["ExecutionArn"], c["Name"], c["InputDetails"] = child1, "child-1", map[string]any{"Included": true}
		c["StateMachineArn"] = "arn:aws:states:eu-central-1:111122223333:stateMachine:snapshot-lifecycle/SnapshotInstances"
	}
	files := map[string]any{"FAILED": []any{}, "PENDING": []any{}, "SUCCEEDED": []any{map[string]any{"Key": "not-to-be-read", "Size": 1}}}
	files[status] = []any{map[string]any{"Key": "results/run-1/" + status + "_0.json", "Size": 1}}
	w.put("results/run-1/"+status+"_0.json", children)
	w.put("results/run-1/manifest.json", map[string]any{"DestinationBucket": "backups", "MapRunArn": "arn", "ResultFiles": files})
	w.discovery.Map = exported("results/run-1/manifest.json")
}

func (w *world) childInput(n int) string {
	w.t.Helper()
	body, err := json.Marshal(w.items[n])
	if err != nil {
		w.t.Fatal(err)
	}
	return string(body)
}

func TestReportFindsWhatFailedAboveTheVolumes(t *testing.T) {
	cases := []struct {
		name  string
		setup func(*world)
		want  found
	}{
		{"children that succeeded are not read", func(w *world) {
			w.export("SUCCEEDED")
		}, found{Outcome: "Succeeded", Completed: 2}},
		{"a child that failed fails its volumes, but a volume's own record says more", func(w *world) {
			w.export("FAILED", map[string]any{"Status": "TIMED_OUT", "Error": "States.Timeout", "Cause": "", "Input": w.childInput(0)})
			w.state("vol-1", "")
			w.state("vol-2", ebs.Pending)
			w.record("vol-2", "SnapshotLimitError", "full")
		}, found{Outcome: "Failed", Failures: []Failure{
			{vol1, "", "States.Timeout", "child execution " + child1 + " ended: TIMED_OUT", slow},
			{vol2, "snap-of-vol-2", "SnapshotLimitError", "full",
				`The Region cannot hold more snapshots. Delete snapshots that nobody needs, or request an increase of the EBS quota "Snapshots per Region".`},
		}}},
		{"a child's cause is reported", func(w *world) {
			w.export("FAILED", map[string]any{"Status": "FAILED", "Error": "States.Runtime", "Cause": "no path", "Input": w.childInput(0)})
			w.state("vol-1", "")
			w.state("vol-2", "")
			w.deleted = []string{"vol-2"}
		}, found{Outcome: "Failed", Failures: []Failure{
			{vol1, "", "States.Runtime", "child execution " + child1 + " ended: FAILED: no path", generic},
			{vol2, "", "States.Runtime", "child execution " + child1 + " ended: FAILED: no path", generic},
		}}},
		{"a child that was aborted has no error of its own", func(w *world) {
			w.export("FAILED", map[string]any{"Status": "ABORTED", "Input": w.childInput(0)})
			w.state("vol-1", "")
		}, found{Outcome: "Failed", Completed: 1, Failures: []Failure{
			{vol1, "", "ChildUnfinished", "child execution " + child1 + " ended: ABORTED", generic},
			{vol2, "snap-of-vol-2", "ChildUnfinished",
				"snap-of-vol-2 is good, but older snapshots were not pruned: child execution " + child1 + " ended: ABORTED", generic},
		}}},
		{"a child that never started fails its volumes", func(w *world) {
			w.export("PENDING", map[string]any{"Status": "PENDING", "Input": w.childInput(0)})
			w.state("vol-1", "")
			w.state("vol-2", "")
		}, found{Outcome: "Failed", Failures: []Failure{
			{vol1, "", "ChildUnfinished", "child execution " + child1 + " did not start: PENDING", generic},
			{vol2, "", "ChildUnfinished", "child execution " + child1 + " did not start: PENDING", generic},
		}}},
		{"a map that failed as a whole fails the run, and the volumes without a good snapshot", func(w *world) {
			w.discovery.Map = json.RawMessage(`{"Error": "States.ItemReaderFailed", "Cause": "no such key"}`)
			w.state("vol-1", "")
		}, found{Outcome: "Failed", Completed: 1, Failures: []Failure{
			{ebs.Place{}, "", "States.ItemReaderFailed", "the step SnapshotInstances failed: no such key; " +
				"volumes with a good snapshot may not have been pruned", generic},
			{vol1, "", "States.ItemReaderFailed", "the step SnapshotInstances failed: no such key", generic},
		}}},
		{"unreadable results are a problem, and the report is written anyway", func(w *world) {
			w.discovery.Map = exported("results/missing.json")
			w.state("vol-1", "")
		}, found{Outcome: "Failed", Completed: 1, Failures: []Failure{
			{vol1, "", "NoSnapshot", "EC2 has no snapshot of the volume from this run, and no reason was recorded", advice("NoSnapshot")},
		}, Problems: []Problem{{
			ebs.Place{}, "some reasons may be missing: " +
				"read the results of the child executions: get results/missing.json: no such object", "Allow report-run to read results/ in the bucket.",
		}}}},
		{"an emulator's array of results says nothing", func(w *world) {
			w.discovery.Map = json.RawMessage(`[{}, null]`)
		}, found{Outcome: "Succeeded", Completed: 2}},
		{"no result writer says nothing", func(w *world) {
			w.discovery.Map = json.RawMessage(`{}`)
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

func TestReportReadsOnlyAThousandReasons(t *testing.T) {
	const volumes = 1003
	item := contract.Item{Instance: contract.Instance{ID: "i-large"}}
	for n := range volumes {
		item.Volumes = append(item.Volumes, contract.Volume{ID: fmt.Sprintf("vol-%04d", n), Retention: "3"})
	}
	w := newWorld(t, item)
	for _, v := range item.Volumes {
		w.state(v.ID, "")
		w.record(v.ID, "ThrottledError", "too fast")
	}
	reads := 0
	w.bucket.Fault = func(op, key string) error {
		if op == "get" && key != w.discovery.ManifestKey && key != prefix+"report.json" && !strings.HasSuffix(key, "/strangers.json") {
			reads++
		}
		return nil
	}
	_, r := w.report()
	if reads != maxRecords {
		t.Errorf("%d records were read, want %d", reads, maxRecords)
	}
	read := map[string]int{}
	for _, f := range r.Failures {
		read[f.Error+": "+f.Reason]++
	}
	if got := read["ThrottledError: too fast"]; got != maxRecords || len(r.Failures) != volumes {
		t.Errorf("%d of %d failures have their reason, want %d of %d", got, len(r.Failures), maxRecords, volumes)
	}
	last := Failure{ebs.Place{InstanceID: "i-large", VolumeID: "vol-1002"}, "", "NotRead",
		"one of 1003 failures; its reason is in " + prefix + "failures/vol-1002.json", advice("NotRead")}
	if got := r.Failures[volumes-1]; got != last {
		t.Errorf("the last failure is %+v, want %+v", got, last)
	}
}
