package retention

import (
	"fmt"
	"strconv"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// Reasons are put together by hand, not by fmt: a volume can have very many snapshots, and each gets one.

const separator = "; "

func separated(text []byte) []byte {
	if len(text) > 0 {
		text = append(text, separator...)
	}
	return text
}

// keepLast adds "last 2 of 3".
func (w *walk) keepLast() {
	w.text = append(separated(w.text), "last "...)
	w.text = appendPosition(w.text, w.completed, w.policy.Rules.Last)
}

// keepPeriod adds "daily 2026-11-22 (1 of 7)".
func (w *walk) keepPeriod(c *calendarRule, local time.Time) {
	w.text = append(separated(w.text), c.name...)
	w.text = c.label(append(w.text, ' '), local)
	w.text = appendPosition(append(w.text, " ("...), c.taken, c.n)
	w.text = append(w.text, ')')
}

func appendPosition(text []byte, i, n int) []byte {
	text = strconv.AppendInt(text, int64(i), 10)
	text = append(text, " of "...)
	return strconv.AppendInt(text, int64(n), 10)
}

// foreignReason says whose a snapshot is that the schedule did not make.
func foreignReason(s *ebs.Snapshot, keyword string) string {
	if keyword == "" || s.Tags[ebs.TagSchedule] != keyword {
		return "not a snapshot of this schedule"
	}
	return "not a snapshot of this schedule, although it carries its tags: made by " + string(ebs.MakerOf(*s))
}

// removalReason remembers the last reason for a removal: among many snapshots most share one.
type removalReason struct {
	reason   string
	verdicts verdicts
	kept     int
}

// get says why no rule keeps a snapshot: "beyond last=3 daily=7; not the newest of its week (9 newer kept)".
func (m *removalReason) get(r Rules, calendar []*calendarRule, vs verdicts, kept int) string {
	if m.reason == "" || m.verdicts != vs || m.kept != kept {
		*m = removalReason{sayRemoval(r, calendar, vs, kept), vs, kept}
	}
	return m.reason
}

func sayRemoval(r Rules, calendar []*calendarRule, vs verdicts, kept int) string {
	exhausted := r
	var units string
	for i, c := range calendar {
		if vs[i] == notNewest {
			*c.of(&exhausted) = 0
			units = join(units, ", ", c.unit)
		}
	}
	var text string
	if s := exhausted.String(); s != "" {
		text = "beyond " + s
	}
	if units != "" {
		text = join(text, separator, "not the newest of its "+units)
	}
	return fmt.Sprintf("%s (%d newer kept)", text, kept)
}

func join(a, between, b string) string {
	if a == "" {
		return b
	}
	return a + between + b
}

// claimReason says by which tag a person claimed the snapshot.
func claimReason(tags map[string]string, keyword string) string {
	inForce, hasKeyword := tags[keyword]
	stamped, hasStamp := tags[ebs.TagRetention]
	switch {
	case !hasKeyword:
		return fmt.Sprintf("claimed by a person: tag %s removed", keyword)
	case !hasStamp:
		return fmt.Sprintf("claimed by a person: tag %s removed", ebs.TagRetention)
	default:
		return fmt.Sprintf("claimed by a person: tag %s changed from %q to %q", keyword, stamped, inForce)
	}
}
