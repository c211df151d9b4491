package workflow_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
)

// one draws one of several.
func one[T any](s *storm, of ...T) T { return of[s.random.IntN(len(of))] }

// volume draws an existing volume.
func (s *storm) volume() string {
	left := slices.DeleteFunc(slices.Sorted(maps.Keys(s.retention)), func(v string) bool { return s.gone[v] })
	if len(left) == 0 {
		return ""
	}
	return one(s, left...)
}

// times draws how often a fault happens that is only retried three times. All of a day together are not more.
func (s *storm) times() int {
	n := s.random.IntN(s.unknown + 1)
	s.unknown -= n
	return n
}

// fault injects one for the day.
func (s *storm) fault() {
	action := one(s, "CreateSnapshot", "CreateSnapshot", "DeleteSnapshot", "DescribeSnapshots", "DescribeInstances", "DescribeVolumes")
	inject := func(f ec2sim.Fault, times int) {
		if f.Times = times; times > 0 {
			f.Action = action
			s.say("fault: %+v", f)
			s.account.Inject(f)
		}
	}
	function := one(s, workflow.DiscoverInstances, workflow.SnapshotVolume, workflow.SnapshotVolume, workflow.PruneVolume, workflow.ReportRun)
	crash := func(how string, do func(times int) meddling) {
		if times := s.times(); times > 0 {
			s.say("%s %s, %d times", function, how, times)
			s.meddle(function, "", do(times))
		}
	}
	switch s.random.IntN(16) {
	case 0:
		inject(ec2sim.Fault{Code: "RequestLimitExceeded"}, 1+s.random.IntN(12))
	case 1:
		inject(ec2sim.Fault{Code: one(s, "InternalError", "Unavailable", "ServiceUnavailable")}, s.times())
	case 2, 3:
		inject(ec2sim.Fault{After: true}, s.times())
	case 4:
		inject(ec2sim.Fault{Before: true}, s.times())
	case 5:
		inject(ec2sim.Fault{Garbage: one(s, ec2sim.BrokenPage, ec2sim.NoBody, ec2sim.AnotherDocument), Status: one(s, 200, 200, 503)}, s.times())
	case 6:
		crash("crashes afterwards", crashesAfterwards)
	case 7:
		crash("crashes", func(times int) meddling { return fails(times, errCrash) })
	case 8:
		crash("panics", panics)
	case 9:
		after := s.random.IntN(2) == 0
		crash("hangs", func(times int) meddling { return hangs(times, after) })
	case 10:
		op, part := one(s, "put", "create", "replace", "list"), one(s, "manifest.json", "run.json", "pacing.json", "/failures/", "report.json")
		if times := s.times(); times > 0 {
			s.say("S3 refuses %s of %s, %d times", op, part, times)
			s.objects.Fault = refuses(times, op, func(key string) bool { return hasPart(part)(key) && !hasPart("results/")(key) })
		}
	case 11:
		if times := s.times(); times > 0 {
			s.say("SNS refuses %d times", times)
			s.topic.fault = snsRefuses(times, "")
		}
	case 12:
		s.afflict()
	case 13:
		n, after := 1+s.random.IntN(8), s.random.IntN(2) == 0
		crash(fmt.Sprintf("dies at call %d, after it %v,", n, after), func(times int) meddling { return diesAt(n, after, times) })
	case 14:
		action = "CreateSnapshot"
		inject(ec2sim.Fault{Code: one(s, "PendingSnapshotLimitExceeded", "ConcurrentSnapshotLimitExceeded",
			"SnapshotCreationPerVolumeRateExceeded")}, 1+s.random.IntN(8))
	case 15:
		inject(ec2sim.Fault{Delay: s.upTo(3 * time.Minute)}, s.times())
	}
}

// afflict gives one volume a failure that no retry corrects.
func (s *storm) afflict() {
	v := s.volume()
	if v == "" || s.affected[v] {
		return
	}
	s.affected[v] = true
	kind := s.random.IntN(6)
	s.say("failure %d happens to %s", kind, v)
	switch kind {
	case 0:
		s.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Match: on(v), Code: one(s, "UnauthorizedOperation", "SnapshotLimitExceeded", "Nonsense")})
	case 1:
		s.account.FailNextSnapshotOf(v)
	case 2:
		s.account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Code: "UnauthorizedOperation", Match: func(r ec2sim.Request) bool {
			x, _ := s.account.Snapshot(r.Get("SnapshotId"))
			return x.VolumeID == v
		}})
	case 3:
		s.meddle(workflow.SnapshotVolume, v, panics(always))
	case 4:
		s.meddle(workflow.PruneVolume, v, hangs(always, s.random.IntN(2) == 0))
	case 5:
		s.meddle(workflow.SnapshotVolume, v, crashesAfterwards(always))
	}
}

// instanceGoes makes a person terminate or untag the instance of a volume.
func (s *storm) instanceGoes(volume string) {
	id := "i-" + strings.Split(volume, "-")[1]
	i, _ := s.account.Instance(id)
	for _, d := range i.Volumes {
		s.disturbed[d.ID] = true
	}
	if s.random.IntN(2) == 0 {
		s.say("a person removes the tag of %s", id)
		s.account.UntagInstance(id, "SnapshotDaily")
		for _, d := range i.Volumes {
			s.gone[d.ID] = true // from the runs
		}
		return
	}
	s.say("a person terminates %s", id)
	s.account.SetInstanceState(id, ec2sim.InstanceTerminated)
	for _, d := range i.Volumes {
		s.gone[d.ID] = true
	}
}

// meddleInIt is an action of a person during a run.
func (s *storm) meddleInIt() {
	v := s.volume()
	if v == "" {
		return
	}
	held := slices.DeleteFunc(s.account.Snapshots(), func(x ec2sim.Snapshot) bool { return x.VolumeID != v })
	s.disturbed[v] = true
	if s.random.IntN(10) == 0 {
		s.instanceGoes(v)
		return
	}
	if len(held) == 0 || s.random.IntN(10) == 0 {
		s.say("a person deletes %s", v)
		s.account.DeleteVolume(v)
		s.gone[v] = true
		return
	}
	x := one(s, held...)
	s.touched[v] = s.world.Now()
	switch s.random.IntN(5) {
	case 0:
		s.say("a person deletes %s (%s of %s)", x.ID, x.State, v)
		s.account.DeleteSnapshotByPerson(x.ID)
	case 1:
		s.say("a person claims %s of %s", x.ID, v)
		s.account.UntagSnapshot(x.ID, "SnapshotDaily")
	case 2:
		s.say("a person relabels %s of %s", x.ID, v)
		s.account.TagSnapshot(x.ID, "SnapshotDaily", "keep")
	case 3:
		s.say("a person removes the schedule of %s of %s", x.ID, v)
		s.account.UntagSnapshot(x.ID, ebs.TagSchedule)
	case 4:
		s.say("a person makes an AMI of %s of %s", x.ID, v)
		s.account.HoldByAMI(x.ID, "ami-"+x.ID)
		s.used[v]++
	}
}
