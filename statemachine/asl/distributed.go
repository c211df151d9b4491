package asl

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// mapRun is one run of a DISTRIBUTED Map. Its children are separate executions.
type mapRun struct {
	*visit
	input   value
	context contextObject
	uuid    string
	arn     string
	machine string            // the children's state machine
	items   []json.RawMessage // encoded: each child decodes its own item
	inputs  []json.RawMessage // the inputs of the started children
	results []Result          // the results of the ended children; Status is "" for the others

	mu     sync.Mutex
	failed int
	fatal  *failure // why the whole run fails
	cancel context.CancelFunc
}

// mapRun reads the items, runs a child for each and exports their results.
func (v *visit) mapRun(ctx context.Context, input value, c contextObject) (any, *failure) {
	run := &mapRun{visit: v, input: input, context: c}
	if f := run.readItems(ctx); f != nil {
		return nil, f
	}
	if f := v.x.count(0, 4); f != nil {
		return nil, f
	}
	run.name()
	if f := run.tryWriter(ctx); f != nil {
		return nil, f
	}
	v.x.emit(v, Event{Kind: MapRunStarted, Items: len(run.items)})
	run.inputs = make([]json.RawMessage, len(run.items))
	run.results = make([]Result, len(run.items))

	inner, cancel := v.x.world.WithTimeout(ctx, 0)
	defer cancel()
	run.cancel = cancel
	v.x.world.Each(inner, len(run.items), v.st.mapping.concurrency, run.child)
	if ctx.Err() != nil {
		return nil, stop()
	}
	return run.outcome(ctx)
}

// name gives the run its names. They depend on the execution and on the number of its earlier map runs.
func (r *mapRun) name() {
	x := r.x
	x.mu.Lock()
	x.mapRuns++
	n := x.mapRuns
	x.mu.Unlock()
	r.uuid = uuid(x.id, r.st.name, fmt.Sprint(n))
	r.machine = x.machine + "/" + r.st.mapping.label
	r.arn = strings.Replace(r.machine, ":stateMachine:", ":mapRun:", 1) + ":" + r.uuid
}

// uuid returns a text like a UUID. It is the same for the same parts.
func uuid(parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	h[6], h[8] = h[6]&0x0f|0x50, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// readItems reads the items with the ItemReader or, if there is none, from the input.
func (r *mapRun) readItems(ctx context.Context) *failure {
	reader := r.st.mapping.reader
	if reader == nil {
		items, f := r.itemsIn(r.input, r.context)
		for _, item := range items {
			r.items = append(r.items, encode(item))
		}
		return f
	}
	in, f := r.fill("ItemReader, Parameters", reader.parameters, r.input, r.context)
	if f != nil {
		return f
	}
	raw, f := r.call(ctx, reader.resource, in.raw, 0)
	if f == nil {
		if err := json.Unmarshal(raw, &r.items); err != nil || r.items == nil {
			f = &failure{cause: fmt.Sprintf("the content is not a JSON array: %v", err)}
		}
	}
	if f != nil && !f.stopped {
		return &failure{name: errItemReader, cause: fmt.Sprintf("read %s: %s %s", in.raw, f.name, f.cause)}
	}
	return f
}

// child runs one child, unless the run is over.
func (r *mapRun) child(ctx context.Context, i int) {
	if ctx.Err() != nil {
		return
	}
	in, f := r.childInput(i)
	if f != nil {
		r.end(f)
		return
	}
	name := r.childName(i)
	child := &execution{
		r: r.x.r, world: r.x.world, machine: r.machine, name: name,
		id:     strings.Replace(r.machine, ":stateMachine:", ":execution:", 1) + ":" + name,
		parent: r.x.name, path: r.pathOf(i), states: r.st.mapping.processor,
	}
	result := child.run(ctx, in)
	r.inputs[i], r.results[i] = in.raw, result
	r.x.mu.Lock()
	t := &r.x.tally
	t.Children++
	t.ChildTransitions += result.Transitions
	t.MaxChildEvents = max(t.MaxChildEvents, result.Events)
	r.x.mu.Unlock()
	if result.Status == Succeeded {
		return
	}
	r.mu.Lock()
	r.failed++
	exceeded := r.st.mapping.tolerate.exceeded(r.failed, len(r.items))
	r.mu.Unlock()
	if exceeded {
		r.end(&failure{name: errTolerance, cause: "The specified tolerated failure threshold was exceeded"})
	}
}

func (r *mapRun) childName(i int) string { return uuid(r.uuid, fmt.Sprint(i)) }

func (r *mapRun) childInput(i int) (value, *failure) {
	item, err := decode(r.items[i])
	if err != nil {
		return value{}, r.broken("ItemReader", err)
	}
	in, _, f := r.itemInput(i, item, r.input, r.context)
	return in, f
}

// end stops the whole run. Only the first reason is kept.
func (r *mapRun) end(f *failure) {
	r.mu.Lock()
	if r.fatal == nil {
		r.fatal = f
	}
	r.mu.Unlock()
	r.cancel()
}

// outcome exports the results, also if the run has failed, and returns the Map's result or failure.
func (r *mapRun) outcome(ctx context.Context) (any, *failure) {
	var exported any
	if r.st.mapping.writer != nil {
		var f *failure
		if exported, f = r.export(ctx); f != nil {
			return nil, f
		}
	}
	switch {
	case r.fatal != nil:
		return nil, r.fatal
	case exported != nil:
		return exported, nil
	}
	outputs := make([]any, len(r.results))
	for i, result := range r.results {
		if result.Status != Succeeded {
			outputs[i] = r.record(i) // as in AWS: for a failed child, its record
			continue
		}
		tree, err := decode(result.Output)
		if err != nil {
			return nil, r.broken("ItemProcessor", err)
		}
		outputs[i] = tree
	}
	return outputs, nil
}
