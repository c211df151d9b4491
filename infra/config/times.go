package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// ScheduledTimes returns the scheduled times of a keyword's enabled schedules that are later than after and not later than until, in
// order, at most so many. A rate counts from the moment when its schedule was deployed, which nobody knows here: its first time is
// assumed to be one period after after.
func (c Config) ScheduledTimes(keyword string, after, until time.Time, most int) []time.Time {
	var out []time.Time
	for _, s := range c.Schedules {
		if s.Keyword == keyword && s.Enabled {
			out = append(out, s.scheduledTimes(after, until, most)...)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	out = slices.CompactFunc(out, time.Time.Equal)
	return out[:min(len(out), most)]
}

// Next returns the next scheduled time; the zero time if there is none within a year.
func (s Schedule) Next(after time.Time) time.Time {
	if next := s.scheduledTimes(after, after.AddDate(1, 0, 0), 1); len(next) > 0 {
		return next[0]
	}
	return time.Time{}
}

func (s Schedule) scheduledTimes(after, until time.Time, most int) []time.Time {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil { // checked when it was read
		zone = time.UTC
	}
	switch text := s.Expression.Text; {
	case strings.HasPrefix(text, "rate"):
		var out []time.Time
		for t := after.Add(s.Expression.Longest); !t.After(until) && len(out) < most; t = t.Add(s.Expression.Longest) {
			out = append(out, t.UTC())
		}
		return out
	case strings.HasPrefix(text, "at"):
		t, err := time.ParseInLocation(atTime, atForm.FindStringSubmatch(text)[1], zone)
		if err != nil || !t.After(after) || t.After(until) {
			return nil
		}
		return []time.Time{t.UTC()}
	default:
		return cronTimes(cronForm.FindStringSubmatch(text)[1], zone, after, until, most)
	}
}

func cronTimes(fields string, zone *time.Location, after, until time.Time, most int) []time.Time {
	c, err := parseCron(fields)
	if err != nil { // checked when it was read
		return nil
	}
	var out []time.Time
	first := after.In(zone)
	for day := time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, time.UTC); day.Year() <= maxYear; day = day.AddDate(0, 0, 1) {
		if day.Add(-24 * time.Hour).After(until) {
			break
		}
		if !c.years[day.Year()] || !c.matchesDay(day) {
			continue
		}
		for _, m := range c.times {
			t := time.Date(day.Year(), day.Month(), day.Day(), m/60, m%60, 0, 0, zone)
			switch {
			case t.Hour()*60+t.Minute() != m: // the clock skips this time, and EventBridge Scheduler skips it too
			case !t.After(after):
			case t.After(until) || len(out) == most:
				return out
			default:
				out = append(out, t.UTC())
			}
		}
	}
	return out
}

// String describes the schedule for a person.
func (s Schedule) String() string {
	text := s.Expression.Text + ", " + s.TimeZone
	if s.WindowMinutes > 0 {
		text += ", up to " + strconv.Itoa(s.WindowMinutes) + " minutes later"
	}
	if !s.Enabled {
		text += ", disabled"
	}
	return text
}
