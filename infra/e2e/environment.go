package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// environment is an execution environment of Lambda: a process that handles one call after another.
type environment struct {
	id       string
	function function
	cmd      *exec.Cmd
	next     chan *invocation
	dead     chan struct{} // closed when the process has ended
	began    time.Time
	mu       sync.Mutex
	start    time.Duration // from its start until it asks for its first call
	peak     int64         // peak memory in bytes
	current  *invocation
	failure  []byte // the error that it reported at its start
}

// start starts the process. l.mu is held, so the process's first request waits until it is registered.
func (l *Lambda) start(e *environment) error {
	f := e.function
	e.cmd = exec.Command(f.Program) //nolint:noctx // it is used for later calls too; Close ends it
	e.cmd.Stdout, e.cmd.Stderr = l.Output, l.Output
	// The kernel ends it when this process ends for any reason.
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
		return fmt.Errorf("start %s for %s: %w", f.Program, f.Name, err)
	}
	go func() {
		_ = e.cmd.Wait() // ProcessState has the result
		l.ended(e)
		close(e.dead)
	}()
	return nil
}

func (l *Lambda) ended(e *environment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.environments, e.id)
	u := l.usage[e.function.Name]
	e.mu.Lock()
	if e.start > 0 {
		u.Starts = append(u.Starts, e.start)
	}
	u.Peak = max(u.Peak, e.peak)
	e.mu.Unlock()
	l.usage[e.function.Name] = u
}

func (e *environment) alive() bool {
	select {
	case <-e.dead:
		return false
	default:
		return true
	}
}

// stop suspends the process and waits until it is suspended. On a busy machine, its threads may run on for a while.
func (e *environment) stop() {
	_ = e.cmd.Process.Signal(syscall.SIGSTOP) // an ended process is noticed by the code that waits for its answer
	for range 100 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", e.cmd.Process.Pid))
		if _, state, _ := bytes.Cut(stat, []byte(") ")); err != nil || bytes.HasPrefix(state, []byte("T")) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (e *environment) kill() {
	peak := peakMemory(e.cmd.Process.Pid)
	e.mu.Lock()
	e.peak = max(e.peak, peak)
	e.mu.Unlock()
	_ = e.cmd.Process.Kill() // it may have ended already
}

// peakMemory works only while the process exists. What Linux reports after its end includes the memory of the parent process.
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

// call gives the invocation to the process. alive says whether the process can handle another one.
func (e *environment) call(i *invocation, how Behaviour) (out reply, alive bool) {
	select {
	case e.next <- i:
	case <-e.dead:
		return e.died(i), false
	case <-time.After(10 * time.Second): // Lambda's limit for the start of a function
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
		left = hangTimeout
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
			return reply{Payload: []byte(`{"garbage": [1, {"": null}]}`)}, true
		}
		return reply{a.body, a.error}, true
	case <-e.dead:
		select {
		case a := <-i.answered: // a panic: the process reports it and ends
			return reply{a.body, a.error}, false
		default:
			return e.died(i), false
		}
	case <-timeout.C:
		return failed("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", i.id, i.function.Timeout.Seconds())), false
	}
}

// died is Lambda's answer if the process ends during a call.
func (e *environment) died(i *invocation) reply {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != nil {
		return reply{e.failure, true}
	}
	status := strings.TrimPrefix(e.cmd.ProcessState.String(), "exit status 0")
	return failed("Runtime.ExitError", "RequestId: "+i.id+" Error: Runtime exited with error: "+status)
}

func failed(kind, message string) reply {
	body, err := json.Marshal(map[string]string{"errorType": kind, "errorMessage": message})
	if err != nil { // can't happen: it has only strings
		panic(err)
	}
	return reply{body, true}
}
