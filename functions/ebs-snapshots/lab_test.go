package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/stssim"
)

// at is the scheduled time of the runs of these tests. It is a moment ago: a run is refused before its time and long after it.
var (
	due = time.Now().UTC().Truncate(time.Minute)
	at  = due.Format(time.RFC3339)
)

// hoursBefore gives the scheduled time of a run before that one.
func hoursBefore(n int) string { return due.Add(-time.Duration(n) * time.Hour).Format(time.RFC3339) }

// server makes an account that is reached over HTTP, by the AWS configuration in the environment, as another's EC2 would be.
// Its snapshots complete at once, since time is real here.
func server(t *testing.T, change ...func(*ec2sim.Config)) *ec2sim.Account {
	t.Helper()
	c := ec2sim.Config{
		Now: time.Now, MinSnapshotInterval: -1, Completion: func(string, int) time.Duration { return 0 },
		// An answer that is there before net/http has seen the end of the request's body may break off, since the SDK closes that body. It
		// retries the call, unless the answer broke off within a character. No network is as fast as this one.
		Latency: 5 * time.Millisecond, Sleep: sleep,
	}
	for _, f := range change {
		f(&c)
	}
	account := ec2sim.New(c)
	s := httptest.NewServer(stssim.In("123456789012", account))
	t.Cleanup(s.Close)
	t.Setenv("HOME", t.TempDir()) // nobody's AWS configuration but this
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": s.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_PROFILE": "", "COLUMNS": "", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	return account
}

func addInstance(a *ec2sim.Account, id, retention string, volumes ...string) {
	in := ec2sim.Instance{ID: id, State: "running", Tags: map[string]string{"SnapshotDaily": retention, "Name": "web-" + id}}
	for _, v := range volumes {
		in.Volumes = append(in.Volumes, ec2sim.BlockDevice{ID: v, Device: "/dev/xvda", SizeGiB: 8})
	}
	a.AddInstance(in)
}

// command is ebs-snapshots as a person calls it, in a folder of its own.
type command struct {
	dir            string
	config         string
	settle         time.Duration // none, unless EC2's lists lag
	console        int           // its width; 0: lines are not folded
	answers        io.Reader     // of the person at the terminal, if there is one
	stdout, stderr bytes.Buffer
}

// newCommand has a cdk.json with two schedules that run in UTC.
func newCommand(t *testing.T) *command {
	t.Helper()
	c := &command{dir: t.TempDir()}
	c.configured(t, `{"context": {"schedules": [
		{"keyword": "SnapshotDaily", "expression": "cron(0 8 * * ? *)"}, {"keyword": "SnapshotHourly", "expression": "cron(0 * * * ? *)"}]}}`)
	return c
}

// configured gives the command another cdk.json.
func (c *command) configured(t *testing.T, text string) {
	t.Helper()
	c.config = filepath.Join(c.dir, "cdk.json")
	if err := os.WriteFile(c.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run gives the exit status.
func (c *command) run(ctx context.Context, args ...string) int {
	c.stdout.Reset()
	c.stderr.Reset()
	return execute(ctx, c.app(), append([]string{"--config", c.config}, args...))
}

func (c *command) app() *app {
	return &app{
		called: "ebs-snapshots", waits: waits{c.settle, time.Second},
		console: &console{in: c.answers, out: &c.stdout, err: &oneAtATime{to: &c.stderr}, asks: c.answers != nil, width: c.console},
	}
}

// daily runs the schedule SnapshotDaily, and gives what the command says if it fails.
func (c *command) daily(ctx context.Context, args ...string) error {
	if status := c.run(ctx, append([]string{"run", "SnapshotDaily", "--yes"}, args...)...); status != exitOK {
		return fmt.Errorf("exit status %d: %s", status, c.stderr.String())
	}
	return nil
}

// says insists on an exit status, and that the output has each of the texts.
func (c *command) says(t *testing.T, status int, args []string, texts ...string) {
	t.Helper()
	if got := c.run(t.Context(), args...); got != status {
		t.Fatalf("%v: exit status %d, want %d:\n%s%s", args, got, status, c.stdout.String(), c.stderr.String())
	}
	out := c.stdout.String() + c.stderr.String()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("%v: the output does not say %q:\n%s", args, text, out)
		}
	}
}

// runsOf gives the run IDs of the snapshots that the account holds of a volume, in order.
func runsOf(a *ec2sim.Account, volume string) []string {
	var out []string
	for _, s := range a.Snapshots() {
		if s.VolumeID == volume {
			out = append(out, s.Tags[ebs.TagRun])
		}
	}
	slices.Sort(out)
	return out
}
