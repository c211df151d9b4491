package demo

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"
)

// hostile is what a person may write in a tag so that others read something else.
const hostile = "\n FORGED\r\x1b[2J\u009b2K\u202e\u2028\u200b"

// poison puts hostile text at the end of each text in the value. Keywords stay as they are: they are checked before they are used.
func poison(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + hostile)
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if text := v.MapIndex(k); text.Kind() == reflect.String {
				v.SetMapIndex(k, reflect.ValueOf(text.String()+hostile))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "Keyword" && f.Name != "Schedule" || f.Type.Kind() == reflect.Slice {
				poison(v.Field(i))
			}
		}
	}
}

func TestTheTextIsHarmlessWhateverItTells(t *testing.T) {
	body, err := json.Marshal(aWeek(t))
	if err != nil {
		t.Fatal(err)
	}
	var r Result
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatal(err)
	}
	zone := r.TimeZone
	poison(reflect.ValueOf(&r))
	r.TimeZone = zone // the schedules', which is checked
	for i, m := range r.Mails {
		r.Mails[i].Message = strings.ReplaceAll(m.Message, "\n FORGED", "") // its lines are its own
	}
	got := textOf(&r, false)
	if n := strings.Count(got, `\u001b[2J\u009b2K\u202e`); n < 100 {
		t.Errorf("the text shows %d hostile texts, want one in each line that tells of something:\n%s", n, got)
	}
	for line := range strings.Lines(got) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, " FORGED") || strings.ContainsFunc(line, func(c rune) bool { return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
			t.Errorf("hostile text acts in %q", line)
		}
	}
}
