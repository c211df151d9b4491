package asl

import (
	"cmp"
	"container/heap"
	"container/list"
	"context"
	"slices"
	"time"
)

// When a context is cancelled, its sleepers must wake in the same order in each run. The standard library uses goroutines for that, so
// its order varies. Therefore the virtual world has its own tree of contexts. It has a node for each context of WithTimeout, which wakes
// its sleepers itself. It also has a node for each other ("foreign") context with sleepers; the world checks these before each turn. A
// usual run has one foreign context, which Ctrl-C cancels. Thousands would be slow.
type node struct {
	context.Context
	v        *Virtual
	cancel   context.CancelFunc // nil for a foreign context
	timer    *entry
	timedOut bool
	parent   *node
	children map[*node]struct{}
	sleepers map[*entry]struct{}
	place    *list.Element // in Virtual.outer, for a foreign context
	woken    bool          // for a cancelled foreign context: its sleepers are awake, and there can be no new ones
}

type nodeKey struct{ v *Virtual }

// Value lets contexts that are derived from the node find it.
func (n *node) Value(key any) any {
	if k, ok := key.(nodeKey); ok && k.v == n.v {
		return n
	}
	return n.Context.Value(key)
}

// Err returns context.DeadlineExceeded after a timeout, as in the standard library. (For a context that the standard library derives
// from this one, it is context.Canceled.)
func (n *node) Err() error {
	err := n.Context.Err()
	if err == nil {
		return nil
	}
	n.v.mu.Lock()
	defer n.v.mu.Unlock()
	if n.timedOut {
		return context.DeadlineExceeded
	}
	return err
}

// Deadline returns none, because callers would compare it with the machine's clock.
func (n *node) Deadline() (time.Time, bool) { return time.Time{}, false }

// WithTimeout returns a context that expires in virtual time.
func (v *Virtual) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancel(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	n := &node{Context: inner, v: v, cancel: cancel, parent: v.node(ctx)}
	if n.parent != nil {
		n.parent.addChild(n)
	}
	if d != 0 {
		n.timer = v.push(&entry{at: v.now.Add(max(d, 0)), expires: n})
	}
	return n, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		n.end()
	}
}

// expire is called by the timer. v.mu is held, here and in all methods below.
func (n *node) expire() {
	n.timedOut = n.Context.Err() == nil
	n.end()
}

// end cancels n, wakes its sleepers, and removes it from the tree.
func (n *node) end() {
	if n.timer != nil && n.timer.index >= 0 {
		heap.Remove(&n.v.queue, n.timer.index)
	}
	n.cancel()
	n.v.wake(n)
	if n.parent != nil {
		delete(n.parent.children, n)
		n.v.forget(n.parent)
		n.parent = nil
	}
}

// node returns the node of ctx. It creates one if ctx is a foreign context. It returns nil if ctx is never cancelled.
func (v *Virtual) node(ctx context.Context) *node {
	done := ctx.Done()
	if done == nil {
		return nil
	}
	if n, ok := ctx.Value(nodeKey{v}).(*node); ok && n.Done() == done {
		return n
	}
	if n := v.outer.byDone[done]; n != nil {
		return n
	}
	n := &node{Context: ctx, v: v}
	n.place = v.outer.order.PushBack(n)
	v.outer.byDone[done] = n
	return n
}

// nodeList is a set of foreign contexts in order of arrival.
type nodeList struct {
	order  *list.List
	byDone map[<-chan struct{}]*node
}

func newNodeList() nodeList {
	return nodeList{list.New(), map[<-chan struct{}]*node{}}
}

// forget removes a foreign context that has no sleepers any more.
func (v *Virtual) forget(n *node) {
	if n != nil && n.place != nil && len(n.sleepers) == 0 && len(n.children) == 0 {
		v.outer.order.Remove(n.place)
		n.place = nil
		delete(v.outer.byDone, n.Done())
	}
}

// wakeCancelled checks whether a foreign context was cancelled since the last turn.
func (v *Virtual) wakeCancelled() {
	for e := v.outer.order.Front(); e != nil; e = e.Next() {
		n := e.Value.(*node)
		if n.woken {
			continue
		}
		select {
		case <-n.Done():
			n.woken = true
			v.wake(n)
		default:
		}
	}
}

// wake wakes all sleepers under n now, in the order in which they fell asleep.
func (v *Virtual) wake(n *node) {
	sleepers := n.under(nil)
	slices.SortFunc(sleepers, func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) })
	for _, e := range sleepers {
		if e.index < 0 {
			continue // already awake
		}
		v.seq++
		e.at, e.seq = v.now, v.seq
		heap.Fix(&v.queue, e.index)
	}
}

func (n *node) under(sleepers []*entry) []*entry {
	for e := range n.sleepers {
		sleepers = append(sleepers, e)
	}
	for c := range n.children {
		sleepers = c.under(sleepers)
	}
	return sleepers
}

func (n *node) addChild(c *node) {
	if n.children == nil {
		n.children = map[*node]struct{}{}
	}
	n.children[c] = struct{}{}
}

func (n *node) addSleeper(e *entry) {
	if n == nil {
		return
	}
	if n.sleepers == nil {
		n.sleepers = map[*entry]struct{}{}
	}
	n.sleepers[e] = struct{}{}
}

func (n *node) removeSleeper(e *entry) {
	if n != nil {
		delete(n.sleepers, e)
	}
}
