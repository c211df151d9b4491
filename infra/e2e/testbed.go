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

// Options are the options of a test bed.
type Options struct {
	Region   string    // the Region of the deployment; "": us-east-1
	Speed    int       // how many times faster waits and retries are
	Progress io.Writer // receives lines about the progress
}

// Testbed is an emulated AWS account with the tools to deploy to it.
type Testbed struct {
	Endpoint *Endpoint
	Lambda   *Lambda
	Logs     string // the folder of all logs

	o           Options
	root        string // the repository
	folder      string // the folder of this test bed; otherwise only the tools in .cache and infra/node_modules are written
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
	// A proxy is only for addresses outside this machine.
	noProxy    = "NO_PROXY=127.0.0.1,localhost,.localhost"
	noTimeout  = 0 // downloads and builds have no timeout; Ctrl-C ends them
	cdkTimeout = 5 * time.Minute
	cliTimeout = 2 * time.Minute
)

// Start installs the tools, builds the functions and starts the emulator. Several test beds may run at the same time.
func Start(ctx context.Context, o Options) (bed *Testbed, err error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("the functions' programs run only on Linux, and this machine has %s. Use a Linux machine, a container or CI", runtime.GOOS)
	}
	root, err := repository()
	if err != nil {
		return nil, err
	}
	o.Region = cmp.Or(o.Region, "us-east-1")
	b := &Testbed{o: o, root: root, began: time.Now()}
	defer func() {
		if err != nil {
			b.Close(true)
		}
	}()
	if err := b.makeFolder(ctx); err != nil {
		return b, err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"tools: the cdk command, moto, the AWS CLI", b.tools},
		{"build: the functions and the CDK app", b.build},
		{"start: the emulator", b.start},
	} {
		if err := b.step(step.what, func() error { return step.do(ctx) }); err != nil {
			return b, err
		}
	}
	return b, nil
}

func repository() (string, error) {
	folder, err := os.Getwd()
	for ; err == nil; folder = filepath.Dir(folder) {
		if _, missing := os.Stat(filepath.Join(folder, "cdk.json")); missing == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("there is no cdk.json in this folder or above it. Run this command in the repository")
		}
	}
	return "", err
}

// progressInterval is how often a long step prints a line. The compiler prints nothing for minutes if its cache does not have the AWS SDK.
const progressInterval = 30 * time.Second

// step does a step and prints how long it took.
func (b *Testbed) step(what string, do func() error) error {
	began := time.Now()
	done := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				b.Say("%5.0f s  %s: still running", time.Since(began).Seconds(), what)
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
	b.Say("%5.1f s  %s%s", time.Since(began).Seconds(), what, outcome)
	return err
}

// Say prints a line of progress.
func (b *Testbed) Say(format string, args ...any) {
	b.saying.Lock()
	defer b.saying.Unlock()
	fmt.Fprintf(b.o.Progress, format+"\n", args...)
}

// SayAll prints a line for each text.
func (b *Testbed) SayAll(label string, all []string) {
	for _, one := range all {
		b.Say("         %s%s", label, one)
	}
}

// makeFolder makes the folder of this test bed. It also deletes the folders of test beds that crashed: nobody holds their locks.
func (b *Testbed) makeFolder(ctx context.Context) error {
	beds := filepath.Join(b.root, cache, "beds")
	if err := os.MkdirAll(beds, 0o755); err != nil {
		return err
	}
	gate, err := lockFile(ctx, filepath.Join(beds, ".lock"))
	if err != nil {
		return err
	}
	defer release(gate)
	left, err := filepath.Glob(filepath.Join(beds, "bed-*"))
	if err != nil {
		return err
	}
	for _, folder := range left {
		lock := flock.New(filepath.Join(folder, "lock"))
		if free, err := lock.TryLock(); err == nil && free {
			_ = os.RemoveAll(folder) // if it fails, the folder only uses disk space
			_ = lock.Close()
		}
	}
	if b.folder, err = os.MkdirTemp(beds, "bed-"); err != nil {
		return err
	}
	b.lock = flock.New(filepath.Join(b.folder, "lock"))
	if err := b.lock.Lock(); err != nil {
		return fmt.Errorf("lock %s: %w", b.folder, err)
	}
	b.Logs = filepath.Join(b.folder, "logs")
	if err := os.Mkdir(b.Logs, 0o755); err != nil {
		return err
	}
	b.log, err = os.Create(filepath.Join(b.Logs, "commands.log"))
	return err
}

// lockFile waits until nobody else has the lock.
func lockFile(ctx context.Context, path string) (*flock.Flock, error) {
	lock := flock.New(path)
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return nil, fmt.Errorf("wait for another test bed that has locked %s: %w", path, err)
	}
	return lock, nil
}

// release releases the lock. If that fails, the end of this process releases it.
func release(lock *flock.Flock) { _ = lock.Close() }

// tools installs the missing tools. All test beds share them, so only one installs at a time.
func (b *Testbed) tools(ctx context.Context) error {
	lock, err := lockFile(ctx, filepath.Join(b.root, cache, "tools.lock"))
	if err != nil {
		return err
	}
	defer release(lock)
	if err := b.run(ctx, noTimeout, b.root, buildEnvironment(), "make", "infra/node_modules/.package-lock.json"); err != nil {
		return err
	}
	wanted, err := os.ReadFile(filepath.Join(b.root, "infra/e2e/requirements.txt"))
	if err != nil {
		return err
	}
	if installed, err := os.ReadFile(filepath.Join(b.venv(), "installed")); err == nil && string(installed) == string(wanted) &&
		b.run(ctx, noTimeout, b.root, buildEnvironment(), b.python(), "-c", "") == nil { // the venv's Python still works
		return nil
	}
	if err := b.run(ctx, noTimeout, b.root, buildEnvironment(), ".ci/need", "python"); err != nil {
		return err
	}
	b.Say("         installing moto and the AWS CLI into %s: takes a minute, only once", filepath.Join(cache, "venv"))
	return b.install(ctx, wanted)
}

// install makes the venv in another folder and moves it, so that an unfinished venv is never used.
func (b *Testbed) install(ctx context.Context, wanted []byte) error {
	fresh := filepath.Join(b.folder, "venv")
	if err := b.run(ctx, noTimeout, b.root, buildEnvironment(), "python3", "-m", "venv", fresh); err != nil {
		return err
	}
	err := b.run(ctx, noTimeout, b.root, buildEnvironment(), filepath.Join(fresh, "bin", "python"), "-m", "pip", "install", "--quiet",
		"--disable-pip-version-check", "--require-hashes", "--requirement", "infra/e2e/requirements.txt")
	if err != nil {
		return fmt.Errorf("moto could not be installed; it needs the Python package index (PIP_INDEX_URL): %w", err)
	}
	if err := os.WriteFile(filepath.Join(fresh, "installed"), wanted, 0o600); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(b.venv()), os.Rename(fresh, b.venv()))
}

func (b *Testbed) venv() string   { return filepath.Join(b.root, cache, "venv") }
func (b *Testbed) python() string { return filepath.Join(b.venv(), "bin", "python") }

// build builds the functions as for a deployment, but for this machine's processor, and the CDK app.
func (b *Testbed) build(ctx context.Context) error {
	err := b.run(ctx, noTimeout, b.root, buildEnvironment(), "make", "--no-print-directory", "build", "ARCH="+runtime.GOARCH, "BUILD="+filepath.Join(cache, "beds", filepath.Base(b.folder), "build"))
	if err != nil {
		return err
	}
	if err := b.run(ctx, noTimeout, b.root, buildEnvironment(), "go", "build", "-o", filepath.Join(b.folder, "app"), "./infra"); err != nil {
		return err
	}
	body, err := os.ReadFile(filepath.Join(b.root, "cdk.json"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.folder, "cdk.json"), body, 0o600)
}

// Sizes returns the sizes of the functions' programs in bytes.
func (b *Testbed) Sizes() (map[string]int64, error) {
	programs, err := filepath.Glob(filepath.Join(b.folder, "build", "*", "bootstrap"))
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

// buildEnvironment is the environment of this process, without the variables of a make that called it.
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

// Environment is the environment for programs that use the emulator. It has nothing of the real AWS configuration.
func (b *Testbed) Environment() []string {
	return append(without(buildEnvironment(), "AWS_", "NO_PROXY=", "no_proxy="), b.AWS()...)
}

// AWS returns the variables that make AWS's tools use the emulator.
func (b *Testbed) AWS() []string {
	byName := strings.Replace(b.Endpoint.URL, "127.0.0.1", "localhost", 1) // cdk puts the bucket's name before the host name
	return []string{
		"AWS_ENDPOINT_URL=" + b.Endpoint.URL, "AWS_ENDPOINT_URL_S3_FOR_CLOUDFORMATION=" + byName,
		"AWS_REGION=" + b.o.Region, "AWS_DEFAULT_REGION=" + b.o.Region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_PAGER=",
		noProxy, strings.ToLower(noProxy[:8]) + noProxy[8:],
		"CDK_DISABLE_CLI_TELEMETRY=true", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20",
	}
}

// MotoURL is the address of moto itself, where no call is intercepted.
func (b *Testbed) MotoURL() string { return b.Endpoint.moto.String() }

// start starts Lambda, the endpoint and moto.
func (b *Testbed) start(ctx context.Context) error {
	var err error
	if b.Lambda, err = newLambda(ctx, 8); err != nil {
		return err
	}
	output, err := os.Create(filepath.Join(b.Logs, "functions.log"))
	if err != nil {
		return err
	}
	b.Lambda.Output, b.functionLog = output, output
	endpoint, listener, err := newEndpoint(ctx, b.o.Region, filepath.Join(b.folder, "functions"), b.log, b.Lambda)
	if err != nil {
		return err
	}
	b.Endpoint = endpoint
	// The variables that Lambda sets, and those that make the programs use the emulator.
	b.Lambda.Environment = []string{
		"AWS_REGION=" + b.o.Region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL=" + endpoint.URL,
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
	}
	port, err := b.startMoto(ctx, listener.Addr().String())
	if err != nil {
		_ = listener.Close()
		return err
	}
	endpoint.serve(listener, &url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(port)})
	return nil
}

func (b *Testbed) startMoto(ctx context.Context, endpoint string) (port int, err error) {
	output, err := os.Create(filepath.Join(b.Logs, "moto.log"))
	if err != nil {
		return 0, err
	}
	_, endpointPort, _ := strings.Cut(endpoint, ":")
	b.moto = exec.Command(b.python(), filepath.Join(b.root, "infra/e2e/emulator.py")) //nolint:noctx // Close ends it
	b.moto.Dir, b.moto.Stderr = b.folder, output
	b.moto.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches only this process, which then ends moto
	b.moto.Env = append(without(os.Environ(), "AWS_", "MOTO_", "NO_PROXY=", "no_proxy="),
		"SPEED="+strconv.Itoa(max(1, b.o.Speed)), "MOTO_PORT="+endpointPort, "MOTO_EC2_LOAD_DEFAULT_AMIS=false",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION="+b.o.Region,
		noProxy, strings.ToLower(noProxy[:8])+noProxy[8:],
		"TZ=UTC", // moto takes the timestamps of waits for local times
		"PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1")
	if b.stdin, err = b.moto.StdinPipe(); err != nil {
		return 0, err
	}
	stdout, err := b.moto.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := b.moto.Start(); err != nil {
		b.moto = nil
		return 0, fmt.Errorf("start moto: %w", err)
	}
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(stdout).ReadString('\n') // "" if moto ends before
		line <- strings.TrimSpace(text)
		_, _ = io.Copy(output, stdout) // until moto ends
		_ = output.Close()
	}()
	select {
	case text := <-line:
		if port, err = strconv.Atoi(text); err != nil {
			return 0, fmt.Errorf("moto did not start; see %s", output.Name())
		}
		return port, nil
	case <-time.After(time.Minute):
		return 0, fmt.Errorf("moto did not start in a minute; see %s", output.Name())
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Close stops everything and waits until it has ended. With keep, the logs are kept.
func (b *Testbed) Close(keep bool) {
	if b.Lambda != nil {
		b.Lambda.Close()
	}
	if b.Endpoint != nil {
		b.Endpoint.Close()
	}
	if b.moto != nil {
		_ = b.stdin.Close() // then moto ends
		ended := make(chan struct{})
		go func() { _ = b.moto.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = b.moto.Process.Kill()
			<-ended
		}
	}
	for _, f := range []*os.File{b.log, b.functionLog} {
		if f != nil {
			_ = f.Close()
		}
	}
	if b.folder == "" {
		return
	}
	if keep {
		kept := filepath.Join(b.root, cache, "logs-"+b.began.UTC().Format("20060102T150405Z")+"-"+strconv.Itoa(os.Getpid()))
		if os.Rename(b.Logs, kept) == nil {
			b.Say("The logs are in %s.", kept)
		}
	}
	_ = os.RemoveAll(b.folder)
	if b.lock != nil {
		_ = b.lock.Close()
	}
}
