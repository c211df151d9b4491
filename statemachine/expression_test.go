package statemachine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// scope is the data that the expressions of a state can read.
type scope struct {
	state shape            // $
	inMap map[string]shape // what a Map adds to the context object: $$.Map.Item.Value
}

// contextObject lists what the definition may read from the context object (Step Functions Developer Guide, "Context object").
var contextObject = map[string]shape{
	"$$.Execution.Id":        shapeOf(textType),
	"$$.Execution.Input":     shapeOf(rawType),
	"$$.Execution.StartTime": shapeOf(timeType),
	"$$.State.RetryCount":    shapeOf(numberType),
}

// template returns the shape of the object that a Parameters, an ItemSelector or a ResultSelector builds.
func (s scope) template(t map[string]any) (shape, error) {
	out := shape{fields: map[string]shape{}}
	for _, key := range slices.Sorted(maps.Keys(t)) {
		value, err := s.value(key, t[key])
		if err != nil {
			return shape{}, fmt.Errorf("%s: %w", key, err)
		}
		out.fields[strings.TrimSuffix(key, ".$")] = value
	}
	return out, nil
}

func (s scope) value(key string, value any) (shape, error) {
	switch value := value.(type) {
	case string:
		if strings.HasSuffix(key, ".$") {
			return s.expression(value)
		}
		return shapeOf(textType), nil
	case map[string]any:
		if strings.HasSuffix(key, ".$") {
			return shape{}, fmt.Errorf("an expression must be a text")
		}
		return s.template(value)
	}
	return shape{}, fmt.Errorf("a %T in a template is not supported by this test", value)
}

// expression returns the shape of a path or of an intrinsic function's result.
func (s scope) expression(text string) (shape, error) {
	p := parser{scope: s, rest: text}
	out, err := p.argument()
	if err == nil && p.rest != "" {
		err = fmt.Errorf("%q is left over", p.rest)
	}
	return out, err
}

func (s scope) path(path string) (shape, error) {
	if !strings.HasPrefix(path, "$$.") {
		return s.state.at(path)
	}
	if value, ok := contextObject[path]; ok {
		return value, nil
	}
	if value, ok := s.inMap[path]; ok {
		return value, nil
	}
	return shape{}, fmt.Errorf("%s is not in the context object", path)
}

// parser parses the intrinsic functions that the definition uses.
type parser struct {
	scope scope
	rest  string
	text  string // the latest literal
}

func (p *parser) argument() (shape, error) {
	p.rest = strings.TrimLeft(p.rest, " ")
	switch {
	case strings.HasPrefix(p.rest, "$"):
		return p.scope.path(p.until(",) "))
	case strings.HasPrefix(p.rest, "'"):
		return p.literal()
	}
	name := p.until("(")
	if !strings.HasPrefix(p.rest, "(") {
		return shape{}, fmt.Errorf("%q is neither a path nor a text nor a function", name)
	}
	args, texts, err := p.arguments()
	if err != nil {
		return shape{}, err
	}
	return shapeOf(textType), call(name, args, texts)
}

func (p *parser) until(stops string) string {
	i := strings.IndexAny(p.rest, stops)
	if i < 0 {
		i = len(p.rest)
	}
	out := p.rest[:i]
	p.rest = p.rest[i:]
	return out
}

func (p *parser) literal() (shape, error) {
	for i := 1; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '\\':
			i++
		case '\'':
			p.text, p.rest = p.rest[1:i], p.rest[i+1:]
			return shapeOf(textType), nil
		}
	}
	return shape{}, fmt.Errorf("the text %s does not end", p.rest)
}

// arguments parses the arguments of a function. texts has the literals, and "" for the others.
func (p *parser) arguments() (args []shape, texts []string, err error) {
	for next := "("; next != ")"; {
		p.rest, p.text = p.rest[1:], ""
		arg, err := p.argument()
		if err != nil {
			return nil, nil, err
		}
		args, texts = append(args, arg), append(texts, p.text)
		p.rest = strings.TrimLeft(p.rest, " ")
		if p.rest == "" || !strings.ContainsRune(",)", rune(p.rest[0])) {
			return nil, nil, fmt.Errorf("a function's argument is followed by %q", p.rest)
		}
		next = p.rest[:1]
	}
	p.rest, p.text = p.rest[1:], ""
	return args, texts, nil
}

// call checks the call of an intrinsic function. Both functions that the definition uses return a text.
func call(name string, args []shape, texts []string) error {
	switch name {
	case "States.JsonToString":
		if len(args) != 1 {
			return fmt.Errorf("%s needs one argument, not %d", name, len(args))
		}
	case "States.Format":
		if holes := strings.Count(texts[0], "{}"); holes != len(args)-1 {
			return fmt.Errorf("%s has %d {} and %d values for them", name, holes, len(args)-1)
		}
		for _, a := range args {
			if a.typ != textType && a.typ != numberType && a.typ != timeType { // a time is a text in JSON
				return fmt.Errorf("%s can't format %v: only a text or a number", name, a)
			}
		}
	default:
		return fmt.Errorf("%s is not a function that this test supports", name)
	}
	return nil
}
