package ebs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var database = Origin{
	Zone: "us-east-1a", Architecture: "x86_64", BootMode: "uefi",
	Volumes: []OriginVolume{
		{ID: "vol-0123456789abcdef0", Device: "/dev/xvda", Boot: true, Type: "gp3"},
		{ID: "vol-00112233401234567", Device: "/dev/sdf", Type: "io2", IOPS: 16000},
		{ID: "vol-00112233489abcdef", Device: "/dev/sdg", Type: "gp3", IOPS: 6000, Throughput: 500},
	},
}

func TestAnOriginIsOneLine(t *testing.T) {
	for _, c := range []struct {
		name   string
		origin Origin
		want   string
	}{
		{"of a database", database, "us-east-1a:x86_64:uefi +9abcdef0:xvda:gp3 01234567:sdf:io2:16000 89abcdef:sdg:gp3:6000:500"},
		{"with the boot volume first", Origin{Zone: "a", Volumes: []OriginVolume{{ID: "vol-1", Device: "/dev/sdf"}, {ID: "vol-2", Device: "/dev/xvda", Boot: true}}}, "a +vol-2:xvda vol-1:sdf"},
		{"of nothing", Origin{}, "-"},
		{"of a volume of which nothing is known", Origin{Volumes: []OriginVolume{{}}}, "- -"},
		{"of a loose volume", Origin{Zone: "eu-west-1b", Volumes: []OriginVolume{{ID: "vol-1", Type: "gp3", Throughput: 250}}}, "eu-west-1b vol-1::gp3::250"},
		{"with a device that is not in /dev", Origin{Volumes: []OriginVolume{{ID: "vol-1", Device: "xvdf"}, {ID: "vol-2", Device: "/dev/"}, {ID: "vol-3", Device: "/dev//dev/a"}}}, "- vol-1:@xvdf vol-2:@/dev/ vol-3:/dev/a"},
		{"with hostile names", Origin{Zone: "-", Volumes: []OriginVolume{{ID: "vol-1", Device: "/dev/a b:c\n+@=é"}, {ID: "vol-2", Device: "-", Type: "-"}}}, "=2D vol-1:a=20b=3Ac=0A=2B=40=3D=C3=A9 vol-2:@=2D:=2D"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.origin.String(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAValueThatIsTooLongCostsNoOther(t *testing.T) {
	o := Origin{Zone: strings.Repeat("z", 300), Architecture: "arm64", Volumes: []OriginVolume{
		{ID: "vol-1", Device: "/dev/" + strings.Repeat("é", 30), Type: "gp3"}, {ID: "vol-2", Device: "/dev/sdf", Type: strings.Repeat("t", 41)},
	}}
	if got, want := o.String(), "-:arm64 vol-1:-:gp3 vol-2:sdf:-"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// volumes are so many io2 volumes, the first of which is the boot volume.
func volumes(n int) Origin {
	o := Origin{Zone: "ap-southeast-1a", Architecture: "x86_64", BootMode: "uefi-preferred"}
	for i := range n {
		o.Volumes = append(o.Volumes, OriginVolume{
			ID: fmt.Sprintf("vol-0123456789%07x", i), Device: fmt.Sprintf("/dev/sd%c%c", 'a'+i/26, 'a'+i%26), Boot: i == 0, Type: "io2", IOPS: 64000,
		})
	}
	return o
}

func TestWhatDoesNotFitIsDroppedInOrderAndMarked(t *testing.T) {
	type kept struct{ Whole, NoSpeed, NoType, Unlisted int }
	for n, want := range map[int]kept{
		8:  {8, 0, 0, 0},
		10: {4, 6, 0, 0},
		12: {0, 6, 6, 0},
		13: {0, 2, 11, 0},
		14: {0, 0, 13, 1},
		40: {0, 0, 13, 27},
	} {
		text := volumes(n).String()
		o, err := ParseOrigin(text)
		if err != nil {
			t.Fatal(err)
		}
		got := kept{Unlisted: o.Unlisted}
		last := DroppedNone
		for i, v := range o.Volumes {
			switch v.Dropped {
			case DroppedNone:
				got.Whole++
			case DroppedSpeed:
				got.NoSpeed++
			case DroppedType:
				got.NoType++
			}
			if v.Dropped < last || v.Boot != (i == 0) {
				t.Errorf("%d volumes: the last should lose first: %s", n, text)
			}
			last = v.Dropped
		}
		if diff := cmp.Diff(want, got); diff != "" || len(text) > MaxTagValLen {
			t.Errorf("%d volumes, %d characters (-want +got):\n%s%s", n, len(text), diff, text)
		}
	}
}

func TestOnlyWhatSavesSpaceIsDropped(t *testing.T) {
	o := volumes(10)
	o.Volumes[9].IOPS = 0 // has no speed to drop
	got, err := ParseOrigin(o.String())
	if err != nil {
		t.Fatal(err)
	}
	if v := got.Volumes[9]; v.Dropped != DroppedNone || v.Type != "io2" {
		t.Errorf("%+v", v)
	}
}

func TestAVolumeIsFoundByItsID(t *testing.T) {
	o, err := ParseOrigin(database.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range database.Volumes {
		if got, ok := o.Volume(want.ID); !ok || got != want {
			t.Errorf("%s: %+v, %v", want.ID, got, ok)
		}
	}
	if v, ok := o.Volume("vol-0fedcba9876543210"); ok {
		t.Errorf("a volume that was attached later: %+v", v)
	}
	twins := Origin{Volumes: []OriginVolume{{ID: "vol-0000000001abcdef0"}, {ID: "vol-1111111111abcdef0"}}}
	if v, ok := twins.Volume("vol-0000000001abcdef0"); ok {
		t.Errorf("it may be either: %+v", v)
	}
	short := Origin{Volumes: []OriginVolume{{ID: "0"}}}
	if v, ok := short.Volume("vol-0123456789abcdef0"); ok {
		t.Errorf("an end of one character: %+v", v)
	}
}

func TestAnOriginThatNobodyCanReadIsAnError(t *testing.T) {
	for text, why := range map[string]string{
		"":                      "", // all values are empty
		"a:b:c:1:d":             "too many values",
		"a:b:c:many":            "a number that is none",
		"a:b:c:-1":              "a number that is none",
		"a vol-1:sdf:gp3:1:2:3": "too many values",
		"a vol-1:sdf:gp3:x":     "a number that is none",
		"a  vol-1":              "a volume without ID",
		"a ":                    "a volume without ID",
		"a :sdf":                "a volume without ID",
		"a +":                   "a volume without ID",
		"a vol-1:s=4":           "must be escaped",
		"a vol-1:s=":            "must be escaped",
		"a vol-1:s=ZZ":          "must be escaped",
		"数据库":                   "must be escaped",
		"a\tb":                  "must be escaped",
	} {
		_, err := ParseOrigin(text)
		if (err == nil) != (why == "") || err != nil && !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", text, err, why)
		}
	}
}

// anyOrigin draws origins, among them those of hostile names.
func anyOrigin(t *rapid.T, most int) Origin {
	text := rapid.OneOf(rapid.StringMatching(`[a-z0-9-]{0,12}`), rapid.StringN(0, 12, 13), rapid.SampledFrom([]string{"", "-", "+", "@", "=", ":", " ", "/dev/", "/dev/sdf", "xvda"}))
	number := rapid.SampledFrom([]int{0, 0, 1, 125, 3000, 256000})
	o := Origin{Zone: text.Draw(t, "zone"), Architecture: text.Draw(t, "architecture"), BootMode: text.Draw(t, "boot mode"), Unlisted: number.Draw(t, "unlisted")}
	for i := range rapid.IntRange(0, most).Draw(t, "volumes") {
		o.Volumes = append(o.Volumes, OriginVolume{
			ID: "vol-" + rapid.StringMatching(`[0-9a-f]{17}`).Draw(t, "id"), Device: text.Draw(t, "device"), Boot: i == 0,
			Type: text.Draw(t, "type"), IOPS: number.Draw(t, "iops"), Throughput: number.Draw(t, "throughput"),
		})
	}
	return o
}

// ends gives the origin as a tag holds it, if it fits.
func ends(o Origin) Origin {
	var list []OriginVolume
	for _, v := range o.Volumes {
		v.ID = endOf(v.ID)
		list = append(list, v)
	}
	o.Volumes = list
	return o
}

func TestAnOriginThatFitsIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyOrigin(t, 3)
		got, err := ParseOrigin(o.String())
		if err != nil {
			t.Fatal(err)
		}
		if o.fits() {
			if diff := cmp.Diff(ends(o), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", o, diff)
			}
		}
	})
}

func TestAnOriginAlwaysFitsAndWhatItSaysIsTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyOrigin(t, 128)
		before := slices.Clone(o.Volumes)
		text := o.String()
		if diff := cmp.Diff(before, o.Volumes); diff != "" {
			t.Errorf("the caller's volumes were changed:\n%s", diff)
		}
		if len(text) > MaxTagValLen || strings.Trim(text, " ") != text || strings.ContainsFunc(text, func(r rune) bool {
			return r != ' ' && r != ':' && r != '+' && r != '@' && r != '=' && (r > '~' || !plain(byte(r)))
		}) {
			t.Fatalf("EC2 may not take it: %q", text)
		}
		got, err := ParseOrigin(text)
		if err != nil {
			t.Fatal(err)
		}
		if again := got.String(); again != text {
			t.Fatalf("written again: %q\nbefore:        %q", again, text)
		}
		if n := len(got.Volumes) + got.Unlisted; n != len(o.Volumes)+o.Unlisted {
			t.Errorf("%d volumes of %d", n, len(o.Volumes)+o.Unlisted)
		}
		for i, v := range got.Volumes {
			want := ends(o).Volumes[i]
			want.Dropped = v.Dropped
			if v.Dropped >= DroppedSpeed {
				want.IOPS, want.Throughput = 0, 0
			}
			if v.Dropped == DroppedType {
				want.Type = ""
			}
			if diff := cmp.Diff(want, v); diff != "" {
				t.Errorf("volume %d of %q (-want +got):\n%s", i, text, diff)
			}
		}
	})
}

func FuzzParseOrigin(f *testing.F) {
	f.Add(database.String())
	f.Add(volumes(40).String())
	f.Fuzz(func(t *testing.T, text string) {
		if o, err := ParseOrigin(text); err == nil {
			if _, err := ParseOrigin(o.String()); err != nil {
				t.Errorf("%q becomes %q: %v", text, o, err)
			}
		}
	})
}
