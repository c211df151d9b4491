package asl

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// path is a reference path. It selects one node of a state's data or ("$$") of the context object.
type path struct {
	text    string
	context bool
	steps   []any // string: a field; int: an index
}

var whole = &path{text: "$"}

// parsePath parses $, $.a.b, $.a[0] and $['a']. Paths that may find several nodes are not supported.
func parsePath(text string) (*path, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return nil, fmt.Errorf("path %q does not begin with $", text)
	}
	p := &path{text: text}
	rest, p.context = strings.CutPrefix(rest, "$")
	for rest != "" {
		step, after, err := parseStep(rest)
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", text, err)
		}
		p.steps = append(p.steps, step)
		rest = after
	}
	return p, nil
}

func parseStep(rest string) (step any, after string, err error) {
	switch {
	case strings.HasPrefix(rest, "['"), strings.HasPrefix(rest, `["`):
		quote := rest[1:2]
		name, after, ok := strings.Cut(rest[2:], quote+"]")
		if !ok || name == "" || strings.ContainsAny(name, `'"\`) {
			return nil, "", fmt.Errorf("%q is not a field in brackets", rest)
		}
		return name, after, nil
	case strings.HasPrefix(rest, "["):
		digits, after, _ := strings.Cut(rest[1:], "]")
		i, err := strconv.Atoi(digits)
		if err != nil || i < 0 || digits != strconv.Itoa(i) {
			return nil, "", fmt.Errorf("[%s] is not an index; slices, wildcards and filters are not supported", digits)
		}
		return i, after, nil
	case strings.HasPrefix(rest, "."):
		end := strings.IndexAny(rest[1:], ".[") + 1
		if end == 0 {
			end = len(rest)
		}
		name := rest[1:end]
		if name == "" || strings.ContainsAny(name, ` *?@,:()\'"]$&|`) {
			return nil, "", fmt.Errorf("%q is not a plain field name", name)
		}
		return name, rest[end:], nil
	}
	return nil, "", fmt.Errorf("%q is neither a field nor an index", rest)
}

// get returns the node in tree.
func (p *path) get(tree any) (any, error) {
	for _, step := range p.steps {
		found := false
		switch step := step.(type) {
		case string:
			var m map[string]any
			if m, found = tree.(map[string]any); found {
				tree, found = m[step]
			}
		case int:
			var a []any
			if a, found = tree.([]any); found {
				if found = step < len(a); found {
					tree = a[step]
				}
			}
		}
		if !found {
			return nil, fmt.Errorf("the path %s finds nothing", p.text)
		}
	}
	return tree, nil
}

// set returns a copy of tree with v at the node. It creates missing fields on the way to the node. It does not change tree, which
// shares data with the copy.
func (p *path) set(tree, v any) (any, error) { return setAt(tree, p.steps, v) }

func setAt(tree any, steps []any, v any) (any, error) {
	if len(steps) == 0 {
		return v, nil
	}
	switch step := steps[0].(type) {
	case string:
		m, ok := tree.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s has no fields", kind(tree))
		}
		inner, there := m[step]
		if !there {
			inner = map[string]any{}
		}
		inner, err := setAt(inner, steps[1:], v)
		if err != nil {
			return nil, err
		}
		m = maps.Clone(m)
		m[step] = inner
		return m, nil
	case int:
		a, ok := tree.([]any)
		if !ok || step >= len(a) {
			return nil, fmt.Errorf("%s has no element %d", kind(tree), step)
		}
		inner, err := setAt(a[step], steps[1:], v)
		if err != nil {
			return nil, err
		}
		a = slices.Clone(a)
		a[step] = inner
		return a, nil
	}
	return nil, errors.New("unreachable")
}

// contextFields are the fields of the context object; true if a path may go deeper.
var contextFields = map[string]bool{
	"Execution.Id": false, "Execution.Name": false, "Execution.Input": true, "Execution.StartTime": false, "Execution.RedriveCount": false,
	"State.Name": false, "State.EnteredTime": false, "State.RetryCount": false,
	"StateMachine.Id": false, "StateMachine.Name": false,
	"Map.Item.Index": false, "Map.Item.Value": true,
}

// checkContext refuses a path into the context object that is not supported, or that finds nothing in this place.
func (p *path) checkContext(inMap bool) error {
	if !p.context {
		return nil
	}
	var names []string
	for i, step := range p.steps {
		name, ok := step.(string)
		if !ok {
			break
		}
		names = append(names, name)
		deeper, known := contextFields[strings.Join(names, ".")]
		if !known {
			continue
		}
		if i+1 < len(p.steps) && !deeper {
			break
		}
		if names[0] == "Map" && !inMap {
			return fmt.Errorf("path %q: there is no Map.Item here", p.text)
		}
		return nil
	}
	return fmt.Errorf("path %q is not a supported part of the context object", p.text)
}
