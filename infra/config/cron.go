package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const minYear, maxYear = 1970, 2199

// cron is a parsed cron expression.
type cron struct {
	times     []int // minutes since midnight, in order
	months    map[int]bool
	years     map[int]bool
	everyYear bool
	days      func(time.Time) bool // selects by day of the month or by day of the week
}

func (c *cron) matchesDay(day time.Time) bool { return c.months[int(day.Month())] && c.days(day) }

// field is one of the six fields of a cron expression.
type field struct {
	name        string
	least, most int
	names       []string // of least, least+1, …
}

var (
	minuteField  = field{"minutes", 0, 59, nil}
	hourField    = field{"hours", 0, 23, nil}
	dateField    = field{"day-of-month", 1, 31, nil}
	monthField   = field{"month", 1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}}
	weekdayField = field{"day-of-week", 1, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}}
	yearField    = field{"year", minYear, maxYear, nil}
)

func parseCron(text string) (*cron, *parseFault) {
	parts := strings.Split(text, " ")
	if len(parts) != 6 || slices.Contains(parts, "") {
		return nil, &parseFault{fmt.Sprintf("cron(%s) has %d fields instead of 6, or too many spaces", text, len(strings.Fields(text))), cronRight}
	}
	if (parts[2] == "?") == (parts[4] == "?") {
		return nil, &parseFault{fmt.Sprintf("the day-of-month is %s and the day-of-week is %s, but exactly one must be ?", parts[2], parts[4]), cronRight}
	}
	c := &cron{everyYear: parts[5] == "*"}
	minutes, err := minuteField.set(parts[0])
	hours, err := next(err, hourField.set, parts[1])
	c.months, err = next(err, monthField.set, parts[3])
	c.years, err = next(err, yearField.set, parts[5])
	c.days, err = next(err, func(string) (func(time.Time) bool, *parseFault) { return parseDays(parts[2], parts[4]) }, "")
	if err != nil {
		return nil, err
	}
	for h := range 24 {
		for m := range 60 {
			if hours[h] && minutes[m] {
				c.times = append(c.times, h*60+m)
			}
		}
	}
	return c, nil
}

// next parses one more field, unless an earlier one was wrong.
func next[T any](before *parseFault, parse func(string) (T, *parseFault), text string) (T, *parseFault) {
	if before != nil {
		var none T
		return none, before
	}
	return parse(text)
}

// set parses a list of numbers, names, ranges and steps.
func (f field) set(text string) (map[int]bool, *parseFault) {
	out := map[int]bool{}
	for part := range strings.SplitSeq(text, ",") {
		from, to, step, err := f.span(part)
		if err != nil {
			return nil, err
		}
		for n := from; n <= to; n += step {
			out[n] = true
		}
	}
	return out, nil
}

func (f field) span(part string) (from, to, step int, wrong *parseFault) {
	text, steps, stepped := strings.Cut(part, "/")
	step = 1
	if stepped {
		n, err := strconv.Atoi(steps)
		if err != nil || n < 1 || n > f.most {
			return 0, 0, 0, f.wrong(part)
		}
		step = n
	}
	low, high, isRange := strings.Cut(text, "-")
	switch {
	case text == "*":
		return f.least, f.most, step, nil
	case isRange:
		from, to = f.number(low), f.number(high)
	default:
		from = f.number(text)
		if to = from; stepped {
			to = f.most // 5/15 is 5, 20, 35, 50
		}
	}
	if from < f.least || to < from || to > f.most {
		return 0, 0, 0, f.wrong(part)
	}
	return from, to, step, nil
}

// number returns -1 if the text is not a number or a name of the field.
func (f field) number(text string) int {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.least + i
	}
	n, err := strconv.Atoi(text)
	if err != nil || strings.HasPrefix(text, "+") {
		return -1
	}
	return n
}

func (f field) wrong(part string) *parseFault {
	right := fmt.Sprintf("Give numbers from %d to %d", f.least, f.most)
	if f.names != nil {
		right += fmt.Sprintf(", or %s to %s", f.names[0], f.names[len(f.names)-1])
	}
	return &parseFault{
		fmt.Sprintf("the %s %s can't be read", f.name, show(part)),
		right + ", ranges from low to high, lists with commas, or steps such as */6",
	}
}

var (
	nearForm  = regexp.MustCompile(`^(\d{1,2})W$`)               // the weekday nearest to a date
	lastForm  = regexp.MustCompile(`^([1-7]|[A-Za-z]{3})L$`)     // the last such weekday of a month
	nthForm   = regexp.MustCompile(`^([1-7]|[A-Za-z]{3})#(\d)$`) // the nth such weekday of a month
	lastOfAny = "L"
)

// parseDays parses the two day fields. One of them is a question mark.
func parseDays(date, weekday string) (func(time.Time) bool, *parseFault) {
	if weekday != "?" {
		return parseWeekdays(weekday)
	}
	if date == lastOfAny {
		return func(t time.Time) bool { return t.Day() == lastDate(t) }, nil
	}
	if m := nearForm.FindStringSubmatch(date); m != nil {
		if n, _ := strconv.Atoi(m[1]); n >= 1 && n <= 31 {
			return func(t time.Time) bool { return t.Day() == nearestWorkday(t, n) }, nil
		}
	}
	dates, err := dateField.set(date)
	return func(t time.Time) bool { return dates[t.Day()] }, err
}

func parseWeekdays(text string) (func(time.Time) bool, *parseFault) {
	if text == lastOfAny {
		text = "SAT"
	}
	if m := lastForm.FindStringSubmatch(text); m != nil {
		if n := weekdayField.number(m[1]); n > 0 {
			return func(t time.Time) bool { return weekdayOf(t) == n && t.Day() > lastDate(t)-7 }, nil
		}
	}
	if m := nthForm.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[2])
		if d := weekdayField.number(m[1]); d > 0 && n >= 1 && n <= 5 {
			return func(t time.Time) bool { return weekdayOf(t) == d && (t.Day()+6)/7 == n }, nil
		}
	}
	days, err := weekdayField.set(text)
	return func(t time.Time) bool { return days[weekdayOf(t)] }, err
}

func weekdayOf(t time.Time) int { return int(t.Weekday()) + 1 }

func lastDate(t time.Time) int {
	return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// nearestWorkday returns the day of the month of the nearest Monday to Friday, within the same month.
func nearestWorkday(t time.Time, date int) int {
	last := lastDate(t)
	if date > last {
		return 0
	}
	switch time.Date(t.Year(), t.Month(), date, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if date == 1 {
			return 3
		}
		return date - 1
	case time.Sunday:
		if date == last {
			return date - 2
		}
		return date + 1
	}
	return date
}
