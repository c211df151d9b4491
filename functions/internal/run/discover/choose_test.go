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
	own := []ebs.Volume{tagged("vol-2", "OFF"), tagged("vol-3", "9"), tagged("vol-7", "1"), {ID: "vol-1", Tags: map[string]string{"Another": "off"}}}
	got := said(Choose(keyword, false, instances, own))
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

func said(choices []Choice) []string {
	var out []string
	for _, c := range choices {
		out = append(out, fmt.Sprintf("%s %s %s: %q own %t, excluded: %q", c.Instance.ID, c.Volume.VolumeID, c.Volume.Device, c.Retention, c.OwnTag, c.Excluded))
	}
	return out
}

func TestAVolumeWithATagOfItsOwnIsChosenWhereverItIs(t *testing.T) {
	boots := without("i-0", "vol-boot", "vol-0")
	boots.Volumes[0].Boot = true
	gone := attached(tagged("vol-gone", "4"), "i-terminated")
	for name, c := range map[string]struct {
		instances []ebs.Instance
		own       []ebs.Volume
		want      []string
	}{
		"at an instance without the tag, and only that volume": {
			[]ebs.Instance{without("i-1", "vol-1", "vol-2")}, []ebs.Volume{attached(tagged("vol-2", "2"), "i-1")},
			[]string{`i-1 vol-2 /dev/sdb: "2" own true, excluded: ""`},
		},
		"at an instance without the tag, if its value can't be read": {
			[]ebs.Instance{without("i-1", "vol-1")}, []ebs.Volume{attached(tagged("vol-1", ""), "i-1")},
			[]string{`i-1 vol-1 /dev/sda: "" own true, excluded: ""`},
		},
		"off at an instance without the tag": {
			[]ebs.Instance{without("i-1", "vol-1")}, []ebs.Volume{attached(tagged("vol-1", "off"), "i-1")},
			[]string{`i-1 vol-1 /dev/sda: "off" own true, excluded: "volume-tag-off"`},
		},
		"the boot volume of an instance without the tag": {
			[]ebs.Instance{boots}, []ebs.Volume{attached(tagged("vol-boot", "2"), "i-0")},
			[]string{`i-0 vol-boot /dev/sda: "2" own true, excluded: ""`},
		},
		"attached to nothing, after all that is attached": {
			[]ebs.Instance{instance("i-2", "3", "vol-9"), without("i-1", "vol-8")}, []ebs.Volume{tagged("vol-2", "off"), attached(tagged("vol-8", "5"), "i-1"), tagged("vol-1", "1")},
			[]string{
				`i-2 vol-9 /dev/sda: "3" own false, excluded: ""`, `i-1 vol-8 /dev/sda: "5" own true, excluded: ""`,
				` vol-1 : "1" own true, excluded: ""`, ` vol-2 : "off" own true, excluded: "volume-tag-off"`,
			},
		},
		"of an instance that is terminated":      {nil, []ebs.Volume{gone}, []string{` vol-gone : "4" own true, excluded: ""`}},
		"which EC2 lists although it has no tag": {nil, []ebs.Volume{{ID: "vol-1"}}, nil},
		"of several instances, once: at one with the tag": {
			[]ebs.Instance{without("i-1", "vol-1"), instance("i-2", "3", "vol-1")}, []ebs.Volume{attached(tagged("vol-1", "9"), "i-1", "i-2")},
			[]string{`i-2 vol-1 /dev/sda: "9" own true, excluded: ""`},
		},
		"of several instances without the tag, once: at the first": {
			[]ebs.Instance{without("i-2", "vol-1"), without("i-1", "vol-1")}, []ebs.Volume{attached(tagged("vol-1", "9"), "i-2", "i-1")},
			[]string{`i-1 vol-1 /dev/sda: "9" own true, excluded: ""`},
		},
		"without it, shared by an instance with the tag and one that was looked up": {
			[]ebs.Instance{without("i-1", "vol-1", "vol-2"), instance("i-2", "3", "vol-1")}, []ebs.Volume{attached(tagged("vol-2", "9"), "i-1")},
			[]string{`i-2 vol-1 /dev/sda: "3" own false, excluded: ""`, `i-1 vol-2 /dev/sdb: "9" own true, excluded: ""`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, said(Choose(keyword, true, c.instances, c.own))); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// without gives an instance without the tag.
func without(id string, volumes ...string) ebs.Instance {
	i := instance(id, "", volumes...)
	i.Tags = map[string]string{"Name": id}
	return i
}

func TestOnlyInstancesWithoutTheTagAreLookedUp(t *testing.T) {
	ec2 := &fakeEC2{
		instances: []ebs.Instance{instance("i-1", "3", "vol-1")}, untagged: []ebs.Instance{without("i-2", "vol-2", "vol-3"), without("i-3", "vol-3")},
		tagged: []ebs.Volume{
			attached(tagged("vol-1", "5"), "i-1", "i-3"), attached(tagged("vol-2", "5"), "i-2"), attached(tagged("vol-3", "5"), "i-3", "i-2"),
			attached(tagged("vol-4", "5"), "i-1"), attached(tagged("vol-5", "5"), "i-gone"), tagged("vol-6", "5"),
		},
	}
	got, err := Choices(t.Context(), ec2, keyword, false)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"i-2", "i-3", "i-gone"}, ec2.lookedUp); d != "" {
		t.Errorf("looked up (-want +got):\n%s", d)
	}
	want := []string{
		`i-1 vol-1 /dev/sda: "5" own true, excluded: ""`, `i-2 vol-2 /dev/sda: "5" own true, excluded: ""`, `i-2 vol-3 /dev/sdb: "5" own true, excluded: ""`,
		` vol-4 : "5" own true, excluded: ""`, ` vol-5 : "5" own true, excluded: ""`, ` vol-6 : "5" own true, excluded: ""`,
	}
	if d := cmp.Diff(want, said(got)); d != "" {
		t.Errorf("chosen (-want +got):\n%s", d)
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
