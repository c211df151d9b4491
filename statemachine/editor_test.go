package statemachine

import (
	"testing"
)

// editor changes a definition; it fails when there is nothing to change.
type editor struct {
	t          *testing.T
	definition map[string]any
}

// set, drop and add change a field. path is a state's name, at whatever depth, and the keys and indices from there.
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

func (e *editor) edit(path []any, there bool, change func(any) any) {
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
	if ok != there {
		e.t.Fatalf("%v: is it there? %v; should it be? %v", path, ok, there)
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

// state finds a state by its name, in the definition or in any of its maps.
func (e *editor) state(name string) map[string]any {
	e.t.Helper()
	found, _ := find(e.definition, name)
	if found == nil {
		e.t.Fatalf("the definition has no state %s", name)
	}
	return found
}

// inner gives the states inside of a Map.
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
