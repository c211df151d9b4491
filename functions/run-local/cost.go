package main

import (
	"context"
	"fmt"
	"io"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/cost"
)

// costSizes are the fleets of the README's table.
var costSizes = []int{10, 100, 1000, 10_000}

// costs prints what runs of several sizes use of AWS and cost.
func costs(ctx context.Context, o options, stdout, stderr io.Writer) error {
	var usages []cost.Usage
	for _, n := range costSizes {
		fmt.Fprintf(stderr, "a run over %d volumes…\n", n)
		u, err := cost.Measure(ctx, n)
		if err != nil {
			return err
		}
		usages = append(usages, u)
	}
	return emit(o, stdout, usages, func(w io.Writer) { cost.Table(w, usages) })
}
