package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
)

// execution is one run on this machine. It holds a lock for as long as it lives, however it ends: that is how another
// process on this machine knows whether it is still at work.
type execution struct {
	name string
	lock *flock.Flock
}

// begun counts the executions of this process: two may begin in the same millisecond.
var begun atomic.Int32

// beginExecution begins one that stores its objects in the folder.
func beginExecution(dir string, now time.Time) (*execution, error) {
	name := fmt.Sprintf("%s-%d-%d", now.UTC().Format("20060102T150405.000Z"), os.Getpid(), begun.Add(1))
	path := lockPath(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(path)
	ok, err := lock.TryLock()
	if err == nil && !ok {
		err = errors.New("another process has it")
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &execution{name, lock}, nil
}

// end gives the lock back. An execution without a lock file has ended.
func (e *execution) end() {
	_ = os.Remove(e.lock.Path())
	_ = e.lock.Close()
}

func lockPath(dir, name string) string { return filepath.Join(dir, "executions", name+".lock") }

// executions says whether executions that store their objects in the folder are at work.
type executions struct{ folder string }

// Running says whether the execution is still at work. How it ended does not matter here: a person who asks for a run again
// wants it checked and finished.
func (e executions) Running(_ context.Context, id string) (bool, error) {
	name := strings.TrimPrefix(id, workflow.ExecutionID(""))
	path := lockPath(e.folder, filepath.Base(name))
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return false, nil
	}
	lock := flock.New(path)
	free, err := lock.TryRLock()
	if err != nil {
		return false, fmt.Errorf("see whether execution %s is at work: %w", name, err)
	}
	if !free {
		return true, nil
	}
	_ = lock.Close()
	return false, nil
}
