package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// function is a deployed Lambda function.
type function struct {
	Name        string // as deployed
	Program     string // the path of its bootstrap
	ARN         string
	Environment map[string]string
	Timeout     time.Duration
	MemoryMiB   int
}

// same says whether a process of one function can handle calls of the other.
func (f function) same(other function) bool {
	return f.Program == other.Program && f.MemoryMiB == other.MemoryMiB && maps.Equal(f.Environment, other.Environment)
}

// Behaviour is how a function behaves in a call.
type Behaviour string

// The ways in which functions and Lambda can fail.
const (
	Works             Behaviour = ""
	Crashes           Behaviour = "crashes"            // before it does anything
	CrashesAfterwards Behaviour = "crashes afterwards" // after its work, before its answer
	Hangs             Behaviour = "hangs"              // until its timeout
	AnswersGarbage    Behaviour = "answers garbage"    // JSON without a meaning
	IsThrottled       Behaviour = "is throttled"       // by Lambda, because the account's concurrency is used up
)

// hangTimeout replaces the timeout of a function that hangs, which would be minutes.
const hangTimeout = 500 * time.Millisecond

// Lambda runs programs as AWS Lambda does: it calls them through the Runtime API, keeps their processes for the next call, ends
// processes that exceed their timeout, and names errors as Lambda does (Lambda Developer Guide, "Using the Lambda runtime API").
type Lambda struct {
	Environment []string  // of each program, in addition to the variables that Lambda sets
	Output      io.Writer // of the programs

	listener net.Listener
	server   *http.Server
	slots    chan struct{} // limits how many programs run at the same time

	mu           sync.Mutex
	environments map[string]*environment // by ID
	idle         map[string][]*environment
	usage        map[string]Usage // by function
	made         int
	calls        int
	closed       bool
}

// Usage is the resources that the ended programs of a function used.
type Usage struct {
	Starts []time.Duration // from the start of each process until it asked for its first call
	Peak   int64           // peak memory in bytes
}

// newLambda starts a Lambda that runs at most so many programs at the same time.
func newLambda(ctx context.Context, atOnce int) (*Lambda, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the functions' programs: %w", err)
	}
	l := &Lambda{
		Output: io.Discard, listener: listener, slots: make(chan struct{}, atOnce),
		environments: map[string]*environment{}, idle: map[string][]*environment{}, usage: map[string]Usage{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{environment}/2018-06-01/runtime/invocation/next", l.next)
	mux.HandleFunc("POST /{environment}/2018-06-01/runtime/invocation/{id}/response", l.answer)
	mux.HandleFunc("POST /{environment}/2018-06-01/runtime/invocation/{id}/error", l.answer)
	mux.HandleFunc("POST /{environment}/2018-06-01/runtime/init/error", l.initError)
	l.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = l.server.Serve(listener) }() // ends with Close
	return l, nil
}

// Close ends all programs and waits until they have ended.
func (l *Lambda) Close() {
	l.mu.Lock()
	l.closed = true // from now on no program is started
	all := slices.Collect(maps.Values(l.environments))
	l.mu.Unlock()
	for _, e := range all {
		e.kill()
	}
	_ = l.server.Close()
	for _, e := range all {
		<-e.dead
	}
}

// Usage returns the usage by function. It excludes programs that are still running, so call it after Close.
func (l *Lambda) Usage() map[string]Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.usage)
}

type invocation struct {
	id       string
	function function
	payload  []byte
	deadline time.Time
	release  chan struct{} // closed when the program may receive it
	answered chan answer
}

type answer struct {
	body  []byte
	error bool
}

// reply is the answer of Lambda's Invoke.
type reply struct {
	Payload []byte
	Failed  bool // the payload is an error's description
}

// invoke calls a function.
func (l *Lambda) invoke(ctx context.Context, f function, payload []byte, how Behaviour) (reply, error) {
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
	e, err := l.environment(f)
	if err != nil {
		return reply{}, err
	}
	l.mu.Lock()
	l.calls++
	i := &invocation{
		id: fmt.Sprintf("00000000-0000-4000-8000-%012d", l.calls), function: f, payload: payload,
		deadline: time.Now().Add(f.Timeout), release: make(chan struct{}), answered: make(chan answer, 1),
	}
	l.mu.Unlock()
	out, alive := e.call(i, how)
	if alive {
		l.mu.Lock()
		l.idle[f.Name] = append(l.idle[f.Name], e)
		l.mu.Unlock()
	} else {
		e.kill()
	}
	return out, nil
}

// environment returns an idle environment or a new one.
func (l *Lambda) environment(f function) (*environment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errors.New("the emulator has been stopped")
	}
	for len(l.idle[f.Name]) > 0 {
		last := len(l.idle[f.Name]) - 1
		e := l.idle[f.Name][last]
		l.idle[f.Name] = l.idle[f.Name][:last]
		switch {
		case !e.function.same(f):
			e.kill() // the function has been deployed again
		case e.alive():
			return e, nil
		}
	}
	l.made++
	e := &environment{id: strconv.Itoa(l.made), function: f, next: make(chan *invocation), dead: make(chan struct{})}
	if err := l.start(e); err != nil {
		return nil, err
	}
	l.environments[e.id] = e
	return e, nil
}

// The Runtime API: the requests and the answers of the programs.

func (l *Lambda) of(r *http.Request) *environment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.environments[r.PathValue("environment")]
}

func (l *Lambda) next(w http.ResponseWriter, r *http.Request) {
	e := l.of(r)
	if e == nil {
		http.NotFound(w, r)
		return
	}
	e.mu.Lock()
	if e.start == 0 {
		e.start = time.Since(e.began)
	}
	e.mu.Unlock()
	select {
	case i := <-e.next:
		select {
		case <-i.release:
		case <-r.Context().Done():
			return
		}
		e.mu.Lock()
		e.current = i
		e.mu.Unlock()
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", i.function.ARN)
		h.Set("Content-Type", "application/json")
		_, _ = w.Write(i.payload)
	case <-r.Context().Done():
	}
}

func (l *Lambda) answer(w http.ResponseWriter, r *http.Request) {
	e := l.of(r)
	body, err := io.ReadAll(r.Body)
	if e == nil || err != nil {
		http.NotFound(w, r)
		return
	}
	e.mu.Lock()
	i := e.current
	e.current = nil
	e.mu.Unlock()
	if i == nil || i.id != r.PathValue("id") {
		http.NotFound(w, r)
		return
	}
	i.answered <- answer{bytes.Clone(body), strings.HasSuffix(r.URL.Path, "/error")}
	w.WriteHeader(http.StatusAccepted)
}

func (l *Lambda) initError(w http.ResponseWriter, r *http.Request) {
	e := l.of(r)
	body, err := io.ReadAll(r.Body)
	if e == nil || err != nil {
		http.NotFound(w, r)
		return
	}
	e.mu.Lock()
	e.failure = body
	e.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}
