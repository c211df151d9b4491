package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/bench"
)

// benchmarks measures all scenarios. -json has all figures, of which the documents quote tables.
func benchmarks(ctx context.Context, o options, stdout, stderr io.Writer) error {
	var results []bench.Result
	for _, s := range slices.Concat(bench.Sizes(), bench.Troubles()) {
		fmt.Fprintf(stderr, "%d volumes: %s…\n", s.Volumes, s.Name)
		r, err := bench.Measure(ctx, s, bench.Machine{Now: time.Now, Heap: true})
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	return emit(o, stdout, results, func(w io.Writer) {
		tables := bench.Tables(results)
		for _, name := range slices.Sorted(maps.Keys(tables)) {
			fmt.Fprintf(w, "%s\n", tables[name])
		}
	})
}
