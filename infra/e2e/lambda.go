package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Function is a deployed Lambda function.
type Function struct {
	Name        string // as deployed
	Program     string // path of its bootstrap
	ARN         string
	Environment map[string]string
	Timeout     time.Duration
	MemoryMiB   int
}

// Behaviour is what becomes of a call of a function.
type Behaviour string

// How functions and Lambda can fail.
const (
	Works             Behaviour = ""
	Crashes           Behaviour = "crashes"            // before it has done anything
	CrashesAfterwards Behaviour = "crashes afterwards" // its work is done, its answer lost
	Hangs             Behaviour = "hangs"              // until its time is over
	AnswersGarbage    Behaviour = "answers garbage"    // JSON, of which nobody makes sense
	IsThrottled       Behaviour = "is throttled"       // by Lambda: the account's concurrency is used up
)

// hangs is how long a function that hangs is waited for, in place of its timeout, which would be minutes.
const hangs = 500 * time.Millisecond

// Lambda runs programs as AWS Lambda does: it calls them by the Runtime API, keeps their processes for the next call, ends those
// that overrun their time, and names errors as Lambda does (Lambda Developer Guide, "Using the Lambda runtime API").
type Lambda struct {
	Environment []string  // of each program, besides what Lambda itself sets
	Output      io.Writer // of the programs

	listener net.Listener
	server   *http.Server
	slots    chan struct{} // programs at once

	mu           sync.Mutex
	environments map[string]*environment // by ID
	idle         map[string][]*environment
	usage        map[string]Usage // by function
	made         int
	calls        int
	closed       bool
}

// Usage is what the programs of a function took, those that have ended.
type Usage struct {
	Starts []time.Duration // from the start of each process until it asked for its first call
	Peak   int64           // memory in use at the most, in bytes
}

// NewLambda runs at most so many programs at once.
func NewLambda(ctx context.Context, atOnce int) (*Lambda, error) {
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

// Close ends all programs, and waits for their end.
func (l *Lambda) Close() {
	l.mu.Lock()
	l.closed = true
	all := slices.Collect(maps.Values(l.environments))
	l.mu.Unlock()
	for _, e := range all {
		e.kill()
		<-e.dead
	}
	_ = l.server.Close()
}

// Usage tells what the programs took, by function. Those that are still running are not in it: it is for after Close.
func (l *Lambda) Usage() map[string]Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.usage)
}

// environment is an execution environment: a process that handles one call after the other.
type environment struct {
	id      string
	cmd     *exec.Cmd
	next    chan *invocation
	dead    chan struct{} // closed when the process has ended
	began   time.Time
	mu      sync.Mutex
	start   time.Duration // until its first question
	peak    int64         // bytes
	current *invocation
	failure []byte // what it said of its failure to start
}

type invocation struct {
	id       string
	function Function
	payload  []byte
	deadline time.Time
	release  chan struct{} // closed when the program may have it
	answered chan answer
}

type answer struct {
	body  []byte
	error bool
}

// Answer is what Lambda's Invoke answers with.
type Answer struct {
	Payload []byte
	Failed  bool // the payload is an error's description
}

// Invoke calls a function.
func (l *Lambda) Invoke(ctx context.Context, f Function, payload []byte, how Behaviour) (Answer, error) {
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
	e, err := l.environment(f)
	if err != nil {
		return Answer{}, err
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

// environment gives one that waits for a call, or a new one.
func (l *Lambda) environment(f Function) (*environment, error) {
	l.mu.Lock()
	for len(l.idle[f.Name]) > 0 {
		last := len(l.idle[f.Name]) - 1
		e := l.idle[f.Name][last]
		l.idle[f.Name] = l.idle[f.Name][:last]
		if e.alive() {
			l.mu.Unlock()
			return e, nil
		}
	}
	l.made++
	e := &environment{id: strconv.Itoa(l.made), next: make(chan *invocation), dead: make(chan struct{})}
	closed := l.closed
	l.environments[e.id] = e
	l.mu.Unlock()
	if closed {
		return nil, errors.New("the emulator has been stopped")
	}
	return e, l.start(e, f)
}

func (l *Lambda) start(e *environment, f Function) error {
	e.cmd = exec.Command(f.Program) //nolint:noctx // it outlives the call that it is started for; Close ends it
	e.cmd.Stdout, e.cmd.Stderr = l.Output, l.Output
	// It must not outlive this process, however that ends.
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	e.cmd.Env = append(slices.Clone(l.Environment),
		"AWS_LAMBDA_RUNTIME_API="+l.listener.Addr().String()+"/"+e.id, "AWS_LAMBDA_FUNCTION_NAME="+f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(f.MemoryMiB), "AWS_LAMBDA_LOG_FORMAT=JSON",
		"_HANDLER=bootstrap")
	for _, key := range slices.Sorted(maps.Keys(f.Environment)) {
		e.cmd.Env = append(e.cmd.Env, key+"="+f.Environment[key])
	}
	e.began = time.Now()
	if err := e.cmd.Start(); err != nil {
		close(e.dead)
		return fmt.Errorf("start %s for %s: %w", f.Program, f.Name, err)
	}
	go func() {
		_ = e.cmd.Wait() // how it ended is in ProcessState
		l.ended(e, f)
		close(e.dead)
	}()
	return nil
}

func (l *Lambda) ended(e *environment, f Function) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.environments, e.id)
	u := l.usage[f.Name]
	e.mu.Lock()
	if e.start > 0 {
		u.Starts = append(u.Starts, e.start)
	}
	u.Peak = max(u.Peak, e.peak)
	e.mu.Unlock()
	l.usage[f.Name] = u
}

func (e *environment) alive() bool {
	select {
	case <-e.dead:
		return false
	default:
		return true
	}
}

// stop halts the process, and waits until it is: on a busy machine a thread of it may go on for a while.
func (e *environment) stop() {
	_ = e.cmd.Process.Signal(syscall.SIGSTOP) // if it has ended, whoever waits for its answer sees that
	for range 100 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", e.cmd.Process.Pid))
		if _, state, _ := bytes.Cut(stat, []byte(") ")); err != nil || bytes.HasPrefix(state, []byte("T")) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (e *environment) kill() {
	if e.cmd == nil || e.cmd.Process == nil {
		return
	}
	peak := peakMemory(e.cmd.Process.Pid)
	e.mu.Lock()
	e.peak = max(e.peak, peak)
	e.mu.Unlock()
	_ = e.cmd.Process.Kill() // it may have ended by itself
}

// peakMemory asks while the process is there: what Linux says of one that has ended counts its parent's memory in.
func peakMemory(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscanf(rest, "%d kB", &kib); err != nil {
		return 0
	}
	return kib << 10
}

// call hands the invocation to the process; alive says whether it can take another one.
func (e *environment) call(i *invocation, how Behaviour) (out Answer, alive bool) {
	select {
	case e.next <- i:
	case <-e.dead:
		return e.died(i), false
	case <-time.After(10 * time.Second): // Lambda's own limit for the start of a function
		return failed("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after 10.00 seconds", i.id)), false
	}
	left := time.Until(i.deadline)
	switch how {
	case Crashes:
		e.kill()
		<-e.dead
		return e.died(i), false
	case Hangs:
		e.stop()
		left = hangs
	}
	close(i.release)
	timeout := time.NewTimer(left)
	defer timeout.Stop()
	select {
	case a := <-i.answered:
		switch how {
		case CrashesAfterwards:
			e.kill()
			<-e.dead
			return e.died(i), false
		case AnswersGarbage:
			return Answer{Payload: []byte(`{"garbage": [1, {"": null}]}`)}, true
		}
		return Answer{a.body, a.error}, true
	case <-e.dead:
		select {
		case a := <-i.answered: // a panic: it tells, and then ends
			return Answer{a.body, a.error}, false
		default:
			return e.died(i), false
		}
	case <-timeout.C:
		return failed("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", i.id, i.function.Timeout.Seconds())), false
	}
}

// died is what Lambda says of a process that ended in a call.
func (e *environment) died(i *invocation) Answer {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != nil {
		return Answer{e.failure, true}
	}
	status := strings.TrimPrefix(e.cmd.ProcessState.String(), "exit status 0")
	return failed("Runtime.ExitError", "RequestId: "+i.id+" Error: Runtime exited with error: "+status)
}

func failed(kind, message string) Answer {
	body, err := json.Marshal(map[string]string{"errorType": kind, "errorMessage": message})
	if err != nil { // strings only
		panic(err)
	}
	return Answer{body, true}
}

// The Runtime API: what the programs ask, and what they answer.

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
