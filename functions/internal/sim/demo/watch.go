package demo

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/freshness"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/orphans"
)

// watches are the checks that have a schedule of their own: freshness at half past each hour, orphans once a day.
func (s *stage) watches() []cue {
	ec2, log := workflow.SimulatedEC2(s.account, s.world), slog.New(s.recorder)
	fresh := &freshness.Service{
		EC2: ec2, Objects: s.objects, Topic: s, Base: bucketURL, Now: s.world.Now, Log: log,
		Limits: map[string]time.Duration{hourly: 2 * time.Hour, daily: 48 * time.Hour}, // two periods
	}
	tidy := &orphans.Service{
		EC2: ec2, Objects: s.objects, Topic: s, Base: bucketURL, Now: s.world.Now, Log: log, Wait: s.world.Sleep,
		Keywords: []string{daily, hourly}, // and no policy but to report
	}
	var out []cue
	for at := s.start.Add(30 * time.Minute); at.Before(s.end); at = at.Add(time.Hour) {
		out = append(out, cue{at, func(ctx context.Context) error {
			_, err := fresh.Check(ctx, freshness.Request{})
			return err
		}})
	}
	for at := s.start.Add(11*time.Hour + 15*time.Minute); at.Before(s.end); at = at.AddDate(0, 0, 1) {
		out = append(out, cue{at, func(ctx context.Context) error {
			_, err := tidy.Tidy(ctx, orphans.Request{})
			return err
		}})
	}
	return out
}

const bucketURL = "s3://" + workflow.Bucket + "/"

// watched tells what those checks had to say.
func (e *evidence) watched() []Event {
	var out []Event
	for _, m := range e.mails {
		if text, ok := strings.CutPrefix(m.Subject, "EBS snapshots: "); ok {
			out = append(out, event(m.At, byCheck, "reports by e-mail: %s", text))
		}
	}
	return out
}
