package asl

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// choiceRule is a rule of a Choice: a test, or rules joined by And, Or or Not.
type choiceRule struct {
	join     string // And, Or, Not; "" for a test
	rules    []choiceRule
	variable *path
	test     string // e.g. NumericGreaterThan
	want     any
	next     string // only in a top-level rule
}

// tests are the supported operators and the type that each compares with.
var tests = map[string]string{}

func init() {
	for _, test := range []string{"BooleanEquals", "IsPresent", "IsNull", "IsString", "IsNumeric", "IsBoolean"} {
		tests[test] = "a boolean"
	}
	for _, order := range []string{"Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"} {
		tests["String"+order] = "a string"
		tests["Numeric"+order] = "a number"
	}
}

func (p *parser) choice(s *state, f *fields, inMap bool) {
	if !f.has("Choices") {
		f.bad("Choices", "is missing")
	}
	for i, v := range f.array("Choices") {
		rf := p.object(fmt.Sprintf("%s, Choices[%d]", f.where, i), v)
		rf.comment()
		next := rf.required("Next")
		rule := p.choiceRule(rf, inMap)
		rule.next = next
		s.choices = append(s.choices, rule)
	}
	s.fallback = f.text("Default")
}

func (p *parser) choiceRule(f *fields, inMap bool) choiceRule {
	defer f.finish()
	for _, join := range []string{"And", "Or", "Not"} {
		if !f.has(join) {
			continue
		}
		rule := choiceRule{join: join}
		list := []any{f.m[join]}
		if join != "Not" {
			list = f.array(join)
		}
		f.read[join] = true
		for i, v := range list {
			rule.rules = append(rule.rules, p.choiceRule(p.object(fmt.Sprintf("%s, %s[%d]", f.where, join, i), v), inMap))
		}
		return rule
	}
	rule := choiceRule{variable: f.somePath("Variable", inMap)}
	if rule.variable == nil && !f.has("Variable") {
		f.bad("Variable", "is missing")
	}
	for _, test := range sortedKeys(tests) {
		if !f.has(test) {
			continue
		}
		if rule.test != "" {
			f.bad(test, "a rule has only one test, but there is also %s", rule.test)
		}
		rule.test = test
		rule.want, _ = f.get(test)
		if kind(rule.want) != tests[test] {
			f.bad(test, "is %s, not %s", kind(rule.want), tests[test])
		}
	}
	if rule.test == "" {
		f.bad("Variable", "there is no test that this interpreter supports")
	}
	return rule
}

// holds says whether the rule is true. And and Or stop at the first rule that decides, so IsPresent can protect a comparison.
func (r choiceRule) holds(data any, context contextObject) (bool, error) {
	switch r.join {
	case "Not":
		ok, err := r.rules[0].holds(data, context)
		return !ok, err
	case "And", "Or":
		for _, rule := range r.rules {
			ok, err := rule.holds(data, context)
			if err != nil || ok == (r.join == "Or") {
				return ok, err
			}
		}
		return r.join == "And", nil
	}
	got, err := r.variable.eval(data, context)
	if r.test == "IsPresent" {
		return (err == nil) == r.want, nil
	}
	if err != nil {
		return false, err
	}
	switch r.test {
	case "IsNull":
		return (got == nil) == r.want, nil
	case "IsString", "IsNumeric", "IsBoolean":
		wanted := map[string]string{"IsString": "a string", "IsNumeric": "a number", "IsBoolean": "a boolean"}[r.test]
		return (kind(got) == wanted) == r.want, nil
	}
	if kind(got) != kind(r.want) {
		return false, nil // a value of another type does not match; it is not an error
	}
	switch got := got.(type) {
	case bool:
		return got == r.want, nil
	case string:
		return ordered(strings.TrimPrefix(r.test, "String"), strings.Compare(got, r.want.(string))), nil
	case json.Number:
		return ordered(strings.TrimPrefix(r.test, "Numeric"), compareNumbers(got, r.want.(json.Number))), nil
	}
	return false, nil
}

func ordered(order string, c int) bool {
	switch order {
	case "Equals":
		return c == 0
	case "LessThan":
		return c < 0
	case "LessThanEquals":
		return c <= 0
	case "GreaterThan":
		return c > 0
	}
	return c >= 0
}

// compareNumbers is exact for integers. It compares other numbers as binary64, as the language requires.
func compareNumbers(a, b json.Number) int {
	x, errX := strconv.ParseInt(string(a), 10, 64)
	y, errY := strconv.ParseInt(string(b), 10, 64)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	fx, _ := a.Float64()
	fy, _ := b.Float64()
	return cmp.Compare(fx, fy)
}
