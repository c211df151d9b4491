package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// configOutput is what a configuration that has no faults says.
type configOutput struct {
	File      string           `json:"file"`
	Schedules []configSchedule `json:"schedules"`
}

type configSchedule struct {
	Keyword    string     `json:"keyword"`
	Expression string     `json:"expression"`
	TimeZone   string     `json:"timeZone"`
	Enabled    bool       `json:"enabled"`
	NextRun    *time.Time `json:"nextRun"` // null if there is none within a year
}

func (a *app) configuration() *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Check cdk.json", GroupID: showing, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use: "check", Short: "Check cdk.json, and list its schedules", Args: cobra.NoArgs,
		Long: "Check cdk.json: all its faults at once, or its schedules and when each runs\nnext. It needs neither Node.js nor an AWS account.",
		RunE: func(*cobra.Command, []string) error {
			c, err := a.deployment()
			if err != nil {
				return err
			}
			out := configOutput{File: a.config, Schedules: []configSchedule{}}
			now := time.Now()
			for _, s := range c.Schedules {
				one := configSchedule{Keyword: s.Keyword, Expression: s.Expression.Text, TimeZone: s.TimeZone, Enabled: s.Enabled}
				if next := s.Next(now); !next.IsZero() {
					one.NextRun = &next
				}
				out.Schedules = append(out.Schedules, one)
			}
			return a.emit(out, func() { a.console.printConfig(out) })
		},
	})
	return cmd
}

func (c *console) printConfig(out configOutput) {
	c.text("%s has no faults. %s:", out.File, ebs.Count(len(out.Schedules), "schedule"))
	var rows [][]string
	for _, s := range out.Schedules {
		next := "disabled"
		switch {
		case s.Enabled && s.NextRun != nil:
			next = s.NextRun.In(zoneOf(s.TimeZone)).Format(ebs.TimeFormat)
		case s.Enabled:
			next = "none within a year"
		}
		rows = append(rows, []string{s.Keyword, s.Expression, s.TimeZone, next})
	}
	if len(rows) > 0 {
		c.table([]column{{title: "KEYWORD"}, {title: "EXPRESSION"}, {title: "TIME ZONE"}, {title: "NEXT RUN", solid: true}}, rows)
	}
}
