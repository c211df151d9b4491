package ebs

import (
	"strings"
	"testing"
	"unicode"
)

func TestADescriptionIsASCIIAndNamesRunInstanceAndVolume(t *testing.T) {
	const begin = "SnapshotDaily/2026-11-22T00:00:00Z i-1 vol-1"
	chinese := RunID("每日", scheduled)
	for name, c := range map[string]struct{ run, instance, want string }{
		"names run, instance, volume and the instance's Name": {stamp.RunID, "web-1", begin + " web-1"},
		"does without a Name":                         {stamp.RunID, "", begin},
		"leaves a Name out that has no ASCII":         {stamp.RunID, "数据库", begin},
		"keeps of a Name what is ASCII":               {stamp.RunID, "数据库-01", begin + " ?-01"},
		"marks what it can't write":                   {stamp.RunID, "café 咖啡", begin + " caf? ?"},
		"lets no line break in":                       {stamp.RunID, "a\nb\x1b[2Jc", begin + " a?b?[2Jc"},
		"writes a Chinese keyword as S3 keys have it": {chinese, "web", "%E6%AF%8F%E6%97%A5/2026-11-22T00:00:00Z i-1 vol-1 web"},
		"cuts a long Name":                            {stamp.RunID, strings.Repeat("n", 256), begin + " " + strings.Repeat("n", 255-len(begin)-1)},
	} {
		t.Run(name, func(t *testing.T) {
			got := Description(Stamp{RunID: c.run, InstanceID: "i-1"}, "vol-1", c.instance)
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if len(got) > 255 || strings.ContainsFunc(got, func(r rune) bool { return r > unicode.MaxASCII }) {
				t.Errorf("EC2 does not take it: %d bytes, %s", len(got), got)
			}
		})
	}
}

func TestADescriptionOfAVolumeWithoutAnInstanceNamesTheVolumeOnly(t *testing.T) {
	for name, want := range map[string]string{
		"": "SnapshotDaily/2026-11-22T00:00:00Z vol-1", "data": "SnapshotDaily/2026-11-22T00:00:00Z vol-1 data",
	} {
		if got := Description(Stamp{RunID: stamp.RunID}, "vol-1", name); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestALongKeywordLeavesRoomForRunInstanceAndVolume(t *testing.T) {
	run := RunID(strings.Repeat("每", 128), scheduled)
	got := Description(Stamp{RunID: run, InstanceID: "i-0123456789abcdef0"}, "vol-0123456789abcdef0", strings.Repeat("n", 256))
	if len(got) > 255 || !strings.Contains(got, "/2026-11-22T00:00:00Z i-0123456789abcdef0 vol-0123456789abcdef0 nnn") {
		t.Error(got)
	}
}

func TestTheLambdasDescriptionNamesItsInstance(t *testing.T) {
	for description, want := range map[string]string{
		"AutoSnapshot web-1 - vol-1 (/dev/xvda)":                "web-1",
		"AutoSnapshot  - vol-1 (/dev/xvda)":                     "",
		"AutoSnapshot a - vol-2 (/dev/sdb) - vol-1 (/dev/xvda)": "a - vol-2 (/dev/sdb)",
		"AutoSnapshot web - vol-1 (x) - vol-1 (/dev/xvda)":      "web - vol-1 (x)",
		"AutoSnapshot 数据库 - vol-1 (/dev/xvda)":                  "数据库",
		"AutoSnapshot web-1 - vol-2 (/dev/xvda)":                "-",
		"AutoSnapshot web-1 - vol-1 (/dev/xvda":                 "-",
		"AutoSnapshot web-1 - vol-1 (/dev/xvda) and more":       "-",
		"AutoSnapshot x - vol-1 ( - vol-2 (/dev/xvda)":          "-",
		"autosnapshot web-1 - vol-1 (/dev/xvda)":                "-",
		"copy of AutoSnapshot web-1 - vol-1 (/dev/xvda)":        "-",
		"": "-",
	} {
		name, ok := NamedByLambda(description, "vol-1")
		if ok != (want != "-") || ok && name != want {
			t.Errorf("%q: %q, %v", description, name, ok)
		}
	}
}
