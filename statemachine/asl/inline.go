package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
)

// mapState runs a Map of either mode and combines its result.
func (v *visit) mapState(ctx context.Context, input value, c contextObject) (value, *failure) {
	run := v.iterate
	if v.st.mapping.distributed {
		run = v.mapRun
	}
	tree, f := run(ctx, input, c)
	if f != nil {
		return value{}, f
	}
	result, f := newValue(tree, "the result of the state "+v.st.name)
	if f != nil {
		return value{}, f
	}
	return v.combine(result, c)
}

// itemsIn returns the items in a Map's input.
func (v *visit) itemsIn(input value, c contextObject) ([]any, *failure) {
	p := orWhole(v.st.mapping.items)
	tree, err := p.eval(input.tree, c)
	if err != nil {
		return nil, v.broken("ItemsPath", err)
	}
	items, ok := tree.([]any)
	if !ok {
		return nil, v.broken("ItemsPath", fmt.Errorf("%s is %s, not an array", p.text, kind(tree)))
	}
	return items, nil
}

// itemInput returns the input of an iteration or a child: the item, or the result of ItemSelector.
func (v *visit) itemInput(i int, item any, input value, c contextObject) (value, map[string]any, *failure) {
	inMap := map[string]any{"Item": map[string]any{"Index": json.Number(strconv.Itoa(i)), "Value": item}}
	tree := item
	if t := v.st.mapping.itemSelect; t != nil {
		var err error
		if tree, err = t.fill(input.tree, c.with("Map", inMap)); err != nil {
			return value{}, nil, v.broken("ItemSelector", err)
		}
	}
	in, f := newValue(tree, fmt.Sprintf("the input of %s[%d]", v.st.name, i))
	return in, inMap, f
}

// pathOf returns the position of an iteration.
func (v *visit) pathOf(i int) string {
	p := fmt.Sprintf("%s[%d]", v.st.name, i)
	if v.frame.path == "" {
		return p
	}
	return v.frame.path + "." + p
}

// iterate runs an INLINE Map. The first iteration that fails stops the others, and the Map fails with its failure.
func (v *visit) iterate(ctx context.Context, input value, c contextObject) (any, *failure) {
	items, f := v.itemsIn(input, c)
	if f == nil {
		f = v.x.count(0, 2)
	}
	if f != nil {
		return nil, f
	}
	inner, cancel := v.x.world.WithTimeout(ctx, 0)
	defer cancel()
	var (
		mu    sync.Mutex
		first *failure
	)
	results := make([]any, len(items))
	v.x.world.Each(inner, len(items), v.st.mapping.concurrency, func(ctx context.Context, i int) {
		out, f := v.iteration(ctx, i, items[i], input, c)
		if f == nil {
			results[i] = out.tree
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if first == nil && !f.stopped {
			first = f
			cancel()
		}
	})
	switch {
	case ctx.Err() != nil:
		return nil, stop()
	case first != nil:
		return nil, first
	}
	return results, nil
}

func (v *visit) iteration(ctx context.Context, i int, item any, input value, c contextObject) (value, *failure) {
	in, inMap, f := v.itemInput(i, item, input, c)
	if f == nil {
		f = v.x.count(0, 2)
	}
	if f != nil {
		return value{}, f
	}
	return v.x.walk(ctx, &frame{states: v.st.mapping.processor, path: v.pathOf(i), item: inMap}, in)
}
