package ec2sim

import (
	"maps"
	"slices"
	"strings"
)

// EC2's limits on filters (EC2 User Guide, "List and filter your resources").
const (
	maxFilters      = 50
	maxFilterValues = 200
)

// enumerated are the values of the filters on states. A typing error in them would silently match nothing.
var enumerated = map[string][]string{
	"status":              {"pending", "completed", "error"},
	"instance-state-name": slices.Sorted(maps.Keys(instanceStateCodes)),
}

// filter is one Filter.N of a request. A resource must match any value of each filter.
type filter struct {
	name     string // e.g. volume-id; "tag:" for tag:KEY
	tagKey   string // of tag:KEY
	patterns []pattern
}

type filters []filter

// readFilters reads the request's filters. modelled are the filter names that the action models in addition to tag-key and tag:KEY.
func readFilters(p *params, modelled ...string) filters {
	var out filters
	seen := map[string]bool{}
	for _, f := range p.structs("Filter") {
		name, values := f.required("Name"), f.strings("Value")
		next := filter{name: name}
		if key, ok := strings.CutPrefix(name, "tag:"); ok {
			next.name, next.tagKey = "tag:", key
		} else if name != "tag-key" && !slices.Contains(modelled, name) {
			p.fail(refuse("InvalidParameterValue", "The filter '%s' is invalid (ec2sim does not model it)", name))
		}
		if seen[name] {
			// It is not documented how EC2 combines them.
			p.fail(refuse("InvalidParameterValue", "The filter '%s' is given twice (ec2sim does not model it)", name))
		}
		seen[name] = true
		if len(values) == 0 {
			p.fail(refuse("MissingParameter", "The filter '%s' has no value", name))
		}
		if len(values) > maxFilterValues {
			p.fail(refuse("FilterLimitExceeded", "The maximum number of filter values specified on a single call is %d", maxFilterValues))
		}
		for _, v := range values {
			if allowed := enumerated[name]; allowed != nil && !slices.Contains(allowed, v) {
				p.fail(refuse("InvalidParameterValue", "The filter '%s' can't have the value '%s' (ec2sim does not model it)", name, v))
			}
			pat, err := parsePattern(v)
			if err != nil {
				p.fail(err)
			}
			next.patterns = append(next.patterns, pat)
		}
		out = append(out, next)
	}
	if len(out) > maxFilters {
		p.fail(refuse("FilterLimitExceeded", "The maximum number of filters specified on a single call is %d", maxFilters))
	}
	return out
}

// match says whether a resource matches. attribute gives its values for a filter's name.
func (fs filters) match(tags map[string]string, attribute func(name string) []string) bool {
	for _, f := range fs {
		switch f.name {
		case "tag:":
			value, ok := tags[f.tagKey]
			if !ok || !f.any(value) {
				return false
			}
		case "tag-key":
			if !f.anyKey(tags) {
				return false
			}
		default:
			if !slices.ContainsFunc(attribute(f.name), f.any) {
				return false
			}
		}
	}
	return true
}

func (f filter) any(value string) bool {
	return slices.ContainsFunc(f.patterns, func(p pattern) bool { return p.match(value) })
}

func (f filter) anyKey(tags map[string]string) bool {
	for key := range tags {
		if f.any(key) {
			return true
		}
	}
	return false
}

// exactly gives the values of the filter of that name, if none of them has a wildcard.
func (fs filters) exactly(name string) ([]string, bool) {
	for _, f := range fs {
		if f.name != name || slices.ContainsFunc(f.patterns, func(p pattern) bool { return !p.literal }) {
			continue
		}
		values := make([]string, len(f.patterns))
		for i, p := range f.patterns {
			values[i] = p.text
		}
		return values, true
	}
	return nil, false
}

// pattern is a filter's value: * matches any characters, ? matches one, and \ escapes *, ? and itself.
type pattern struct {
	literal bool
	text    string // of a literal
	runes   []rune // of a pattern: characters, and the marks below
}

// The wildcards in a pattern's runes: no valid text has these.
const (
	anyRunes rune = -1
	oneRune  rune = -2
)

func parsePattern(value string) (pattern, *apiError) {
	p := pattern{literal: true}
	escaped := false
	for _, r := range value {
		switch {
		case escaped:
			if r != '*' && r != '?' && r != '\\' {
				// EC2's behaviour is not documented.
				return p, refuse("InvalidParameterValue", "The filter value %s escapes %q (ec2sim does not model it)", value, r)
			}
			escaped = false
			p.runes = append(p.runes, r)
		case r == '\\':
			escaped = true
		case r == '*':
			p.literal = false
			p.runes = append(p.runes, anyRunes)
		case r == '?':
			p.literal = false
			p.runes = append(p.runes, oneRune)
		default:
			p.runes = append(p.runes, r)
		}
	}
	if escaped {
		return p, refuse("InvalidParameterValue", "The filter value %s ends in an escape (ec2sim does not model it)", value)
	}
	if p.literal {
		p.text, p.runes = string(p.runes), nil
	}
	return p, nil
}

func (p pattern) match(value string) bool {
	if p.literal {
		return p.text == value
	}
	return matchRunes(p.runes, []rune(value))
}

// matchRunes reads text once. At a mismatch the last * matches one more character.
func matchRunes(pat, text []rune) bool {
	i, star, resume := 0, -1, 0
	for j := 0; j < len(text); {
		switch {
		case i < len(pat) && pat[i] == anyRunes:
			star, resume = i, j
			i++
		case i < len(pat) && (pat[i] == oneRune || pat[i] == text[j]):
			i++
			j++
		case star >= 0:
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	for i < len(pat) && pat[i] == anyRunes {
		i++
	}
	return i == len(pat)
}
