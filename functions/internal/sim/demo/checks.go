package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// violations collects the cases that break a promise.
type violations struct{ broken []string }

func (v *violations) fault(format string, args ...any) {
	v.broken = append(v.broken, fmt.Sprintf(format, args...))
}

// check makes the result: the numbers if the promise held, else the first case.
func (v *violations) check(promise, format string, args ...any) Check {
	c := Check{Promise: promise, Held: len(v.broken) == 0, Detail: fmt.Sprintf(format, args...), Broken: v.broken}
	if !c.Held {
		c.Detail = v.broken[0]
		if more := len(v.broken) - 1; more > 0 {
			c.Detail += fmt.Sprintf(" (and %d more)", more)
		}
	}
	return c
}

// The README's promises, by their numbers and titles there.
const (
	onlyOurs  = "1. Nothing that is not ours is deleted"
	exactlyN  = "3. Exactly N in the end"
	once      = "4. One snapshot per volume and run"
	noSilence = "6. No silent failure"
)

// checks compares what the product promises with what EC2 and the topic hold. It trusts no report.
func (e *evidence) checks() []Check {
	return []Check{e.checkDeletions(), e.checkExact(), e.checkOnce(), e.checkBackups()}
}

// checkBackups: each volume of each run has a completed snapshot, or somebody was told.
func (e *evidence) checkBackups() Check {
	var v violations
	failed := e.checkAlerts(&v)
	good := map[volumeRun]bool{}
	for _, s := range e.snapshots {
		if s.State == ebs.Completed {
			good[volumeRun{s.run(), s.VolumeID}] = true
		}
	}
	seen := map[volumeRun]bool{}
	told, gone := 0, 0
	for _, r := range e.runs {
		for _, volume := range r.volumes() {
			k := volumeRun{r.run, volume}
			since, deleted := e.deleted[volume]
			switch {
			case seen[k]:
			case good[k]:
			case e.told(k):
				told++
			case deleted && since.Before(r.end):
				gone++
			default:
				v.fault("%s has no snapshot of run %s, and no e-mail names it", volume, r.run)
			}
			seen[k] = true
		}
	}
	if len(seen) == 0 {
		v.fault("there was nothing to snapshot")
	}
	return v.check(noSilence, "%s, %d volumes without one named by e-mail, %d deleted; %s, an e-mail for each",
		count(len(seen)-told-gone, "good snapshot"), told, gone, count(failed, "failed run"))
}

// told says whether an e-mail named the volume of the run as failed.
func (e *evidence) told(k volumeRun) bool {
	return slices.ContainsFunc(e.mails, func(m Mail) bool {
		_, failed, _ := strings.Cut(m.Message, "\nFAILED")
		return strings.Contains(m.Message, "run "+k.run+"\n") && strings.Contains(failed, k.volume)
	})
}

// checkOnce: no run has two good snapshots of a volume.
func (e *evidence) checkOnce() Check {
	var v violations
	made := map[volumeRun]int{}
	for _, s := range e.snapshots {
		if s.run() == "" || s.State == ebs.Error {
			continue
		}
		k := volumeRun{s.run(), s.VolumeID}
		if made[k]++; made[k] == 2 {
			v.fault("%s has two snapshots of run %s", k.volume, k.run)
		}
	}
	twice := 0
	for _, r := range e.runs {
		if r.duplicate || r.byHand {
			twice++
		}
	}
	return v.check(once,
		"%s started twice, %s lost", count(twice, "run"), count(e.stats.Errors[ec2sim.OutcomeLost], "answer"))
}

// checkExact: each volume holds what its retention keeps of all that was ever made, no more and no less.
func (e *evidence) checkExact() Check {
	var v violations
	volumes, kept := map[string]bool{}, 0
	for _, k := range keywords {
		for _, h := range e.histories(k) {
			if !e.volumes[h.volume] {
				continue
			}
			volumes[h.volume] = true
			for _, s := range h.snaps {
				keep := h.plan[s.ID].Keep
				switch {
				case keep && s.exists():
					kept++
				case keep:
					v.fault("%s=%s keeps %s of %s, and it was deleted", k, h.retention, s.ID, h.volume)
				case s.exists() && !e.refused(h, s):
					v.fault("%s=%s drops %s of %s, and it is still there", k, h.retention, s.ID, h.volume)
				}
			}
		}
	}
	if len(volumes) == 0 {
		v.fault("there was nothing to keep")
	}
	return v.check(exactlyN,
		"%s of %s", count(kept, "snapshot"), count(len(volumes), "volume"))
}

// checkDeletions: only managed snapshots were deleted, each with a reason and with a newer good one left.
func (e *evidence) checkDeletions() Check {
	var v violations
	n := 0
	for _, s := range e.snapshots {
		if s.deletedBy != ec2sim.ByAPI {
			continue
		}
		n++
		switch {
		case ebs.OwnershipOf(s.Snapshot.Snapshot, s.schedule()) != ebs.Managed:
			v.fault("%s was deleted, and is not ours", s.ID)
		case e.reasons[s.ID] == "":
			v.fault("%s was deleted without a logged reason", s.ID)
		case s.State != ebs.Error && !e.hadNewer(s): // a failed one holds no data
			v.fault("%s was deleted, and was the newest of %s by %s", s.ID, s.VolumeID, s.schedule())
		}
	}
	spared := e.checkSpared(&v)
	return v.check(onlyOurs, "%s deleted, each for a reason; all %d that people claimed or made by hand are still there", count(n, "snapshot"), spared)
}

// hadNewer says whether there was a newer good snapshot of the same volume and schedule when this one was deleted.
func (e *evidence) hadNewer(old snap) bool {
	return slices.ContainsFunc(e.snapshots, func(s snap) bool {
		return s.VolumeID == old.VolumeID && s.schedule() == old.schedule() && s.State == ebs.Completed &&
			s.StartTime.After(old.StartTime) && s.StartTime.Before(old.deletedAt) && (s.exists() || s.deletedAt.After(old.deletedAt))
	})
}

// checkSpared looks for what people claimed or made, and gives how many there are.
func (e *evidence) checkSpared(v *violations) int {
	all := slices.Concat(e.claimed, e.manual)
	for _, id := range all {
		if s := e.find(id); s.ID == "" || !s.exists() {
			v.fault("%s is gone", id)
		}
	}
	return len(all)
}

// checkAlerts insists that whoever reads the e-mails knows of each failed run, and gives how many there are.
func (e *evidence) checkAlerts(v *violations) int {
	failed := 0
	for _, r := range e.runs {
		if r.result.Status == asl.Succeeded {
			continue
		}
		failed++
		mailed := slices.ContainsFunc(e.mails, func(m Mail) bool {
			return strings.Contains(m.Message, r.result.ID) && strings.Contains(m.Subject, "FAILED")
		})
		if !mailed {
			v.fault("execution %s ended %s, and no e-mail says so", r.name, r.result.Status)
		}
	}
	return failed
}

// account counts the calls.
func (e *evidence) account() Account {
	out := Account{
		Calls: e.stats.Total, ByAction: e.stats.Calls, TooSoon: e.stats.Errors["SnapshotCreationPerVolumeRateExceeded"],
		Executions: len(e.runs),
	}
	for _, n := range e.stats.Throttled {
		out.Throttled += n
	}
	for _, r := range e.runs {
		out.Children += r.result.Children
		out.Transitions += r.result.Transitions + r.result.ChildTransitions
	}
	last := map[string]time.Time{}
	for _, s := range e.snapshots {
		if s.run() == "" {
			continue
		}
		if before, ok := last[s.VolumeID]; ok {
			if apart := s.StartTime.Sub(before).Seconds(); out.ClosestSeconds == 0 || apart < out.ClosestSeconds {
				out.ClosestSeconds = apart
			}
		}
		last[s.VolumeID] = s.StartTime
	}
	return out
}
