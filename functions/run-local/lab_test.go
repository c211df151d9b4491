package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// at is when the runs of these tests are due: a moment ago, since a run is refused before its time, and long after it.
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
	s := httptest.NewServer(account)
	t.Cleanup(s.Close)
	t.Setenv("HOME", t.TempDir()) // nobody's AWS configuration but this
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": s.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
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

// command is run-local as a person calls it, in a folder of its own.
type command struct {
	dir            string
	settle         time.Duration // none, unless EC2's lists lag
	stdout, stderr bytes.Buffer
}

func newCommand(t *testing.T) *command { return &command{dir: t.TempDir()} }

// run gives the exit status.
func (c *command) run(ctx context.Context, args ...string) int {
	c.stdout.Reset()
	c.stderr.Reset()
	return run(ctx, args, &c.stdout, &c.stderr)
}

// daily runs the schedule SnapshotDaily with shorter waits than a person's.
func (c *command) daily(ctx context.Context, args ...string) error {
	c.stdout.Reset()
	c.stderr.Reset()
	o, err := parse(append([]string{"-schedule", "SnapshotDaily", "-dir", filepath.Join(c.dir, "state")}, args...), &c.stderr)
	if err != nil {
		return err
	}
	o.settle, o.aftermath = c.settle, time.Second
	return o.run(ctx, &c.stdout, &c.stderr)
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
