package workflow_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

var (
	stormSeeds = flag.Uint64("storm.seeds", 200, "how many fault storms to run")
	stormSeed  = flag.Uint64("storm.seed", 0, "the one fault storm to run, logged event by event")
)

// storm is a small fleet over some days with many random failures, drawn from a seed.
type storm struct {
	*fixture
	random    *rand.Rand
	retention map[string]int  // by volume: N of a plain retention; 0: another kind
	affected  map[string]bool // today: volumes with a failure that no retry corrects; it must be reported
	disturbed map[string]bool // today: volumes in which people meddle; they get what they ask for
	gone      map[string]bool // volumes that were deleted
	used      map[string]int  // by volume: snapshots that an AMI uses
	// unreadable are volumes whose retention can't be read: nothing of theirs is deleted.
	unreadable map[string]bool
	unknown    int // today: how many more faults may be of the kind that is retried three times only
}

// The guard checks promises 1, 2 and 4. Promises 3, 5 and 6 are checked after each day.
func TestStormsBreakNoPromise(t *testing.T) {
	t.Parallel()
	first, last := uint64(1), *stormSeeds
	if *stormSeed != 0 {
		first, last = *stormSeed, *stormSeed
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			s := newStorm(t, seed)
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("replay it with: go test ./functions/internal/sim/workflow -run Storms -storm.seed=%d", seed)
				}
			})
			for day := range 3 {
				s.until(time.Duration(day) * 48 * time.Hour) // a run may take a day
				s.day()
			}
		})
	}
}

func newStorm(t *testing.T, seed uint64) *storm {
	random := rand.New(rand.NewPCG(seed, 0))
	s := &storm{random: random, retention: map[string]int{}, gone: map[string]bool{}, used: map[string]int{}, unreadable: map[string]bool{}}
	s.fixture = newFixture(t, func(c *setup) {
		c.ListLag = time.Duration(random.IntN(21)) * time.Second
		c.MinSnapshotInterval = time.Duration(-random.IntN(2)) // EC2's, or none
		c.EmptyPages = random.IntN(8) == 0
		c.PageSize = 5 + random.IntN(20)
		now, ahead := c.Now, time.Duration(random.IntN(181)-90)*time.Second
		c.Now = func() time.Time { return now().Add(ahead) } // EC2's clock
		c.ahead = map[string]time.Duration{}
		for _, f := range []string{workflow.DiscoverInstances, workflow.SnapshotVolume, workflow.PruneVolume, workflow.ReportRun} {
			c.ahead[f] = time.Duration(random.IntN(41)-20) * time.Second
		}
		c.pace = discover.Pace{Burst: 1 + random.IntN(8), Rate: 0.1 + 5*random.Float64()}
		c.Completion = func(string, int) time.Duration {
			if random.IntN(8) == 0 {
				return time.Duration(random.IntN(180)) * time.Minute
			}
			return time.Duration(random.IntN(180)) * time.Second
		}
	})
	for n, id := range []string{"a", "b", "c"} {
		value := []string{"1", "2", "3", "2d", "last=2 daily=2", "abc", "off"}[random.IntN(7)]
		volumes := 1 + random.IntN(3)
		s.instance(id, volumes, "SnapshotDaily="+value, fmt.Sprintf("SnapshotHourly=%d", n+1), "Name=node-"+id)
		for v := range volumes {
			if random.IntN(3) == 0 { // another account's, with our tags: newer than all of ours, older than all
				volume, others := fmt.Sprintf("vol-%s-%d", id, v), "owner=999999999999"
				s.old(volume, -30, others)
				s.old(volume, 30, others, "SnapshotDaily="+value, ebs.TagRetention+"="+value)
			}
			s.unreadable[fmt.Sprintf("vol-%s-%d", id, v)] = value == "abc"
			switch value {
			case "1", "2", "3":
				s.retention[fmt.Sprintf("vol-%s-%d", id, v)] = int(value[0] - '0')
			case "off":
				s.gone[fmt.Sprintf("vol-%s-%d", id, v)] = true
			default:
				s.retention[fmt.Sprintf("vol-%s-%d", id, v)] = 0
			}
		}
	}
	return s
}

// say logs what happens if only one storm is run.
func (s *storm) say(format string, args ...any) {
	if *stormSeed != 0 {
		s.t.Logf("%s %s", s.world.Now().Format(time.DateTime), fmt.Sprintf(format, args...))
	}
}

// day is one run of SnapshotDaily with faults, and perhaps one of SnapshotHourly.
func (s *storm) day() {
	s.affected, s.disturbed, s.unknown = map[string]bool{}, map[string]bool{}, 3
	s.account.ClearFaults()
	s.guard()
	s.meddlers, s.objects.Fault, s.topic.fault = nil, nil, nil
	for range s.random.IntN(6) {
		s.fault()
	}
	before := s.completed()
	input := s.input("SnapshotDaily")
	events := len(s.events)
	var last asl.Result
	deliver := func() {
		if r := s.deliver(input); r.Status != asl.Succeeded || s.entered(r.Name, "DuplicateRun") == 0 {
			last = r
		}
	}
	tasks := []func(){deliver}
	if s.random.IntN(3) == 0 { // delivered twice
		after := s.upTo(10 * time.Minute)
		tasks = append(tasks, func() { s.wait(after); deliver() })
	}
	if s.random.IntN(3) == 0 {
		tasks = append(tasks, func() { s.fire("SnapshotHourly") })
	}
	for range s.random.IntN(4) {
		after := s.upTo(8 * time.Minute)
		tasks = append(tasks, func() { s.wait(after); s.meddleInIt() })
	}
	s.inParallel(tasks...)
	for _, e := range s.events[events:] {
		if e.Kind == asl.StateRetried || e.Kind == asl.StateCaught || strings.HasPrefix(string(e.Kind), "Execution") && e.Parent == "" {
			s.say("   %v %s", e, e.Cause)
		}
	}
	s.check(last, "SnapshotDaily/"+input.ScheduledTime, before)
}

// deliver starts an execution of the run. Sometimes a person aborts it and starts it again.
func (s *storm) deliver(input contract.Input) asl.Result {
	if s.random.IntN(4) > 0 {
		return s.start(context.Background(), input)
	}
	ctx, cancel := s.world.WithTimeout(context.Background(), 0)
	var r asl.Result
	after, pause := s.upTo(4*time.Minute), s.upTo(time.Minute)
	ended := false
	s.inParallel(func() { r = s.start(ctx, input); ended = true }, func() {
		s.wait(after)
		if !ended {
			s.say("a person aborts an execution")
		}
		cancel()
	})
	if r.Status != asl.Aborted {
		return r
	}
	s.wait(pause)
	return s.start(context.Background(), input)
}

func (s *storm) entered(execution, state string) int {
	n := 0
	for _, e := range s.events {
		if e.Kind == asl.StateEntered && e.Execution == execution && e.State == state {
			n++
		}
	}
	return n
}

func (s *storm) upTo(d time.Duration) time.Duration { return time.Duration(s.random.Int64N(int64(d))) }

// completed counts the managed completed snapshots of SnapshotDaily, by volume.
func (s *storm) completed() map[string]int {
	out := map[string]int{}
	for _, x := range s.account.Snapshots() {
		if x.State == ebs.Completed && x.Tags[scheduleTag] == "SnapshotDaily" && managed(x) {
			out[x.VolumeID]++
		}
	}
	return out
}

// check checks the result of the run. last is the end of its last execution that was not a duplicate.
func (s *storm) check(last asl.Result, run string, before map[string]int) {
	after := s.completed()
	failed := false // some volume has no completed snapshot of the run, and this must be reported
	for volume, n := range s.retention {
		if s.gone[volume] || s.disturbed[volume] {
			continue
		}
		var states []ebs.State
		for _, x := range s.account.Snapshots() {
			if x.VolumeID == volume && x.Tags[ebs.TagRun] == run && x.State != ebs.Error {
				states = append(states, x.State)
			}
		}
		if s.affected[volume] {
			if len(states) == 0 {
				failed = true
				if !s.reported(run, volume) {
					s.t.Errorf("%s: %s has no snapshot, and no mail was sent", run, volume)
				}
			}
			continue
		}
		if failed := s.failedOf(volume); len(failed) > 0 && !s.unreadable[volume] && s.used[volume] == 0 {
			s.t.Errorf("%s: failed snapshots of %s are left, and it had no failure: %v", run, volume, failed)
		}
		if len(states) != 1 || states[0] != ebs.Completed {
			s.t.Errorf("%s: the snapshots of %s are %v, and it had no failure", run, volume, states)
		}
		least, most := 1, before[volume]+1
		if n > 0 {
			least = min(n, before[volume]+1)
			most = least + s.used[volume]
		}
		if after[volume] < least || after[volume] > most {
			s.t.Errorf("%s: %s had %d completed snapshots and has %d, want %d to %d", run, volume, before[volume], after[volume], least, most)
		}
	}
	if len(s.affected)+len(s.disturbed) == 0 && last.Status != asl.Succeeded {
		s.t.Errorf("%s ended %s (%s: %s), and no volume had a failure", run, last.Status, last.Error, last.Cause)
	}
	if failed && last.Status != asl.Failed {
		s.t.Errorf("%s ended %s, and a volume has no snapshot", run, last.Status)
	}
	if last.Status != asl.Succeeded && len(s.topic.mails) == 0 {
		s.t.Errorf("%s ended %s, and no mail was sent", run, last.Status)
	}
	if s.t.Failed() {
		s.say("mail:\n%s", s.allMail())
	}
	s.topic.mails = nil
}

// failedOf lists the volume's snapshots by SnapshotDaily that are in state error and ours to delete.
func (s *storm) failedOf(volume string) []string {
	var out []string
	for _, x := range s.of(volume, "SnapshotDaily") {
		if x.State == ebs.Error && managed(x) {
			out = append(out, x.ID)
		}
	}
	return out
}

func (s *storm) reported(run, volume string) bool {
	for _, m := range s.topic.mails {
		if strings.Contains(m.message, run) && strings.Contains(m.message, "volume "+volume+" ") {
			return true
		}
	}
	return false
}
