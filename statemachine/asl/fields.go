package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// problems collects the faults of a definition, so that its author sees them all at once.
type problems struct{ list []error }

func (p *problems) add(where, format string, args ...any) {
	p.list = append(p.list, fmt.Errorf("%s: %w", where, fmt.Errorf(format, args...)))
}

func (p *problems) err() error { return errors.Join(p.list...) }

// fields reads an object of the definition and finds the fields that nothing has read.
type fields struct {
	*problems
	where string
	m     map[string]any
	read  map[string]bool
}

func (p *problems) object(where string, tree any) *fields {
	m, ok := tree.(map[string]any)
	if !ok {
		p.add(where, "is %s, not an object", kind(tree))
	}
	return &fields{problems: p, where: where, m: m, read: map[string]bool{}}
}

func (f *fields) get(name string) (any, bool) {
	f.read[name] = true
	v, ok := f.m[name]
	return v, ok
}

func (f *fields) has(name string) bool {
	_, ok := f.m[name]
	return ok
}

func (f *fields) bad(name, format string, args ...any) {
	f.add(f.where+", "+name, format, args...)
}

// finish reports the fields that nothing has read.
func (f *fields) finish() {
	for _, name := range sortedKeys(f.m) {
		if !f.read[name] {
			f.bad(name, "is not supported here")
		}
	}
}

// sub returns the object in a field; nil if the field is missing.
func (f *fields) sub(name string) *fields {
	v, ok := f.get(name)
	if !ok {
		return nil
	}
	return f.object(f.where+", "+name, v)
}

func (f *fields) text(name string) string {
	v, ok := f.get(name)
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok || s == "" {
		f.bad(name, "is %s, not a non-empty string", kind(v))
	}
	return s
}

// comment checks the Comment. It is not used.
func (f *fields) comment() {
	if v, ok := f.get("Comment"); ok && kind(v) != "a string" {
		f.bad("Comment", "is %s, not a string", kind(v))
	}
}

func (f *fields) required(name string) string {
	if !f.has(name) {
		f.bad(name, "is missing")
	}
	return f.text(name)
}

// oneOf returns one of the allowed strings; fallback if the field is missing.
func (f *fields) oneOf(name, fallback string, allowed ...string) string {
	if !f.has(name) {
		f.read[name] = true
		return fallback
	}
	s := f.text(name)
	if !slices.Contains(allowed, s) {
		f.bad(name, "%q is not supported, only %q", s, allowed)
	}
	return s
}

func (f *fields) flag(name string) bool {
	v, ok := f.get(name)
	if !ok {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		f.bad(name, "is %s, not a boolean", kind(v))
	}
	return b
}

// whole returns an integer from low to high; fallback if the field is missing.
func (f *fields) whole(name string, fallback, low, high int) int {
	v, ok := f.get(name)
	if !ok {
		return fallback
	}
	n, ok := v.(json.Number)
	i, err := strconv.Atoi(string(n))
	if !ok || err != nil || i < low || i > high {
		f.bad(name, "is %s, not a whole number from %d to %d", encode(v), low, high)
	}
	return i
}

// maxSeconds is AWS's limit for most fields in seconds.
const maxSeconds = 99_999_999

func (f *fields) seconds(name string, fallback, low int) time.Duration {
	return time.Duration(f.whole(name, fallback, low, maxSeconds)) * time.Second
}

func (f *fields) decimal(name string, fallback, low, high float64) float64 {
	v, ok := f.get(name)
	if !ok {
		return fallback
	}
	n, ok := v.(json.Number)
	x, err := n.Float64()
	if !ok || err != nil || x < low || x > high {
		f.bad(name, "is %s, not a number from %g to %g", encode(v), low, high)
	}
	return x
}

func (f *fields) array(name string) []any {
	v, ok := f.get(name)
	if !ok {
		return nil
	}
	a, ok := v.([]any)
	if !ok || len(a) == 0 {
		f.bad(name, "is %s, not a non-empty array", kind(v))
	}
	return a
}

// path returns a reference path, or null; nil and false if the field is missing.
func (f *fields) path(name string, inMap bool) (p *path, null bool) {
	v, ok := f.get(name)
	if !ok {
		return nil, false
	}
	if v == nil {
		return nil, true
	}
	text, ok := v.(string)
	if !ok {
		f.bad(name, "is %s, not a path", kind(v))
		return nil, false
	}
	p, err := parsePath(text)
	if err == nil {
		err = p.checkContext(inMap)
	}
	if err != nil {
		f.bad(name, "%w", err)
		return nil, false
	}
	return p, false
}

// somePath returns a path that must not be null.
func (f *fields) somePath(name string, inMap bool) *path {
	p, null := f.path(name, inMap)
	if null {
		f.bad(name, "is null, not a path")
	}
	return p
}

// target returns a ResultPath.
func (f *fields) target(name string) (*path, bool) {
	p, null := f.path(name, true)
	if p != nil && p.context {
		f.bad(name, "nothing can be written to the context object")
	}
	return p, null
}

func (f *fields) template(name string, inMap bool) *template {
	v, ok := f.get(name)
	if !ok {
		return nil
	}
	if _, ok := v.(map[string]any); !ok {
		f.bad(name, "is %s, not an object", kind(v))
		return nil
	}
	t, err := parseTemplate(v, func(e expr) error {
		for _, p := range e.paths() {
			if err := p.checkContext(inMap); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.bad(name, "%w", err)
		return nil
	}
	return t
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
