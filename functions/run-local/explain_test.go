package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// deployed writes a cdk.json with two schedules, and gives its name.
func deployed(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "cdk.json")
	err := os.WriteFile(name, []byte(`{"app": "go run ./infra", "context": {"schedules": [
		{"keyword": "SnapshotDaily", "expression": "cron(0 8 * * ? *)", "timeZone": "Asia/Shanghai"},
		{"keyword": "SnapshotHourly", "expression": "cron(0 * * * ? *)"},
		{"keyword": "SnapshotData", "expression": "rate(1 day)", "excludeBootVolumes": true},
		{"keyword": "SnapshotPaused", "expression": "rate(1 day)", "enabled": false}
	], "@aws-cdk/core:checkSecretUsage": true}}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// ofSchedule adds a completed snapshot of vol-1 that a run of the schedule made, so many hours ago.
func ofSchedule(a *ec2sim.Account, keyword string, hours int) string {
	at := time.Now().Add(-time.Duration(hours) * time.Hour)
	return a.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Made(
		ebs.Stamp{Keyword: keyword, Retention: "2", RunID: ebs.RunID(keyword, at), InstanceID: "i-1"},
		ebs.Snapshot{VolumeID: "vol-1", StartTime: at, SizeGiB: 8}, nil)})
}

func TestAPlanOfAllSchedulesAddsThemUp(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "2", "vol-1", "vol-2")
	account.TagInstance("i-1", "SnapshotHourly", "1")
	account.TagVolume("vol-2", "SnapshotHourly", "off")
	ofSchedule(account, "SnapshotDaily", 48)
	ofSchedule(account, "SnapshotDaily", 24)
	ofSchedule(account, "SnapshotHourly", 1)
	before := account.Snapshots()
	c := newCommand(t)
	if got := c.run(t.Context(), "-plan", "-config", deployed(t), "-json", "-"); got != exitOK {
		t.Fatalf("exit status %d: %s", got, c.stderr.String())
	}
	var all allPlanned
	if err := json.Unmarshal(c.stdout.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Schedules) != 3 || all.Create != 3 || all.Delete != 2 || all.Keep != 4 || all.UpperBound.GiB != 32 {
		t.Errorf("%d schedules: create %d, delete %d, keep %d, at most %v GiB; want 3: 3, 2, 4, 32", len(all.Schedules), all.Create, all.Delete, all.Keep, all.UpperBound.GiB)
	}
	want := []contract.Excluded{{InstanceID: "i-1", Name: "web-i-1", VolumeID: "vol-2", Device: "/dev/xvda", Reason: "its own tag SnapshotHourly is off"}}
	if d := cmp.Diff(want, all.Schedules[1].LeftOut); d != "" {
		t.Errorf("left out (-want +got):\n%s", d)
	}
	if zone := all.Schedules[0].Run.TimeZone; zone != "Asia/Shanghai" {
		t.Errorf("the daily run counts in %s", zone)
	}
	if got := c.run(t.Context(), "-plan", "-config", deployed(t)); got != exitOK {
		t.Fatalf("exit status %d: %s", got, c.stderr.String())
	}
	for _, text := range []string{
		"Plan of run SnapshotDaily/", "Plan of run SnapshotHourly/", "its own tag SnapshotHourly is off",
		"All schedules: create 3, keep 4, delete 2 snapshots.", "The schedule SnapshotPaused is disabled", "at most 1.60 USD a month (32 GiB at 0.05 USD, us-east-1). It is an upper bound, not an estimate:",
	} {
		if !strings.Contains(c.stdout.String(), text) {
			t.Errorf("the output does not say %q:\n%s", text, c.stdout.String())
		}
	}
	if d := cmp.Diff(before, account.Snapshots()); d != "" {
		t.Errorf("the plan changed EC2 (-before +after):\n%s", d)
	}
}

func TestWithoutSchedulesItSaysWhereToFindThem(t *testing.T) {
	server(t)
	for _, args := range [][]string{{"-plan"}, {"-explain", "vol-1"}} {
		c := newCommand(t)
		if got := c.run(t.Context(), args...); got != exitFailed || !strings.Contains(c.stderr.String(), "run it where cdk.json is, or name the file with -config") {
			t.Errorf("%v: exit status %d: %s", args, got, c.stderr.String())
		}
		if got := c.run(t.Context(), append(args, "-config", "absent.json")...); got != exitFailed || !strings.Contains(c.stderr.String(), "absent.json") {
			t.Errorf("%v with a file that is absent: exit status %d: %s", args, got, c.stderr.String())
		}
	}
	broken := filepath.Join(t.TempDir(), "cdk.json")
	if err := os.WriteFile(broken, []byte(`{"context": {"schedules": [{"keyword": "Name"}]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newCommand(t)
	if got := c.run(t.Context(), "-schedule", "SnapshotDaily", "-plan", "-config", broken); got != exitFailed || !strings.Contains(c.stderr.String(), "schedules[0].expression: it is missing") {
		t.Errorf("exit status %d: %s", got, c.stderr.String())
	}
}

func TestAnExplanationSaysWhoseWhyAndUntilWhen(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "2", "vol-1")
	account.TagInstance("i-1", "SnapshotHourly", "3")
	account.TagVolume("vol-1", "SnapshotHourly", "1")
	daily, hourly := ofSchedule(account, "SnapshotDaily", 24), ofSchedule(account, "SnapshotHourly", 1)
	manual := ec2sim.Snapshot{}
	manual.VolumeID, manual.StartTime = "vol-1", time.Now().Add(-time.Minute)
	byHand := account.AddSnapshot(manual)
	account.ResetLog()
	if left := time.Until(time.Now().Truncate(time.Hour).Add(time.Hour)); left < 5*time.Second {
		time.Sleep(left) // else the hour might change while the test runs
	}
	c := newCommand(t)
	if got := c.run(t.Context(), "-explain", "vol-1", "-config", deployed(t), "-json", "-"); got != exitOK {
		t.Fatalf("exit status %d: %s", got, c.stderr.String())
	}
	var e explained
	if err := json.Unmarshal(c.stdout.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	nextHour := now.Truncate(time.Hour).Add(time.Hour)
	nextDay := now.Truncate(24*time.Hour).AddDate(0, 0, 1) // 08:00 in Shanghai
	dayAfter := nextDay.AddDate(0, 0, 1)
	type fate struct {
		ID, Reason string
		Managed    bool
		Goes       *time.Time
	}
	var got []fate
	for _, s := range e.Snapshots {
		got = append(got, fate{s.SnapshotID, s.Reason, s.Managed, s.Goes})
	}
	want := []fate{
		{byHand, "no run of this tool made it", false, nil}, {hourly, "last 1 of 1", true, &nextHour}, {daily, "last 1 of 2", true, &dayAfter},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if s := e.Schedules[1]; s.Retention != "1" || !s.OwnTag || !s.Next.Equal(nextHour) || s.InstanceID != "i-1" {
		t.Errorf("of the hourly schedule it says %+v", s)
	}
	if got := c.run(t.Context(), "-explain", "vol-1", "-config", deployed(t)); got != exitOK {
		t.Fatalf("exit status %d: %s", got, c.stderr.String())
	}
	for _, text := range []string{
		"Volume vol-1, 8 GiB", "Schedule SnapshotDaily: cron(0 8 * * ? *), Asia/Shanghai", `keeps "2", its instance's tag`, `keeps "1", the volume's own tag`,
		"completed  not ours", "kept:  last 1 of 1\n    goes:  " + nextHour.Format(utc) + ": beyond last=1", "upper bound, not an estimate",
	} {
		if !strings.Contains(c.stdout.String(), text) {
			t.Errorf("the output does not say %q:\n%s", text, c.stdout.String())
		}
	}
	for action := range account.Calls() {
		if !strings.HasPrefix(action, "Describe") {
			t.Errorf("the explanation called %s", action)
		}
	}
}

func TestBootVolumesAreLeftOutHereAsTheyAreWhereItIsDeployed(t *testing.T) {
	account := server(t)
	account.AddInstance(ec2sim.Instance{ID: "i-1", Tags: map[string]string{"SnapshotData": "3"}, Volumes: []ec2sim.BlockDevice{
		{ID: "vol-boot", Device: "/dev/xvda"}, {ID: "vol-data", Device: "/dev/sdf"},
	}})
	c := newCommand(t)
	for _, args := range [][]string{{"-plan"}, {"-explain", "vol-boot"}, {"-schedule", "SnapshotData", "-plan"}} {
		if got := c.run(t.Context(), append(args, "-config", deployed(t))...); got != exitOK || !strings.Contains(c.stdout.String(), "it is a boot volume") {
			t.Errorf("%v: exit status %d: %s", args, got, c.stdout.String())
		}
	}
	if got := c.run(t.Context(), "-schedule", "SnapshotData", "-config", deployed(t), "-dir", c.dir); got != exitOK {
		t.Fatalf("exit status %d: %s", got, c.stderr.String())
	}
	var got []string
	for _, s := range account.Snapshots() {
		got = append(got, s.VolumeID)
	}
	if d := cmp.Diff([]string{"vol-data"}, got); d != "" {
		t.Errorf("snapshots of (-want +got):\n%s", d)
	}
}

func TestAnExplanationSaysWhyNothingIsDeleted(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "abc", "vol-1")
	ofSchedule(account, "SnapshotDaily", 24)
	c := newCommand(t)
	says := func(texts ...string) {
		t.Helper()
		if got := c.run(t.Context(), "-explain", "vol-1", "-config", deployed(t)); got != exitOK {
			t.Fatalf("exit status %d: %s", got, c.stderr.String())
		}
		for _, text := range texts {
			if !strings.Contains(c.stdout.String(), text) {
				t.Errorf("the output does not say %q:\n%s", text, c.stdout.String())
			}
		}
	}
	says(`nothing is deleted: the retention "abc"`, "the volume is at no instance with the tag SnapshotHourly")
	account.TagInstance("i-1", "SnapshotDaily", "off")
	says("kept:  its instance's tag SnapshotDaily is off")
	account.UntagInstance("i-1", "SnapshotDaily")
	says("kept:  the volume is at no instance with the tag SnapshotDaily; orphans are not deleted")
	account.DeleteVolume("vol-1")
	says("Volume vol-1, which is gone", "the volume is gone, and no run works on it any more", "1 snapshot of this account")
}

func TestAnExplanationSaysWhatThePolicyForOrphansDeletes(t *testing.T) {
	const verdict = "tidy-orphans deletes it a week after it told of the volume: "
	for name, c := range map[string]struct {
		orphans, schedule string
		own               string
		goes              int
	}{
		"those beyond what stays":           {`"last=1"`, "", "", 2},
		"none if they are only told of":     {`"report"`, "", "", 0},
		"none of a paused schedule":         {`"last=1"`, `, "enabled": false`, "", 0},
		"none of a volume with its own tag": {`"last=1"`, "", "off", 0},
	} {
		account := server(t)
		addInstance(account, "i-1", "3", "vol-1")
		for days := 1; days < 4; days++ {
			ofSchedule(account, "SnapshotDaily", 24*days)
		}
		if c.own != "" {
			account.TagVolume("vol-1", "SnapshotDaily", c.own)
		}
		account.SetInstanceState("i-1", ec2sim.InstanceTerminated)
		file := filepath.Join(t.TempDir(), "cdk.json")
		text := `{"context": {"orphans": ` + c.orphans + `, "schedules": [{"keyword": "SnapshotDaily", "expression": "rate(1 day)"` + c.schedule + `}]}}`
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := newCommand(t)
		if got := cmd.run(t.Context(), "-explain", "vol-1", "-config", file); got != exitOK {
			t.Fatalf("%s: exit %d: %s", name, got, cmd.stderr.String())
		}
		out := cmd.stdout.String()
		if got := strings.Count(out, verdict); got != c.goes || c.goes == 0 && strings.Contains(out, "of orphans stays") {
			t.Errorf("%s: %d go, want %d:\n%s", name, got, c.goes, out)
		}
	}
}
