package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Expression says when a schedule fires.
type Expression struct {
	Text string // as EventBridge Scheduler takes it
	// Longest is the longest time between two firings that follow each other, by the clock on the wall; 0 if it fires once.
	Longest time.Duration
}

// misread says why an expression can't be read, and what would be right.
type misread struct{ wrong, right string }

var (
	rateForm = regexp.MustCompile(`^rate\((\d+) ([a-z]+)\)$`)
	atForm   = regexp.MustCompile(`^at\((.*)\)$`)
	cronForm = regexp.MustCompile(`^cron\((.*)\)$`)
)

// parseExpression reads what EventBridge Scheduler would (EventBridge Scheduler User Guide, "Schedule types"), more strictly
// where the guide is silent: CloudFormation would refuse a wrong one in the middle of a deployment, and accept one that never
// fires.
func parseExpression(text string) (Expression, *misread) {
	e := Expression{Text: text}
	var err *misread
	switch {
	case strings.HasPrefix(text, "rate"):
		e.Longest, err = parseRate(text)
	case strings.HasPrefix(text, "at"):
		err = parseAt(text)
	case strings.HasPrefix(text, "cron"):
		m := cronForm.FindStringSubmatch(text)
		if m == nil {
			err = &misread{show(text) + " is not closed", cronRight}
			break
		}
		e.Longest, err = longestGap(m[1])
	default:
		err = &misread{show(text) + " is no schedule expression",
			`Give "cron(0 8 * * ? *)", "rate(1 hour)" or "at(2026-11-22T08:00:00)", or one like them`}
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

func parseRate(text string) (time.Duration, *misread) {
	const right = `Give a whole number from 1 and a unit, such as "rate(1 hour)", "rate(6 hours)" or "rate(1 day)"`
	m := rateForm.FindStringSubmatch(text)
	if m == nil {
		return 0, &misread{show(text) + " can't be read", right}
	}
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	n, err := strconv.Atoi(m[1])
	unit, one := units[m[2]]
	if !one {
		unit = units[strings.TrimSuffix(m[2], "s")]
	}
	switch {
	case err != nil || n < 1 || unit == 0 || n > int(maxRate/unit):
		return 0, &misread{show(text) + " can't be read, or is more than a year", right}
	case one != (n == 1):
		return 0, &misread{show(text) + " has the wrong unit: 1 takes the singular, others the plural", right}
	}
	return time.Duration(n) * unit, nil
}

const atTime = "2006-01-02T15:04:05"

func parseAt(text string) *misread {
	m := atForm.FindStringSubmatch(text)
	if m != nil {
		if _, err := time.Parse(atTime, m[1]); err == nil && len(m[1]) == len(atTime) {
			return nil
		}
	}
	return &misread{show(text) + " is no date and time", `Give "at(2026-11-22T08:00:00)" or one like it, in the schedule's timeZone`}
}

const cronRight = `Give six fields, minutes hours day-of-month month day-of-week year, one of the two day fields a ?, such as ` +
	`"cron(0 8 * * ? *)" or "cron(30 2 ? * MON-FRI *)"`

// longestGap looks through the years for the longest time without a firing. Eight years have two leap days, and every weekday
// on every date but that one.
func longestGap(fields string) (time.Duration, *misread) {
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
		if !c.fires(day) {
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
		return 0, &misread{
			fmt.Sprintf("cron(%s) never fires", fields),
			`Give days that exist, such as "cron(0 8 L * ? *)" for the last one of each month`,
		}
	}
	return longest, nil
}
