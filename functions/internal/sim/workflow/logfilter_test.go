package workflow_test

import (
	"fmt"
	"regexp"
	"strings"
)

// logFilter is a metric filter's pattern for lines of JSON (CloudWatch Logs User Guide, "Filter pattern syntax"). It models what our patterns use:
// comparisons of strings, * for any characters, && before ||, and parentheses. It refuses everything else.
type logFilter func(line map[string]any) bool

func parseLogFilter(pattern string) (logFilter, error) {
	inner, ok := strings.CutPrefix(pattern, "{")
	inner, closed := strings.CutSuffix(inner, "}")
	if !ok || !closed {
		return nil, fmt.Errorf("%s is not a pattern for JSON", pattern)
	}
	p := logFilterParser{}
	for rest := strings.TrimSpace(inner); rest != ""; rest = strings.TrimSpace(rest) {
		token := logFilterToken.FindString(rest)
		if token == "" {
			return nil, fmt.Errorf("the test does not know %q in %s", rest, pattern)
		}
		p.tokens, rest = append(p.tokens, token), rest[len(token):]
	}
	f, err := p.any()
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("%q is left", p.tokens)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pattern, err)
	}
	return f, nil
}

var logFilterToken = regexp.MustCompile(`^(\(|\)|&&|\|\||=|\$(\.[A-Za-z_]+)+|"[^"\\]*")`)

type logFilterParser struct{ tokens []string }

func (p *logFilterParser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *logFilterParser) take() string {
	token := p.next()
	if token != "" {
		p.tokens = p.tokens[1:]
	}
	return token
}

func (p *logFilterParser) any() (logFilter, error) {
	return p.joined("||", p.all, func(a, b bool) bool { return a || b })
}

func (p *logFilterParser) all() (logFilter, error) {
	return p.joined("&&", p.one, func(a, b bool) bool { return a && b })
}

func (p *logFilterParser) joined(by string, operand func() (logFilter, error), join func(a, b bool) bool) (logFilter, error) {
	left, err := operand()
	for err == nil && p.next() == by {
		p.take()
		var right logFilter
		before := left
		right, err = operand()
		left = func(line map[string]any) bool { return join(before(line), right(line)) }
	}
	return left, err
}

func (p *logFilterParser) one() (logFilter, error) {
	token := p.take()
	if token == "(" {
		f, err := p.any()
		if closing := p.take(); err == nil && closing != ")" {
			err = fmt.Errorf("%q in place of )", closing)
		}
		return f, err
	}
	operator, text := p.take(), p.take()
	if !strings.HasPrefix(token, "$") || operator != "=" || !strings.HasPrefix(text, `"`) {
		return nil, fmt.Errorf("the test does not know %s %s %s", token, operator, text)
	}
	form := strings.ReplaceAll(regexp.QuoteMeta(strings.Trim(text, `"`)), `\*`, ".*")
	matches := regexp.MustCompile("(?s)^" + form + "$")
	return func(line map[string]any) bool {
		value, ok := selected(line, token).(string)
		return ok && matches.MatchString(value)
	}, nil
}

// selected gives the value at a selector such as $.record.status; nil if there is none.
func selected(line map[string]any, selector string) any {
	var at any = line
	for key := range strings.SplitSeq(strings.TrimPrefix(selector, "$."), ".") {
		object, _ := at.(map[string]any)
		at = object[key]
	}
	return at
}
