// Package cost measures what a run uses of AWS, by running it over a simulated account, and what that costs.
package cost

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Prices are in USD, of us-east-1, for functions on arm64 (AWS's price lists, November 2026).
type Prices struct {
	Transition float64 // a state transition of a Standard workflow
	GBSecond   float64 // Lambda's memory in use
	Request    float64 // a Lambda call
	S3Write    float64 // a PUT or LIST
	S3Read     float64 // a GET
}

// ListPrices are AWS's, without a free tier or a discount.
var ListPrices = Prices{
	Transition: 0.025 / 1000,
	GBSecond:   0.0000133334,
	Request:    0.20 / 1_000_000,
	S3Write:    0.005 / 1000,
	S3Read:     0.0004 / 1000,
}

// Memory is what the functions are deployed with, in GiB: those for the whole fleet, and those for one volume.
const (
	fleetGiB  = 1.0
	volumeGiB = 0.25
)

const (
	keyword   = "SnapshotDaily"
	keep      = 3
	latency   = 80 * time.Millisecond // of an EC2 call, what EC2 usually takes
	completed = 110 * time.Second     // how long a snapshot takes: most are done when they are first looked at
	settle    = 2 * time.Minute
	children  = 10_000
)

// Usage is what one run uses.
type Usage struct {
	Volumes     int
	Took        time.Duration // from start to end
	Transitions int
	Calls       int     // of functions
	GBSeconds   float64 // billed
	EC2Calls    int
	S3Writes    int
	S3Reads     int
}

// Cost gives what the usage costs, in USD.
func (u Usage) Cost(p Prices) float64 {
	return float64(u.Transitions)*p.Transition + u.GBSeconds*p.GBSecond + float64(u.Calls)*p.Request +
		float64(u.S3Writes)*p.S3Write + float64(u.S3Reads)*p.S3Read
}

// Measure runs one run over a fleet of single-volume instances, the dearest kind, that has been running for days: each volume gets
// a snapshot and loses one.
func Measure(ctx context.Context, volumes int) (Usage, error) {
	world := asl.NewVirtual(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
	account := ec2sim.New(ec2sim.Config{
		Now: world.Now, Sleep: world.Sleep, Latency: latency, Buckets: ec2sim.DefaultBuckets(),
		Completion: func(string, int) time.Duration { return completed },
	})
	fleet(account, volumes, world.Now())
	u := Usage{Volumes: volumes}
	bucket := &counting{Memory: &store.Memory{}}
	var mu sync.Mutex
	w, err := workflow.New(workflow.Config{
		World: world, EC2: workflow.SimulatedEC2(account, world), Objects: bucket, Topic: silent{}, Pace: discover.DefaultPace,
		Settle: settle, MaxConcurrency: children, Log: slog.New(slog.DiscardHandler),
		Around: func(function string, call asl.Task) asl.Task {
			return func(ctx context.Context, request json.RawMessage) (json.RawMessage, error) {
				began := world.Now()
				out, err := call(ctx, request)
				mu.Lock()
				defer mu.Unlock()
				u.Calls++
				u.GBSeconds += world.Now().Sub(began).Seconds() * memory(function)
				return out, err
			}
		},
	})
	if err != nil {
		return u, err
	}
	result, err := w.Run(ctx, "run", contract.Input{SnapshotKeyWord: keyword})
	switch {
	case err != nil:
		return u, err
	case ctx.Err() != nil:
		return u, ctx.Err()
	case result.Status != asl.Succeeded:
		return u, fmt.Errorf("the run over %d volumes ended %s: %s: %s", volumes, result.Status, result.Error, result.Cause)
	}
	u.Took = result.Stop.Sub(result.Start)
	u.Transitions = result.Transitions + result.ChildTransitions
	u.S3Writes, u.S3Reads = bucket.writes, bucket.reads
	for _, n := range account.Calls() {
		u.EC2Calls += n
	}
	return u, nil
}

func memory(function string) float64 {
	if function == workflow.DiscoverInstances || function == workflow.ReportRun {
		return fleetGiB
	}
	return volumeGiB
}

func fleet(account *ec2sim.Account, volumes int, now time.Time) {
	for n := range volumes {
		volume, instance := fmt.Sprintf("vol-%06d", n), fmt.Sprintf("i-%06d", n)
		account.AddInstance(ec2sim.Instance{
			ID: instance, State: "running", Tags: map[string]string{keyword: strconv.Itoa(keep), "Name": "web"},
			Volumes: []ec2sim.BlockDevice{{ID: volume, Device: "/dev/xvda", SizeGiB: 8}},
		})
		for day := 1; day <= keep; day++ {
			account.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Snapshot{
				VolumeID: volume, StartTime: now.AddDate(0, 0, -day),
				Tags: map[string]string{keyword: strconv.Itoa(keep), ebs.TagSchedule: keyword, ebs.TagRetention: strconv.Itoa(keep)},
			}})
		}
	}
}

// counting counts what S3 bills.
type counting struct {
	*store.Memory
	writes, reads int
}

func (c *counting) Get(ctx context.Context, key string) ([]byte, string, error) {
	c.reads++
	return c.Memory.Get(ctx, key)
}

func (c *counting) Put(ctx context.Context, key string, body []byte) error {
	c.writes++
	return c.Memory.Put(ctx, key, body)
}

func (c *counting) Create(ctx context.Context, key string, body []byte) error {
	c.writes++
	return c.Memory.Create(ctx, key, body)
}

func (c *counting) Replace(ctx context.Context, key string, body []byte, etag string) error {
	c.writes++
	return c.Memory.Replace(ctx, key, body, etag)
}

func (c *counting) List(ctx context.Context, prefix string) ([]string, error) {
	c.writes++ // a LIST costs as much as a PUT
	return c.Memory.List(ctx, prefix)
}

type silent struct{}

func (silent) Publish(context.Context, string, string) error { return nil }

// Table prints what a run of each size uses and costs, in the form of the README.
func Table(w io.Writer, usages []Usage) {
	fmt.Fprintln(w, "| volumes | a run takes | state transitions | function calls | GB-seconds | EC2 calls | USD a run | USD a month, daily | USD a month, hourly |")
	fmt.Fprintln(w, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, u := range usages {
		c := u.Cost(ListPrices)
		fmt.Fprintf(w, "| %s | %s | %s | %s | %.1f | %s | %.4f | %.2f | %.2f |\n", thousands(u.Volumes), u.Took.Round(time.Second),
			thousands(u.Transitions), thousands(u.Calls), u.GBSeconds, thousands(u.EC2Calls), c, 30*c, 720*c)
	}
}

func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
