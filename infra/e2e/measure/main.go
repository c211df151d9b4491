// Command measure measures the size, the start time and the memory of the functions. They run as real processes in an emulated AWS
// account.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/e2e"
)

const usage = `measure deploys the product to an emulated AWS account on this machine and does two runs. It prints for each function the size of its
program, the time from its start to its first call, and its peak memory.

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "measure: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("measure", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	instances := f.Int("instances", 500, "how `many` instances there are, with one volume each, 1 to 5000")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *instances < 1 || *instances > 5000 {
		return fmt.Errorf("-instances is %d; give a number from 1 to 5000", *instances)
	}
	bed, err := e2e.Start(ctx, e2e.Options{Speed: 100, Progress: stderr})
	if err != nil {
		return err
	}
	sizes, err := deployAndRun(ctx, bed, *instances)
	bed.Close(err != nil)
	if err != nil {
		return err
	}
	table(stdout, *instances, sizes, bed.Lambda.Usage())
	return nil
}

// deployAndRun deploys the product, does two runs, and returns the sizes of the functions' programs.
func deployAndRun(ctx context.Context, bed *e2e.Testbed, instances int) (map[string]int64, error) {
	if err := bed.Bootstrap(ctx); err != nil {
		return nil, err
	}
	if _, err := bed.Deploy(ctx, nil); err != nil {
		return nil, err
	}
	if _, err := bed.Launch(ctx, instances, 1, map[string]string{"Name": "web", "SnapshotDaily": "1"}); err != nil {
		return nil, err
	}
	for day := range 2 { // in the second run, there is something to prune
		arn, err := bed.StartExecution(ctx, fmt.Sprintf("day-%d", day), fmt.Sprintf(`{"SnapshotKeyWord":"SnapshotDaily","ScheduledTime":%q}`,
			time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, day-2).Format(time.RFC3339)))
		if err != nil {
			return nil, err
		}
		e, err := bed.Wait(ctx, arn)
		if err != nil {
			return nil, err
		}
		if e.Status != "SUCCEEDED" {
			return nil, fmt.Errorf("the run of day %d ended with the status %s: %s", day, e.Status, e.Cause)
		}
	}
	return bed.Sizes()
}

func table(w io.Writer, instances int, sizes map[string]int64, used map[string]e2e.Usage) {
	fmt.Fprintf(w, "| function, in two runs over %d instances | program | start to first call, median | processes | peak memory |\n|---|---:|---:|---:|---:|\n", instances)
	const mib = 1 << 20
	for _, name := range slices.Sorted(maps.Keys(used)) {
		u := used[name]
		slices.Sort(u.Starts)
		if len(u.Starts) == 0 {
			continue // no process of it asked for a call
		}
		fmt.Fprintf(w, "| `%s` | %.1f MiB | %.1f ms | %d | %.1f MiB |\n", e2e.FolderOf(name), float64(sizes[e2e.FolderOf(name)])/mib,
			float64(u.Starts[len(u.Starts)/2])/float64(time.Millisecond), len(u.Starts), float64(u.Peak)/mib)
	}
}
