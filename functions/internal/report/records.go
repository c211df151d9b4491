package report

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const (
	// maxRecords is how many recorded reasons are read: at 20 ms each, well inside the function's timeout. The message lists
	// fewer; of the rest the report says that they failed.
	maxRecords = 1000
	// maxReason is how much of a reason is worth reading, in characters.
	maxReason = 600
)

// records gives what the workflow recorded of failed volumes, by volume: what RecordFailure wrote, what ended a whole child
// execution, and what ended the map.
func (s *Service) records(ctx context.Context, d contract.Discovery, items []contract.Item) (map[string]*contract.Failure, error) {
	out := map[string]*contract.Failure{}
	keys, err := s.Objects.List(ctx, d.FailurePrefix)
	if err != nil {
		return nil, fmt.Errorf("list the failures of run %s: %w", d.Run.ID, err)
	}
	for n, key := range keys {
		f := &contract.Failure{Error: "NotRead", Cause: fmt.Sprintf("one of %d failures; its reason is in %s", len(keys), key)}
		if n < maxRecords {
			if f, err = s.record(ctx, key); err != nil {
				return nil, err
			}
		}
		out[strings.TrimSuffix(path.Base(key), ".json")] = f
	}
	return out, s.addMapFailures(ctx, d, items, out)
}

func (s *Service) record(ctx context.Context, key string) (*contract.Failure, error) {
	body, _, err := s.Objects.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read a recorded failure: %w", err)
	}
	// Step Functions may store a text body as a JSON string.
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

// addMapFailures adds what went wrong above the volumes: a child execution that ended without recording why, or the map.
func (s *Service) addMapFailures(ctx context.Context, d contract.Discovery, items []contract.Item, out map[string]*contract.Failure) error {
	var m contract.MapResult
	if json.Unmarshal(d.Map, &m) != nil {
		return nil //nolint:nilerr // no map, or an emulator's array of results: there is nothing to read in it
	}
	if m.Error != "" {
		// Which children had their turn is not known; none of the run's volumes can be said to be done.
		for _, i := range items {
			failAll(out, i, contract.Failure{Error: m.Error, Cause: "the step SnapshotInstances as a whole ended: " + m.Cause})
		}
		return nil
	}
	if m.ResultWriterDetails.Key == "" {
		return nil
	}
	children, err := s.failedChildren(ctx, m.ResultWriterDetails.Key)
	if err != nil {
		return err
	}
	for _, c := range children {
		var i contract.Item
		if err := json.Unmarshal([]byte(c.Input), &i); err != nil {
			return fmt.Errorf("read the input of child execution %s: %w", c.ExecutionArn, err)
		}
		failAll(out, i, c.failure())
	}
	return nil
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

// failure says how the child ended. One that was aborted, or never started, has a status only.
func (c child) failure() contract.Failure {
	how := c.Status
	if c.Cause != "" {
		how += ": " + c.Cause
	}
	return contract.Failure{Error: cmp.Or(c.Error, "ChildUnfinished"), Cause: "child execution " + c.ExecutionArn + " is " + how}
}

func (s *Service) failedChildren(ctx context.Context, manifestKey string) ([]child, error) {
	var manifest struct {
		ResultFiles map[string][]struct{ Key string }
	}
	if err := s.read(ctx, manifestKey, &manifest); err != nil {
		return nil, err
	}
	var out []child
	for _, status := range []string{"FAILED", "PENDING"} {
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

// reasonOf gives the message of a failure: a Lambda's is inside a JSON text.
func reasonOf(f contract.Failure) string {
	var fromLambda struct {
		Message string `json:"errorMessage"`
	}
	reason := f.Cause
	if json.Unmarshal([]byte(f.Cause), &fromLambda) == nil && fromLambda.Message != "" {
		reason = fromLambda.Message
	}
	if reason == "" {
		reason = "no reason was given"
	}
	if r := []rune(reason); len(r) > maxReason {
		reason = string(r[:maxReason]) + "…"
	}
	return reason
}
