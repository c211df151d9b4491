package prune

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Of a deleted snapshot only the log is left.
func TestTheLogSaysWhyEachSnapshotWasDeletedOrKept(t *testing.T) {
	f := volumeWith(ebs.Completed, 4)
	refused := &ebs.RefusedError{SnapshotID: "snap-4", Code: "InvalidSnapshot.InUse", Message: "an AMI uses it"}
	f.failures["snap-4"] = refused
	var log bytes.Buffer
	s := &Service{EC2: f, Now: func() time.Time { return now }, Wait: f.wait, Log: slog.New(slog.NewJSONHandler(&log, nil))}
	if _, err := s.Prune(t.Context(), request("3")); err != nil {
		t.Fatal(err)
	}
	type line struct {
		Msg        string `json:"msg"`
		SnapshotID string `json:"snapshot_id"`
		VolumeID   string `json:"volume_id"`
		RunID      string `json:"run_id"`
		Reason     string `json:"reason"`
	}
	var got []line
	for d := json.NewDecoder(&log); ; {
		var l line
		if err := d.Decode(&l); err != nil {
			break
		}
		if l.SnapshotID != "" {
			got = append(got, l)
		}
	}
	want := []line{
		{contract.LogKept, "snap-4", volumeID, request("3").Run.ID, refused.Error()},
		{contract.LogDeleted, "snap-3", volumeID, request("3").Run.ID, beyond("snap-3", 3).Reason},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
