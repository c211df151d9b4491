package ebs_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

func TestVisibleShowsCharactersThatATerminalWouldObeyOrHide(t *testing.T) {
	for in, want := range map[string]string{
		"web\n  keep  snap-1":       `web\n  keep  snap-1`,
		"a\r\tb\x00\x07\x7f":        `a\r\tb\u0000\u0007\u007f`,
		"\x1b[2Jgone":               `\u001b[2Jgone`,
		"\u009b2K\u0085":            `\u009b2K\u0085`,
		"\u202egnp\u202c.exe\u2066": `\u202egnp\u202c.exe\u2066`,
		"a\u200bb\ufeff\u00ad":      `a\u200bb\ufeff\u00ad`,
		"a\u2028b\u2029c":           `a\u2028b\u2029c`,
		"\U000e0041":                `\U000e0041`,
		"a\xffb\xe6\x95":            `a\xffb\xe6\x95`,
		"\ufffd is a character":     "\ufffd is a character",
	} {
		if got := ebs.Visible(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestVisibleDoesNotChangeReadableText(t *testing.T) {
	for _, text := range []string{"", "web-1", "数据库", "café", "cafe\u0301", "🙂", "❤\ufe0f", "a b\u00a0c\u3000d", `C:\new "x"`, "Größe", "日本語", "קובץ"} {
		if got := ebs.Visible(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestVisiblefMakesEachArgumentVisibleAndNotTheFormat(t *testing.T) {
	type maker string
	got := ebs.Visiblef("%s\n%-*s|%q %v %v %d %.2f %s", "a\nb", 4, "c", "d\n数\u202e", errors.New("e\u009b"), maker("f\r"), 7, 1.5, []string{"g\n"})
	if want := `a\nb` + "\nc   |" + `"d\n数\u202e" e\u009b f\r 7 1.50 [g\n]`; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestVisibleJSONIsTheSameValueInPlainCharacters(t *testing.T) {
	value := map[string]string{"Name": "数据库 🙂 \n\x7f\u009b\u202e\u2028\U000e0041\\"}
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	body = ebs.VisibleJSON(body)
	if want := "{\n  \"Name\": \"数据库 🙂 \\n\\u007f\\u009b\\u202e\\u2028\\udb40\\udc41\\\\\"\n}"; string(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	var again map[string]string
	if err := json.Unmarshal(body, &again); err != nil || again["Name"] != value["Name"] {
		t.Errorf("read again it is %q (%v)", again["Name"], err)
	}
}

func TestCountHasTheRightPlural(t *testing.T) {
	for n, want := range map[int]string{0: "0 volumes", 1: "1 volume", 2: "2 volumes"} {
		if got := ebs.Count(n, "volume"); got != want {
			t.Errorf("Count(%d) is %q, want %q", n, got, want)
		}
	}
}

func TestCutCutsBetweenCharacters(t *testing.T) {
	for in, want := range map[string]string{"": "", "数据库": "数据库", "数据库一": "数据库…"} {
		if got := ebs.Cut(in, 3); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
