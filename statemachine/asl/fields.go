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

// problems collects what is wrong with a definition, so that its author sees all of it at once.
type problems struct{ list []error }

func (p *problems) add(where, format string, args ...any) {
	p.list = append(p.list, fmt.Errorf("%s: %w", where, fmt.Errorf(format, args...)))
}

func (p *problems) err() error { return errors.Join(p.list...) }

// fields reads an object of the definition, and knows which of its fields nobody asked for.
type fields struct {
	*problems
	where string
	m     map[string]any
	asked map[string]bool
}

func (p *problems) object(where string, tree any) *fields {
	m, ok := tree.(map[string]any)
	if !ok {
		p.add(where, "is %s, not an object", kind(tree))
	}
	return &fields{problems: p, where: where, m: m, asked: map[string]bool{}}
}

func (f *fields) get(name string) (any, bool) {
	f.asked[name] = true
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

// finish reports the fields that nobody asked for.
func (f *fields) finish() {
	for _, name := range sortedKeys(f.m) {
		if !f.asked[name] {
			f.bad(name, "is not modelled here")
		}
	}
}

// sub is the object in a field; nil if the field is absent.
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
		f.bad(name, "is %s, not a string with something in it", kind(v))
	}
	return s
}

// comment is read and forgotten.
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

// oneOf is a string out of a few; fallback if the field is absent.
func (f *fields) oneOf(name, fallback string, allowed ...string) string {
	if !f.has(name) {
		f.asked[name] = true
		return fallback
	}
	s := f.text(name)
	if !slices.Contains(allowed, s) {
		f.bad(name, "%q is not modelled, only %q", s, allowed)
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

// whole is an integer between low and high; fallback if the field is absent.
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

// maxSeconds is AWS's own limit for most of the fields in seconds.
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
		f.bad(name, "is %s, not an array with something in it", kind(v))
	}
	return a
}

// path is a reference path, or null; nil and false if the field is absent.
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

// somePath is a path that can't be null.
func (f *fields) somePath(name string, inMap bool) *path {
	p, null := f.path(name, inMap)
	if null {
		f.bad(name, "is null, not a path")
	}
	return p
}

// target is a ResultPath.
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
