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

// fixture is the service with a fake account, topic and clock.
type fixture struct {
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

func newFixture(t *testing.T, limits map[string]time.Duration) *fixture {
	f := &fixture{t: t, now: midnight, instances: map[string][]ebs.Instance{}}
	f.service = &Service{
		EC2: f, Objects: &f.objects, Topic: f, Limits: limits, Base: "s3://bucket/",
		Now: func() time.Time { return f.now }, Log: slog.New(slog.DiscardHandler),
	}
	return f
}

func (f *fixture) Instances(_ context.Context, keyword string) ([]ebs.Instance, error) {
	return f.instances[keyword], f.fails
}

func (f *fixture) InstancesByID(context.Context, []string) ([]ebs.Instance, error) { return nil, nil }
func (f *fixture) TaggedVolumes(context.Context, string) ([]ebs.Volume, error) {
	return f.tagged, f.fails
}

func (f *fixture) ScheduleSnapshots(_ context.Context, keyword string) ([]ebs.Snapshot, error) {
	var out []ebs.Snapshot
	for _, s := range f.snapshots {
		if s.Tags[ebs.TagSchedule] == keyword {
			out = append(out, s)
		}
	}
	return out, f.fails
}

func (f *fixture) Publish(_ context.Context, subject, message string) error {
	if f.mailFails != nil {
		return f.mailFails
	}
	if err := snssim.Check(subject, message); err != nil {
		return err
	}
	f.mails = append(f.mails, subject+"\n\n"+message)
	return nil
}

// instance adds an instance with a volume of the same number.
func (f *fixture) instance(keyword, n, retention string) {
	f.instances[keyword] = append(f.instances[keyword], ebs.Instance{
		ID: "i-" + n, Tags: map[string]string{"Name": "web-" + n, keyword: retention},
		Volumes: []ebs.Attachment{{VolumeID: "vol-" + n, Device: "/dev/xvda"}},
	})
}

// made gives the snapshot as a run of the schedule makes it.
func made(keyword string, s ebs.Snapshot) ebs.Snapshot {
	return ebs.Made(ebs.Stamp{Keyword: keyword, Retention: "3", RunID: ebs.RunID(keyword, s.StartTime), InstanceID: "i-1"}, s, nil)
}

// snapshot adds one of now.
func (f *fixture) snapshot(keyword, n string, state ebs.State) {
	f.snapshots = append(f.snapshots, made(keyword, ebs.Snapshot{
		ID: fmt.Sprintf("snap-%s-%s", n, f.now.Format("02T15")), VolumeID: "vol-" + n, State: state, StartTime: f.now,
	}))
}

func (f *fixture) log() *bytes.Buffer {
	var out bytes.Buffer
	f.service.Log = slog.New(slog.NewJSONHandler(&out, nil))
	return &out
}

// check runs the service and gives the stale volumes.
func (f *fixture) check() []string {
	f.t.Helper()
	if _, err := f.service.Check(f.t.Context(), Request{}); err != nil {
		f.t.Fatal(err)
	}
	state, err := store.Load[State](f.t.Context(), &f.objects, Key, f.service.Log)
	if err != nil {
		f.t.Fatal(err)
	}
	var out []string
	for _, v := range state.Stale {
		out = append(out, v.Keyword+" "+v.VolumeID)
	}
	return out
}

// hours runs the check each hour, after a step of the test, and gives each hour at which the list of stale volumes changed.
func (f *fixture) hours(n int, before func(hour int)) []string {
	f.t.Helper()
	var out []string
	last := ""
	for hour := range n {
		f.now = midnight.Add(time.Duration(hour) * time.Hour)
		if before != nil {
			before(hour)
		}
		f.now = f.now.Add(30 * time.Minute)
		if now := strings.Join(f.check(), ", "); now != last {
			out, last = append(out, fmt.Sprintf("%d: %s", hour, now)), now
		}
	}
	return out
}

var daily = map[string]time.Duration{"Daily": 48 * time.Hour}

func (f *fixture) same(what string, got, want any) {
	f.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		f.t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestVolumesWithFreshSnapshotsAreNotReported(t *testing.T) {
	f := newFixture(t, daily)
	f.instance("Daily", "1", "3")
	got := f.hours(24*10, func(hour int) {
		if hour%24 == 0 {
			f.snapshot("Daily", "1", ebs.Completed)
		}
	})
	f.same("stale", got, []string(nil))
	f.same("mails", len(f.mails), 0)
}

func TestAVolumeIsStaleAfterTwoMissedRunsNotAfterOne(t *testing.T) {
	f := newFixture(t, daily)
	f.instance("Daily", "1", "3")
	f.instance("Daily", "2", "3")
	got := f.hours(24*6, func(hour int) {
		if hour%24 == 0 {
			f.snapshot("Daily", "1", ebs.Completed)
		}
		if hour == 0 || hour == 24 || hour == 120 { // then nothing for three days: its schedule, its role or its instance
			f.snapshot("Daily", "2", ebs.Completed)
		}
	})
	f.same("stale", got, []string{"72: Daily vol-2", "120: "})
	f.same("mails: the first, and a reminder after a day", len(f.mails), 2)
}

func TestClaimedSnapshotsCountAndPendingAndFailedOnesDoNot(t *testing.T) {
	f := newFixture(t, daily)
	for _, n := range []string{"1", "2", "3"} {
		f.instance("Daily", n, "3")
	}
	got := f.hours(24*4, func(hour int) {
		if hour%24 != 0 {
			return
		}
		f.snapshot("Daily", "1", ebs.Pending)
		f.snapshot("Daily", "2", ebs.Error)
		f.snapshot("Daily", "3", ebs.Completed)
		delete(f.snapshots[len(f.snapshots)-1].Tags, "Daily") // claimed
	})
	f.same("stale", got, []string{"49: Daily vol-1, Daily vol-2"})
}

func TestSnapshotsThatOnlyCarryTheSchedulesTagsDoNotCount(t *testing.T) {
	f := newFixture(t, daily)
	f.instance("Daily", "1", "3")
	got := f.hours(24*4, func(hour int) {
		if hour%24 == 0 {
			f.snapshot("Daily", "1", ebs.Completed)
			if hour > 0 { // DLM's, which copied the tags of the first
				f.snapshots[len(f.snapshots)-1].Tags = f.snapshots[0].Tags
				f.snapshots[len(f.snapshots)-1].Description = "Created for policy: policy-1"
			}
		}
	})
	f.same("stale", got, []string{"49: Daily vol-1"})
}

func TestAVolumeThatHasJustJoinedTheScheduleIsNotStale(t *testing.T) {
	f := newFixture(t, daily)
	f.instance("Daily", "1", "3")
	got := f.hours(24*10, func(hour int) {
		if hour%24 == 0 {
			f.snapshot("Daily", "1", ebs.Completed)
		}
		switch hour {
		case 1:
			f.instance("Daily", "2", "3")                                 // launched, or tagged
			f.snapshots = append(f.snapshots, made("Daily", ebs.Snapshot{ // it had the tag before, long ago
				ID: "snap-old", VolumeID: "vol-2", State: ebs.Completed, StartTime: midnight.AddDate(0, -6, 0),
			}))
		case 24 * 5:
			f.instances["Daily"] = f.instances["Daily"][:1] // loses the tag
		}
	})
	f.same("stale", got, []string{"50: Daily vol-2", "120: "})
}

func TestVolumesThatAreOffOrNotTaggedAreNotWatched(t *testing.T) {
	f := newFixture(t, daily)
	f.instance("Daily", "1", "off")
	f.instance("Daily", "2", "3")
	f.tagged = []ebs.Volume{{ID: "vol-2", Tags: map[string]string{"Daily": "off"}}}
	f.instance("Weekly", "3", "3") // no limit
	f.instance("Daily", "4", "3")
	f.instances["Daily"][2].Volumes[0].Boot, f.service.ExcludeBoot = true, []string{"Daily"}
	f.same("stale", f.hours(24*4, nil), []string(nil))
}

// In an account whose snapshots are old, a new deployment must not report the whole fleet before a run has been missed.
func TestAScheduleThatIsNewOrMoreFrequentHasTheWholeLimit(t *testing.T) {
	const hour, day = time.Hour, 24 * time.Hour
	for name, change := range map[string]func(f *fixture){
		"deployed again": func(f *fixture) {
			if err := f.objects.Put(f.t.Context(), Key, []byte("{}")); err != nil {
				f.t.Fatal(err)
			}
		},
		"enabled again": func(f *fixture) {
			delete(f.service.Limits, "Daily")
			f.check()
			f.service.Limits["Daily"] = 48 * hour
		},
		"more frequent": func(f *fixture) { f.service.Limits["Daily"] = 48 * hour },
	} {
		f := newFixture(t, map[string]time.Duration{"Daily": 14 * day, "Hourly": 365 * day})
		f.instance("Daily", "1", "3")
		f.snapshot("Daily", "1", ebs.Completed)
		f.check()
		f.now = midnight.Add(13 * day)
		f.check()
		if name != "more frequent" {
			f.service.Limits["Daily"] = 48 * hour
		}
		change(f)
		for _, c := range []struct {
			after time.Duration
			want  []string
		}{{0, nil}, {48 * hour, nil}, {49 * hour, []string{"Daily vol-1"}}} {
			f.now = midnight.Add(13*day + c.after)
			f.same(fmt.Sprintf("%s, stale after %s", name, c.after), f.check(), c.want)
		}
	}
}

func TestALargerLimitDoesNotRestartTheWait(t *testing.T) {
	f := newFixture(t, map[string]time.Duration{"Daily": 24 * time.Hour})
	f.instance("Daily", "1", "3")
	f.snapshot("Daily", "1", ebs.Completed)
	f.check()
	f.now, f.service.Limits["Daily"] = midnight.Add(20*time.Hour), 48*time.Hour
	f.check()
	f.now = midnight.Add(49 * time.Hour)
	f.same("stale", f.check(), []string{"Daily vol-1"})
}

// An instance that exists only by day, when no run starts.
func TestAVolumeThatComesAndGoesIsStaleAfterItsLimit(t *testing.T) {
	f := newFixture(t, daily)
	f.instance("Daily", "1", "3")
	all := f.instances["Daily"]
	var at []int
	got := f.hours(24*4, func(hour int) {
		if n := len(f.mails); n > len(at) {
			at = append(at, hour-1)
		}
		f.instances["Daily"] = nil
		if hour%24 >= 8 && hour%24 < 20 {
			f.instances["Daily"] = all
		}
	})
	f.same("stale", got, []string{"57: Daily vol-1", "68: ", "80: Daily vol-1", "92: "})
	f.same("hours of the mails: a volume that comes back is not new", at, []int{57, 81})
}

func TestAVolumeThatWasAwayForLongerThanTheLimitIsNew(t *testing.T) {
	f := newFixture(t, daily)
	f.instance("Daily", "1", "3")
	all := f.instances["Daily"]
	got := f.hours(24*8, func(hour int) {
		f.instances["Daily"] = nil
		if hour < 24 || hour >= 24+49 {
			f.instances["Daily"] = all
		}
	})
	f.same("stale", got, []string{"122: Daily vol-1"})
}

func TestEachScheduleHasItsOwnLimit(t *testing.T) {
	f := newFixture(t, map[string]time.Duration{"Daily": 48 * time.Hour, "Hourly": 2 * time.Hour})
	for _, k := range []string{"Daily", "Hourly"} {
		f.instance(k, "1", "3")
		f.snapshot(k, "1", ebs.Completed)
	}
	f.same("stale", f.hours(60, nil), []string{"3: Hourly vol-1", "49: Daily vol-1, Hourly vol-1"})
}

func TestTheSameVolumesAreReportedOnceADay(t *testing.T) {
	f := newFixture(t, daily)
	f.instance("Daily", "1", "3")
	f.snapshot("Daily", "1", ebs.Completed)
	var at []int
	f.hours(48+72, func(hour int) {
		if n := len(f.mails); n > len(at) {
			at = append(at, hour-1)
		}
	})
	f.same("hours of the mails", at, []int{49, 73, 97})
}

func TestAnotherStaleVolumeIsReportedImmediately(t *testing.T) {
	f := newFixture(t, daily)
	f.instance("Daily", "1", "3")
	f.instance("Daily", "2", "3")
	got := f.hours(60, func(hour int) {
		switch hour {
		case 0:
			f.snapshot("Daily", "1", ebs.Completed)
		case 5:
			f.snapshot("Daily", "2", ebs.Completed)
		}
	})
	f.same("stale", got, []string{"49: Daily vol-1", "53: Daily vol-1, Daily vol-2"})
	f.same("mails", len(f.mails), 2)
}

func TestAMailThatFailedIsSentAgain(t *testing.T) {
	f := newFixture(t, daily)
	f.instance("Daily", "1", "3")
	f.snapshot("Daily", "1", ebs.Completed)
	f.check()
	f.now, f.mailFails = midnight.Add(49*time.Hour), errors.New("the topic is closed")
	if _, err := f.service.Check(t.Context(), Request{}); err == nil {
		t.Error("the mail failed, and the check succeeds")
	}
	f.mailFails = nil
	f.check()
	f.same("mails", len(f.mails), 1)
}

// The topic's key may stay broken. Then only the alarm reports stale volumes.
func TestACheckWhoseMailFailedSavesItsState(t *testing.T) {
	f := newFixture(t, daily)
	f.mailFails = errors.New("the topic is closed")
	f.instance("Daily", "1", "3")
	f.snapshot("Daily", "1", ebs.Completed)
	logged := f.log()
	f.now = midnight.Add(49 * time.Hour)
	_, _ = f.service.Check(t.Context(), Request{})
	f.instance("Daily", "2", "3") // has no snapshot: only the saved state says since when it waits
	for range 2 {
		f.now = f.now.Add(49 * time.Hour)
		if _, err := f.service.Check(t.Context(), Request{}); err == nil {
			t.Error("the mail failed, and the check succeeds")
		}
	}
	if !strings.Contains(logged.String(), `"msg":"freshness checked","volumes":2,"stale":2}`) {
		t.Errorf("the line that the alarm reads does not count the second volume:\n%s", logged)
	}
	f.mailFails = nil
	f.check()
	f.same("mails", len(f.mails), 1)
}

// Without its saved state, a check never finds a volume stale that has no snapshot.
func TestACheckThatCannotSaveItsStateDoesNotCount(t *testing.T) {
	f := newFixture(t, daily)
	f.objects.Fault = func(op, _ string) error {
		if op == "put" {
			return errors.New("denied")
		}
		return nil
	}
	logged := f.log()
	if _, err := f.service.Check(t.Context(), Request{}); err == nil || !strings.Contains(err.Error(), "save freshness.json: denied") {
		t.Errorf("error %v", err)
	}
	if strings.Contains(logged.String(), "freshness checked") {
		t.Error("it logs a successful check")
	}
}

func TestAFailureIsAnError(t *testing.T) {
	f := newFixture(t, daily)
	f.fails = errors.New("denied")
	if _, err := f.service.Check(t.Context(), Request{}); err == nil {
		t.Error("EC2 failed, and the check succeeds")
	}
	f.fails = nil
	f.objects.Fault = func(op, _ string) error { return errors.New(op + " denied") }
	if _, err := f.service.Check(t.Context(), Request{}); err == nil || !strings.Contains(err.Error(), "load freshness.json: get denied") {
		t.Errorf("error %v", err)
	}
	f.objects.Fault = nil
	_ = f.objects.Put(t.Context(), Key, []byte("{broken"))
	f.check() // starts with no state
}

func TestAStateFromTheFutureDoesNotSuppressMails(t *testing.T) {
	const keyword = "SnapshotDaily"
	f := newFixture(t, map[string]time.Duration{keyword: 48 * time.Hour})
	f.instance(keyword, "1", "3")
	f.snapshot(keyword, "1", ebs.Completed)
	future := midnight.AddDate(50, 0, 0)
	state := State{
		CheckedAt: future, Seen: times{keyword: {"vol-1": future}}, Away: times{keyword: {"vol-2": future}}, Limits: map[string]Limit{keyword: {48 * time.Hour, future}},
		Told: volumeSet{keyword: {"vol-1": true}}, ToldAt: future,
	}
	if err := store.Save(t.Context(), &f.objects, Key, state); err != nil {
		t.Fatal(err)
	}
	for hour := range 24 * 6 {
		f.now = midnight.Add(time.Duration(hour) * time.Hour)
		f.check()
	}
	if len(f.mails) != 4 { // after two days, and then each day
		t.Errorf("%d mails in six days:\n%s", len(f.mails), strings.Join(f.mails, "\n"))
	}
	after, err := store.Load[State](t.Context(), &f.objects, Key, f.service.Log)
	if err != nil || len(after.Away[keyword]) > 0 {
		t.Errorf("a volume that left in the future is still remembered: %v (%v)", after.Away, err)
	}
}
