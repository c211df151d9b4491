package bench

import (
	"context"
	"encoding/json"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// lambda stands around the functions: it counts what is billed, and lets them start cold where no environment is waiting.
type lambda struct {
	*bench
	invocations map[string]int
	billed      map[string]time.Duration
	longest     map[string]time.Duration
	watches     bool // measures heapMiB
	heapMiB     map[string]int
	idle        map[string][]time.Time // since when environments wait, the latest last
	coldStarts  int
	atOnce      int
	mostAtOnce  int
}

func newLambda(b *bench, watches bool) *lambda {
	return &lambda{
		bench: b, invocations: map[string]int{}, billed: map[string]time.Duration{}, longest: map[string]time.Duration{},
		watches: watches, heapMiB: map[string]int{}, idle: map[string][]time.Time{},
	}
}

func (l *lambda) around(function string, call asl.Task) asl.Task {
	return func(ctx context.Context, request json.RawMessage) (json.RawMessage, error) {
		begin := l.world.Now()
		l.invocations[function]++
		l.atOnce++
		l.mostAtOnce = max(l.mostAtOnce, l.atOnce)
		defer func() { l.atOnce-- }()
		if err := l.start(ctx, function); err != nil {
			return nil, err
		}
		out, err := l.watch(ctx, function, call, request)
		took := l.world.Now().Sub(begin)
		l.billed[function] += took
		l.longest[function] = max(l.longest[function], took)
		l.idle[function] = append(l.idle[function], l.world.Now())
		if function == workflow.PruneVolume && err == nil {
			l.pruned(request)
		}
		return out, err
	}
}

// start takes the environment that was used last, or starts one.
func (l *lambda) start(ctx context.Context, function string) error {
	idle := l.idle[function]
	if n := len(idle); n > 0 && l.world.Now().Sub(idle[n-1]) < lastFor {
		l.idle[function] = idle[:n-1]
		return nil
	}
	l.idle[function] = nil
	l.coldStarts++
	return l.world.Sleep(ctx, l.ColdStart)
}

// watch measures how far the heap grows in a function of the whole fleet, of which one runs at a time.
func (l *lambda) watch(ctx context.Context, function string, call asl.Task, request json.RawMessage) (json.RawMessage, error) {
	if !l.watches || !ofFleet(function) || l.schedules() > 1 {
		return call(ctx, request)
	}
	// Garbage must not count. By default, Go collects it only after the heap has doubled.
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	runtime.GC()
	before, most := heap(), uint64(0)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, heap())
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	out, err := call(ctx, request)
	close(done)
	<-stopped
	if most > before {
		l.heapMiB[function] = int((most - before) >> 20)
	}
	return out, err
}

func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// bucket counts what S3 bills, and notes the manifest's size.
type bucket struct {
	*localstore.Memory
	writes, reads, manifest int
}

// Get counts a GET.
func (b *bucket) Get(ctx context.Context, key string) ([]byte, string, error) {
	b.reads++
	return b.Memory.Get(ctx, key)
}

// Put counts a PUT.
func (b *bucket) Put(ctx context.Context, key string, body []byte) error {
	b.writes++
	if strings.HasPrefix(key, "runs/") && strings.HasSuffix(key, "/manifest.json") {
		b.manifest = max(b.manifest, len(body))
	}
	return b.Memory.Put(ctx, key, body)
}

// Create counts a PUT.
func (b *bucket) Create(ctx context.Context, key string, body []byte) error {
	b.writes++
	return b.Memory.Create(ctx, key, body)
}

// Replace counts a PUT.
func (b *bucket) Replace(ctx context.Context, key string, body []byte, etag string) error {
	b.writes++
	return b.Memory.Replace(ctx, key, body, etag)
}

// List counts a LIST, which costs as much as a PUT.
func (b *bucket) List(ctx context.Context, prefix string) ([]string, error) {
	b.writes++
	return b.Memory.List(ctx, prefix)
}
