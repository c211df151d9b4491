// Package statemachine has the definition of the workflow, in the Amazon States Language (JSONPath), and renders it.
package statemachine

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// Definition is the definition in the repository: valid JSON with placeholders.
//
//go:embed snapshot-lifecycle.asl.json
var Definition []byte

// Values are the placeholders' values, by name: a string, or an int for a field that must be a number.
type Values map[string]any

var (
	// A placeholder is a whole JSON string. So the definition is valid JSON before it is rendered, and a number can replace a
	// placeholder.
	placeholder = regexp.MustCompile(`"\$\{([A-Za-z0-9]+)\}"`)
	stray       = regexp.MustCompile(`\$\{[^}"]*\}?`)
)

// Placeholders returns the names of the definition's placeholders, sorted.
func Placeholders(definition []byte) []string {
	names := map[string]bool{}
	for _, m := range placeholder.FindAllSubmatch(definition, -1) {
		names[string(m[1])] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// Render replaces the definition's placeholders by the values. It is an error if a placeholder has no value, if a value has no
// placeholder, or if a placeholder is only part of a string. All errors are reported at once.
func Render(definition []byte, values Values) ([]byte, error) {
	var errs []error
	if !json.Valid(definition) {
		return nil, errors.New("the definition is not valid JSON")
	}
	used := map[string]bool{}
	for _, name := range Placeholders(definition) {
		used[name] = true
		if _, ok := values[name]; !ok {
			errs = append(errs, fmt.Errorf("the placeholder ${%s} of the definition has no value", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !used[name] {
			errs = append(errs, fmt.Errorf("the value %s has no placeholder ${%s} in the definition", name, name))
		}
		switch values[name].(type) {
		case string, int:
		default:
			errs = append(errs, fmt.Errorf("the value %s is a %T; give a string or an int", name, values[name]))
		}
	}
	for _, s := range stray.FindAll(placeholder.ReplaceAll(definition, nil), -1) {
		errs = append(errs, fmt.Errorf("%s is only part of a string; a placeholder must be a whole string", s))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return placeholder.ReplaceAllFunc(definition, func(m []byte) []byte {
		text, err := json.Marshal(values[string(placeholder.FindSubmatch(m)[1])])
		if err != nil { // can't happen: the values are strings and ints, see above
			panic(err)
		}
		return text
	}), nil
}
