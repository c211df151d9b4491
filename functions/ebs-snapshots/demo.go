package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/spf13/cobra"

	demonstration "github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/demo"
)

const maxDays = 60

func (a *app) demo() *cobra.Command {
	days := "7"
	cmd := &cobra.Command{
		Use: "demo", Short: "Show a week of a simulated fleet, without AWS", GroupID: showing, Args: cobra.NoArgs,
		Long: `Run the whole product over a simulated AWS account for some days of simulated
time: the real state machine with the real functions. It needs no AWS account.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := strconv.Atoi(days)
			if err != nil || n < 1 || n > maxDays {
				return usagef("--days %q is not a whole number, 1 to %d", days, maxDays)
			}
			return a.playDemo(cmd.Context(), n)
		},
	}
	cmd.Flags().StringVar(&days, "days", days, "how many `days` to simulate, 1 to 60")
	return cmd
}

// playDemo fails if what the product promises did not hold in it.
func (a *app) playDemo(ctx context.Context, days int) error {
	if a.output == "json" {
		return usagef("demo has no JSON: it is for people")
	}
	var log slog.Handler
	if a.debug {
		log = a.functionLog()
	}
	line := a.console.status()
	result, err := demonstration.Run(ctx, demonstration.Options{Days: days, Log: log, Progress: func(day int) {
		line.show(fmt.Sprintf("simulating day %d of %d", day, days))
	}})
	line.clear()
	if err != nil {
		return err
	}
	result.Print(a.console.out, a.console.outColor)
	return result.Err()
}
