package workflow_test

import (
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// While a snapshot is pending for hours, people may change tags.
func TestATagThatChangesWhileASnapshotIsPendingIsRespected(t *testing.T) {
	before, both := []string{"22", "23"}, []string{"22", "23", "24"}
	for _, c := range []struct {
		name string
		do   func(*fixture)
		want []string
	}{
		{"nothing else", func(*fixture) {}, []string{"23", "24"}},
		{"the instance is off", func(f *fixture) { f.account.TagInstance("i-web", "SnapshotDaily", "off") }, both},
		{"the volume is off", func(f *fixture) { f.account.TagVolume("vol-web-0", "SnapshotDaily", "off") }, both},
		{"the tag is removed", func(f *fixture) { f.account.UntagInstance("i-web", "SnapshotDaily") }, both},
		{"it keeps more", func(f *fixture) { f.account.TagInstance("i-web", "SnapshotDaily", "9") }, both},
		{"it keeps less, which the next run applies", func(f *fixture) { f.account.TagInstance("i-web", "SnapshotDaily", "1") }, []string{"23", "24"}},
		{"it can't be read", func(f *fixture) { f.account.TagInstance("i-web", "SnapshotDaily", "a few") }, both},
	} {
		t.Run(c.name, func(t *testing.T) {
			long := false
			f := newFixture(t, func(s *setup) {
				s.Completion = func(string, int) time.Duration {
					if long {
						return 3 * time.Hour
					}
					return 2 * time.Minute
				}
			})
			f.instance("web", 1, "SnapshotDaily=2")
			f.days(0, 2, nil)
			same(t, "held before", f.runsOf("vol-web-0"), before)
			long = true
			f.until(48 * time.Hour)
			f.inParallel(func() {
				if r := f.fire("SnapshotDaily"); r.Status != asl.Succeeded {
					t.Errorf("the run ended %s: %s", r.Status, r.Cause)
				}
			}, func() { f.wait(90 * time.Minute); c.do(f) })
			same(t, "held afterwards", f.runsOf("vol-web-0"), c.want)
			f.noMail()
		})
	}
}
