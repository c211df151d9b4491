package statemachine

import (
	"testing"
)

// editor changes a definition. The test fails if there is nothing to change.
type editor struct {
	t          *testing.T
	definition map[string]any
}

// set, add and drop change a field. path is the name of a state, at any depth, followed by keys and indices.
func (e *editor) set(value any, path ...any) {
	e.t.Helper()
	e.edit(path, true, func(_ any) any { return value })
}

func (e *editor) add(value any, path ...any) {
	e.t.Helper()
	e.edit(path, false, func(_ any) any { return value })
}

func (e *editor) drop(path ...any) {
	e.t.Helper()
	e.edit(path, true, func(_ any) any { return dropped })
}

type nothing struct{}

var dropped nothing

func (e *editor) edit(path []any, exists bool, change func(any) any) {
	e.t.Helper()
	var at any = e.state(path[0].(string))
	for _, step := range path[1 : len(path)-1] {
		next, ok := field(at, step)
		if !ok {
			e.t.Fatalf("%v: there is no %v", path, step)
		}
		at = next
	}
	last := path[len(path)-1]
	before, ok := field(at, last)
	if ok != exists {
		e.t.Fatalf("%v: the field exists: %t, want %t", path, ok, exists)
	}
	switch after := change(before); o := at.(type) {
	case map[string]any:
		o[last.(string)] = after
		if after == dropped {
			delete(o, last.(string))
		}
	case []any:
		o[last.(int)] = after
	}
}

func field(o, step any) (any, bool) {
	switch o := o.(type) {
	case map[string]any:
		value, ok := o[step.(string)]
		return value, ok
	case []any:
		if i := step.(int); i < len(o) {
			return o[i], true
		}
	}
	return nil, false
}

// state finds a state by its name, at any depth.
func (e *editor) state(name string) map[string]any {
	e.t.Helper()
	found, _ := find(e.definition, name)
	if found == nil {
		e.t.Fatalf("the definition has no state %s", name)
	}
	return found
}

// inner returns the states inside a Map.
func (e *editor) inner(name string) map[string]any {
	e.t.Helper()
	return object(object(e.state(name), "ItemProcessor"), "States")
}

func find(machine map[string]any, name string) (map[string]any, bool) {
	states := object(machine, "States")
	if s := object(states, name); s != nil {
		return s, true
	}
	for other := range states {
		if s, ok := find(object(object(states, other), "ItemProcessor"), name); ok {
			return s, true
		}
	}
	return nil, false
}
