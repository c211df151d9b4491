package workflow_test

import (
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// While a snapshot is pending for hours, people go on writing tags.
func TestWhatATagSaysWhileASnapshotIsPendingIsHeeded(t *testing.T) {
	before, both := []string{"22", "23"}, []string{"22", "23", "24"}
	for _, c := range []struct {
		name string
		do   func(*lab)
		want []string
	}{
		{"nothing else", func(*lab) {}, []string{"23", "24"}},
		{"the instance is off", func(l *lab) { l.account.TagInstance("i-web", "SnapshotDaily", "off") }, both},
		{"the volume is off", func(l *lab) { l.account.TagVolume("vol-web-0", "SnapshotDaily", "off") }, both},
		{"the tag is taken away", func(l *lab) { l.account.UntagInstance("i-web", "SnapshotDaily") }, both},
		{"more is to be kept", func(l *lab) { l.account.TagInstance("i-web", "SnapshotDaily", "9") }, both},
		{"less is to be kept, which the next run does", func(l *lab) { l.account.TagInstance("i-web", "SnapshotDaily", "1") }, []string{"23", "24"}},
		{"it can't be read", func(l *lab) { l.account.TagInstance("i-web", "SnapshotDaily", "a few") }, both},
	} {
		t.Run(c.name, func(t *testing.T) {
			long := false
			l := newLab(t, func(s *setup) {
				s.Completion = func(string, int) time.Duration {
					if long {
						return 3 * time.Hour
					}
					return 2 * time.Minute
				}
			})
			l.instance("web", 1, "SnapshotDaily=2")
			l.days(0, 2, nil)
			same(t, "held before", l.runsOf("vol-web-0"), before)
			long = true
			l.until(48 * time.Hour)
			l.together(func() {
				if r := l.fire("SnapshotDaily"); r.Status != asl.Succeeded {
					t.Errorf("the run ended %s: %s", r.Status, r.Cause)
				}
			}, func() { l.wait(90 * time.Minute); c.do(l) })
			same(t, "held afterwards", l.runsOf("vol-web-0"), c.want)
			l.noMail()
		})
	}
}
