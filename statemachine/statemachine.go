// Package statemachine holds the definition of the workflow, in the Amazon States Language (JSONPath), and renders it.
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

// Definition is the definition as it stands in the repository: valid JSON, with placeholders.
//
//go:embed snapshot-lifecycle.asl.json
var Definition []byte

// Values are the placeholders' values, by name: a string, or an int for a field that must be a number.
type Values map[string]any

var (
	// A placeholder is a whole JSON string, so that the definition is JSON before it is rendered, and so that a number can
	// take its place.
	placeholder = regexp.MustCompile(`"\$\{([A-Za-z0-9]+)\}"`)
	stray       = regexp.MustCompile(`\$\{[^}"]*\}?`)
)

// Placeholders gives the names of the definition's placeholders, in order.
func Placeholders(definition []byte) []string {
	names := map[string]bool{}
	for _, m := range placeholder.FindAllSubmatch(definition, -1) {
		names[string(m[1])] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// Render puts the values in place of the definition's placeholders. A placeholder without a value, a value without a
// placeholder, or a placeholder that is only part of a string is an error; all are reported at once.
func Render(definition []byte, values Values) ([]byte, error) {
	var errs []error
	if !json.Valid(definition) {
		return nil, errors.New("the definition is not valid JSON")
	}
	used := map[string]bool{}
	for _, name := range Placeholders(definition) {
		used[name] = true
		if _, ok := values[name]; !ok {
			errs = append(errs, fmt.Errorf("the definition has a placeholder ${%s}, for which there is no value", name))
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
		errs = append(errs, fmt.Errorf("%s is only part of a string; a placeholder must be a whole one", s))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return placeholder.ReplaceAllFunc(definition, func(m []byte) []byte {
		text, err := json.Marshal(values[string(placeholder.FindSubmatch(m)[1])])
		if err != nil { // strings and ints only, see above
			panic(err)
		}
		return text
	}), nil
}
