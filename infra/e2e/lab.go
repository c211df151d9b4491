package e2e

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// Options say what a lab is like.
type Options struct {
	Region   string    // where everything is deployed; "": us-east-1
	Speed    int       // how much faster waits and retries pass
	Progress io.Writer // lines on how far it is
}

// Lab is an emulated AWS account with the tools to deploy to it.
type Lab struct {
	Endpoint *Endpoint
	Lambda   *Lambda
	Logs     string // the folder of what everything said

	o           Options
	root        string // the repository
	folder      string // this lab's own; nothing else is written, but for the tools in .cache and infra/node_modules
	lock        *flock.Flock
	log         *os.File
	functionLog *os.File
	moto        *exec.Cmd
	stdin       io.Closer
	began       time.Time
	saying      sync.Mutex
}

const (
	cache = ".cache/e2e"
	// Whoever has a proxy has it for the outside.
	noProxy    = "NO_PROXY=127.0.0.1,localhost,.localhost"
	noTimeout  = 0 // downloading and compiling take as long as they take; Ctrl-C ends them
	cdkTimeout = 5 * time.Minute
	cliTimeout = 2 * time.Minute
)

// Start makes the tools and the functions, and starts the emulator. It may run several times at once.
func Start(ctx context.Context, o Options) (lab *Lab, err error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("this runs the functions' programs, which are for Linux, and this is %s: use a Linux machine, container or CI", runtime.GOOS)
	}
	root, err := repository()
	if err != nil {
		return nil, err
	}
	o.Region = cmp.Or(o.Region, "us-east-1")
	l := &Lab{o: o, root: root, began: time.Now()}
	defer func() {
		if err != nil {
			l.Close(true)
		}
	}()
	if err := l.makeFolder(ctx); err != nil {
		return l, err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"tools: the cdk command, moto, the AWS CLI", l.tools},
		{"build: the functions and the CDK app", l.build},
		{"start: the emulator", l.start},
	} {
		if err := l.step(step.what, func() error { return step.do(ctx) }); err != nil {
			return l, err
		}
	}
	return l, nil
}

func repository() (string, error) {
	folder, err := os.Getwd()
	for ; err == nil; folder = filepath.Dir(folder) {
		if _, missing := os.Stat(filepath.Join(folder, "cdk.json")); missing == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("run this inside of the repository: there is no cdk.json in this folder, nor above it")
		}
	}
	return "", err
}

// stillEvery is how often a step that takes long says so: the compiler is silent for minutes where the AWS SDK is not in its cache.
const stillEvery = 30 * time.Second

// step tells what is done and how long it took.
func (l *Lab) step(what string, do func() error) error {
	began := time.Now()
	done := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		tick := time.NewTicker(stillEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.Say("%5.0f s  %s: still at it", time.Since(began).Seconds(), what)
			case <-done:
				return
			}
		}
	})
	err := do()
	close(done)
	waiting.Wait()
	outcome := ""
	switch {
	case errors.Is(err, context.Canceled):
		outcome = ": stopped"
	case err != nil:
		outcome = ": FAILED"
	}
	l.Say("%5.1f s  %s%s", time.Since(began).Seconds(), what, outcome)
	return err
}

// Say prints a line of progress.
func (l *Lab) Say(format string, args ...any) {
	l.saying.Lock()
	defer l.saying.Unlock()
	fmt.Fprintf(l.o.Progress, format+"\n", args...)
}

// SayAll prints a line for each.
func (l *Lab) SayAll(label string, all []string) {
	for _, one := range all {
		l.Say("         %s%s", label, one)
	}
}

// makeFolder makes this lab's folder, and removes those that crashed labs left: nobody holds their locks.
func (l *Lab) makeFolder(ctx context.Context) error {
	labs := filepath.Join(l.root, cache, "labs")
	if err := os.MkdirAll(labs, 0o755); err != nil {
		return err
	}
	gate, err := lockFile(ctx, filepath.Join(labs, ".lock"))
	if err != nil {
		return err
	}
	defer release(gate)
	left, err := filepath.Glob(filepath.Join(labs, "lab-*"))
	if err != nil {
		return err
	}
	for _, folder := range left {
		lock := flock.New(filepath.Join(folder, "lock"))
		if free, err := lock.TryLock(); err == nil && free {
			_ = os.RemoveAll(folder) // it only takes room
			_ = lock.Close()
		}
	}
	if l.folder, err = os.MkdirTemp(labs, "lab-"); err != nil {
		return err
	}
	l.lock = flock.New(filepath.Join(l.folder, "lock"))
	if err := l.lock.Lock(); err != nil {
		return fmt.Errorf("lock %s: %w", l.folder, err)
	}
	l.Logs = filepath.Join(l.folder, "logs")
	if err := os.Mkdir(l.Logs, 0o755); err != nil {
		return err
	}
	l.log, err = os.Create(filepath.Join(l.Logs, "commands.log"))
	return err
}

// lockFile waits until nobody else has the lock.
func lockFile(ctx context.Context, path string) (*flock.Flock, error) {
	lock := flock.New(path)
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return nil, fmt.Errorf("wait for another lab that has %s: %w", path, err)
	}
	return lock, nil
}

// release lets the next one in. A lock that can't be released is so when this process ends.
func release(lock *flock.Flock) { _ = lock.Close() }

// tools installs what is not there yet. They are shared, so only one lab does it at a time.
func (l *Lab) tools(ctx context.Context) error {
	lock, err := lockFile(ctx, filepath.Join(l.root, cache, "tools.lock"))
	if err != nil {
		return err
	}
	defer release(lock)
	if err := l.run(ctx, noTimeout, l.root, buildEnvironment(), "make", "infra/node_modules/.package-lock.json"); err != nil {
		return err
	}
	wanted, err := os.ReadFile(filepath.Join(l.root, "infra/e2e/requirements.txt"))
	if err != nil {
		return err
	}
	if there, err := os.ReadFile(filepath.Join(l.venv(), "installed")); err == nil && string(there) == string(wanted) &&
		l.run(ctx, noTimeout, l.root, buildEnvironment(), l.python(), "-c", "") == nil { // the Python that made it is still there
		return nil
	}
	if err := l.run(ctx, noTimeout, l.root, buildEnvironment(), ".ci/need", "python"); err != nil {
		return err
	}
	l.Say("         installing moto and the AWS CLI into %s: a minute, once", filepath.Join(cache, "venv"))
	return l.install(ctx, wanted)
}

// install makes the venv aside, so that one that was begun is never taken for one.
func (l *Lab) install(ctx context.Context, wanted []byte) error {
	aside := filepath.Join(l.folder, "venv")
	if err := l.run(ctx, noTimeout, l.root, buildEnvironment(), "python3", "-m", "venv", aside); err != nil {
		return err
	}
	err := l.run(ctx, noTimeout, l.root, buildEnvironment(), filepath.Join(aside, "bin", "python"), "-m", "pip", "install", "--quiet",
		"--disable-pip-version-check", "--require-hashes", "--requirement", "infra/e2e/requirements.txt")
	if err != nil {
		return fmt.Errorf("moto could not be installed; it needs the Python package index (PIP_INDEX_URL): %w", err)
	}
	if err := os.WriteFile(filepath.Join(aside, "installed"), wanted, 0o600); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(l.venv()), os.Rename(aside, l.venv()))
}

func (l *Lab) venv() string   { return filepath.Join(l.root, cache, "venv") }
func (l *Lab) python() string { return filepath.Join(l.venv(), "bin", "python") }

// build makes the functions as a deployment does, for this machine's processor, and the CDK app.
func (l *Lab) build(ctx context.Context) error {
	err := l.run(ctx, noTimeout, l.root, buildEnvironment(), "make", "--no-print-directory", "build", "ARCH="+runtime.GOARCH, "BUILD="+filepath.Join(cache, "labs", filepath.Base(l.folder), "build"))
	if err != nil {
		return err
	}
	if err := l.run(ctx, noTimeout, l.root, buildEnvironment(), "go", "build", "-o", filepath.Join(l.folder, "app"), "./infra"); err != nil {
		return err
	}
	body, err := os.ReadFile(filepath.Join(l.root, "cdk.json"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.folder, "cdk.json"), body, 0o600)
}

// Sizes gives the sizes of the functions' programs, in bytes.
func (l *Lab) Sizes() (map[string]int64, error) {
	programs, err := filepath.Glob(filepath.Join(l.folder, "build", "*", "bootstrap"))
	out := map[string]int64{}
	for _, p := range programs {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		out[filepath.Base(filepath.Dir(p))] = info.Size()
	}
	return out, err
}

// buildEnvironment is this process's, without what a make that called it leaves there.
func buildEnvironment() []string {
	return without(os.Environ(), "MAKEFLAGS=", "MFLAGS=", "MAKELEVEL=")
}

func without(environment []string, prefixes ...string) []string {
	var out []string
next:
	for _, e := range environment {
		for _, p := range prefixes {
			if strings.HasPrefix(e, p) {
				continue next
			}
		}
		out = append(out, e)
	}
	return out
}

// Environment is that of a program that is to meet the emulator. Nothing of the real AWS configuration is in it.
func (l *Lab) Environment() []string {
	return append(without(buildEnvironment(), "AWS_", "NO_PROXY=", "no_proxy="), l.AWS()...)
}

// AWS are the variables that point AWS's tools at the emulator.
func (l *Lab) AWS() []string {
	byName := strings.Replace(l.Endpoint.URL, "127.0.0.1", "localhost", 1) // cdk puts buckets' names before it
	return []string{
		"AWS_ENDPOINT_URL=" + l.Endpoint.URL, "AWS_ENDPOINT_URL_S3_FOR_CLOUDFORMATION=" + byName,
		"AWS_REGION=" + l.o.Region, "AWS_DEFAULT_REGION=" + l.o.Region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_PAGER=",
		noProxy, strings.ToLower(noProxy[:8]) + noProxy[8:],
		"CDK_DISABLE_CLI_TELEMETRY=true", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20",
	}
}

// MotoURL is moto's own address, where nothing meddles.
func (l *Lab) MotoURL() string { return l.Endpoint.moto.String() }

// start starts Lambda, the endpoint and moto.
func (l *Lab) start(ctx context.Context) error {
	var err error
	if l.Lambda, err = newLambda(ctx, 8); err != nil {
		return err
	}
	output, err := os.Create(filepath.Join(l.Logs, "functions.log"))
	if err != nil {
		return err
	}
	l.Lambda.Output, l.functionLog = output, output
	endpoint, listener, err := newEndpoint(ctx, l.o.Region, filepath.Join(l.folder, "functions"), l.log, l.Lambda)
	if err != nil {
		return err
	}
	l.Endpoint = endpoint
	// What Lambda gives its programs, and the way to the emulator.
	l.Lambda.Environment = []string{
		"AWS_REGION=" + l.o.Region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL=" + endpoint.URL,
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
	}
	port, err := l.startMoto(ctx, listener.Addr().String())
	if err != nil {
		_ = listener.Close()
		return err
	}
	endpoint.serve(listener, &url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(port)})
	return nil
}

func (l *Lab) startMoto(ctx context.Context, endpoint string) (port int, err error) {
	said, err := os.Create(filepath.Join(l.Logs, "moto.log"))
	if err != nil {
		return 0, err
	}
	_, endpointPort, _ := strings.Cut(endpoint, ":")
	l.moto = exec.Command(l.python(), filepath.Join(l.root, "infra/e2e/emulator.py")) //nolint:noctx // Close ends it
	l.moto.Dir, l.moto.Stderr = l.folder, said
	l.moto.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for this process, which then ends it in order
	l.moto.Env = append(without(os.Environ(), "AWS_", "MOTO_", "NO_PROXY=", "no_proxy="),
		"SPEED="+strconv.Itoa(max(1, l.o.Speed)), "MOTO_PORT="+endpointPort, "MOTO_EC2_LOAD_DEFAULT_AMIS=false",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION="+l.o.Region,
		noProxy, strings.ToLower(noProxy[:8])+noProxy[8:],
		"TZ=UTC", // it takes the timestamps of waits for local ones
		"PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1")
	if l.stdin, err = l.moto.StdinPipe(); err != nil {
		return 0, err
	}
	stdout, err := l.moto.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := l.moto.Start(); err != nil {
		l.moto = nil
		return 0, fmt.Errorf("start moto: %w", err)
	}
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(stdout).ReadString('\n') // "" if it ends first
		line <- strings.TrimSpace(text)
		_, _ = io.Copy(said, stdout) // until it ends
		_ = said.Close()
	}()
	select {
	case text := <-line:
		if port, err = strconv.Atoi(text); err != nil {
			return 0, fmt.Errorf("moto did not start; see %s", said.Name())
		}
		return port, nil
	case <-time.After(time.Minute):
		return 0, fmt.Errorf("moto did not start in a minute; see %s", said.Name())
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Close stops everything, and waits for its end. The logs stay if keep.
func (l *Lab) Close(keep bool) {
	if l.Lambda != nil {
		l.Lambda.Close()
	}
	if l.Endpoint != nil {
		l.Endpoint.Close()
	}
	if l.moto != nil {
		_ = l.stdin.Close() // it ends at that
		ended := make(chan struct{})
		go func() { _ = l.moto.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = l.moto.Process.Kill()
			<-ended
		}
	}
	for _, f := range []*os.File{l.log, l.functionLog} {
		if f != nil {
			_ = f.Close()
		}
	}
	if l.folder == "" {
		return
	}
	if keep {
		kept := filepath.Join(l.root, cache, "logs-"+l.began.UTC().Format("20060102T150405Z")+"-"+strconv.Itoa(os.Getpid()))
		if os.Rename(l.Logs, kept) == nil {
			l.Say("What everything said is in %s.", kept)
		}
	}
	_ = os.RemoveAll(l.folder)
	if l.lock != nil {
		_ = l.lock.Close()
	}
}
