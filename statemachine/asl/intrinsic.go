package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// expr is the value of a field whose name ends in ".$", or an argument in it: a path, a literal, or an intrinsic function.
type expr interface {
	eval(data any, context contextObject) (any, error)
	paths() []*path
}

// contextObject builds the context object. Only few states need it.
type contextObject func() map[string]any

func (p *path) eval(data any, context contextObject) (any, error) {
	if p.context {
		return p.get(context())
	}
	return p.get(data)
}

func (p *path) paths() []*path { return []*path{p} }

type literal struct{ v any }

func (l literal) eval(any, contextObject) (any, error) { return l.v, nil }

func (literal) paths() []*path { return nil }

type call struct {
	name string
	args []expr
}

func (c *call) paths() []*path {
	var all []*path
	for _, a := range c.args {
		all = append(all, a.paths()...)
	}
	return all
}

// intrinsics are the supported functions and the number of their arguments (-1: one or more).
var intrinsics = map[string]int{"States.Format": -1, "States.JsonToString": 1, "States.StringToJson": 1}

func (c *call) eval(data any, context contextObject) (any, error) {
	args := make([]any, len(c.args))
	for i, a := range c.args {
		v, err := a.eval(data, context)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	switch c.name {
	case "States.JsonToString":
		return string(encode(args[0])), nil
	case "States.StringToJson":
		s, ok := args[0].(string)
		if !ok {
			return nil, fmt.Errorf("States.StringToJson needs a string, not %s", kind(args[0]))
		}
		v, err := decode([]byte(s))
		if err != nil {
			return nil, fmt.Errorf("States.StringToJson: %w", err)
		}
		return v, nil
	}
	template, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("States.Format needs a string as its template, not %s", kind(args[0]))
	}
	return format(template, args[1:])
}

// format fills the {} of template. \{, \}, \' and \\ stand for the character itself.
func format(template string, args []any) (string, error) {
	var b strings.Builder
	rest := args
	for i := 0; i < len(template); i++ {
		switch c := template[i]; {
		case c == '\\' && i+1 < len(template):
			i++
			b.WriteByte(template[i])
		case c == '{' && strings.HasPrefix(template[i:], "{}"):
			if len(rest) == 0 {
				return "", fmt.Errorf("States.Format: %q has more {} than the %d arguments", template, len(args))
			}
			i++
			switch v := rest[0].(type) {
			case string:
				b.WriteString(v)
			case map[string]any, []any:
				return "", fmt.Errorf("States.Format: an argument is %s; give it to States.JsonToString first", kind(v))
			default:
				b.Write(encode(v))
			}
			rest = rest[1:]
		case c == '{' || c == '}' || c == '\\':
			return "", fmt.Errorf("States.Format: %q has a %c that is not escaped", template, c)
		default:
			b.WriteByte(c)
		}
	}
	if len(rest) > 0 {
		return "", fmt.Errorf("States.Format: %q has fewer {} than the %d arguments", template, len(args))
	}
	return b.String(), nil
}

// parseExpr parses a path or an intrinsic function.
func parseExpr(text string) (expr, error) {
	e, rest, err := parseArgument(strings.TrimSpace(text))
	if err == nil && rest != "" {
		err = fmt.Errorf("%q is left over", rest)
	}
	if err == nil {
		if _, ok := e.(literal); ok {
			err = errors.New("neither a path nor an intrinsic function")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	if c, ok := e.(*call); ok {
		return e, c.check()
	}
	return e, nil
}

var (
	callStart     = regexp.MustCompile(`^[A-Za-z0-9_.]+\(`)
	numberLiteral = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`)
	pathExtent    = regexp.MustCompile(`^\$(\['[^']*'\]|\["[^"]*"\]|[^,()'"\s])*`)
	stringLiteral = regexp.MustCompile(`^'((?:[^'\\]|\\.)*)'`)
)

func parseArgument(s string) (expr, string, error) {
	if strings.HasPrefix(s, "$") {
		text := pathExtent.FindString(s)
		p, err := parsePath(text)
		return p, s[len(text):], err
	}
	if m := stringLiteral.FindStringSubmatch(s); m != nil {
		return literal{m[1]}, s[len(m[0]):], nil
	}
	if rest, ok := strings.CutPrefix(s, "null"); ok {
		return literal{nil}, rest, nil
	}
	if start := callStart.FindString(s); start != "" {
		return parseCall(strings.TrimSuffix(start, "("), strings.TrimLeft(s[len(start):], " "))
	}
	if n := numberLiteral.FindString(s); n != "" {
		return literal{json.Number(n)}, s[len(n):], nil
	}
	return nil, "", fmt.Errorf("%q is not an argument", s)
}

func parseCall(name, s string) (expr, string, error) {
	if _, ok := intrinsics[name]; !ok {
		return nil, "", fmt.Errorf("the intrinsic function %s is not supported", name)
	}
	c := &call{name: name}
	for {
		if rest, ok := strings.CutPrefix(s, ")"); ok && len(c.args) == 0 {
			return c, rest, nil
		}
		arg, rest, err := parseArgument(s)
		if err != nil {
			return nil, "", err
		}
		c.args = append(c.args, arg)
		rest = strings.TrimLeft(rest, " ")
		if after, ok := strings.CutPrefix(rest, ")"); ok {
			return c, after, nil
		}
		after, ok := strings.CutPrefix(rest, ",")
		if !ok {
			return nil, "", fmt.Errorf("%s has no , or ) at %q", name, rest)
		}
		s = strings.TrimLeft(after, " ")
	}
}

// check finds errors that do not depend on the data.
func (c *call) check() error {
	switch want := intrinsics[c.name]; {
	case want < 0 && len(c.args) == 0, want >= 0 && len(c.args) != want:
		return fmt.Errorf("%s does not take %d arguments", c.name, len(c.args))
	}
	if template, ok := c.args[0].(literal); ok && c.name == "States.Format" {
		s, ok := template.v.(string)
		if !ok {
			return errors.New("States.Format needs a string as its template")
		}
		if _, err := format(s, make([]any, len(c.args)-1)); err != nil {
			return err
		}
	}
	for i, a := range c.args {
		switch a := a.(type) {
		case *call:
			if err := a.check(); err != nil {
				return err
			}
		case literal:
			// A literal has kept its escapes so far, because States.Format handles the escapes of its template itself.
			if s, ok := a.v.(string); ok && (c.name != "States.Format" || i > 0) {
				c.args[i] = literal{unescape(s)}
			}
		}
	}
	return nil
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
