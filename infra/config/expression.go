package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Expression says when a schedule triggers a run.
type Expression struct {
	Text string // in the syntax of EventBridge Scheduler
	// Longest is the longest time from one run to the next, by the clock of the time zone; 0 if there is only one run.
	Longest time.Duration
}

// parseFault says why an expression can't be read, and what would be right.
type parseFault struct{ wrong, right string }

var (
	rateForm = regexp.MustCompile(`^rate\((\d+) ([a-z]+)\)$`)
	atForm   = regexp.MustCompile(`^at\((.*)\)$`)
	cronForm = regexp.MustCompile(`^cron\((.*)\)$`)
)

// parseExpression parses the syntax of EventBridge Scheduler (EventBridge Scheduler User Guide, "Schedule types"). It is stricter
// where the guide is silent: CloudFormation refuses a wrong expression only in the middle of a deployment, and it accepts one that
// never triggers a run.
func parseExpression(text string) (Expression, *parseFault) {
	e := Expression{Text: text}
	var err *parseFault
	switch {
	case strings.HasPrefix(text, "rate"):
		e.Longest, err = parseRate(text)
	case strings.HasPrefix(text, "at"):
		err = parseAt(text)
	case strings.HasPrefix(text, "cron"):
		m := cronForm.FindStringSubmatch(text)
		if m == nil {
			err = &parseFault{show(text) + " has no closing bracket at its end", cronRight}
			break
		}
		e.Longest, err = longestGap(m[1])
	default:
		err = &parseFault{show(text) + " is not a schedule expression",
			`Give an expression such as "cron(0 8 * * ? *)", "rate(1 hour)" or "at(2026-11-22T08:00:00)"`}
	}
	return e, err
}

func mustExpression(text string) Expression {
	e, err := parseExpression(text)
	if err != nil {
		panic(err.wrong)
	}
	return e
}

const maxRate = 365 * 24 * time.Hour

func parseRate(text string) (time.Duration, *parseFault) {
	const right = `Give a whole number of at least 1 and a unit, such as "rate(1 hour)", "rate(6 hours)" or "rate(1 day)"`
	m := rateForm.FindStringSubmatch(text)
	if m == nil {
		return 0, &parseFault{show(text) + " can't be read", right}
	}
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	n, err := strconv.Atoi(m[1])
	unit, one := units[m[2]]
	if !one {
		unit = units[strings.TrimSuffix(m[2], "s")]
	}
	switch {
	case err != nil || n < 1 || unit == 0 || n > int(maxRate/unit):
		return 0, &parseFault{show(text) + " can't be read, or is more than a year", right}
	case one != (n == 1):
		return 0, &parseFault{show(text) + " has the wrong unit: 1 needs the singular, other numbers need the plural", right}
	}
	return time.Duration(n) * unit, nil
}

const atTime = "2006-01-02T15:04:05"

func parseAt(text string) *parseFault {
	m := atForm.FindStringSubmatch(text)
	if m != nil {
		if _, err := time.Parse(atTime, m[1]); err == nil && len(m[1]) == len(atTime) {
			return nil
		}
	}
	return &parseFault{show(text) + " is not a date and time", `Give a time such as "at(2026-11-22T08:00:00)", in the schedule's timeZone`}
}

const cronRight = `Give six fields: minutes, hours, day-of-month, month, day-of-week, year. One of the two day fields must be ?. ` +
	`Examples: "cron(0 8 * * ? *)", "cron(30 2 ? * MON-FRI *)"`

// longestGap searches several years for the longest time from one run to the next. Eight years are enough: they have two leap
// days, and every date falls on every weekday, except for 29 February.
func longestGap(fields string) (time.Duration, *parseFault) {
	c, err := parseCron(fields)
	if err != nil {
		return 0, err
	}
	first, last := 2024, 2031
	if !c.everyYear {
		first, last = minYear, maxYear
	}
	var previous time.Time
	var longest time.Duration
	for day := time.Date(first, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() <= last; day = day.AddDate(0, 0, 1) {
		if !c.years[day.Year()] {
			day = time.Date(day.Year(), 12, 31, 0, 0, 0, 0, time.UTC)
			continue
		}
		if !c.matchesDay(day) {
			continue
		}
		for _, m := range c.times {
			at := day.Add(time.Duration(m) * time.Minute)
			if !previous.IsZero() {
				longest = max(longest, at.Sub(previous))
			}
			previous = at
		}
	}
	if previous.IsZero() {
		return 0, &parseFault{
			fmt.Sprintf("cron(%s) never triggers a run", fields),
			`Give days that exist, such as "cron(0 8 L * ? *)" for the last day of each month`,
		}
	}
	return longest, nil
}
