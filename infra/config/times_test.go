package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScheduledTimes(t *testing.T) {
	cases := []struct {
		name      string
		schedules []Schedule
		after     string
		want      []string // the first four within a year
	}{
		{
			"each day by the zone's clock", []Schedule{{Expression: mustExpression("cron(0 8 * * ? *)"), TimeZone: "Asia/Shanghai"}},
			"2026-11-22T00:00:00Z", []string{"2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"},
		}, {
			"never at a time that the clock skips", []Schedule{{Expression: mustExpression("cron(30 2 * * ? *)"), TimeZone: "Europe/Berlin"}},
			"2026-03-27T12:00:00Z", []string{"2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z", "2026-04-01T00:30:00Z"},
		}, {
			"once at a time that the clock repeats", []Schedule{{Expression: mustExpression("cron(30 2 * * ? *)"), TimeZone: "Europe/Berlin"}},
			"2026-10-24T12:00:00Z", []string{"2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z", "2026-10-28T01:30:00Z"},
		}, {
			"by several schedules of the keyword", []Schedule{
				{Expression: mustExpression("cron(30 2 ? * MON-FRI *)"), TimeZone: "UTC"}, {Expression: mustExpression("cron(0 12 ? * SAT *)"), TimeZone: "UTC"},
			},
			"2026-11-26T12:00:00Z", []string{"2026-11-27T02:30:00Z", "2026-11-28T12:00:00Z", "2026-11-30T02:30:00Z", "2026-12-01T02:30:00Z"},
		}, {
			"at a rate", []Schedule{{Expression: mustExpression("rate(6 hours)"), TimeZone: "UTC"}},
			"2026-11-22T01:00:00Z", []string{"2026-11-22T07:00:00Z", "2026-11-22T13:00:00Z", "2026-11-22T19:00:00Z", "2026-11-23T01:00:00Z"},
		}, {
			"once", []Schedule{{Expression: mustExpression("at(2026-12-01T08:00:00)"), TimeZone: "Asia/Shanghai"}},
			"2026-11-22T01:00:00Z", []string{"2026-12-01T00:00:00Z"},
		}, {
			"never, if its only time has passed", []Schedule{{Expression: mustExpression("at(2026-12-01T08:00:00)"), TimeZone: "Asia/Shanghai"}},
			"2026-12-01T00:00:00Z", nil,
		}, {
			"never, if its years have passed", []Schedule{{Expression: mustExpression("cron(0 8 1 1 ? 2020)"), TimeZone: "UTC"}}, "2026-12-01T00:00:00Z", nil,
		}, {
			"on a day far away", []Schedule{{Expression: mustExpression("cron(0 8 L 2 ? *)"), TimeZone: "UTC"}},
			"2026-12-01T00:00:00Z", []string{"2027-02-28T08:00:00Z"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for i := range c.schedules {
				c.schedules[i].Keyword, c.schedules[i].Enabled = "K", true
			}
			others := []Schedule{
				{Keyword: "K", Expression: mustExpression("rate(1 minute)"), TimeZone: "UTC"}, // disabled
				{Keyword: "Another", Expression: mustExpression("rate(1 minute)"), TimeZone: "UTC", Enabled: true},
			}
			after, err := time.Parse(time.RFC3339, c.after)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, at := range (Config{Schedules: append(others, c.schedules...)}).ScheduledTimes("K", after, after.AddDate(1, 0, 0), 4) {
				got = append(got, at.Format(time.RFC3339))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}
