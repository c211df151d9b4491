package main

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
)

// outputs are what each verb writes as JSON, by the heading of its section in the document.
var outputs = map[string]any{
	"plan": planOutput{}, "explain": explainOutput{}, "run": runOutput{}, "adopt": adoptOutput{}, "adopt --undo": undoOutput{},
	"config check": configOutput{}, "version": versionOutput{},
}

const document = "../docs/command.md"

// sections gives the document's text by heading.
func sections(t *testing.T) map[string]string {
	t.Helper()
	body, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, section := range strings.Split(string(body), "\n## ")[1:] {
		heading, text, _ := strings.Cut(section, "\n")
		out[strings.Trim(heading, "`")] = text
	}
	return out
}

var fieldRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

func TestTheDocumentHasEachFieldOfTheJSON(t *testing.T) {
	sections := sections(t)
	for verb, value := range outputs {
		var said []string
		for _, m := range fieldRow.FindAllStringSubmatch(sections[verb], -1) {
			said = append(said, m[1])
		}
		if d := cmp.Diff(fields(reflect.TypeOf(value), ""), said); d != "" {
			t.Errorf("the fields of %s (-written +in %s):\n%s", verb, document, d)
		}
	}
}

// explainedOnce are types that the document explains in a section of their own.
var explainedOnce = []reflect.Type{reflect.TypeFor[retention.Reason](), reflect.TypeFor[ebs.StorageBound]()}

func TestTheDocumentExplainsReasonsAndBounds(t *testing.T) {
	sections := sections(t)
	for heading, typ := range map[string]reflect.Type{"A reason": explainedOnce[0], "A storage bound": explainedOnce[1]} {
		for _, field := range fieldsOf(typ, "") {
			if !strings.Contains(sections[heading], "| `"+field+"` |") {
				t.Errorf("the section %q lacks %s", heading, field)
			}
		}
	}
}

// fields gives the paths of all that a type writes as JSON, in its order.
func fields(typ reflect.Type, path string) []string {
	switch {
	case typ.Kind() == reflect.Pointer:
		return fields(typ.Elem(), path)
	case typ.Kind() == reflect.Slice:
		return fields(typ.Elem(), path+"[]")
	case typ.Kind() != reflect.Struct, typ == reflect.TypeFor[time.Time](), slices.Contains(explainedOnce, typ), path == "nextRun": // as in a plan
		return []string{path}
	}
	return fieldsOf(typ, path)
}

func fieldsOf(typ reflect.Type, path string) []string {
	var out []string
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			out = append(out, fields(f.Type, path)...)
		case !f.IsExported() || name == "-":
		default:
			out = append(out, fields(f.Type, strings.TrimPrefix(path+"."+name, "."))...)
		}
	}
	return out
}

var (
	jqLine = regexp.MustCompile(`(?m)^ebs-snapshots (.*) --output json \| jq '(.*)'$`)
	jqKey  = regexp.MustCompile(`\.([a-zA-Z]+)`)
)

// The document's lines of jq name fields that are there.
func TestTheLinesOfJqInTheDocumentReadWhatIsWritten(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "1", "vol-1")
	leave(account, "i-1", "vol-1", 2)
	ofSchedule(account, "SnapshotDaily", 24)
	c := newCommand(t)
	lines := 0
	for heading, text := range sections(t) {
		for _, m := range jqLine.FindAllStringSubmatch(text, -1) {
			lines++
			args := strings.NewReplacer("web-1", "web-i-1").Replace(m[1])
			c.says(t, 0, append(strings.Fields(args), "--output", "json"))
			var value any
			if err := json.Unmarshal(c.stdout.Bytes(), &value); err != nil {
				t.Fatal(err)
			}
			for _, key := range jqKey.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(keysOf(value), key[1]) {
					t.Errorf("%s: the line %q reads %s, which is not there", heading, m[0], key[1])
				}
			}
		}
	}
	if lines < len(outputs) {
		t.Errorf("%d lines of jq for %d verbs", lines, len(outputs))
	}
}

func keysOf(value any) []string {
	var out []string
	switch v := value.(type) {
	case map[string]any:
		for key, one := range v {
			out = append(append(out, key), keysOf(one)...)
		}
	case []any:
		for _, one := range v {
			out = append(out, keysOf(one)...)
		}
	}
	return out
}
