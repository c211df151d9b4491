package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// run runs a command, and keeps what it says in the log. If it fails, the end of that is in the error.
func (l *Lab) run(ctx context.Context, timeout time.Duration, folder string, environment []string, name string, args ...string) error {
	_, err := l.output(ctx, timeout, folder, environment, name, args...)
	return err
}

func (l *Lab) output(
	ctx context.Context, timeout time.Duration, folder string, environment []string, name string, args ...string,
) ([]byte, error) {
	if timeout != noTimeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = folder, environment
	// Its children end with it, it ends with this process, and Ctrl-C reaches it through the context only.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	var stdout bytes.Buffer
	all := &shared{}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, all), all
	err := cmd.Run()
	line := filepath.Base(name) + " " + strings.Join(args, " ")
	fmt.Fprintf(l.log, "%s %s\n%s\n", time.Now().UTC().Format(time.TimeOnly), line, all.text())
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, &commandError{line, err, tail(all.text(), 30)}
	}
	return stdout.Bytes(), nil
}

// shared is written to by both outputs of a command at once.
type shared struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffer.Write(p)
}

func (s *shared) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffer.String()
}

// commandError is a command's failure.
type commandError struct {
	Command string
	Err     error
	Said    string // the end of its output
}

func (e *commandError) Error() string { return fmt.Sprintf("%s: %v\n%s", e.Command, e.Err, e.Said) }
func (e *commandError) Unwrap() error { return e.Err }

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// cdk runs the cdk command on the app, in a folder of its own, so that two labs share no build/ and no cdk.out/.
func (l *Lab) cdk(ctx context.Context, args ...string) error {
	program := filepath.Join(l.root, "infra/node_modules/.bin/cdk")
	return l.run(ctx, cdkTimeout, l.folder, l.Environment(), program, append([]string{"--app", "./app"}, args...)...)
}

// AWSCommand is how to call the AWS CLI: as a module, since the path that its script begins with is that of its installation.
func (l *Lab) AWSCommand() []string { return []string{l.python(), "-m", "awscli"} }

// CLI runs the AWS CLI, and reads its JSON into a value, unless that is nil.
func (l *Lab) CLI(ctx context.Context, into any, args ...string) error {
	out, err := l.output(ctx, cliTimeout, l.folder, l.Environment(), l.python(), slices.Concat([]string{"-m", "awscli"}, args, []string{"--output", "json"})...)
	if err != nil || into == nil {
		return err
	}
	if len(bytes.TrimSpace(out)) == 0 {
		return errors.New("aws " + strings.Join(args, " ") + ": no output")
	}
	return json.Unmarshal(out, into)
}
