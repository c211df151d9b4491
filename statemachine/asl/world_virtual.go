package asl

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Virtual is a world of virtual time. Exactly one of its tasks runs at a time, until it sleeps or ends; then the one that is to
// wake first goes on (of two at the same instant: the one that lay down first), and the clock jumps to that instant. So a
// program that uses nothing but its world for time and concurrency does the same things in the same order each time, and a day takes
// as long as its computations.
//
// The goroutine that uses a Virtual is its first task, without further ado; all others are started by Each. To let two things
// run side by side, give both to one Each. Only cancelling a context may come from elsewhere (Ctrl-C): it is noticed when a
// task sleeps or wakes. A task must not wait for another one by a channel or a lock that is held while sleeping: nobody
// would hand the baton on.
type Virtual struct {
	mu    sync.Mutex
	now   time.Time
	seq   uint64
	queue queue
	outer nodeList // foreign contexts under which something sleeps
}

// NewVirtual gives a world whose clock stands at start.
func NewVirtual(start time.Time) *Virtual {
	return &Virtual{now: start, outer: newNodeList()}
}

// Now is the virtual time.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// Sleep hands the baton on and returns when d of virtual time have passed or ctx is cancelled. Sleeping for 0 lets all others
// have their turn that are due now.
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

// Each runs f's calls as tasks. They start in order, and a new one starts only when all before it sleep: 100,000 calls that never
// sleep need one goroutine, the caller's own.
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

// group is one Each under way.
type group struct {
	v      *Virtual
	ctx    context.Context
	n      int
	next   int    // the first call that has not begun
	spare  int    // how many more workers may begin
	active int    // workers other than the caller that have begun and not ended
	starts bool   // the start of another worker is queued
	caller *entry // the caller, once it has no more calls to make itself
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

// begin starts a worker, which then holds the baton; false if there is nothing left to do.
func (g *group) begin() bool {
	g.starts = false
	if g.next >= g.n {
		return false
	}
	g.active++
	go func() {
		// A panic goes its way: the process ends with this stack. But runtime.Goexit, which is how testing.T.Fatal leaves, must
		// not take the baton with it. Recovering is the one way to tell them apart.
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

// end is a worker's last act: it wakes the caller if it was the last one, and hands the baton on.
func (g *group) end() {
	g.active--
	if g.active == 0 && g.caller != nil {
		g.caller.at = g.v.now
		g.v.push(g.caller)
	}
	g.v.resume(g.v.take())
}

// handOver gives the baton to whoever is next and returns when self has it again. v.mu is held before and after.
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

// take moves the clock to the next task that can run and takes it off the queue. A group that begins a worker is done here.
func (v *Virtual) take() *entry {
	for {
		v.wakeCancelled() // each time: what expires here may have cancelled a foreign context
		if len(v.queue) == 0 {
			panic("asl: every task of the virtual world waits for another one, and none sleeps")
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

// resume lets e go on; nil is a worker that take has begun.
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

// entry is something that happens at an instant: a sleeper wakes, a worker begins, or a context expires.
type entry struct {
	at      time.Time
	seq     uint64
	index   int // in the queue; -1 when it is not there
	wake    chan struct{}
	begin   *group
	expires *node
}

// queue is a heap by instant, then by order of arrival.
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
