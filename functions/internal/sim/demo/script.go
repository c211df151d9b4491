package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const (
	hourly    = "SnapshotHourly"
	daily     = "SnapshotDaily"
	dailyHour = 8
	dailyTime = "08:00"
	zoneName  = "Asia/Shanghai"
)

// The volumes and what they are part of, as the script needs them.
const (
	star      = "vol-web-1-data" // the volume whose history is shown
	lost      = "vol-web-1-root"
	scratch   = "vol-batch-1-work"
	legacy    = "i-legacy-1"
	late      = "i-web-2"
	golden    = "ami-web-golden"
	claimWord = "audit"
)

// member is an instance of the fleet.
type member struct {
	ec2sim.Instance
	launched, ended moment // zero: before the demonstration, after it
}

// joins and ends are when web-2 is launched and terminated.
var (
	joins = moment{3, 10, 20, 0}
	ends  = moment{9, 16, 30, 0}
)

// fleet is small, and has one of everything.
func fleet() []member {
	return []member{
		{Instance: instance("web-1", tags{hourly: "24", daily: "last=2 weekly=4"},
			disk("root", "/dev/xvda", 16, nil), disk("data", "/dev/sdf", 100, nil))},
		{Instance: instance("db-1", tags{hourly: "6", daily: "3"},
			disk("root", "/dev/xvda", 16, nil), disk("data", "/dev/sdf", 200, tags{hourly: "36"}),
			disk("temp", "/dev/sdg", 50, tags{hourly: "off", daily: "off"}))},
		{Instance: instance("web-2", tags{hourly: "24", daily: "3", "aws:autoscaling:groupName": "web"},
			disk("root", "/dev/xvda", 16, nil)), launched: joins, ended: ends},
		{Instance: instance("legacy-1", tags{daily: "abc"}, disk("root", "/dev/xvda", 30, nil))},
		{Instance: in(ec2sim.InstanceStopped, instance("batch-1", tags{daily: "2d"},
			disk("root", "/dev/xvda", 16, nil), disk("work", "/dev/sdf", 80, nil)))},
		{Instance: in(ec2sim.InstanceTerminated, instance("old-1", tags{daily: "3"}))},
		{Instance: instance("dev-1", tags{}, disk("root", "/dev/xvda", 16, nil))},
	}
}

type tags = map[string]string

func instance(name string, t tags, volumes ...ec2sim.BlockDevice) ec2sim.Instance {
	t["Name"] = name
	for i := range volumes {
		volumes[i].ID = "vol-" + name + "-" + volumes[i].ID
		volumes[i].DeleteOnTermination = true
	}
	return ec2sim.Instance{ID: "i-" + name, State: ec2sim.InstanceRunning, Tags: t, Volumes: volumes}
}

func in(state string, i ec2sim.Instance) ec2sim.Instance {
	i.State = state
	return i
}

func disk(id, device string, gib int, t tags) ec2sim.BlockDevice {
	return ec2sim.BlockDevice{ID: id, Device: device, SizeGiB: gib, Tags: t}
}

// moment is a time by the schedules' clock; the first day is 1.
type moment struct{ day, hour, minute, second int }

func (s *stage) at(m moment) time.Time { return m.after(s.start) }

func (m moment) after(start time.Time) time.Time {
	return start.AddDate(0, 0, m.day-1).
		Add(time.Duration(m.hour)*time.Hour + time.Duration(m.minute)*time.Minute + time.Duration(m.second)*time.Second)
}

// script says what happens when, up to the end of the last day.
func (s *stage) script() []cue {
	s.setUp()
	cues := append(s.triggers(), s.watches()...)
	for _, scene := range []struct {
		when moment
		do   func(context.Context) error
	}{
		{moment{1, 17, 0, 0}, s.claimByChange},
		{moment{2, 4, 59, 0}, s.loseAnswer},
		{moment{2, 11, 40, 0}, s.claimByRemoval},
		{joins, s.launch},
		{moment{3, 12, 30, 0}, s.registerAMI},
		{moment{4, 6, 30, 0}, s.disableKey},
		{moment{4, 9, 40, 0}, s.tryAgain},
		{moment{5, 8, 0, 5}, s.deleteVolume}, // a run has found it, and its turn has not come
		{moment{6, 14, 0, 0}, s.correctTag},
		{moment{8, 12, 30, 0}, s.deregisterAMI},
		{ends, s.terminate},
	} {
		cues = append(cues, cue{s.at(scene.when), scene.do})
	}
	cues = slices.DeleteFunc(cues, func(c cue) bool { return !c.at.Before(s.end) })
	slices.SortStableFunc(cues, func(a, b cue) int { return a.at.Compare(b.at) })
	return cues
}

// setUp adds what is there when the demonstration begins.
func (s *stage) setUp() {
	for _, m := range s.fleet {
		if m.launched == (moment{}) {
			s.account.AddInstance(m.Instance)
		}
	}
	s.manual = append(s.manual, s.account.AddSnapshot(byHandBefore(s.start)))
}

// byHandBefore is a snapshot that a person made of the volume whose history is shown, with the instance's tags on it.
func byHandBefore(start time.Time) ec2sim.Snapshot {
	var out ec2sim.Snapshot
	out.Description = "before go-live"
	out.VolumeID, out.SizeGiB, out.StartTime = star, 100, start.AddDate(0, 0, -3).Add(15*time.Hour)
	out.Tags = tags{"Name": "web-1", daily: "last=2 weekly=4"}
	return out
}

// triggers are what EventBridge Scheduler does: hourly on the hour, daily at 8, and one run of the first day twice, since
// it delivers at least once.
func (s *stage) triggers() []cue {
	var out []cue
	for at := s.start; at.Before(s.end); at = at.Add(time.Hour) {
		out = append(out, s.trigger(hourly, at, ""))
		if at.Hour() == dailyHour {
			out = append(out, s.trigger(daily, at, ""))
			if at.Before(s.start.AddDate(0, 0, 1)) {
				out = append(out, s.trigger(daily, at, "-again"))
			}
		}
	}
	return out
}

func (s *stage) trigger(keyword string, at time.Time, suffix string) cue {
	input := contract.Input{SnapshotKeyWord: keyword, ScheduledTime: at.UTC().Format(time.RFC3339), TimeZone: zoneName}
	name := strings.TrimPrefix(keyword, "Snapshot") + at.UTC().Format("-0102-15") + suffix // short: a mail quotes the path
	return cue{at, func(ctx context.Context) error { return s.fire(ctx, name, input, false) }}
}

func (s *stage) claimByChange(context.Context) error {
	snap, err := s.newest(star, daily)
	if err != nil {
		return err
	}
	s.account.TagSnapshot(snap.ID, daily, claimWord)
	s.claimed = append(s.claimed, snap.ID)
	s.person("claims %s, by changing its tag %s", s.told(snap), daily)
	return nil
}

func (s *stage) claimByRemoval(context.Context) error {
	snap, err := s.newest(star, hourly)
	if err != nil {
		return err
	}
	s.account.UntagSnapshot(snap.ID, hourly)
	s.claimed = append(s.claimed, snap.ID)
	s.person("claims %s, by removing its tag %s", s.told(snap), hourly)
	return nil
}

// loseAnswer makes EC2 act on the next create and the connection break before it can say so.
func (s *stage) loseAnswer(context.Context) error {
	s.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Times: 1, After: true, Match: func(r ec2sim.Request) bool {
		return r.Get("VolumeId") == lost
	}})
	return nil
}

func (s *stage) launch(context.Context) error {
	i := slices.IndexFunc(s.fleet, func(m member) bool { return m.ID == late })
	s.account.AddInstance(s.fleet[i].Instance)
	s.person("launches %s; its tags are all that it needs", s.fleet[i].Tags["Name"])
	return nil
}

func (s *stage) registerAMI(context.Context) error {
	snap, err := s.newest(star, hourly)
	if err != nil {
		return err
	}
	s.account.HoldByAMI(snap.ID, golden)
	s.person("registers %s from %s", golden, s.told(snap))
	return nil
}

// disableKey makes all snapshots of the volume fail for some hours, but not five: so many in progress, which failed ones count
// as, are all that EC2 lets a volume have.
func (s *stage) disableKey(context.Context) error {
	from, until := s.world.Now(), s.at(moment{4, 9, 30, 0})
	n := 0
	for at := from.Truncate(time.Hour).Add(time.Hour); at.Before(until); at = at.Add(time.Hour) {
		n++
		if at.In(s.zone).Hour() == dailyHour {
			n++
		}
	}
	for range n {
		s.account.FailNextSnapshotOf(star)
	}
	s.person("disables the KMS key of %s by mistake, until %s", nameIn(s.fleet, star), until.Format("15:04"))
	return nil
}

// tryAgain does what the e-mail about the failed run proposes.
func (s *stage) tryAgain(ctx context.Context) error {
	run := daily + "/" + s.at(moment{4, dailyHour, 0, 0}).UTC().Format(time.RFC3339)
	text, err := s.proposed(run)
	if err != nil {
		return err
	}
	var input contract.Input
	if err := json.Unmarshal([]byte(text), &input); err != nil {
		return fmt.Errorf("the input that the e-mail proposes: %w", err)
	}
	s.person("starts the failed %s again, with the input from the e-mail", daily)
	return s.fire(ctx, "by-hand-1", input, true)
}

func (s *stage) deleteVolume(context.Context) error {
	s.account.DeleteVolume(scratch)
	s.deleted[scratch] = s.world.Now()
	s.person("deletes the volume %s in the middle of a run", nameIn(s.fleet, scratch))
	return nil
}

func (s *stage) correctTag(context.Context) error {
	s.account.TagInstance(legacy, daily, "3")
	s.person("corrects the tag of legacy-1: %s=3", daily)
	return nil
}

func (s *stage) deregisterAMI(context.Context) error {
	s.account.ReleaseAMI(golden)
	s.person("deregisters %s", golden)
	return nil
}

func (s *stage) terminate(context.Context) error {
	i, _ := s.account.Instance(late)
	for _, v := range i.Volumes {
		s.deleted[v.ID] = s.world.Now()
	}
	s.account.SetInstanceState(late, ec2sim.InstanceTerminated)
	s.person("terminates web-2, and its volume is deleted")
	return nil
}
