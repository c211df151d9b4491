package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/plan"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// ownTags adds an instance without the tag, of whose volumes vol-2 has it, and two that have it and are attached to nothing.
func ownTags(a *ec2sim.Account) {
	a.AddInstance(ec2sim.Instance{ID: "i-1", Tags: map[string]string{"Name": "web"}, Volumes: []ec2sim.BlockDevice{
		{ID: "vol-1", Device: "/dev/xvda"}, {ID: "vol-2", Device: "/dev/sdf", Tags: map[string]string{"SnapshotDaily": "1"}},
	}})
	a.AddVolume(ec2sim.BlockDevice{ID: "vol-3", Tags: map[string]string{"SnapshotDaily": "2", "Name": "archive"}})
	a.AddVolume(ec2sim.BlockDevice{ID: "vol-4", Tags: map[string]string{"SnapshotDaily": "off", "Name": "scratch"}})
}

func TestAPlanShowsVolumesWithATagOfTheirOwn(t *testing.T) {
	account := server(t)
	ownTags(account)
	c := newCommand(t)
	c.says(t, 0, []string{"plan", "SnapshotDaily", "--all"}, "create 2, keep 0, delete 0 snapshots. 1 volume of 1 instance, and 1 volume attached to no instance.",
		"INSTANCE       VOLUME  DEVICE    RETENTION  NEW  KEEP  DEL\n(no instance)  vol-3             2            1     0    0\nweb            vol-2   /dev/sdf  1            1     0    0\n",
		"  (no instance)  vol-4    its own tag SnapshotDaily is off")
	c.says(t, 0, []string{"plan", "SnapshotDaily", "--only", "create"}, "volume vol-3, attached to no instance, SnapshotDaily=2\n  (new)  ", "web, vol-2 (/dev/sdf), SnapshotDaily=1\n")
	account.TagVolume("vol-3", "SnapshotDaily", "some")
	account.TagVolume("vol-2", "SnapshotDaily", "off")
	c.says(t, 0, []string{"plan", "SnapshotDaily"}, ". 1 volume attached to no instance.", "NOTE volume vol-3, attached to no instance: nothing would be deleted")
	c.says(t, 0, []string{"plan", "SnapshotDaily", "--output", "json"})
	var p planOutput
	if err := json.Unmarshal(c.stdout.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	s := p.Schedules[0]
	if s.Instances != 0 || len(s.Volumes) != 1 || s.Volumes[0].Place != (plan.Place{VolumeID: "vol-3"}) {
		t.Errorf("%d instances, volumes %+v", s.Instances, s.Volumes)
	}
	want := []plan.Excluded{
		{Place: plan.Place{VolumeID: "vol-4"}, Reason: contract.VolumeTagOff},
		{Place: plan.Place{InstanceID: "i-1", InstanceName: "web", VolumeID: "vol-2", Device: "/dev/sdf"}, Reason: contract.VolumeTagOff},
	}
	if d := cmp.Diff(want, s.Excluded); d != "" {
		t.Errorf("excluded (-want +got):\n%s", d)
	}
}

func TestARunAndItsExplanationOfVolumesWithATagOfTheirOwn(t *testing.T) {
	account := server(t)
	ownTags(account)
	c := newCommand(t)
	c.says(t, 0, []string{"run", "SnapshotDaily", "--yes", "--scheduled-time", at}, "SUCCEEDED. 2 snapshots created, 0 deleted.", "2 volumes, 1 instance\n")
	for volume, says := range map[string]string{
		"vol-2": `at web (i-1) as /dev/sdf; keeps "1", the volume's own tag; runs next at `,
		"vol-3": `attached to no instance; keeps "2", the volume's own tag; runs next at `,
		"vol-4": `attached to no instance; keeps "off", the volume's own tag; its own tag SnapshotDaily is off`,
	} {
		c.says(t, 0, []string{"explain", volume}, says)
	}
	c.says(t, 0, []string{"explain", "archive"}, "Volume vol-3, 8 GiB: 1 snapshot", "SnapshotDaily: kept, last 1 of 2. To be deleted ")
	c.config = deployed(t)
	c.says(t, 0, []string{"explain", "vol-3"})
	if _, rows, _ := strings.Cut(c.stdout.String(), "\nsnap-"); !strings.Contains(rows, " +08:00  SnapshotDaily: kept") { // the schedule's time zone
		t.Errorf("the snapshot is not shown in the schedule's time zone:\n%s", c.stdout.String())
	}
	c.says(t, 0, []string{"explain", "vol-1"}, "neither the volume nor its instance has the tag SnapshotDaily")
	c.says(t, 0, []string{"run", "SnapshotDaily", "--yes", "--output", "json"})
	var o runOutput
	if err := json.Unmarshal(c.stdout.Bytes(), &o); err != nil {
		t.Fatal(err)
	}
	var places []plan.Place
	for _, made := range o.Created {
		places = append(places, made.Place)
	}
	if d := cmp.Diff([]plan.Place{{VolumeID: "vol-3"}, {InstanceID: "i-1", InstanceName: "web", VolumeID: "vol-2", Device: "/dev/sdf"}}, places); d != "" {
		t.Errorf("created (-want +got):\n%s", d)
	}
}
