package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/plan"
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
	c.config = deployed(t)
	c.says(t, 0, []string{"plan", "--output", "json"})
	var all planOutput
	if err := json.Unmarshal(c.stdout.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Schedules) != 3 || all.Create != 3 || all.Delete != 2 || all.Keep != 1 || all.StorageBound.GiB != 32 {
		t.Errorf("%d schedules: create %d, delete %d, keep %d, at most %v GiB; want 3: 3, 2, 1, 32", len(all.Schedules), all.Create, all.Delete, all.Keep, all.StorageBound.GiB)
	}
	want := []plan.Excluded{{Place: plan.Place{InstanceID: "i-1", InstanceName: "web-i-1", VolumeID: "vol-2", Device: "/dev/xvda"}, Reason: contract.VolumeTagOff}}
	if d := cmp.Diff(want, all.Schedules[1].Excluded); d != "" {
		t.Errorf("excluded (-want +got):\n%s", d)
	}
	if zone := all.Schedules[0].TimeZone; zone != "Asia/Shanghai" || len(all.Disabled) != 1 {
		t.Errorf("the daily run counts in %s; disabled: %v", zone, all.Disabled)
	}
	c.says(t, 0, []string{"plan"}, "SnapshotDaily, run of ", "SnapshotHourly, run of ", "1 volume excluded by tags or by the schedule; --all lists them.",
		"All schedules: create 3, keep 1, delete 2 snapshots.", "The schedule SnapshotPaused is disabled",
		"at most 1.60 USD a month: 32 GiB, priced as in us-east-1. This is an upper bound, not an estimate:")
	c.says(t, 0, []string{"plan", "--all"}, "its own tag SnapshotHourly is off")
	if d := cmp.Diff(before, account.Snapshots()); d != "" {
		t.Errorf("the plan changed EC2 (-before +after):\n%s", d)
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
	c.config = deployed(t)
	c.says(t, 0, []string{"explain", "vol-1", "--output", "json"})
	var out explainOutput
	if err := json.Unmarshal(c.stdout.Bytes(), &out); err != nil || len(out.Volumes) != 1 {
		t.Fatal(len(out.Volumes), err)
	}
	e := out.Volumes[0]
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
		got = append(got, fate{s.ID, s.Why(), s.Managed, s.DeletedAt})
	}
	want := []fate{
		{byHand, "no run of this tool made it", false, nil}, {hourly, "last 1 of 1", true, &nextHour}, {daily, "last 1 of 2", true, &dayAfter},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if s := e.Schedules[1]; s.Retention != "1" || !s.VolumeTag || !s.NextRun.Equal(nextHour) || s.InstanceID != "i-1" {
		t.Errorf("of the hourly schedule it says %+v", s)
	}
	c.says(t, 0, []string{"explain", "vol-1"},
		"web-i-1, /dev/xvda, volume vol-1, 8 GiB: 3 snapshots.", "SnapshotDaily: cron(0 8 * * ? *), Asia/Shanghai", `keeps "2", its instance's tag`, `keeps "1", the volume's own tag`,
		"not ours: kept, no run of this tool made it", "SnapshotHourly: kept, last 1 of 1. To be deleted "+nextHour.Format(ebs.TimeFormat)+": beyond last=1", "upper bound, not an estimate")
	c.says(t, 0, []string{"explain", hourly}, hourly)
	if strings.Contains(c.stdout.String(), daily) {
		t.Errorf("the explanation of one snapshot lists another:\n%s", c.stdout.String())
	}
	for _, name := range []string{"i-1", "web-i-1"} {
		c.says(t, 0, []string{"explain", name}, "volume vol-1, 8 GiB:", daily)
	}
	for _, name := range []string{"vol-9", "snap-0123456789abcdef0", "i-0123456789abcdef0", "nobody"} {
		c.says(t, 1, []string{"explain", name}, `there is no "`+name+`" here`, "is this the right account and Region? Account 123456789012, Region us-east-1")
	}
	account.SetInstanceState("i-1", ec2sim.InstanceTerminated)
	c.says(t, 0, []string{"explain", "i-1"}, "Volume vol-1", daily) // by the tags of its snapshots
	for action := range account.Calls() {
		if !strings.HasPrefix(action, "Describe") {
			t.Errorf("the explanation called %s", action)
		}
	}
}

func TestBootVolumesAreExcludedHereAsTheyAreWhereItIsDeployed(t *testing.T) {
	account := server(t)
	account.AddInstance(ec2sim.Instance{ID: "i-1", Tags: map[string]string{"SnapshotData": "3"}, Volumes: []ec2sim.BlockDevice{
		{ID: "vol-boot", Device: "/dev/xvda"}, {ID: "vol-data", Device: "/dev/sdf"},
	}})
	c := newCommand(t)
	c.config = deployed(t)
	for _, args := range []string{"plan --all", "explain vol-boot", "plan SnapshotData --all"} {
		c.says(t, 0, strings.Fields(args), "it is a boot volume")
	}
	c.says(t, 0, []string{"run", "SnapshotData", "--yes"})
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
	c.config = deployed(t)
	says := func(texts ...string) {
		t.Helper()
		c.says(t, 0, []string{"explain", "vol-1"}, texts...)
	}
	says(`keeps "abc"`, "the retention can't be read, so nothing is deleted")
	account.TagInstance("i-1", "SnapshotDaily", "off")
	says(": kept, its instance's tag SnapshotDaily is off")
	account.UntagInstance("i-1", "SnapshotDaily")
	says(": kept, neither the volume nor its instance has the tag SnapshotDaily", "policy for orphans: report")
	account.DeleteVolume("vol-1")
	says("Volume vol-1, which no longer exists: 1 snapshot.", "the volume is gone, and no run works on it any more")
}

func TestAnExplanationSaysWhatThePolicyForOrphansDeletes(t *testing.T) {
	const verdict = "tidy-orphans deletes it a week after it reported the volume: "
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
		cmd := newCommand(t)
		cmd.configured(t, `{"context": {"orphans": `+c.orphans+`, "schedules": [{"keyword": "SnapshotDaily", "expression": "rate(1 day)"`+c.schedule+`}]}}`)
		cmd.says(t, 0, []string{"explain", "vol-1"})
		out := cmd.stdout.String()
		if got := strings.Count(out, verdict); got != c.goes || c.goes == 0 && strings.Contains(out, "policy for orphans: last") {
			t.Errorf("%s: %d go, want %d:\n%s", name, got, c.goes, out)
		}
	}
}

func TestAnExplanationOfABootVolumeThatIsExcludedSaysThatNothingIsDeleted(t *testing.T) {
	account := server(t)
	account.AddInstance(ec2sim.Instance{ID: "i-1", Tags: map[string]string{"SnapshotData": "1"}, Volumes: []ec2sim.BlockDevice{
		{ID: "vol-1", Device: "/dev/xvda"}, {ID: "vol-data", Device: "/dev/sdf"},
	}})
	for hours := 1; hours <= 3; hours++ {
		ofSchedule(account, "SnapshotData", 24*hours)
	}
	c := newCommand(t)
	c.config = deployed(t)
	c.says(t, 0, []string{"explain", "vol-1", "--output", "json"})
	var out explainOutput
	if err := json.Unmarshal(c.stdout.Bytes(), &out); err != nil || len(out.Volumes) != 1 {
		t.Fatal(len(out.Volumes), err)
	}
	e := out.Volumes[0]
	reasons := map[string]bool{}
	for _, s := range e.Snapshots {
		if !s.Keep || s.DeletedAt != nil {
			t.Errorf("%s: kept %v, deleted at %v: %s", s.ID, s.Keep, s.DeletedAt, s.Why())
		}
		reasons[s.Why()] = true
	}
	if all := slices.Collect(maps.Keys(reasons)); len(e.Snapshots) != 3 || len(all) != 1 || !strings.Contains(all[0], "it is a boot volume") {
		t.Errorf("%d snapshots, reasons %v", len(e.Snapshots), all)
	}
}
