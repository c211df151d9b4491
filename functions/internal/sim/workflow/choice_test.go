package workflow_test

import (
	"context"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// withoutBoot excludes boot volumes from a schedule's runs. An instance boots from its first volume.
func withoutBoot(keyword string) func(*setup) {
	return func(s *setup) { s.noBoot = []string{keyword} }
}

func TestAScheduleMayExcludeBootVolumes(t *testing.T) {
	f := newFixture(t, withoutBoot("SnapshotHourly"))
	f.instance("web", 3, "SnapshotHourly=3", "SnapshotDaily=3", "Name=web-1")
	f.instance("db", 2, "SnapshotHourly=3")
	f.account.TagVolume("vol-db-0", "SnapshotHourly", "9") // a volume's own tag overrides the schedule
	f.account.TagVolume("vol-web-2", "SnapshotHourly", "off")
	// With only the keyword, as the first users start it.
	if r := f.start(context.Background(), map[string]string{"SnapshotKeyWord": "SnapshotHourly"}); r.Status != asl.Succeeded {
		t.Fatalf("the run ended %s: %s", r.Status, r.Cause)
	}
	const run = "completed SnapshotHourly/2026-11-22T00:00:00Z"
	same(t, "held", f.held(), map[string][]string{"vol-web-1": {run}, "vol-db-0": {run}, "vol-db-1": {run}})
	same(t, "excluded, in the report", f.report().Excluded, []contract.Excluded{
		{
			InstanceID: "i-web", Name: "web-1", VolumeID: "vol-web-0", Device: "/dev/sda",
			Reason: contract.BootVolume,
		},
		{
			InstanceID: "i-web", Name: "web-1", VolumeID: "vol-web-2", Device: "/dev/sdc",
			Reason: contract.VolumeTagOff,
		},
	})
	f.wait(time.Minute)
	f.succeed("SnapshotDaily") // which leaves nothing out
	same(t, "held of the boot volume", len(f.of("vol-web-0", "SnapshotDaily")), 1)
	f.noMail()
}

func TestSnapshotsFromBeforeBootVolumesWereExcludedAreKept(t *testing.T) {
	f := newFixture(t, withoutBoot("SnapshotDaily"))
	f.instance("web", 1, "SnapshotDaily=1")
	for day := 5; day > 0; day-- {
		f.old("vol-web-0", day)
	}
	f.days(0, 3, nil)
	same(t, "left", len(f.ids("vol-web-0")), 5)
	same(t, "outcome", f.report().Outcome, "Succeeded")
	f.noMail()
}
