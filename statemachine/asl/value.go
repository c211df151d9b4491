package asl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxPayload is the maximum size of a state's input, result and output in bytes (UTF-8).
const maxPayload = 262_144

// value is a JSON value, decoded and encoded. Neither is ever changed, so states share them.
type value struct {
	tree any // map[string]any, []any, string, json.Number, bool or nil
	raw  json.RawMessage
}

// newValue encodes tree. It fails if the value is too large for a state.
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
		panic(fmt.Sprintf("asl: encode %T: %v", tree, err)) // can't happen: all values are JSON values
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// decode decodes exactly one JSON value. It does not change the form of numbers.
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

// repeatedField finds a field that occurs twice in one object. encoding/json would silently take the last.
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

// kind returns a value's JSON type, for messages.
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
