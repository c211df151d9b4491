package demo

import (
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// The marks of a calendar: what became of a run's snapshot.
const (
	markNone    = '-' // the run made none
	markKept    = '#'
	markDeleted = '.'
	markFailed  = '!'
	markClaimed = 'C'
	markRefused = 'A'
)

// claimedBy is how the retention begins to tell of a claim.
const claimedBy = "claimed by a person: tag "

// calendar shows the histories of one volume, of both schedules side by side.
func (e *evidence) calendar(volume string) Calendar {
	c := Calendar{VolumeID: volume, Name: e.name(volume), Retention: map[string]string{}}
	byRun := map[string]map[int64]snap{} // by keyword and scheduled time
	plans := map[string]history{}
	for _, k := range keywords {
		byRun[k] = map[int64]snap{}
		for _, h := range e.histories(k) {
			if h.volume != volume {
				continue
			}
			plans[k], c.Retention[k] = h, h.retention
			for _, s := range h.snaps {
				// A run that was started again has several; the last one is the one that counts.
				byRun[k][scheduledAt(s).Unix()] = s
			}
		}
	}
	legend := map[rune][]string{}
	for day := e.start; day.Before(e.end); day = day.AddDate(0, 0, 1) {
		d := CalendarDay{Date: day.Format(time.DateOnly)}
		for hour := range 24 {
			at := day.Add(time.Duration(hour) * time.Hour).Unix()
			mark, reason := e.mark(plans[hourly], byRun[hourly][at])
			d.Hourly += string(mark)
			legend[mark] = append(legend[mark], reason)
			if hour == dailyHour {
				mark, reason := e.mark(plans[daily], byRun[daily][at])
				d.Daily, d.Reason = string(mark), reason
				if _, explained := legend[mark]; !explained {
					legend[mark] = []string{}
				}
			}
		}
		c.Days = append(c.Days, d)
	}
	c.Legend = explain(legend)
	return c
}

// mark says what became of a snapshot, and why.
func (e *evidence) mark(h history, s snap) (mark rune, reason string) {
	switch {
	case s.ID == "":
		return markNone, ""
	case s.State == ebs.Error && s.exists():
		return markFailed, h.plan[s.ID].Reason.String()
	case s.State == ebs.Error:
		return markFailed, e.reasons[s.ID]
	case !s.exists():
		return markDeleted, e.reasons[s.ID]
	case ebs.OwnershipOf(s.Snapshot.Snapshot, h.keyword) == ebs.Claimed:
		return markClaimed, h.plan[s.ID].Reason.String()
	case e.refused(h, s):
		return markRefused, "the retention no longer keeps it, and EC2 refused to delete it: " + codeOf(e.refusals[s.ID].answer)
	}
	return markKept, h.plan[s.ID].Reason.String()
}

// explain gives each mark that stands in a calendar, with the reasons of the hourly snapshots that have it: the oldest one's
// and the newest one's. The daily ones have theirs beside them.
func explain(reasons map[rune][]string) []Mark {
	var out []Mark
	for _, m := range []struct {
		mark rune
		what string
	}{
		{markKept, "kept"}, {markDeleted, "deleted"}, {markFailed, "failed"}, {markClaimed, "claimed"},
		{markRefused, "refused"}, {markNone, "none was made"},
	} {
		if all, ok := reasons[m.mark]; ok {
			out = append(out, Mark{string(m.mark), m.what, because(all)})
		}
	}
	return out
}

func because(reasons []string) string {
	var distinct []string
	for _, r := range reasons {
		if r != "" && (len(distinct) == 0 || distinct[len(distinct)-1] != r) {
			distinct = append(distinct, r)
		}
	}
	switch n := len(distinct); n {
	case 0:
		return ""
	case 1, 2:
		return strings.Join(distinct, ", or ")
	default:
		return distinct[0] + " … " + distinct[n-1]
	}
}
