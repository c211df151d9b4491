package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/plan"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// tracker follows a run by its functions' requests and results: what was created, deleted and kept, and what is waited for.
type tracker struct {
	progress *progress

	mu        sync.Mutex
	discovery contract.Discovery
	created   []created
	deleted   []deleted
	refused   []deleted
	places    map[string]plan.Place // by volume
	waiting   map[string]string     // by volume: the error that it is retried for
	done      map[string]bool       // volumes
	trouble   string                // what a step of the run said last, if it failed
}

func newTracker(p *progress) *tracker {
	return &tracker{progress: p, places: map[string]plan.Place{}, waiting: map[string]string{}, done: map[string]bool{}}
}

// callLimit bounds a call, as the deployed function's timeout does.
func callLimit(function string) time.Duration {
	if function == workflow.SnapshotVolume || function == workflow.PruneVolume {
		return volumeCallLimit
	}
	return runCallLimit
}

const (
	volumeCallLimit = 110 * time.Second
	runCallLimit    = 15 * time.Minute
)

// around stands around each function. At most limit calls are under way at once, and one that is when the run is told to stop
// ends in its own time: cut off, EC2 might have acted without anybody knowing.
func (t *tracker) around(limit int) func(string, asl.Task) asl.Task {
	free := make(chan struct{}, limit)
	return func(function string, call asl.Task) asl.Task {
		return func(ctx context.Context, request json.RawMessage) (json.RawMessage, error) {
			select {
			case free <- struct{}{}:
				defer func() { <-free }()
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			unhurried, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit(function))
			defer cancel()
			result, err := call(unhurried, request)
			t.note(function, request, result, err)
			return result, err
		}
	}
}

func (t *tracker) note(function string, request, result json.RawMessage, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch function {
	case workflow.DiscoverInstances, workflow.ReportRun:
		if err != nil {
			t.trouble = err.Error()
			t.progress.trouble(function, asl.ErrorName(err), err.Error())
		} else if function == workflow.DiscoverInstances {
			_ = json.Unmarshal(result, &t.discovery)
			t.progress.found(t.discovery)
		}
	case workflow.SnapshotVolume:
		var q contract.SnapshotRequest
		var r contract.SnapshotResult
		_ = json.Unmarshal(request, &q)
		t.places[q.Volume.ID] = plan.PlaceOf(ebs.PlaceOf(q.Instance, q.Volume))
		if t.failed(q.Volume.ID, err) {
			break
		}
		_ = json.Unmarshal(result, &r)
		t.created = append(t.created, created{t.place(q.Volume.ID), r.SnapshotID, r.Found})
	case workflow.PruneVolume:
		var q contract.PruneRequest
		_ = json.Unmarshal(request, &q)
		t.failed(q.Volume.ID, err)
		t.done[q.Volume.ID] = err == nil
	}
	t.progress.show(t.discovery.Volumes, len(t.created), t.count(), t.waiting)
}

// place gives what is known of a volume.
func (t *tracker) place(volume string) plan.Place {
	if at, ok := t.places[volume]; ok {
		return at
	}
	return plan.Place{VolumeID: volume}
}

// log stands in front of the functions' log. What prune-volume deleted and could not delete is read there and not from its
// results, since a call that deletes and then asks to be called again has none.
func (t *tracker) log(next slog.Handler) *slog.Logger {
	return slog.New(&listener{next, t})
}

type listener struct {
	slog.Handler
	track *tracker
}

func (l *listener) Enabled(context.Context, slog.Level) bool { return true }

func (l *listener) Handle(ctx context.Context, r slog.Record) error {
	x, volume := deleted{}, ""
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "snapshot_id":
			x.SnapshotID = a.Value.String()
		case "volume_id":
			volume = a.Value.String()
		case "reason":
			x.reason = a.Value.String()
		}
		return true
	})
	l.track.mu.Lock()
	x.Place = l.track.place(volume)
	switch r.Message {
	case contract.LogDeleted:
		l.track.deleted = append(l.track.deleted, x)
	case contract.LogKept:
		l.track.refused = append(l.track.refused, x)
	}
	l.track.mu.Unlock()
	if !l.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return l.Handler.Handle(ctx, r)
}

// failed notes the error of a volume's step. What EC2's limits and pending snapshots cause is waited for: the progress counts it.
func (t *tracker) failed(volume string, err error) bool {
	delete(t.waiting, volume)
	if err == nil {
		return false
	}
	name := asl.ErrorName(err)
	t.waiting[volume] = name
	if !awaited(name) {
		at := t.place(volume)
		t.progress.trouble(at.Name()+", "+volume, name, err.Error())
	}
	return true
}

func (t *tracker) count() int {
	n := 0
	for _, done := range t.done {
		if done {
			n++
		}
	}
	return n
}

func (t *tracker) close() { t.progress.close() }

func (t *tracker) lastTrouble() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.trouble
}

func (t *tracker) manifestKey() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.discovery.ManifestKey
}

// duplicateOf gives the execution that has the run if it is another, "" if the run is this one's.
func (t *tracker) duplicateOf() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.discovery.Outcome == contract.OutcomeDuplicate {
		return t.discovery.Execution
	}
	return ""
}
