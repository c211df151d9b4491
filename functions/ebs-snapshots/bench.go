package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/bench"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
)

// bench measures all scenarios. Their figures are what the documents quote: `make bench`.
func (a *app) bench() *cobra.Command {
	return &cobra.Command{
		Use: "bench", Short: "Measure runs over up to 100,000 simulated volumes", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var results []bench.Result
			for _, s := range slices.Concat(bench.Sizes(), bench.Troubles()) {
				fmt.Fprintf(a.console.err, "%d volumes: %s…\n", s.Volumes, s.Name)
				r, err := bench.Measure(cmd.Context(), s, bench.Machine{Now: time.Now, Heap: true})
				if err != nil {
					return err
				}
				results = append(results, r)
			}
			return a.emit(results, func() {
				tables := bench.Tables(results)
				for _, name := range slices.Sorted(maps.Keys(tables)) {
					fmt.Fprintf(a.console.out, "%s\n", tables[name])
				}
			})
		},
	}
}

// definition prints the state machine's definition as it runs here, for the tools that check it.
func (a *app) definition() *cobra.Command {
	return &cobra.Command{
		Use: "definition", Short: "Print the state machine's definition", Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := workflow.RenderedDefinition(workflow.Config{MaxConcurrency: maxConcurrency, Settle: personWaits.settle})
			if err == nil {
				_, err = a.console.out.Write(text)
			}
			return err
		},
	}
}
