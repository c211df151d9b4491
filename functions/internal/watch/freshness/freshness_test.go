package freshness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/snssim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
)

var midnight = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// lab is a check over an account that is changed by hand, and a clock.
type lab struct {
	t         *testing.T
	now       time.Time
	instances map[string][]ebs.Instance
	tagged    []ebs.Volume
	snapshots []ebs.Snapshot
	fails     error
	objects   localstore.Memory
	mails     []string
	mailFails error
	service   *Service
}

func newLab(t *testing.T, limits map[string]time.Duration) *lab {
	l := &lab{t: t, now: midnight, instances: map[string][]ebs.Instance{}}
	l.service = &Service{
		EC2: l, Objects: &l.objects, Topic: l, Limits: limits, Base: "s3://bucket/",
		Now: func() time.Time { return l.now }, Log: slog.New(slog.DiscardHandler),
	}
	return l
}

func (l *lab) Instances(_ context.Context, keyword string) ([]ebs.Instance, error) {
	return l.instances[keyword], l.fails
}

func (l *lab) TaggedVolumes(context.Context, string) ([]ebs.Volume, error) { return l.tagged, l.fails }

func (l *lab) ScheduleSnapshots(_ context.Context, keyword string) ([]ebs.Snapshot, error) {
	var out []ebs.Snapshot
	for _, s := range l.snapshots {
		if s.Tags[ebs.TagSchedule] == keyword {
			out = append(out, s)
		}
	}
	return out, l.fails
}

func (l *lab) Publish(_ context.Context, subject, message string) error {
	if l.mailFails != nil {
		return l.mailFails
	}
	if err := snssim.Check(subject, message); err != nil {
		return err
	}
	l.mails = append(l.mails, subject+"\n\n"+message)
	return nil
}

// instance adds an instance with a volume of the same number.
func (l *lab) instance(keyword, n, retention string) {
	l.instances[keyword] = append(l.instances[keyword], ebs.Instance{
		ID: "i-" + n, Tags: map[string]string{"Name": "web-" + n, keyword: retention},
		Volumes: []ebs.Attachment{{VolumeID: "vol-" + n, Device: "/dev/xvda"}},
	})
}

// made gives the snapshot as a run of the schedule makes it.
func made(keyword string, s ebs.Snapshot) ebs.Snapshot {
	return ebs.Made(ebs.Stamp{Keyword: keyword, Retention: "3", RunID: ebs.RunID(keyword, s.StartTime), InstanceID: "i-1"}, s, nil)
}

// snapshot adds one of now.
func (l *lab) snapshot(keyword, n string, state ebs.State) {
	l.snapshots = append(l.snapshots, made(keyword, ebs.Snapshot{
		ID: fmt.Sprintf("snap-%s-%s", n, l.now.Format("02T15")), VolumeID: "vol-" + n, State: state, StartTime: l.now,
	}))
}

func (l *lab) log() *bytes.Buffer {
	var out bytes.Buffer
	l.service.Log = slog.New(slog.NewJSONHandler(&out, nil))
	return &out
}

// check gives the stale volumes.
func (l *lab) check() []string {
	l.t.Helper()
	if _, err := l.service.Check(l.t.Context(), Request{}); err != nil {
		l.t.Fatal(err)
	}
	state, err := store.Load[State](l.t.Context(), &l.objects, Key, l.service.Log)
	if err != nil {
		l.t.Fatal(err)
	}
	var out []string
	for _, v := range state.Stale {
		out = append(out, v.Keyword+" "+v.VolumeID)
	}
	return out
}

// hours lets the check run each hour, with something done before, and gives when volumes became stale, or were so no more.
func (l *lab) hours(n int, before func(hour int)) []string {
	l.t.Helper()
	var out []string
	last := ""
	for hour := range n {
		l.now = midnight.Add(time.Duration(hour) * time.Hour)
		if before != nil {
			before(hour)
		}
		l.now = l.now.Add(30 * time.Minute)
		if now := strings.Join(l.check(), ", "); now != last {
			out, last = append(out, fmt.Sprintf("%d: %s", hour, now)), now
		}
	}
	return out
}

var daily = map[string]time.Duration{"Daily": 48 * time.Hour}

func (l *lab) same(what string, got, want any) {
	l.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		l.t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestVolumesWithFreshSnapshotsAreNoNews(t *testing.T) {
	l := newLab(t, daily)
	l.instance("Daily", "1", "3")
	got := l.hours(24*10, func(hour int) {
		if hour%24 == 0 {
			l.snapshot("Daily", "1", ebs.Completed)
		}
	})
	l.same("stale", got, []string(nil))
	l.same("mails", len(l.mails), 0)
}

func TestOneMissedRunIsForgivenASecondIsNot(t *testing.T) {
	l := newLab(t, daily)
	l.instance("Daily", "1", "3")
	l.instance("Daily", "2", "3")
	got := l.hours(24*6, func(hour int) {
		if hour%24 == 0 {
			l.snapshot("Daily", "1", ebs.Completed)
		}
		if hour == 0 || hour == 24 || hour == 120 { // then nothing for three days: its schedule, its role or its instance
			l.snapshot("Daily", "2", ebs.Completed)
		}
	})
	l.same("stale", got, []string{"72: Daily vol-2", "120: "})
	l.same("mails: at once, and a day and two days later", len(l.mails), 2)
}

func TestPendingAndFailedSnapshotsAreNoneAndClaimedOnesAre(t *testing.T) {
	l := newLab(t, daily)
	for _, n := range []string{"1", "2", "3"} {
		l.instance("Daily", n, "3")
	}
	got := l.hours(24*4, func(hour int) {
		if hour%24 != 0 {
			return
		}
		l.snapshot("Daily", "1", ebs.Pending)
		l.snapshot("Daily", "2", ebs.Error)
		l.snapshot("Daily", "3", ebs.Completed)
		delete(l.snapshots[len(l.snapshots)-1].Tags, "Daily") // claimed
	})
	l.same("stale", got, []string{"49: Daily vol-1, Daily vol-2"})
}

func TestSnapshotsThatOnlyCarryTheSchedulesTagsAreNoBackup(t *testing.T) {
	l := newLab(t, daily)
	l.instance("Daily", "1", "3")
	got := l.hours(24*4, func(hour int) {
		if hour%24 == 0 {
			l.snapshot("Daily", "1", ebs.Completed)
			if hour > 0 { // DLM's, which copied the tags of the first
				l.snapshots[len(l.snapshots)-1].Tags = l.snapshots[0].Tags
				l.snapshots[len(l.snapshots)-1].Description = "Created for policy: policy-1"
			}
		}
	})
	l.same("stale", got, []string{"49: Daily vol-1"})
}

func TestAVolumeThatHasJustBecomeTheSchedulesIsOwedNothingYet(t *testing.T) {
	l := newLab(t, daily)
	l.instance("Daily", "1", "3")
	got := l.hours(24*10, func(hour int) {
		if hour%24 == 0 {
			l.snapshot("Daily", "1", ebs.Completed)
		}
		switch hour {
		case 1:
			l.instance("Daily", "2", "3")                                 // launched, or tagged
			l.snapshots = append(l.snapshots, made("Daily", ebs.Snapshot{ // it had the tag before, long ago
				ID: "snap-old", VolumeID: "vol-2", State: ebs.Completed, StartTime: midnight.AddDate(0, -6, 0),
			}))
		case 24 * 5:
			l.instances["Daily"] = l.instances["Daily"][:1] // loses the tag
		}
	})
	l.same("stale", got, []string{"50: Daily vol-2", "120: "})
}

func TestWhatIsOffOrNotTaggedIsNotWatched(t *testing.T) {
	l := newLab(t, daily)
	l.instance("Daily", "1", "off")
	l.instance("Daily", "2", "3")
	l.tagged = []ebs.Volume{{ID: "vol-2", Tags: map[string]string{"Daily": "off"}}}
	l.instance("Weekly", "3", "3") // no limit
	l.instance("Daily", "4", "3")
	l.instances["Daily"][2].Volumes[0].Boot, l.service.ExcludeBoot = true, []string{"Daily"}
	l.same("stale", l.hours(24*4, nil), []string(nil))
}

// Deployed anew, onto an account whose snapshots are old, it tells once a run has been missed, and not of the whole fleet at once.
func TestAScheduleThatIsNewOrMoreFrequentOwesNothingYet(t *testing.T) {
	const hour, day = time.Hour, 24 * time.Hour
	for name, change := range map[string]func(l *lab){
		"deployed anew": func(l *lab) {
			if err := l.objects.Put(l.t.Context(), Key, []byte("{}")); err != nil {
				l.t.Fatal(err)
			}
		},
		"enabled again": func(l *lab) {
			delete(l.service.Limits, "Daily")
			l.check()
			l.service.Limits["Daily"] = 48 * hour
		},
		"more frequent": func(l *lab) { l.service.Limits["Daily"] = 48 * hour },
	} {
		l := newLab(t, map[string]time.Duration{"Daily": 14 * day, "Hourly": 365 * day})
		l.instance("Daily", "1", "3")
		l.snapshot("Daily", "1", ebs.Completed)
		l.check()
		l.now = midnight.Add(13 * day)
		l.check()
		if name != "more frequent" {
			l.service.Limits["Daily"] = 48 * hour
		}
		change(l)
		for _, c := range []struct {
			after time.Duration
			want  []string
		}{{0, nil}, {48 * hour, nil}, {49 * hour, []string{"Daily vol-1"}}} {
			l.now = midnight.Add(13*day + c.after)
			l.same(fmt.Sprintf("%s, stale after %s", name, c.after), l.check(), c.want)
		}
	}
}

func TestALimitThatRosePutsNothingOff(t *testing.T) {
	l := newLab(t, map[string]time.Duration{"Daily": 24 * time.Hour})
	l.instance("Daily", "1", "3")
	l.snapshot("Daily", "1", ebs.Completed)
	l.check()
	l.now, l.service.Limits["Daily"] = midnight.Add(20*time.Hour), 48*time.Hour
	l.check()
	l.now = midnight.Add(49 * time.Hour)
	l.same("stale", l.check(), []string{"Daily vol-1"})
}

// An instance that is there by day only, and that no run ever meets.
func TestAVolumeThatComesAndGoesIsStaleInTheEnd(t *testing.T) {
	l := newLab(t, daily)
	l.instance("Daily", "1", "3")
	all := l.instances["Daily"]
	var at []int
	got := l.hours(24*4, func(hour int) {
		if n := len(l.mails); n > len(at) {
			at = append(at, hour-1)
		}
		l.instances["Daily"] = nil
		if hour%24 >= 8 && hour%24 < 20 {
			l.instances["Daily"] = all
		}
	})
	l.same("stale", got, []string{"57: Daily vol-1", "68: ", "80: Daily vol-1", "92: "})
	l.same("hours of the mails: what comes back is no news", at, []int{57, 81})
}

func TestAVolumeThatWasAwayForLongIsANewOne(t *testing.T) {
	l := newLab(t, daily)
	l.instance("Daily", "1", "3")
	all := l.instances["Daily"]
	got := l.hours(24*8, func(hour int) {
		l.instances["Daily"] = nil
		if hour < 24 || hour >= 24+49 {
			l.instances["Daily"] = all
		}
	})
	l.same("stale", got, []string{"122: Daily vol-1"})
}

func TestEachScheduleHasItsLimit(t *testing.T) {
	l := newLab(t, map[string]time.Duration{"Daily": 48 * time.Hour, "Hourly": 2 * time.Hour})
	for _, k := range []string{"Daily", "Hourly"} {
		l.instance(k, "1", "3")
		l.snapshot(k, "1", ebs.Completed)
	}
	l.same("stale", l.hours(60, nil), []string{"3: Hourly vol-1", "49: Daily vol-1, Hourly vol-1"})
}

func TestTheSameVolumesAreToldOfOnceADay(t *testing.T) {
	l := newLab(t, daily)
	l.instance("Daily", "1", "3")
	l.snapshot("Daily", "1", ebs.Completed)
	var at []int
	l.hours(48+72, func(hour int) {
		if n := len(l.mails); n > len(at) {
			at = append(at, hour-1)
		}
	})
	l.same("hours of the mails", at, []int{49, 73, 97})
}

func TestAnotherVolumeIsNews(t *testing.T) {
	l := newLab(t, daily)
	l.instance("Daily", "1", "3")
	l.instance("Daily", "2", "3")
	got := l.hours(60, func(hour int) {
		switch hour {
		case 0:
			l.snapshot("Daily", "1", ebs.Completed)
		case 5:
			l.snapshot("Daily", "2", ebs.Completed)
		}
	})
	l.same("stale", got, []string{"49: Daily vol-1", "53: Daily vol-1, Daily vol-2"})
	l.same("mails", len(l.mails), 2)
}

func TestAMailThatIsNotTakenIsSentAgain(t *testing.T) {
	l := newLab(t, daily)
	l.instance("Daily", "1", "3")
	l.snapshot("Daily", "1", ebs.Completed)
	l.check()
	l.now, l.mailFails = midnight.Add(49*time.Hour), errors.New("the topic is closed")
	if _, err := l.service.Check(t.Context(), Request{}); err == nil {
		t.Error("nobody was told, and the check succeeds")
	}
	l.mailFails = nil
	l.check()
	l.same("mails", len(l.mails), 1)
}

// The topic's key may be broken for good: the alarm is then what tells.
func TestACheckThatCanNotPublishRemembersAllTheSame(t *testing.T) {
	l := newLab(t, daily)
	l.mailFails = errors.New("the topic is closed")
	l.instance("Daily", "1", "3")
	l.snapshot("Daily", "1", ebs.Completed)
	logged := l.log()
	l.now = midnight.Add(49 * time.Hour)
	_, _ = l.service.Check(t.Context(), Request{})
	l.instance("Daily", "2", "3") // has no snapshot: only what is remembered says that it waits
	for range 2 {
		l.now = l.now.Add(49 * time.Hour)
		if _, err := l.service.Check(t.Context(), Request{}); err == nil {
			t.Error("nobody was told, and the check succeeds")
		}
	}
	if !strings.Contains(logged.String(), `"msg":"freshness checked","volumes":2,"stale":2}`) {
		t.Errorf("the alarm is not told of the second volume:\n%s", logged)
	}
	l.mailFails = nil
	l.check()
	l.same("mails", len(l.mails), 1)
}

// Without its memory, a check finds no volume stale that never had a snapshot.
func TestACheckThatCanNotRememberDoesNotCount(t *testing.T) {
	l := newLab(t, daily)
	l.objects.Fault = func(op, _ string) error {
		if op == "put" {
			return errors.New("denied")
		}
		return nil
	}
	logged := l.log()
	if _, err := l.service.Check(t.Context(), Request{}); err == nil || !strings.Contains(err.Error(), "save freshness.json: denied") {
		t.Errorf("error %v", err)
	}
	if strings.Contains(logged.String(), "freshness checked") {
		t.Error("it says that it has checked")
	}
}

func TestAFailureIsAnErrorAndNeverGoodNews(t *testing.T) {
	l := newLab(t, daily)
	l.fails = errors.New("denied")
	if _, err := l.service.Check(t.Context(), Request{}); err == nil {
		t.Error("EC2 is not to be read, and the check succeeds")
	}
	l.fails = nil
	l.objects.Fault = func(op, _ string) error { return errors.New(op + " denied") }
	if _, err := l.service.Check(t.Context(), Request{}); err == nil || !strings.Contains(err.Error(), "load freshness.json: get denied") {
		t.Errorf("error %v", err)
	}
	l.objects.Fault = nil
	_ = l.objects.Put(t.Context(), Key, []byte("{broken"))
	l.check() // starts with no state
}

func TestAStateOfTheFutureSilencesNothing(t *testing.T) {
	const keyword = "SnapshotDaily"
	l := newLab(t, map[string]time.Duration{keyword: 48 * time.Hour})
	l.instance(keyword, "1", "3")
	l.snapshot(keyword, "1", ebs.Completed)
	future := midnight.AddDate(50, 0, 0)
	state := State{
		CheckedAt: future, Seen: times{keyword: {"vol-1": future}}, Away: times{keyword: {"vol-2": future}}, Limits: map[string]Limit{keyword: {48 * time.Hour, future}},
		Told: told{keyword: {"vol-1": true}}, ToldAt: future,
	}
	if err := store.Save(t.Context(), &l.objects, Key, state); err != nil {
		t.Fatal(err)
	}
	for hour := range 24 * 6 {
		l.now = midnight.Add(time.Duration(hour) * time.Hour)
		if _, err := l.service.Check(t.Context(), Request{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.mails) != 4 { // after two days, and then each day
		t.Errorf("%d mails in six days:\n%s", len(l.mails), strings.Join(l.mails, "\n"))
	}
	after, err := store.Load[State](t.Context(), &l.objects, Key, l.service.Log)
	if err != nil || len(after.Away[keyword]) > 0 {
		t.Errorf("what was away in the future is still waited for: %v (%v)", after.Away, err)
	}
}
