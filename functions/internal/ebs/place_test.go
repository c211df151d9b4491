package ebs

import "testing"

func TestAPlaceIsNamedByWhatPeopleCallIt(t *testing.T) {
	for want, p := range map[string]Place{
		"web-1 (i-1), volume vol-1 (/dev/xvda)":       {"i-1", "web-1", "vol-1", "/dev/xvda"},
		"instance i-1, volume vol-1":                  {InstanceID: "i-1", VolumeID: "vol-1"},
		"web-1 (i-1)":                                 {InstanceID: "i-1", Name: "web-1"},
		"instance i-1":                                {InstanceID: "i-1"},
		"volume vol-1, attached to no instance":       {VolumeID: "vol-1"},
		"data, volume vol-1, attached to no instance": {Name: "data", VolumeID: "vol-1"},
		"the run as a whole":                          {},
	} {
		if got := p.String(); got != want {
			t.Errorf("%+v is named %q, want %q", p, got, want)
		}
	}
}
