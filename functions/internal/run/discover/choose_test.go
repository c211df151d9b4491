package discover

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func TestChoose(t *testing.T) {
	instances := []ebs.Instance{
		instance("i-3", "off", "vol-6", "vol-7", "vol-shared"), instance("i-2", "5", "vol-shared", "vol-5"),
		instance("i-1", "3", "vol-1", "vol-2", "vol-3"),
	}
	own := []ebs.Volume{tagged("vol-2", "OFF"), tagged("vol-3", "9"), tagged("vol-7", "1"), tagged("vol-elsewhere", "2"), {ID: "vol-1", Tags: map[string]string{"Another": "off"}}}
	var got []string
	for _, c := range Choose(keyword, false, instances, own) {
		got = append(got, fmt.Sprintf("%s %s %s: %q own %t, excluded: %q", c.Instance.ID, c.Volume.VolumeID, c.Volume.Device, c.Retention, c.OwnTag, c.Excluded))
	}
	want := []string{
		`i-1 vol-1 /dev/sda: "3" own false, excluded: ""`,
		`i-1 vol-2 /dev/sdb: "OFF" own true, excluded: "volume-tag-off"`,
		`i-1 vol-3 /dev/sdc: "9" own true, excluded: ""`,
		`i-2 vol-shared /dev/sda: "5" own false, excluded: ""`,
		`i-2 vol-5 /dev/sdb: "5" own false, excluded: ""`,
		`i-3 vol-6 /dev/sda: "off" own false, excluded: "instance-tag-off"`,
		`i-3 vol-7 /dev/sdb: "1" own true, excluded: ""`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestBootVolumesAreExcludedIfTheScheduleSaysSo(t *testing.T) {
	booting := func(i ebs.Instance) ebs.Instance { i.Volumes[0].Boot = true; return i }
	instances := []ebs.Instance{
		booting(instance("i-1", "3", "vol-1", "vol-2")), booting(instance("i-2", "3", "vol-3")), booting(instance("i-3", "off", "vol-4")),
		instance("i-4", "3", "vol-shared"), booting(instance("i-5", "3", "vol-shared")),
	}
	own := []ebs.Volume{tagged("vol-3", "5"), tagged("vol-2", "off")}
	const boot = contract.BootVolume
	for exclude, want := range map[bool]map[string]contract.Exclusion{
		false: {"vol-1": "", "vol-2": contract.VolumeTagOff, "vol-3": "", "vol-4": contract.InstanceTagOff, "vol-shared": ""},
		true:  {"vol-1": boot, "vol-2": contract.VolumeTagOff, "vol-3": "", "vol-4": contract.InstanceTagOff, "vol-shared": ""},
	} {
		got := map[string]contract.Exclusion{}
		for _, c := range Choose(keyword, exclude, instances, own) {
			got[c.Volume.VolumeID] = c.Excluded
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("excluding boot volumes: %t (-want +got):\n%s", exclude, d)
		}
	}
}

func TestAVolumeThatOneInstanceExcludesBelongsToAnother(t *testing.T) {
	got := Choose(keyword, false, []ebs.Instance{instance("i-1", "off", "vol-1"), instance("i-2", "3", "vol-1")}, nil)
	if len(got) != 1 || got[0].Instance.ID != "i-2" || got[0].Excluded != "" {
		t.Errorf("got %+v", got)
	}
}
