package config_test

import (
	"fmt"
	"testing"
	"time"
)

// The longest time from one run to the next, calculated by hand.
func TestLongestGaps(t *testing.T) {
	const day = 24 * time.Hour
	for expression, want := range map[string]time.Duration{
		"rate(1 minute)":              time.Minute,
		"rate(90 minutes)":            90 * time.Minute,
		"rate(1 hour)":                time.Hour,
		"rate(1 day)":                 day,
		"rate(365 days)":              365 * day,
		"at(2030-01-01T00:00:00)":     0,
		"cron(* * * * ? *)":           time.Minute,
		"cron(0 * * * ? *)":           time.Hour,
		"cron(15,45 * * * ? *)":       30 * time.Minute,
		"cron(10,20 * * * ? *)":       50 * time.Minute,
		"cron(5/15 * * * ? *)":        15 * time.Minute, // 5, 20, 35, 50
		"cron(0 8-18 * * ? *)":        14 * time.Hour,   // over night
		"cron(0 8-18/5 * * ? *)":      14 * time.Hour,   // 8, 13, 18
		"cron(0 */7 * * ? *)":         7 * time.Hour,    // 0, 7, 14, 21
		"cron(0 8 * * ? *)":           day,
		"cron(0 8 */10 * ? *)":        10 * day, // 1, 11, 21, 31, 1
		"cron(0 8 1,15 * ? *)":        17 * day, // from the 15th of a month with 31
		"cron(0 8 L * ? *)":           31 * day,
		"cron(0 8 1 * ? *)":           31 * day,
		"cron(0 8 15W * ? *)":         32 * day, // from Friday the 14th, as the 15th is a Saturday, or to Monday the 16th
		"cron(0 8 ? * MON-FRI *)":     3 * day,
		"cron(0 8 ? * 2-6 *)":         3 * day,
		"cron(0 8 ? * mon-fri *)":     3 * day,
		"cron(0 8 ? * SUN *)":         7 * day,
		"cron(0 8 ? * L *)":           7 * day,
		"cron(0 8 ? * MON,THU *)":     4 * day,
		"cron(0 8 ? * 6#3 *)":         35 * day,
		"cron(0 8 ? * FRIL *)":        35 * day,
		"cron(0 8 ? * 6L *)":          35 * day,
		"cron(0 8 1 JAN,JUL ? *)":     184 * day,
		"cron(0 8 1 */6 ? *)":         184 * day,
		"cron(0 8 29 FEB ? *)":        1461 * day,
		"cron(0 8 1 1 ? 2030)":        0,
		"cron(0 8 1 1 ? 2030,2032)":   730 * day,
		"cron(0 8 1 1 ? 2030-2040/5)": 1826 * day, // with one leap day
		"cron(0 0 ? * MON#5 *)":       119 * day,  // from 30 November 2026 to 29 March 2027
		"cron(0 8 30 * ? *)":          60 * day,   // 30 January to 30 March, in a leap year
	} {
		c := read(t, fmt.Sprintf(`{"schedules": [{"keyword": "K", "expression": %q}]}`, expression))
		if got := c.Schedules[0].Expression.Longest; got != want {
			t.Errorf("%s: %v (%g days), want %v", expression, got, got.Hours()/24, want)
		}
	}
}

func TestWatches(t *testing.T) {
	got := map[string]string{}
	c := read(t, `{"schedules": [
		{"keyword": "Often", "expression": "rate(10 minutes)"},
		{"keyword": "Windowed", "expression": "rate(1 hour)", "flexibleWindowMinutes": 30},
		{"keyword": "Twice", "expression": "cron(0 8 ? * SUN *)"},
		{"keyword": "Twice", "expression": "rate(1 day)"},
		{"keyword": "Twice", "expression": "at(2030-01-01T00:00:00)"},
		{"keyword": "Weekly", "expression": "cron(0 8 ? * SUN *)"},
		{"keyword": "Once", "expression": "at(2030-01-01T00:00:00)"},
		{"keyword": "备份", "expression": "rate(1 day)"},
		{"keyword": "Off", "expression": "rate(1 day)", "enabled": false}
	]}`)
	for _, w := range c.Watches() {
		got[w.Keyword] = fmt.Sprintf("%d × %v", w.Periods, w.Period)
		if w.WhyNot != "" {
			got[w.Keyword] = w.WhyNot
		}
	}
	same(t, "watches", got, map[string]string{
		"Often": "21 × 1m0s", "Windowed": "37 × 5m0s", "Twice": "49 × 1h0m0s",
		"Weekly": "two of its periods are 14 days, but CloudWatch can evaluate only 7",
		"Once":   "it triggers only one run", "备份": "49 × 1h0m0s",
	})
}
