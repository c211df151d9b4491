package ebs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// TagOrigin holds what a restore needs and a snapshot does not hold (Origin).
const TagOrigin = TagPrefix + "origin"

// Origin says where the snapshots of a set come from. All snapshots of a set have the same tags, so each holds the list of all volumes.
//
// As a tag's value it is one line of ASCII, for example
// "us-east-1a:x86_64:uefi +9abcdef0:xvda:gp3 01234567:sdf:io2:16000 89abcdef:sdg:gp3:6000:500":
// zone, architecture and boot mode, then for each volume the end of its ID, device, type, IOPS and throughput; + marks the boot volume.
type Origin struct {
	Zone         string // e.g. us-east-1a
	Architecture string // e.g. x86_64, arm64
	BootMode     string // e.g. uefi; "" if the instance has none of its own
	Volumes      []OriginVolume
	Unlisted     int // further volumes, which did not fit
}

// OriginVolume is one volume of an Origin.
type OriginVolume struct {
	ID         string  // read from a tag, only its end: see Origin.Volume
	Device     string  // e.g. /dev/xvda
	Boot       bool    // the instance boots from it
	Type       string  // e.g. gp3
	IOPS       int     // 0: the type's own
	Throughput int     // MiB/s; 0: the type's own
	Dropped    Dropped // what of it did not fit
}

// Dropped says what of a volume did not fit into the tag. It is unknown, which is not the same as the type's own.
type Dropped int

// In the order of what is dropped first.
const (
	DroppedNone  Dropped = iota
	DroppedSpeed         // no IOPS and throughput
	DroppedType          // nor a type
)

const (
	idEnd    = 8  // characters of a volume's ID. Two of an instance's volumes share them once in ten million instances
	maxValue = 40 // characters of one value as it is written; EC2's are much shorter

	deviceFolder = "/dev/" // is left out
	bootMark     = "+"
	exactMark    = "@" // of a device that is not in deviceFolder
	nothing      = "-" // instead of an empty value, or of one that did not fit
)

// String gives the tag's value, which always fits (MaxTagValLen). If it is too long, it drops what a restore can best do without: IOPS and
// throughput first, then types, then volumes, each from the last volume to the first. The boot volume is the first.
func (o Origin) String() string {
	o.Volumes = slices.Clone(o.Volumes)
	slices.SortStableFunc(o.Volumes, func(a, b OriginVolume) int {
		switch {
		case a.Boot == b.Boot:
			return 0
		case a.Boot:
			return -1
		}
		return 1
	})
	for _, dropped := range []Dropped{DroppedSpeed, DroppedType} {
		for i := len(o.Volumes) - 1; i >= 0 && !o.fits(); i-- {
			v := o.Volumes[i]
			v.Dropped = max(v.Dropped, dropped)
			if len(v.text()) < len(o.Volumes[i].text()) {
				o.Volumes[i] = v
			}
		}
	}
	for !o.fits() {
		o.Volumes = o.Volumes[:len(o.Volumes)-1]
		o.Unlisted++
	}
	return o.text()
}

func (o Origin) fits() bool { return len(o.text()) <= MaxTagValLen }

func (o Origin) text() string {
	words := []string{fields(cmp.Or(escape(o.Zone), nothing), escape(o.Architecture), escape(o.BootMode), number(o.Unlisted))}
	for _, v := range o.Volumes {
		words = append(words, v.text())
	}
	return strings.Join(words, " ")
}

func (v OriginVolume) text() string {
	id := cmp.Or(escape(endOf(v.ID)), nothing)
	if v.Boot {
		id = bootMark + id
	}
	device := escape(strings.TrimPrefix(v.Device, deviceFolder))
	if v.Device != "" && (device == "" || !strings.HasPrefix(v.Device, deviceFolder)) {
		device = exactMark + escape(v.Device)
	}
	switch v.Dropped {
	case DroppedSpeed:
		return fields(id, device, escape(v.Type), nothing)
	case DroppedType:
		return fields(id, device, nothing)
	}
	return fields(id, device, escape(v.Type), number(v.IOPS), number(v.Throughput))
}

// ParseOrigin reads a tag's value. Anybody who may tag can have written it.
func ParseOrigin(text string) (Origin, error) {
	words := strings.Split(text, " ")
	p := originParser{text: text}
	head := p.fields(words[0], 4)
	o := Origin{Zone: p.unescape(head[0]), Architecture: p.unescape(head[1]), BootMode: p.unescape(head[2]), Unlisted: p.number(head[3])}
	for _, word := range words[1:] {
		o.Volumes = append(o.Volumes, p.volume(word))
	}
	if p.err != nil {
		return Origin{}, p.err
	}
	return o, nil
}

// Volume says what is known of a volume. It is not ok if that is nothing, or if two volumes have the same end of their IDs.
func (o Origin) Volume(id string) (found OriginVolume, ok bool) {
	for _, v := range o.Volumes {
		if endOf(v.ID) == endOf(id) {
			if ok {
				return OriginVolume{}, false
			}
			found, ok = v, true
			found.ID = id
		}
	}
	return found, ok
}

func endOf(id string) string { return id[max(0, len(id)-idEnd):] }

// fields joins values, without the empty ones at the end.
func fields(values ...string) string { return strings.TrimRight(strings.Join(values, ":"), ":") }

func number(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// escape writes a value with letters, digits and ".", "_", "/", "-" only, and any other byte as "=" and two digits. A value that is too long is
// not written: it must not cost the others their place.
func escape(value string) string {
	if value == nothing {
		return "=2D"
	}
	var out strings.Builder
	for _, b := range []byte(value) {
		if plain(b) {
			out.WriteByte(b)
		} else {
			fmt.Fprintf(&out, "=%02X", b)
		}
	}
	if out.Len() > maxValue {
		return nothing
	}
	return out.String()
}

func plain(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("._/-", b) >= 0
}

// originParser remembers the first error.
type originParser struct {
	text string
	err  error
}

func (p *originParser) fail(why, what string) {
	if p.err == nil {
		p.err = fmt.Errorf("the origin %q has %s: %q", p.text, why, what)
	}
}

// fields splits a word into n values, of which the last ones may be empty.
func (p *originParser) fields(word string, n int) []string {
	values := strings.Split(word, ":")
	if len(values) > n {
		p.fail("a word with too many values", word)
	}
	return append(values, make([]string, n)...)[:n]
}

func (p *originParser) volume(word string) OriginVolume {
	rest, boot := strings.CutPrefix(word, bootMark)
	values := p.fields(rest, 5)
	v := OriginVolume{ID: p.unescape(values[0]), Boot: boot}
	if v.ID == "" && values[0] != nothing {
		p.fail("a volume without ID", word)
	}
	device, exact := strings.CutPrefix(values[1], exactMark)
	if v.Device = p.unescape(device); v.Device != "" && !exact {
		v.Device = deviceFolder + v.Device
	}
	v.Type = p.unescape(values[2])
	switch {
	case values[2] == nothing:
		v.Dropped = DroppedType
	case values[3] == nothing:
		v.Dropped = DroppedSpeed
	default:
		v.IOPS, v.Throughput = p.number(values[3]), p.number(values[4])
	}
	return v
}

func (p *originParser) number(text string) int {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		p.fail("a number that is none", text)
	}
	return n
}

func (p *originParser) unescape(text string) string {
	if text == nothing {
		return ""
	}
	var out []byte
	for i := 0; i < len(text); i++ {
		switch {
		case plain(text[i]):
			out = append(out, text[i])
			continue
		case text[i] == '=' && i+2 < len(text):
			if b, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(b))
				i += 2
				continue
			}
		}
		p.fail("a character that must be escaped", text)
		return ""
	}
	return string(out)
}
