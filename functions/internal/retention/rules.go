// Package retention decides which snapshots of a volume are kept and which are removed. It is pure: no AWS package, no clock, no I/O.
// In doubt it keeps.
package retention

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rules is a retention value, read. A snapshot is kept if any rule keeps it; a rule that is zero (or less) is not in force.
type Rules struct {
	Off bool // exclude this instance or volume: no snapshot, no removal

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

// rule keeps the newest snapshot of each of the latest n periods that have one.
type rule struct {
	name   string
	n      func(*Rules) *int
	period string                      // "day"; last has none: each snapshot is a period of its own
	number func(local time.Time) int64 // grows with local time; two moments have the same number if, and only if, they are in the same period
	label  func(local time.Time) string
}

// counted are the rules that are a number, in the order in which they are written.
var counted = []rule{
	{lastRule, func(r *Rules) *int { return &r.Last }, "", nil, layout("")},
	{"hourly", func(r *Rules) *int { return &r.Hourly }, "hour", hourNumber, layout("2006-01-02 15:00-07:00")},
	{"daily", func(r *Rules) *int { return &r.Daily }, "day", dayNumber, layout(time.DateOnly)},
	{"weekly", func(r *Rules) *int { return &r.Weekly }, "week", weekNumber, weekLabel},
	{"monthly", func(r *Rules) *int { return &r.Monthly }, "month", monthNumber, layout("2006-01")},
	{"yearly", func(r *Rules) *int { return &r.Yearly }, "year", yearNumber, layout("2006")},
}

// hourNumber is the moment at which the local hour began, by the clock's present offset from UTC. So the hour that is repeated
// when the clocks go back is two, and a zone that is half an hour off has hours of its own.
func hourNumber(local time.Time) int64 {
	return local.Unix() - int64(local.Minute()*60+local.Second())
}

func dayNumber(local time.Time) int64 { return monthNumber(local)*100 + int64(local.Day()) }

func weekNumber(local time.Time) int64 {
	y, w := local.ISOWeek()
	return int64(y)*100 + int64(w)
}

func monthNumber(local time.Time) int64 { return yearNumber(local)*100 + int64(local.Month()) }

func yearNumber(local time.Time) int64 { return int64(local.Year()) }

func layout(l string) func(time.Time) string {
	return func(local time.Time) string { return local.Format(l) }
}

func weekLabel(local time.Time) string {
	y, w := local.ISOWeek()
	return fmt.Sprintf("%d-W%02d", y, w)
}

// String gives the canonical form: Parse(r.String()) == r for each r that Parse returned. It is empty if no rule is in force.
func (r Rules) String() string {
	if r.Off {
		return offWord
	}
	var words []string
	for _, c := range counted {
		if n := *c.n(&r); n > 0 {
			words = append(words, c.name+"="+strconv.Itoa(n))
		}
	}
	if r.Within > 0 {
		words = append(words, withinRule+"="+formatAge(r.Within))
	}
	return strings.Join(words, " ")
}

// inForce says whether anything says what to keep. Without it nothing may be removed: a removal needs a rule to point at.
func (r Rules) inForce() bool {
	return !r.Off && r.String() != ""
}

// formatAge writes an age as Parse reads it: in days if possible, else in hours. Never in weeks, since a person who wrote 7d should
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
