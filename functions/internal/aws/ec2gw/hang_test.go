package ec2gw

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/hang"
)

// calls are all calls of the gateway.
var calls = map[string]func(context.Context, *Gateway) error{
	"DescribeInstances": func(ctx context.Context, g *Gateway) error { _, err := g.Instances(ctx, "SnapshotDaily"); return err },
	"DescribeVolumes": func(ctx context.Context, g *Gateway) error {
		_, err := g.ExistingVolumes(ctx, []string{"vol-1"})
		return err
	},
	"DescribeSnapshots": func(ctx context.Context, g *Gateway) error { _, err := g.RunSnapshots(ctx, "run"); return err },
	"CreateSnapshot": func(ctx context.Context, g *Gateway) error {
		_, err := g.CreateSnapshot(ctx, "vol-1", "description", nil)
		return err
	},
	"CreateSnapshots": func(ctx context.Context, g *Gateway) error {
		_, err := g.CreateSnapshots(ctx, "i-1", []string{"vol-2"}, true, "description", nil)
		return err
	},
	"DeleteSnapshot": func(ctx context.Context, g *Gateway) error { return g.DeleteSnapshot(ctx, "snap-1") },
	"CreateTags": func(ctx context.Context, g *Gateway) error {
		return g.TagSnapshots(ctx, []string{"snap-1"}, []ebs.Tag{{Key: "k", Value: "v"}})
	},
	"DeleteTags": func(ctx context.Context, g *Gateway) error {
		return g.UntagSnapshots(ctx, []string{"snap-1"}, []ebs.Tag{{Key: "k", Value: "v"}})
	},
}

// triedOnce are the calls that the SDK does not retry.
var triedOnce = map[string]bool{"CreateSnapshot": true, "CreateSnapshots": true}

func TestACallToAServerThatHangsTimesOut(t *testing.T) {
	starts := map[string]string{
		"before it answers":          "",
		"in the middle of an answer": "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n<DescribeSnapshotsResponse",
	}
	for action, do := range calls {
		for when, start := range starts {
			t.Run(action+" "+when, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					begin := time.Now()
					err := do(t.Context(), New(hang.Config(start), Options{}))
					want := callTimeout
					if triedOnce[action] {
						want = attemptTimeout
					}
					if took := time.Since(begin); err == nil || took.Truncate(time.Second) != want {
						t.Errorf("it ended after %v, want %v: %v", took, want, err)
					}
				})
			})
		}
	}
}
