package statemachine

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// shape is what is known about a JSON value before anything runs: the Go type that it is written from or read into, and the fields
// that certainly exist. An optional field (omitempty) exists after a state has set it.
type shape struct {
	typ    reflect.Type // nil: an object that the definition builds
	fields map[string]shape
}

var (
	textType    = reflect.TypeFor[string]()
	numberType  = reflect.TypeFor[int]()
	timeType    = reflect.TypeFor[time.Time]()
	rawType     = reflect.TypeFor[json.RawMessage]()
	failureType = reflect.TypeFor[contract.Failure]()
)

func (s shape) String() string {
	if s.typ != nil {
		return s.typ.String()
	}
	return fmt.Sprintf("an object of %d fields", len(s.fields))
}

// key is different for different shapes.
func (s shape) key() string { return fmt.Sprint(s.typ, slices.Sorted(maps.Keys(s.fields))) }

// shapeOf returns the shape of a value of the type.
func shapeOf(t reflect.Type) shape {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s := shape{typ: t}
	if t.Kind() != reflect.Struct || t == timeType {
		return s
	}
	s.fields = map[string]shape{}
	for _, f := range jsonFields(t) {
		if !f.optional {
			s.fields[f.name] = shapeOf(f.typ)
		}
	}
	return s
}

// errorOutput is the shape that a Catch puts into the state. It has both fields.
func errorOutput() shape {
	text := shapeOf(textType)
	return shape{failureType, map[string]shape{"Error": text, "Cause": text}}
}

type jsonField struct {
	name     string
	typ      reflect.Type
	optional bool
}

// jsonFields lists the fields of a struct as encoding/json sees them, with those of embedded structs.
func jsonFields(t reflect.Type) []jsonField {
	var out []jsonField
	for _, f := range reflect.VisibleFields(t) {
		if !f.IsExported() || f.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		out = append(out, jsonField{name, f.Type, strings.Contains(options, "omitempty")})
	}
	return out
}

// at resolves a path such as $.Run.ID, from the shape that $ is.
func (s shape) at(path string) (shape, error) {
	if path == "$" {
		return s, nil
	}
	if !strings.HasPrefix(path, "$.") {
		return shape{}, fmt.Errorf("%s is not a path that this test supports", path)
	}
	for _, name := range strings.Split(path[2:], ".") {
		next, ok := s.fields[name]
		if !ok {
			return shape{}, fmt.Errorf("%s: there is no %s in %v", path, name, s)
		}
		s = next
	}
	return s, nil
}

// errorFields are fields that states may add to a contract type: errors for a later alert.
var errorFields = []string{"Failure", "RecordError", "AlertError"}

// with puts a value into the state at a ResultPath.
func (s shape) with(path string, value shape) (shape, error) {
	name, ok := strings.CutPrefix(path, "$.")
	if !ok || strings.Contains(name, ".") {
		return shape{}, fmt.Errorf("ResultPath %s is not one field of the state", path)
	}
	fits := fmt.Errorf("ResultPath %s: %v has no field for it", path, s)
	for _, f := range optionalFields(s.typ) {
		if f.name == name {
			fits = value.fits(f.typ)
		}
	}
	if fits != nil && !(slices.Contains(errorFields, name) && value.typ == failureType) {
		return shape{}, fits
	}
	out := shape{s.typ, maps.Clone(s.fields)}
	if out.fields == nil {
		out.fields = map[string]shape{}
	}
	out.fields[name] = value
	return out, nil
}

func optionalFields(t reflect.Type) []jsonField {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	return slices.DeleteFunc(jsonFields(t), func(f jsonField) bool { return !f.optional })
}

// fits returns an error if a value of this shape does not fit the type. It must have each required field, and no unknown field.
func (s shape) fits(t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == rawType:
		return nil
	case s.typ != nil && s.typ != t:
		return fmt.Errorf("%v instead of %v", s, t)
	case s.typ == nil && (t.Kind() != reflect.Struct || t == timeType):
		return fmt.Errorf("%v instead of %v", s, t)
	case t.Kind() != reflect.Struct || t == timeType:
		return nil
	}
	unknown := maps.Clone(s.fields)
	for _, f := range jsonFields(t) {
		value, ok := s.fields[f.name]
		delete(unknown, f.name)
		if !ok && !f.optional {
			return fmt.Errorf("%v needs a field %s, which is missing", t, f.name)
		}
		if ok {
			if err := value.fits(f.typ); err != nil {
				return fmt.Errorf("field %s: %w", f.name, err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unknown)) {
		return fmt.Errorf("%v has no field %s", t, name)
	}
	return nil
}
