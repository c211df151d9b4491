package config

import (
	"regexp"
	"slices"
)

// The values of the key orphans that are not a retention.
const (
	OrphansReport = "report" // orphans are reported, and none is deleted
	OrphansOff    = "off"    // nothing looks for orphans
)

// orphanRule matches the retentions that are allowed for orphans. tidy-orphans parses the same texts; both are tested with the
// table in statemachine/testdata.
var orphanRule = regexp.MustCompile(`^(last=[1-9]\d{0,4}|[1-9]\d{0,3}[hdw])$`)

func (r *reader) orphans(key string, value any) string {
	s, ok := value.(string)
	if !ok || s != OrphansReport && s != OrphansOff && !orphanRule.MatchString(s) {
		r.fault(key, `Give "report", "off", or what to keep of each volume, such as "last=1" or "90d"`, "%s is not an allowed value", show(value))
		return OrphansReport
	}
	return s
}

// OrphansDeleted says whether orphans are deleted at all.
func (c Config) OrphansDeleted() bool { return c.Orphans != OrphansReport && c.Orphans != OrphansOff }

// OrphanKeywords returns the keywords whose orphans are looked for: those with an enabled schedule. Pausing a schedule must not
// delete its snapshots.
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
