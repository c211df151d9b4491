// Package retention decides which snapshots of a volume stay and which go. It is pure: no AWS package, no clock, no I/O.
// Whatever it is given, it errs on the side of keeping.
package retention

import (
	"strconv"
	"strings"
	"time"
)

// Rules is a retention value, read. A snapshot is kept if any rule keeps it; a rule that is zero (or less) is not in force.
type Rules struct {
	Off bool // leave this instance or volume out: no snapshot, no removal

	Last    int // the newest so many
	Hourly  int // the newest of each of the latest so many hours that have a snapshot; the following likewise
	Daily   int
	Weekly  int // ISO weeks, Monday to Sunday
	Monthly int
	Yearly  int

	Within time.Duration // all that are younger
}

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// The rules' names, as people write them.
const (
	offWord    = "off"
	lastRule   = "last"
	withinRule = "within"
	knownRules = "last, hourly, daily, weekly, monthly, yearly, within and off"
)

// counted are the rules that are a number, in the order in which they are written.
var counted = []struct {
	name string
	of   func(*Rules) *int
}{
	{lastRule, func(r *Rules) *int { return &r.Last }},
	{"hourly", func(r *Rules) *int { return &r.Hourly }},
	{"daily", func(r *Rules) *int { return &r.Daily }},
	{"weekly", func(r *Rules) *int { return &r.Weekly }},
	{"monthly", func(r *Rules) *int { return &r.Monthly }},
	{"yearly", func(r *Rules) *int { return &r.Yearly }},
}

// String gives the canonical form: Parse(r.String()) == r for each r that Parse returned. It is empty if no rule is in force.
func (r Rules) String() string {
	if r.Off {
		return offWord
	}
	var words []string
	for _, c := range counted {
		if n := *c.of(&r); n > 0 {
			words = append(words, c.name+"="+strconv.Itoa(n))
		}
	}
	if r.Within > 0 {
		words = append(words, withinRule+"="+formatAge(r.Within))
	}
	return strings.Join(words, " ")
}

// inForce says whether anything says what to keep. Without it nothing may go: a removal needs a rule to point at.
func (r Rules) inForce() bool {
	return !r.Off && r.String() != ""
}

// formatAge writes an age as Parse reads it: days if it can be, else hours. Never weeks, since a person who wrote 7d should
// not read 1w in a reason.
func formatAge(d time.Duration) string {
	switch {
	case d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	case d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	default:
		return d.String() // no value that Parse read
	}
}
