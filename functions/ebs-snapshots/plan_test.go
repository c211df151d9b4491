package main

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

func TestAPlanSaysWhatARunThenDoesAndChangesNothing(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "2", "vol-1")
	addInstance(account, "i-2", "abc", "vol-2")
	for _, hours := range []int{2, 1} {
		if err := newCommand(t).daily(t.Context(), "--scheduled-time", hoursBefore(hours)); err != nil {
			t.Fatal(err)
		}
	}
	c := newCommand(t)
	before := account.Snapshots()
	account.ResetLog()
	c.says(t, 0, []string{"plan", "SnapshotDaily", "--output", "json"})
	if d := cmp.Diff(before, account.Snapshots()); d != "" {
		t.Errorf("the plan changed EC2 (-before +after):\n%s", d)
	}
	for _, call := range account.Log() {
		if !strings.HasPrefix(call.Action, "Describe") {
			t.Errorf("the plan called %s", call.Action)
		}
	}
	if found, err := os.ReadDir(c.dir); err != nil || len(found) != 1 {
		t.Errorf("beside cdk.json the plan made %v (%v)", found, err)
	}
	var p planOutput
	if err := json.Unmarshal(c.stdout.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	volumes := p.Schedules[0].Volumes
	if p.Create != 2 || p.Delete != 1 || len(volumes) != 2 {
		t.Fatalf("the plan creates %d, deletes %d of %d volumes; want 2, 1 of 2", p.Create, p.Delete, len(volumes))
	}
	if volumes[1].Readable || !volumes[0].Readable || !strings.Contains(volumes[1].Problem(), `"abc"`) {
		t.Errorf("the problem of vol-2 is %q, want one that names abc", volumes[1].Problem())
	}
	doomed := volumes[0].Snapshots[len(volumes[0].Snapshots)-1].ID
	if err := c.daily(t.Context(), "--scheduled-time", at); err != nil {
		t.Fatal(err)
	}
	if deleted := account.Deleted(); len(deleted) != 1 || deleted[0].Snapshot.ID != doomed {
		t.Errorf("the run deleted %v, the plan said %s", deleted, doomed)
	}
}

func TestAPlanGivesTotalsFirstThenALineForEachVolume(t *testing.T) {
	account := server(t)
	addInstance(account, "i-2", "1", "vol-2")
	addInstance(account, "i-1", "1", "vol-1")
	account.TagInstance("i-2", "Name", "a-first")
	c := newCommand(t)
	if err := c.daily(t.Context(), "--scheduled-time", at); err != nil {
		t.Fatal(err)
	}
	c.says(t, 0, []string{"plan", "SnapshotDaily"}, "Account 123456789012, Region us-east-1", "This is a plan: nothing is changed.",
		"create 2, keep 0, delete 2 snapshots. 2 volumes of 2 instances.", "INSTANCE  VOLUME  DEVICE     RETENTION  NEW  KEEP  DEL\na-first   vol-2   /dev/xvda  1            1     0    1\nweb-i-1 ")
	c.says(t, 0, []string{"plan", "SnapshotDaily", "--only", "delete"}, "a-first, vol-2 (/dev/xvda), SnapshotDaily=1\n  snap-", "beyond last=1 (1 newer kept)")
	c.says(t, 0, []string{"plan", "SnapshotDaily", "--only", "create"}, "  (new)  ", "last 1 of 1")
	c.says(t, 0, []string{"plan", "SnapshotDaily", "--instance", "a-first"}, "1 volume of 1 instance.", "vol-2")
	if strings.Contains(c.stdout.String(), "vol-1") {
		t.Errorf("the plan of one instance names another's volume:\n%s", c.stdout.String())
	}
	c.says(t, 1, []string{"plan", "SnapshotDaily", "--instance", "nobody"}, `no schedule here works on an instance "nobody"; is this the right account and Region? Account 123456789012`)
	// The same run again has nothing to create, and --all shows its volumes all the same.
	again := []string{"plan", "SnapshotDaily", "--scheduled-time", at}
	if c.says(t, 0, again, "create 0, keep 2, delete 0"); strings.Contains(c.stdout.String(), "vol-2") {
		t.Errorf("a volume that would not change is listed:\n%s", c.stdout.String())
	}
	c.says(t, 0, append(again, "--all"), "vol-2")
}

func TestAPlanFoldsAt80ColumnsAndKeepsIDsWhole(t *testing.T) {
	account := server(t)
	const id = "vol-0123456789abcdef0"
	account.AddInstance(ec2sim.Instance{ID: "i-1", Tags: map[string]string{"SnapshotDaily": "last=3 daily=7 weekly=4 monthly=12 yearly=3", "Name": "数据库服务器的一个很长的名字"},
		Volumes: []ec2sim.BlockDevice{{ID: id, Device: "/dev/xvda"}}})
	c := newCommand(t)
	a := c.app()
	a.console.width = 80
	if got := execute(t.Context(), a, []string{"plan", "--config", c.config}); got != exitOK {
		t.Fatalf("exit status %d: %s", got, c.stderr.String())
	}
	for line := range strings.Lines(c.stdout.String()) {
		if lipgloss.Width(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("a line is wider than 80 columns: %s", line)
		}
	}
	if !strings.Contains(c.stdout.String(), id) {
		t.Errorf("the volume's ID is broken:\n%s", c.stdout.String())
	}
}

func TestListsInJSONAreNeverNull(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	leave(account, "i-1", "vol-1", 1)
	c := newCommand(t)
	for _, args := range []string{"plan", "plan SnapshotHourly", "explain vol-1", "adopt SnapshotDaily --dry-run", "adopt SnapshotDaily --undo --dry-run", "config check", "run SnapshotDaily --yes", "version"} {
		c.says(t, 0, append(strings.Fields(args), "--output", "json"))
		var value any
		if err := json.Unmarshal(c.stdout.Bytes(), &value); err != nil {
			t.Errorf("%s: %v", args, err)
		}
		for line := range strings.Lines(c.stdout.String()) {
			if key, null := strings.CutSuffix(strings.TrimRight(strings.TrimSpace(line), ","), ": null"); null && !slices.Contains([]string{`"outcome"`, `"because"`, `"orphaned"`, `"nextRun"`}, key) && !strings.HasSuffix(key, `At"`) {
				t.Errorf("%s: %s is null", args, key)
			}
		}
	}
}

func TestATableThatFitsIsNotFolded(t *testing.T) {
	var out bytes.Buffer
	c := &console{out: &out, width: 10}
	c.untitled([][]string{{"one", "two t"}}, column{solid: true}, column{})
	if got := out.String(); got != "one  two t\n" {
		t.Errorf("10 columns are folded at 10: %q", got)
	}
	c.width = 9
	out.Reset()
	c.untitled([][]string{{"one", "two t"}}, column{solid: true}, column{})
	if got := out.String(); got != "one  two\n     t\n" {
		t.Errorf("at 9 columns: %q", got)
	}
}
