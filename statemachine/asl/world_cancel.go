package asl

import (
	"cmp"
	"container/heap"
	"container/list"
	"context"
	"slices"
	"time"
)

// A sleeper must wake when its context is cancelled, in an order that does not vary. The standard library tells a cancellation to
// others by goroutines, in any order; so the virtual world keeps its own tree of the contexts that matter: a node for each
// context that WithTimeout made, which tells its sleepers itself, and one for each other ("foreign") context under which something
// sleeps, at which the world looks before each turn. An ordinary run has one of those, which Ctrl-C cancels; thousands would be felt.
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
	told     bool          // a foreign context's cancellation has reached its sleepers; no new one can lie down
}

type nodeKey struct{ v *Virtual }

// Value makes the node known to whatever is derived from it.
func (n *node) Value(key any) any {
	if k, ok := key.(nodeKey); ok && k.v == n.v {
		return n
	}
	return n.Context.Value(key)
}

// Err says context.DeadlineExceeded after a timeout, as the standard library's does. (A context derived from this one by the
// standard library says context.Canceled.)
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

// Deadline is not told: who asks compares it with the machine's clock.
func (n *node) Deadline() (time.Time, bool) { return time.Time{}, false }

// WithTimeout gives a context that expires in virtual time.
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

// expire is what the timer does. v.mu is held, here and in all that follows.
func (n *node) expire() {
	n.timedOut = n.Context.Err() == nil
	n.end()
}

// end cancels n, wakes what sleeps under it, and takes it out of the tree.
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

// node finds the node of ctx, or makes one if ctx is a foreign context; nil if ctx is never cancelled.
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

// forget drops a foreign context under which nothing sleeps any more.
func (v *Virtual) forget(n *node) {
	if n != nil && n.place != nil && len(n.sleepers) == 0 && len(n.children) == 0 {
		v.outer.order.Remove(n.place)
		n.place = nil
		delete(v.outer.byDone, n.Done())
	}
}

// wakeCancelled looks whether a foreign context was cancelled since the last turn.
func (v *Virtual) wakeCancelled() {
	for e := v.outer.order.Front(); e != nil; e = e.Next() {
		n := e.Value.(*node)
		if n.told {
			continue
		}
		select {
		case <-n.Done():
			n.told = true
			v.wake(n)
		default:
		}
	}
}

// wake lets all that sleeps under n wake now, in the order in which it lay down.
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
