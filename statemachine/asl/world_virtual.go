package asl

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Virtual is a world with virtual time. Only one of its tasks runs at a time, until it sleeps or ends. Then the task with the earliest
// wake-up time runs, and the clock jumps to that time. If two tasks have the same time, the one that fell asleep first runs first. So a
// program that uses only its world for time and concurrency does the same things in the same order in each run, and a virtual day takes
// only as long as its computations.
//
// The goroutine that uses a Virtual is its first task. Each starts all others. To run two things at the same time, give both to one
// Each. Only the cancellation of a context may come from another goroutine (Ctrl-C): it is noticed when a task sleeps or wakes. A task
// must not wait for another task with a channel, or with a lock that is held during a sleep: then no task would run.
type Virtual struct {
	mu    sync.Mutex
	now   time.Time
	seq   uint64
	queue queue
	outer nodeList // foreign contexts with sleepers
}

// NewVirtual returns a world whose clock shows start.
func NewVirtual(start time.Time) *Virtual {
	return &Virtual{now: start, outer: newNodeList()}
}

// Now is the virtual time.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// Sleep lets other tasks run. It returns after d of virtual time or when ctx is cancelled. Sleep(0) lets all tasks run that are due
// now.
func (v *Virtual) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v.mu.Lock()
	at := v.now
	if d > 0 {
		at = at.Add(d)
	}
	self := v.push(&entry{at: at, wake: make(chan struct{})})
	node := v.node(ctx)
	node.addSleeper(self)
	v.handOver(self)
	node.removeSleeper(self)
	v.forget(node)
	v.mu.Unlock()
	return ctx.Err()
}

// Each runs the calls of f as tasks. They start in order. A new task starts only when all tasks before it sleep. So 100,000 calls that
// never sleep need only one goroutine, the caller's.
func (v *Virtual) Each(ctx context.Context, n, limit int, f func(context.Context, int)) {
	g := &group{v: v, ctx: ctx, n: n, spare: workers(n, limit), f: f}
	v.mu.Lock()
	g.work()
	if g.active > 0 {
		g.caller = &entry{wake: make(chan struct{})}
		v.handOver(g.caller)
	}
	v.mu.Unlock()
}

// group is a running Each.
type group struct {
	v      *Virtual
	ctx    context.Context
	n      int
	next   int    // the next call to make
	spare  int    // how many more workers may start
	active int    // running workers, without the caller
	starts bool   // the start of another worker is queued
	caller *entry // the caller, after it has made its own calls
	f      func(context.Context, int)
}

// work makes calls until there are no more. v.mu is held, but not during a call.
func (g *group) work() {
	g.spare--
	for g.next < g.n {
		i := g.next
		g.next++
		if g.next < g.n && g.spare > 0 && !g.starts {
			g.starts = true
			g.v.push(&entry{at: g.v.now, begin: g})
		}
		g.v.mu.Unlock()
		g.f(g.ctx, i)
		g.v.mu.Lock()
	}
}

// begin starts a worker, which is then the running task; false if there are no more calls.
func (g *group) begin() bool {
	g.starts = false
	if g.next >= g.n {
		return false
	}
	g.active++
	go func() {
		// A panic ends the process with this stack. But after runtime.Goexit, which testing.T.Fatal calls, the next task must run.
		// Only recover can distinguish the two.
		returned := false
		defer func() {
			if !returned {
				if r := recover(); r != nil {
					panic(r)
				}
				g.v.mu.Lock()
			}
			g.end()
			g.v.mu.Unlock()
		}()
		g.v.mu.Lock()
		g.work()
		returned = true
	}()
	return true
}

// end is called when a worker ends. The last worker wakes the caller. Then the next task runs.
func (g *group) end() {
	g.active--
	if g.active == 0 && g.caller != nil {
		g.caller.at = g.v.now
		g.v.push(g.caller)
	}
	g.v.resume(g.v.take())
}

// handOver lets the next task run and returns when it is the turn of self again. v.mu is held before and after.
func (v *Virtual) handOver(self *entry) {
	next := v.take()
	if next == self {
		return
	}
	v.resume(next)
	v.mu.Unlock()
	<-self.wake
	v.mu.Lock()
}

// take removes the next task from the queue and moves the clock to its time. It returns nil if it has started a worker instead.
func (v *Virtual) take() *entry {
	for {
		v.wakeCancelled() // in each round, because a context that expires here may cancel a foreign one
		if len(v.queue) == 0 {
			panic("asl: deadlock: every task of the virtual world waits for another task, and none sleeps")
		}
		e := heap.Pop(&v.queue).(*entry)
		v.now = e.at
		switch {
		case e.expires != nil:
			e.expires.expire()
		case e.begin != nil:
			if e.begin.begin() {
				return nil
			}
		default:
			return e
		}
	}
}

// resume wakes e. nil means that take has started a worker.
func (v *Virtual) resume(e *entry) {
	if e != nil {
		close(e.wake)
	}
}

func (v *Virtual) push(e *entry) *entry {
	v.seq++
	e.seq = v.seq
	heap.Push(&v.queue, e)
	return e
}

// entry is something that happens at a time: a sleeper wakes, a worker starts, or a context expires.
type entry struct {
	at      time.Time
	seq     uint64
	index   int // in the queue; -1 when it is not there
	wake    chan struct{}
	begin   *group
	expires *node
}

// queue is a heap ordered by time, then by order of arrival.
type queue []*entry

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].seq < q[j].seq
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	e := x.(*entry)
	e.index = len(*q)
	*q = append(*q, e)
}

func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	e.index = -1
	return e
}
