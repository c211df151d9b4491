package asl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxPayload is how many bytes a state's input, result and output may have (UTF-8).
const maxPayload = 262_144

// value is a JSON value, decoded and encoded. Both are never changed, so states share them.
type value struct {
	tree any // map[string]any, []any, string, json.Number, bool or nil
	raw  json.RawMessage
}

// newValue encodes tree, and refuses what a state may not hold.
func newValue(tree any, what string) (value, *failure) {
	raw := encode(tree)
	if len(raw) > maxPayload {
		cause := fmt.Sprintf("%s has %d bytes, more than the maximum of %d", what, len(raw), maxPayload)
		return value{}, &failure{name: errDataLimit, cause: cause}
	}
	return value{tree, raw}, nil
}

// encode writes compact JSON, without the escapes that Go adds for HTML.
func encode(tree any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(tree); err != nil {
		panic(fmt.Sprintf("asl: encode %T: %v", tree, err)) // only values that decode made, and their like, come here
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// decode reads one JSON value and nothing after it. Numbers stay as they are written.
func decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("no JSON value")
		}
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return tree, nil
}

// repeatedField finds a field that occurs twice in one object; encoding/json would take the last without a word.
func repeatedField(raw []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return repeatedIn(d)
}

func repeatedIn(d *json.Decoder) (string, error) {
	t, err := d.Token()
	if err != nil {
		return "", err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return "", nil
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return "", err
			}
			name := key.(string)
			if seen[name] {
				return name, nil
			}
			seen[name] = true
		}
		if name, err := repeatedIn(d); name != "" || err != nil {
			return name, err
		}
	}
	_, err = d.Token()
	return "", err
}

// kind names a value's JSON type in messages.
func kind(tree any) string {
	switch tree.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return "a boolean"
	}
	return "null"
}
