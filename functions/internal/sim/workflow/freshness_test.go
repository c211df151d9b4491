package workflow_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/freshness"
)

// watched runs the daily schedule and the hourly freshness check for some days; fire may skip a run. It gives each change of what the checks
// found.
func (f *fixture) watched(days int, fire func(day int) bool) []string {
	f.t.Helper()
	check := &freshness.Service{
		EC2: f.gateway(), Objects: f.objects, Topic: f.topic, Limits: map[string]time.Duration{"SnapshotDaily": 48 * time.Hour},
		Base: "s3://bucket/", Now: f.world.Now, Log: slog.New(slog.DiscardHandler),
	}
	var out []string
	last := 0
	for hour := range days * 24 {
		f.until(time.Duration(hour) * time.Hour)
		if hour%24 == 0 && fire(hour/24) {
			f.fire("SnapshotDaily")
		}
		f.until(time.Duration(hour)*time.Hour + 30*time.Minute)
		r, err := check.Check(context.Background(), freshness.Request{})
		if err != nil {
			f.t.Fatal(err)
		}
		if r.Stale != last {
			out = append(out, fmt.Sprintf("day %d: %d of %d", hour/24, r.Stale, r.Volumes))
			last = r.Stale
		}
	}
	return out
}

// ops-automator#24: it stopped for days without any alert.
func TestAScheduleThatStopsIsReportedWithoutAnyRun(t *testing.T) {
	f := newFixture(t)
	f.fleet()
	got := f.watched(8, func(day int) bool { return day < 3 || day > 5 })
	same(t, "stale volumes", got, []string{"day 4: 3 of 3", "day 6: 0 of 3"})
	same(t, "mails: at once, and a day later", f.subjects(), []string{
		"EBS snapshots: 3 volumes have no fresh snapshot", "EBS snapshots: 3 volumes have no fresh snapshot",
	})
}

func TestAVolumeWhoseSnapshotsFailIsReportedIndependentlyOfTheRuns(t *testing.T) {
	f := newFixture(t)
	f.fleet()
	f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Match: func(r ec2sim.Request) bool {
		return r.Get("VolumeId") == "vol-web-0" && f.world.Now().After(start.Add(time.Hour))
	}})
	got := f.watched(4, func(int) bool { return true })
	same(t, "stale volumes", got, []string{"day 2: 1 of 3"})
	f.lastMail("vol-web-0", "web-1 (i-web)")
}

func TestOneFailedRunDoesNotMakeVolumesStale(t *testing.T) {
	f := newFixture(t)
	f.fleet()
	f.account.Inject(ec2sim.Fault{Action: "DescribeInstances", Code: "UnauthorizedOperation", Match: func(ec2sim.Request) bool {
		return f.world.Now().Sub(start) > 24*time.Hour && f.world.Now().Sub(start) < 24*time.Hour+20*time.Minute
	}})
	same(t, "stale volumes", f.watched(4, func(int) bool { return true }), []string(nil))
	for _, s := range f.subjects() {
		if strings.Contains(s, "fresh") {
			t.Errorf("a mail says %q", s)
		}
	}
}
