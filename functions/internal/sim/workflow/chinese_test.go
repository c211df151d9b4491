package workflow_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/freshness"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/orphans"
)

const chinese = "每日快照"

// beyondASCII adds three instances of the schedule 每日快照, with a volume each.
func (f *fixture) beyondASCII() {
	f.instance("db", 1, chinese+"=2", "Name=数据库", "部门=财务", "环境=生产")
	f.instance("cafe", 1, chinese+"=2", "Name=café", "Ort=Köln")
	f.instance("elephant", 1, chinese+"=2", "Name=🐘")
}

func TestNamesBeyondASCIIFromTagToMail(t *testing.T) {
	f := newFixture(t)
	f.beyondASCII()
	var last string
	for range 3 {
		last = ebs.RunID(chinese, f.world.Now())
		f.succeed(chinese)
		f.wait(24 * time.Hour)
	}
	f.noMail()
	for volume, want := range map[string]map[string]string{
		"vol-db-0":       {"Name": "数据库", "部门": "财务", "环境": "生产"},
		"vol-cafe-0":     {"Name": "café", "Ort": "Köln"},
		"vol-elephant-0": {"Name": "🐘"},
	} {
		held := f.of(volume, chinese)
		if len(held) != 2 {
			t.Fatalf("%s has %d snapshots, want 2", volume, len(held))
		}
		want[chinese], want[ebs.TagSchedule], want[ebs.TagRetention] = "2", chinese, "2"
		want[ebs.TagRun], want[ebs.TagInstance] = last, "i-"+strings.TrimSuffix(strings.TrimPrefix(volume, "vol-"), "-0")
		same(t, "tags of the snapshot of "+volume, held[1].Tags, want)
	}

	f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation"})
	same(t, "the run whose creates are denied", f.fire(chinese).Error, "VolumesFailed")
	m := f.lastMail("数据库 (i-db), volume vol-db-0", "café (i-cafe), volume vol-cafe-0", "🐘 (i-elephant), volume vol-elephant-0",
		`"SnapshotKeyWord": "`+chinese+`"`, "run "+chinese+"/")
	if !strings.HasSuffix(m.subject, ": ALL 3 volumes FAILED") {
		t.Errorf("the subject is %q", m.subject)
	}
	var names []string
	for _, f := range f.report().Failures {
		names = append(names, f.Name)
	}
	same(t, "the names in the report", sorted(names), []string{"café", "数据库", "🐘"})
}

func TestTheMailsOfTheChecksHaveNamesBeyondASCII(t *testing.T) {
	f := newFixture(t)
	f.beyondASCII()
	f.succeed(chinese)
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	fresh := &freshness.Service{
		EC2: f.gateway(), Objects: f.objects, Topic: f.topic, Limits: map[string]time.Duration{chinese: 48 * time.Hour},
		Base: "s3://bucket/", Now: f.world.Now, Log: log,
	}
	for range 4 {
		f.wait(24 * time.Hour)
		if _, err := fresh.Check(ctx, freshness.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	f.lastMail(chinese+": no completed snapshot in the last 48 h", "数据库 (i-db)", "café (i-cafe)", "🐘 (i-elephant)")

	for _, id := range []string{"i-db", "i-cafe", "i-elephant"} {
		f.account.UntagInstance(id, chinese)
	}
	policy, err := orphans.ReadPolicy("report", 0)
	if err != nil {
		t.Fatal(err)
	}
	tidy := &orphans.Service{
		EC2: f.gateway(), Objects: f.objects, Topic: f.topic, Keywords: []string{chinese}, Policy: policy, Base: "s3://bucket/",
		Now: f.world.Now, Wait: f.world.Sleep, Log: log,
	}
	f.tidyDaily(tidy, 10)
	f.lastMail(chinese+": instance i-db, volume vol-db-0 (exists", chinese+": instance i-cafe, volume vol-cafe-0 (exists", chinese+": instance i-elephant, volume vol-elephant-0 (exists")
}
