package report

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const (
	// maxRecords is how many recorded reasons are read. At 20 ms each that is well inside the function's timeout, and more than the
	// message lists. The report lists the other failures without their reasons.
	maxRecords = 1000
	// maxReason bounds a reason, in characters.
	maxReason = 600
)

// timedOut is the error of a step that timed out. Step Functions gives no cause with it.
const timedOut = "States.Timeout"

// recorded is what the workflow recorded about failures.
type recorded struct {
	byVolume map[string]*contract.Failure // written by RecordFailure, or how its child execution ended
	ofMap    *contract.Failure            // how the map ended, if it failed
	unread   error                        // why the children's results can't be read
}

// of gives the failure recorded for a volume. A volume without a completed snapshot has the map's failure if it has none of its own.
func (r recorded) of(volume string, completed bool) *contract.Failure {
	if f := r.byVolume[volume]; f != nil || completed {
		return f
	}
	return r.ofMap
}

// gone says whether a volume that EC2 does not list counts as deleted. It does not if another failure is recorded: a role that was denied
// the snapshot may be denied seeing the volume too.
func (r recorded) gone(volume string) bool {
	f := r.byVolume[volume]
	return f == nil || f.Error == "VolumeGoneError"
}

func (s *Service) records(ctx context.Context, d contract.Discovery) (recorded, error) {
	out := recorded{byVolume: map[string]*contract.Failure{}}
	keys, err := s.Objects.List(ctx, d.FailurePrefix)
	if err != nil {
		return out, fmt.Errorf("list the failures of run %s: %w", d.Run.ID, err)
	}
	for n, key := range keys {
		f := &contract.Failure{Error: "NotRead", Cause: fmt.Sprintf("one of %d failures; its reason is in %s", len(keys), key)}
		if n < maxRecords {
			if f, err = s.record(ctx, key); err != nil {
				return out, err
			}
		}
		out.byVolume[strings.TrimSuffix(path.Base(key), ".json")] = f
	}
	s.addMap(ctx, d, &out)
	return out, nil
}

func (s *Service) record(ctx context.Context, key string) (*contract.Failure, error) {
	body, _, err := s.Objects.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read a recorded failure: %w", err)
	}
	// Step Functions stores a text body as a JSON string; emulators may store the text as it is.
	var text string
	if json.Unmarshal(body, &text) == nil {
		body = []byte(text)
	}
	f := &contract.Failure{}
	if err := json.Unmarshal(body, f); err != nil || f.Error == "" {
		f = &contract.Failure{Error: "Unreadable", Cause: string(body)}
	}
	return f, nil
}

// addMap adds failures of whole child executions and of the map. They are only reasons, since EC2 decides which volumes failed. So results
// that can't be read become a problem in the report, and do not stop it.
func (s *Service) addMap(ctx context.Context, d contract.Discovery, out *recorded) {
	var m contract.MapResult
	if json.Unmarshal(d.Map, &m) != nil {
		return // no map, or an emulator's array of results, which says nothing
	}
	if m.Error != "" {
		out.ofMap = &contract.Failure{Error: m.Error, Cause: "the step SnapshotInstances failed: " + cmp.Or(m.Cause, "no reason was given")}
	}
	if m.ResultWriterDetails.Key == "" {
		return
	}
	children, err := s.failedChildren(ctx, m.ResultWriterDetails.Key)
	out.unread = err
	for _, c := range children {
		var i contract.Item
		if err := json.Unmarshal([]byte(c.Input), &i); err != nil {
			out.unread = fmt.Errorf("read the input of child execution %s: %w", c.ExecutionArn, err)
			continue
		}
		failAll(out.byVolume, i, c.failure())
	}
	if out.unread != nil {
		s.Log.WarnContext(ctx, "results of child executions unreadable", "run_id", d.Run.ID, "error", out.unread.Error())
	}
}

func failAll(out map[string]*contract.Failure, i contract.Item, f contract.Failure) {
	for _, v := range i.Volumes {
		if out[v.ID] == nil {
			out[v.ID] = &f
		}
	}
}

// child is a child execution as Step Functions exports it (Step Functions Developer Guide, "ResultWriter").
type child struct{ ExecutionArn, Input, Status, Error, Cause string }

// notStarted is the status of a child execution that Step Functions never started.
const notStarted = "PENDING"

// failure says how the child ended. If it was aborted or never started, it has only a status.
func (c child) failure() contract.Failure {
	how := " ended: "
	if c.Status == notStarted {
		how = " did not start: "
	}
	cause := "child execution " + c.ExecutionArn + how + c.Status
	if c.Cause != "" {
		cause += ": " + c.Cause
	}
	return contract.Failure{Error: cmp.Or(c.Error, "ChildUnfinished"), Cause: cause}
}

func (s *Service) failedChildren(ctx context.Context, manifestKey string) ([]child, error) {
	var manifest struct {
		ResultFiles map[string][]struct{ Key string }
	}
	if err := s.read(ctx, manifestKey, &manifest); err != nil {
		return nil, err
	}
	var out []child
	for _, status := range []string{"FAILED", notStarted} {
		for _, file := range manifest.ResultFiles[status] {
			var children []child
			if err := s.read(ctx, file.Key, &children); err != nil {
				return nil, err
			}
			out = append(out, children...)
		}
	}
	return out, nil
}

func (s *Service) read(ctx context.Context, key string, into any) error {
	body, _, err := s.Objects.Get(ctx, key)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return fmt.Errorf("read the results of the child executions: %w", err)
	}
	return nil
}

// reasonOf gives the message of a failure. A Lambda's message is inside a JSON text.
func reasonOf(f contract.Failure) string {
	var fromLambda struct {
		Message string `json:"errorMessage"`
	}
	reason := f.Cause
	if json.Unmarshal([]byte(f.Cause), &fromLambda) == nil && fromLambda.Message != "" {
		reason = fromLambda.Message
	}
	if reason == "" && f.Error == timedOut {
		reason = "the function did not answer before the step timed out"
	}
	if reason == "" {
		reason = "no reason was given"
	}
	return ebs.Cut(reason, maxReason)
}
