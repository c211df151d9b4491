package config

import (
	"regexp"
	"slices"
)

// What can be said of orphans besides what to keep of them.
const (
	OrphansReport = "report" // they are told of, and none is deleted
	OrphansOff    = "off"    // nothing looks for them
)

// orphanRule is a part of what a retention may say. tidy-orphans reads it; a table in statemachine/testdata holds the two together.
var orphanRule = regexp.MustCompile(`^(last=[1-9]\d{0,4}|[1-9]\d{0,3}[hdw])$`)

func (r *reader) orphans(key string, value any) string {
	s, ok := value.(string)
	if !ok || s != OrphansReport && s != OrphansOff && !orphanRule.MatchString(s) {
		r.fault(key, `Give "report", "off", or what to keep of each volume, such as "last=1" or "90d"`, "%s is none of those", show(value))
		return OrphansReport
	}
	return s
}

// OrphansDeleted says whether snapshots that belong to no run any more are deleted at all.
func (c Config) OrphansDeleted() bool { return c.Orphans != OrphansReport && c.Orphans != OrphansOff }

// OrphanKeywords gives the keywords whose orphans are looked for: those with an enabled schedule, since pausing one deletes nothing.
func (c Config) OrphanKeywords() []string {
	var out []string
	if c.Orphans == OrphansOff {
		return nil
	}
	for _, s := range c.Schedules {
		if s.Enabled && !slices.Contains(out, s.Keyword) {
			out = append(out, s.Keyword)
		}
	}
	return out
}
