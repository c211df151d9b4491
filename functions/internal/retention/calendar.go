package retention

import (
	"math"
	"strconv"
	"time"
)

// period is a kind of calendar period. Its number grows with local time, and two moments have the same one if, and only if, they
// lie in the same period.
type period struct {
	unit   string
	number func(local time.Time) int64
	label  func(to []byte, local time.Time) []byte
}

var (
	hours  = period{"hour", hourNumber, layout("2006-01-02 15:00-07:00")}
	days   = period{"day", dayNumber, layout(time.DateOnly)}
	weeks  = period{"week", weekNumber, weekLabel}
	months = period{"month", monthNumber, layout("2006-01")}
	years  = period{"year", yearNumber, layout("2006")}
)

// hourNumber is the moment at which the local hour began by the clock's present offset from UTC. So the hour that is repeated
// when the clocks go back is two, and a zone that is half an hour off has hours of its own.
func hourNumber(local time.Time) int64 {
	return local.Unix() - int64(local.Minute()*60+local.Second())
}

func dayNumber(local time.Time) int64 {
	y, m, d := local.Date()
	return (int64(y)*100+int64(m))*100 + int64(d)
}

func weekNumber(local time.Time) int64 {
	y, w := local.ISOWeek()
	return int64(y)*100 + int64(w)
}

func monthNumber(local time.Time) int64 {
	y, m, _ := local.Date()
	return int64(y)*100 + int64(m)
}

func yearNumber(local time.Time) int64 { return int64(local.Year()) }

func layout(l string) func([]byte, time.Time) []byte {
	return func(to []byte, local time.Time) []byte { return local.AppendFormat(to, l) }
}

func weekLabel(to []byte, local time.Time) []byte {
	y, w := local.ISOWeek()
	to = append(strconv.AppendInt(to, int64(y), 10), "-W"...)
	if w < 10 {
		to = append(to, '0')
	}
	return strconv.AppendInt(to, int64(w), 10)
}

// verdict is what a calendar rule says of a snapshot.
type verdict int

const (
	beyond    verdict = iota // its period is older than all that the rule keeps
	notNewest                // a newer snapshot stands for its period
	newest                   // it stands for its period
)

// verdicts are those of the calendar rules in force; the array saves an allocation for each snapshot.
type verdicts [5]verdict

// calendarRule keeps the newest snapshot of each of the latest n periods which have one.
type calendarRule struct {
	period
	name   string
	of     func(*Rules) *int
	n      int
	taken  int
	oldest int64 // number of the oldest period taken so far
	full   bool  // a snapshot beyond the n-th period was met: all further ones are beyond it too
}

func calendarRules(r Rules) []*calendarRule {
	var rules []*calendarRule
	for i, p := range []period{hours, days, weeks, months, years} {
		c := counted[i+1]
		if n := *c.of(&r); n > 0 {
			rules = append(rules, &calendarRule{period: p, name: c.name, of: c.of, n: n, oldest: math.MaxInt64})
		}
	}
	return rules
}

// meet takes the volume's snapshots one by one, newest first.
func (c *calendarRule) meet(local time.Time) verdict {
	if c.full {
		return beyond
	}
	number := c.number(local)
	switch {
	case number >= c.oldest:
		// Not only the same number: where the clocks go back across midnight (St. John's did until 2011, at 0:01) the newer
		// day comes up again behind the older one, and must not be counted twice.
		return notNewest
	case c.taken == c.n:
		c.full = true
		return beyond
	}
	c.taken++
	c.oldest = number
	return newest
}
