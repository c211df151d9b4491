package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAPlanSaysWhatARunThenDoesAndChangesNothing(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "2", "vol-1")
	addInstance(account, "i-2", "abc", "vol-2")
	for _, hours := range []int{2, 1} {
		if err := newCommand(t).daily(t.Context(), "-scheduled-time", hoursBefore(hours)); err != nil {
			t.Fatal(err)
		}
	}
	c := newCommand(t)
	before := account.Snapshots()
	state := filepath.Join(t.TempDir(), "state")
	account.ResetLog()
	if err := c.daily(t.Context(), "-plan", "-json", "-", "-dir", state); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, account.Snapshots()); d != "" {
		t.Errorf("the plan changed EC2 (-before +after):\n%s", d)
	}
	for _, call := range account.Log() {
		if !strings.HasPrefix(call.Action, "Describe") {
			t.Errorf("the plan called %s", call.Action)
		}
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("the plan made %s", state)
	}
	var p planned
	if err := json.Unmarshal(c.stdout.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Create != 2 || p.Delete != 1 || len(p.Volumes) != 2 {
		t.Fatalf("the plan creates %d, deletes %d of %d volumes; want 2, 1 of 2", p.Create, p.Delete, len(p.Volumes))
	}
	if problem := p.Volumes[1].Problem; !strings.Contains(problem, `"abc"`) {
		t.Errorf("the problem of vol-2 is %q, want one that names abc", problem)
	}
	doomed := p.Volumes[0].Delete[0].SnapshotID
	if err := c.daily(t.Context(), "-scheduled-time", at); err != nil {
		t.Fatal(err)
	}
	if deleted := account.Deleted(); len(deleted) != 1 || deleted[0].Snapshot.ID != doomed {
		t.Errorf("the run deleted %v, the plan said %s", deleted, doomed)
	}
}

func TestAPlanGivesAReasonForEachSnapshot(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "1", "vol-1")
	c := newCommand(t)
	if err := c.daily(t.Context(), "-scheduled-time", at); err != nil {
		t.Fatal(err)
	}
	if err := c.daily(t.Context(), "-plan"); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"Nothing is changed", "web-i-1 (i-1), vol-1 (/dev/xvda), SnapshotDaily=1", "create  (new)", "delete  snap-", "beyond last=1"} {
		if !strings.Contains(c.stdout.String(), text) {
			t.Errorf("the plan does not say %q:\n%s", text, c.stdout.String())
		}
	}
}
