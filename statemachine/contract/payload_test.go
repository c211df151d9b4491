package contract_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// payloads are the recorded payloads and their types.
var payloads = map[string]func() any{
	"input":                    value[contract.Input],
	"input-of-the-first-users": value[contract.Input],
	"input-of-a-person":        value[contract.Input],
	"discover-request":         value[contract.DiscoverRequest],
	"discovery-work":           value[contract.Discovery],
	"discovery-nothing":        value[contract.Discovery],
	"discovery-duplicate":      value[contract.Discovery],
	"discovery-after-the-map":  value[contract.Discovery],
	"item":                     value[contract.Item],
	"volume-task":              value[contract.VolumeTask],
	"snapshot-request":         value[contract.SnapshotRequest],
	"snapshot-result":          value[contract.SnapshotResult],
	"prune-request":            value[contract.PruneRequest],
	"prune-result":             value[contract.PruneResult],
	"prune-result-of-nothing":  value[contract.PruneResult],
	"failure":                  value[contract.Failure],
	"report-result":            value[contract.ReportResult],
}

func value[T any]() any { return new(T) }

func TestPayloadsAreWrittenAsTheyWereRead(t *testing.T) {
	for name, of := range payloads {
		t.Run(name, func(t *testing.T) {
			recorded := read(t, name)
			payload := of()
			if err := strictly(recorded, payload); err != nil {
				t.Fatal(err)
			}
			written, err := json.Marshal(payload)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(anything(t, recorded), anything(t, written)); diff != "" {
				t.Errorf("-recorded +written:\n%s", diff)
			}
		})
	}
}

func TestEachRecordedPayloadHasATest(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no payloads: %v", err)
	}
	known := []string{"map-result", "map-result-failed"}
	for name := range payloads {
		known = append(known, name)
	}
	var recorded []string
	for _, f := range files {
		recorded = append(recorded, strings.TrimSuffix(filepath.Base(f), ".json"))
	}
	slices.Sort(known)
	slices.Sort(recorded)
	if diff := cmp.Diff(known, recorded); diff != "" {
		t.Errorf("-read by a test +in testdata:\n%s", diff)
	}
}

func TestAPayloadWithAnUnknownFieldIsNoticed(t *testing.T) {
	for name, of := range payloads {
		extra := append([]byte(`{"Unheard-of": 1, `), bytes.TrimPrefix(bytes.TrimSpace(read(t, name)), []byte("{"))...)
		if err := strictly(extra, of()); err == nil || !strings.Contains(err.Error(), "Unheard-of") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestTheResultOfTheMapMayHaveUnknownFields(t *testing.T) {
	success, failure := contract.MapResult{}, contract.MapResult{}
	success.ResultWriterDetails.Key = "results/5a8f0c2e-1b7d-4a67-9f61-0b7e3d9a4c12/manifest.json"
	failure.Error = "States.ItemReaderFailed"
	failure.Cause = "The object s3://snapshot-lifecycle-bucket/runs/SnapshotDaily/20261122T000000Z/by-hand/manifest.json can't be read."
	for name, want := range map[string]contract.MapResult{"map-result": success, "map-result-failed": failure} {
		t.Run(name, func(t *testing.T) {
			var got contract.MapResult
			if err := json.Unmarshal(read(t, name), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAPayloadOfAnotherTypeIsRefused(t *testing.T) {
	for text, into := range map[string]any{
		`{"SnapshotKeyWord": 5}`:           new(contract.Input),
		`{"ScheduledTime": "tomorrow"}`:    new(contract.Run),
		`{"Attempt": "2"}`:                 new(contract.SnapshotRequest),
		`{"Volumes": {}}`:                  new(contract.Item),
		`{"Snapshot": "snap-1"}`:           new(contract.PruneRequest),
		`{"LastStartAt": 1763769600}`:      new(contract.Discovery),
		`{"Tags": {"team": null, "n": 1}}`: new(contract.Instance),
		`["no object"]`:                    new(contract.ReportResult),
	} {
		if err := json.Unmarshal([]byte(text), into); err == nil {
			t.Errorf("%s was read into %+v", text, into)
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func strictly(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func anything(t *testing.T, body []byte) any {
	t.Helper()
	var out any
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
