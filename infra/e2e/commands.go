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

// run runs a command and writes its output to the log. If the command fails, the error has the last lines of the output.
func (b *Testbed) run(ctx context.Context, timeout time.Duration, folder string, environment []string, name string, args ...string) error {
	_, err := b.output(ctx, timeout, folder, environment, name, args...)
	return err
}

func (b *Testbed) output(
	ctx context.Context, timeout time.Duration, folder string, environment []string, name string, args ...string,
) ([]byte, error) {
	if timeout != noTimeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = folder, environment
	// Its child processes end with it, and it ends with this process. Only the context passes Ctrl-C on to it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	var stdout bytes.Buffer
	all := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, all), all
	err := cmd.Run()
	line := filepath.Base(name) + " " + strings.Join(args, " ")
	fmt.Fprintf(b.log, "%s %s\n%s\n", time.Now().UTC().Format(time.TimeOnly), line, all.text())
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, &commandError{line, err, tail(all.text(), 30)}
	}
	return stdout.Bytes(), nil
}

// lockedBuffer is a buffer for both outputs of a command, which are written at the same time.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (s *lockedBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffer.Write(p)
}

func (s *lockedBuffer) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffer.String()
}

// commandError is the failure of a command.
type commandError struct {
	Command string
	Err     error
	Output  string // the last lines of its output
}

func (e *commandError) Error() string { return fmt.Sprintf("%s: %v\n%s", e.Command, e.Err, e.Output) }
func (e *commandError) Unwrap() error { return e.Err }

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// cdk runs the cdk command on the app, in a folder of its own, so that two test beds share no build/ and no cdk.out/.
func (b *Testbed) cdk(ctx context.Context, args ...string) error {
	program := filepath.Join(b.root, "infra/node_modules/.bin/cdk")
	return b.run(ctx, cdkTimeout, b.folder, b.Environment(), program, append([]string{"--app", "./app"}, args...)...)
}

// AWSCommand is the command for the AWS CLI. It runs the module, because the first line of the script has the path of the folder in
// which it was installed, and that was moved.
func (b *Testbed) AWSCommand() []string { return []string{b.python(), "-m", "awscli"} }

// CLI runs the AWS CLI and decodes its JSON output into a value, unless the value is nil.
func (b *Testbed) CLI(ctx context.Context, into any, args ...string) error {
	out, err := b.output(ctx, cliTimeout, b.folder, b.Environment(), b.python(), slices.Concat([]string{"-m", "awscli"}, args, []string{"--output", "json"})...)
	if err != nil || into == nil {
		return err
	}
	if len(bytes.TrimSpace(out)) == 0 {
		return errors.New("aws " + strings.Join(args, " ") + ": no output")
	}
	return json.Unmarshal(out, into)
}
