package asl

import (
	"fmt"
	"strings"
)

// template is a payload template: JSON in which a field "x.$" gets its value from a path or an intrinsic function and becomes "x".
type template struct {
	fixed  any // the whole value, if there is nothing to fill in at any depth
	object []templateField
	array  []*template
}

type templateField struct {
	name string
	expr expr
	sub  *template
}

// parseTemplate parses a payload template. Each path and function in it must pass check.
func parseTemplate(tree any, check func(expr) error) (*template, error) {
	switch tree := tree.(type) {
	case map[string]any:
		return parseObject(tree, check)
	case []any:
		return parseArray(tree, check)
	}
	return &template{fixed: tree}, nil
}

func parseObject(tree map[string]any, check func(expr) error) (*template, error) {
	t := &template{object: []templateField{}}
	fixed := true
	for _, key := range sortedKeys(tree) {
		name, isExpr := strings.CutSuffix(key, ".$")
		field := templateField{name: name}
		var err error
		if isExpr {
			field.expr, err = parseField(tree, name, key, check)
			fixed = false
		} else if field.sub, err = parseTemplate(tree[key], check); err == nil {
			fixed = fixed && field.sub.isFixed()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		t.object = append(t.object, field)
	}
	if fixed {
		return &template{fixed: tree}, nil
	}
	return t, nil
}

// parseField reads the value of a field whose name ends in ".$".
func parseField(object map[string]any, name, key string, check func(expr) error) (expr, error) {
	if _, both := object[name]; both {
		return nil, fmt.Errorf("%s and %[1]s.$ must not both be there", name)
	}
	text, ok := object[key].(string)
	if !ok {
		return nil, fmt.Errorf("is %s, not a path or an intrinsic function", kind(object[key]))
	}
	e, err := parseExpr(text)
	if err != nil {
		return nil, err
	}
	return e, check(e)
}

func parseArray(tree []any, check func(expr) error) (*template, error) {
	t := &template{array: []*template{}}
	fixed := true
	for i, element := range tree {
		sub, err := parseTemplate(element, check)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		fixed = fixed && sub.isFixed()
		t.array = append(t.array, sub)
	}
	if fixed {
		return &template{fixed: tree}, nil
	}
	return t, nil
}

func (t *template) isFixed() bool { return t.object == nil && t.array == nil }

// fill evaluates the template against data and the context object.
func (t *template) fill(data any, context contextObject) (any, error) {
	switch {
	case t.object != nil:
		return t.fillObject(data, context)
	case t.array != nil:
		return t.fillArray(data, context)
	}
	return t.fixed, nil
}

func (t *template) fillObject(data any, context contextObject) (any, error) {
	m := make(map[string]any, len(t.object))
	for _, f := range t.object {
		var err error
		if f.expr != nil {
			m[f.name], err = f.expr.eval(data, context)
		} else {
			m[f.name], err = f.sub.fill(data, context)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return m, nil
}

func (t *template) fillArray(data any, context contextObject) (any, error) {
	a := make([]any, len(t.array))
	for i, sub := range t.array {
		var err error
		if a[i], err = sub.fill(data, context); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return a, nil
}
