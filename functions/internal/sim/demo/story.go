package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// story tells what happened, in order: what people and AWS did, and how the runs took it.
func (e *evidence) story() []Event {
	out := slices.Concat(e.acts, e.duplicates(), e.lostAnswers(), e.newcomers(),
		e.failures(), e.cleanUps(), e.takenOver(), e.attention(), e.gone(), e.refusedOnes(), e.watched())
	for i := range out {
		out[i].At = out[i].At.In(e.zone)
	}
	slices.SortStableFunc(out, func(a, b Event) int { return a.At.Compare(b.At) })
	return out
}

func event(at time.Time, by, format string, args ...any) Event {
	return Event{at, by, fmt.Sprintf(format, args...)}
}

func (e *evidence) duplicates() []Event {
	var out []Event
	for _, r := range e.runs {
		if r.duplicate {
			out = append(out, event(r.start, byAWS, "triggers one run of %s twice; the second execution does nothing", r.keyword))
		}
	}
	return out
}

func (e *evidence) lostAnswers() []Event {
	var out []Event
	for _, c := range e.calls {
		if c.Code == ec2sim.OutcomeLost {
			out = append(out, event(c.At, byAWS, "makes a snapshot of %s, but the answer is lost", e.name(c.Params["VolumeId"])))
		}
	}
	for _, l := range e.log {
		if l.text == logFound {
			out = append(out, event(l.at, byRun, "tries again and finds it: no second snapshot of %s", e.name(l.attrs["volume_id"])))
		}
	}
	return out
}

// newcomers tells the first snapshot of instances that were launched meanwhile.
func (e *evidence) newcomers() []Event {
	var out []Event
	for _, m := range e.fleet {
		i := slices.IndexFunc(e.snapshots, func(s snap) bool { return s.Tags[ebs.TagInstance] == m.ID })
		if m.launched != (moment{}) && i >= 0 {
			s := e.snapshots[i]
			out = append(out, event(s.StartTime, byRun, "%s makes the first snapshot of %s", s.schedule(), e.name(s.VolumeID)))
		}
	}
	return out
}

// streak is a volume's failures in a row, over all schedules.
type streak struct {
	since time.Time
	error string
	runs  int
}

// failures tells when a volume begins to fail, and when it is good again.
func (e *evidence) failures() []Event {
	var out []Event
	failing := map[string]*streak{}
	for _, r := range e.byEnd() {
		if r.report == nil {
			continue
		}
		failed := map[string]string{}
		for _, f := range r.report.Failures {
			failed[f.VolumeID] = f.Error
		}
		for _, volume := range r.volumes() {
			name, bad := failed[volume]
			s := failing[volume]
			switch {
			case bad && s == nil:
				failing[volume] = &streak{r.end, name, 1}
			case bad:
				s.runs++
			case s != nil:
				out = append(out, e.failed(volume, s))
				if !r.byHand { // of that one takenOver tells more
					out = append(out, event(r.end, byRun, "has a good snapshot of %s again", e.name(volume)))
				}
				delete(failing, volume)
			}
		}
	}
	for _, volume := range slices.Sorted(maps.Keys(failing)) {
		out = append(out, e.failed(volume, failing[volume]))
	}
	return out
}

func (e *evidence) failed(volume string, s *streak) Event {
	return event(s.since, byRun, "fails for %s: %s (%s, an e-mail each)", e.name(volume), s.error, count(s.runs, "run"))
}

// byEnd gives the executions in the order in which they ended: that is when they tell.
func (e *evidence) byEnd() []ran {
	return slices.SortedStableFunc(slices.Values(e.runs), func(a, b ran) int { return a.end.Compare(b.end) })
}

// cleanUps tells of the failed snapshots that were deleted, those of one volume together.
func (e *evidence) cleanUps() []Event {
	n, last := map[string]int{}, map[string]time.Time{}
	for _, s := range e.snapshots {
		if s.State == ebs.Error && s.deletedBy == ec2sim.ByAPI {
			n[s.VolumeID]++
			last[s.VolumeID] = s.deletedAt
		}
	}
	var out []Event
	for _, v := range slices.Sorted(maps.Keys(n)) {
		out = append(out, event(last[v], byRun, "has deleted the %s of %s: they hold no data", count(n[v], "failed snapshot"), e.name(v)))
	}
	return out
}

// takenOver tells what executions that a person started found and finished.
func (e *evidence) takenOver() []Event {
	var out []Event
	for _, r := range e.runs {
		if !r.byHand || r.duplicate {
			continue
		}
		made, all := 0, r.volumes()
		for _, s := range e.snapshots {
			if slices.Contains(all, s.VolumeID) && s.run() == r.run && !s.StartTime.Before(r.start) {
				made++
			}
		}
		out = append(out, event(r.end, byRun, "has finished it: %s made, the other %d found",
			count(made, "missing snapshot"), len(all)-made))
	}
	return out
}

// attention tells what wanted a person's, when it was told first and what came of it.
func (e *evidence) attention() []Event {
	var out []Event
	last := map[string]int{} // by instance: the index of the last run that told of it
	var names []string
	for n, r := range e.runs {
		if r.report == nil {
			continue
		}
		for _, p := range r.report.Problems {
			if _, ok := last[p.Name]; !ok {
				names = append(names, p.Name)
				what, _, _ := strings.Cut(p.What, ": ")
				out = append(out, event(r.end, byRun, "reports %s by e-mail: %s", p.Name, what))
			}
			last[p.Name] = n
		}
	}
	for _, name := range names {
		out = append(out, e.afterwards(last[name], name)...)
	}
	return out
}

// afterwards tells what the schedule's next run did with the instance when there was nothing to tell any more.
func (e *evidence) afterwards(last int, name string) []Event {
	for _, r := range e.runs[last+1:] {
		if r.keyword != e.runs[last].keyword || r.report == nil {
			continue
		}
		deleted, left := 0, 0
		for _, s := range e.snapshots {
			switch {
			case s.schedule() != r.keyword || s.Tags["Name"] != name || s.StartTime.After(r.end):
			case s.exists() || s.deletedAt.After(r.end):
				left++
			case !s.deletedAt.Before(r.start):
				deleted++
			}
		}
		return []Event{event(r.end, byRun, "reads the tag of %s again: %s deleted, %d kept", name, count(deleted, "snapshot"), left)}
	}
	return nil
}

func (e *evidence) gone() []Event {
	var out []Event
	for _, r := range e.runs {
		if r.report == nil {
			continue
		}
		for _, v := range r.report.Gone {
			out = append(out, event(r.end, byRun, "finds %s deleted since it began: no failure", e.name(v.VolumeID)))
		}
	}
	return out
}

// refusedOnes tells which deletions EC2 refused, and when it gave in.
func (e *evidence) refusedOnes() []Event {
	var out []Event
	for _, s := range e.snapshots {
		r, ok := e.refusals[s.ID]
		if !ok {
			continue
		}
		told := e.name(s.VolumeID) + " of " + e.tell(s.StartTime, shortTime)
		out = append(out, event(r.first, byAWS, "refuses to delete %s: %s", told, codeOf(r.answer)))
		if !s.exists() {
			out = append(out, event(s.deletedAt, byRun, "deletes %s: EC2 allows it now", told))
		}
	}
	return out
}

// messageOf gives EC2's words of a refusal, without ours before them.
func messageOf(answer string) string {
	if _, words, ok := strings.Cut(answer, ": "); ok {
		return words
	}
	return answer
}

// codeOf gives EC2's error code, which stands in brackets at the end of a refusal.
func codeOf(answer string) string {
	return strings.TrimSuffix(answer[strings.LastIndex(answer, "(")+1:], ")")
}
