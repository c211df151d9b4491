package orphans

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/snssim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// lab is the service over an account without instances, and a clock.
type lab struct {
	t         *testing.T
	now       time.Time
	ahead     time.Duration // the function's clock
	held      []ebs.Snapshot
	refused   map[string]bool      // snapshots that EC2 does not let go
	denied    func(id string) bool // snapshots whose deletion EC2 denies
	asked     int                  // deletions
	deleted   []string
	mails     []string
	mailFails error
	objects   localstore.Memory
	service   *Service
}

func newLab(t *testing.T, p string) *lab {
	l := &lab{t: t, now: now, refused: map[string]bool{}}
	l.service = &Service{
		EC2: l, Objects: &l.objects, Topic: l, Keywords: []string{keyword}, Policy: policy(t, p, 0), Base: "s3://bucket/",
		Now: func() time.Time { return l.now }, Log: slog.New(slog.DiscardHandler),
		Wait: func(_ context.Context, d time.Duration) error { l.now = l.now.Add(d); return nil },
	}
	return l
}

func (l *lab) Time() time.Time { return l.now.Add(-l.ahead) }

func (l *lab) Instances(context.Context, string) ([]ebs.Instance, error)         { return nil, nil }
func (l *lab) TaggedVolumes(context.Context, string) ([]ebs.Volume, error)       { return nil, nil }
func (l *lab) ScheduleSnapshots(context.Context, string) ([]ebs.Snapshot, error) { return l.held, nil }

func (l *lab) ExistingVolumes(context.Context, []string) (map[string]bool, error) {
	return map[string]bool{}, nil
}

func (l *lab) VolumeSnapshots(_ context.Context, volumeID, _ string) ([]ebs.Snapshot, error) {
	var out []ebs.Snapshot
	for _, s := range l.held {
		if s.VolumeID == volumeID {
			out = append(out, s)
		}
	}
	return out, nil
}

func (l *lab) DeleteSnapshot(_ context.Context, id string) error {
	l.asked++
	if l.denied != nil && l.denied(id) {
		return &contract.AccessDeniedError{Message: "denied " + id}
	}
	if l.refused[id] {
		return &ebs.RefusedError{SnapshotID: id, Code: "InvalidSnapshot.InUse", Message: "an AMI uses it"}
	}
	l.deleted = append(l.deleted, id)
	for i, s := range l.held {
		if s.ID == id {
			l.held = append(l.held[:i:i], l.held[i+1:]...)
			return nil
		}
	}
	return nil
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

// orphan adds two snapshots of a volume that nobody has.
func (l *lab) orphan(volume string) {
	l.held = append(l.held, of(volume, 31, ebs.Completed), of(volume, 21, ebs.Completed))
}

// day lets the service look on a day.
func (l *lab) day(n int) error {
	l.now = now.AddDate(0, 0, n)
	_, err := l.service.Tidy(l.t.Context(), Request{})
	return err
}

func (l *lab) days(from, to int) {
	l.t.Helper()
	for n := from; n <= to; n++ {
		if err := l.day(n); err != nil {
			l.t.Fatal(err)
		}
	}
}

func TestNothingGoesInTheWeekAfterPeopleWereToldOfIt(t *testing.T) {
	l := newLab(t, "last=1")
	l.orphan("vol-0")
	l.days(0, 0)
	l.orphan("vol-1") // an hour after the mail
	l.days(1, 6)
	if len(l.mails) != 1 || len(l.deleted) > 0 {
		t.Fatalf("in the first week: %d mails, %v deleted", len(l.mails), l.deleted)
	}
	l.days(7, 13)
	if len(l.mails) != 2 || !strings.Contains(l.mails[1], "1. Daily, volume vol-1 (gone), of instance i-gone: 2, of which 1 go from 2026-12-06 on\n2. Daily, volume vol-0") {
		t.Fatalf("the mails do not name vol-1 first: %v", l.mails)
	}
	if got := strings.Join(l.deleted, " "); got != "snap-vol-0-031" {
		t.Errorf("in the second week %s goes", got)
	}
	l.days(14, 14)
	if got := strings.Join(l.deleted, " "); got != "snap-vol-0-031 snap-vol-1-031" {
		t.Errorf("after it %s is gone", got)
	}
}

// EC2 denies what was deleted or claimed a moment ago, and its lists show that some seconds late.
func TestADeniedDeletionIsAskedOnceMoreAfterSomeSeconds(t *testing.T) {
	l := newLab(t, "last=1")
	l.orphan("vol-0")
	l.orphan("vol-1")
	l.days(0, 6)
	begin := now.AddDate(0, 0, 7)
	l.denied = func(string) bool { return l.now.Sub(begin) < ebs.ListsSettle }
	l.days(7, 7)
	if len(l.deleted) != 2 || l.asked != 3 {
		t.Errorf("%d deletions were asked for, and %v went", l.asked, l.deleted)
	}

	l.orphan("vol-2")
	l.orphan("vol-3")
	l.orphan("vol-4")
	l.days(8, 14)
	l.asked, l.denied = 0, func(string) bool { return true }
	if err := l.day(15); err == nil || l.asked != 4 {
		t.Errorf("where all three are denied, %d deletions were asked for, want 4: %v", l.asked, err)
	}
}

func TestWhoeverIsToldIsInTheMail(t *testing.T) {
	l := newLab(t, "last=1")
	const many = maxUntold + 60
	for n := range many {
		l.orphan(fmt.Sprintf("vol-%03d", n))
	}
	l.days(0, 2)
	if len(l.mails) != 2 || !strings.Contains(l.mails[0], "… and 60 more") || !strings.Contains(l.mails[1], fmt.Sprintf("1. Daily, volume vol-%03d", maxUntold)) {
		t.Fatalf("%d mails; the second is to begin with what the first had no room for", len(l.mails))
	}
	for n, m := range l.mails {
		if len(m) > 250_000 {
			t.Errorf("mail %d has %d bytes", n, len(m))
		}
	}
	l.days(3, 8)
	for _, id := range l.deleted {
		volume := strings.TrimSuffix(strings.TrimPrefix(id, "snap-"), "-031")
		if !strings.Contains(strings.Join(l.mails, ""), "volume "+volume+" ") {
			t.Errorf("%s is gone, and no mail named it", volume)
		}
	}
	if len(l.deleted) != many {
		t.Errorf("%d are deleted, want %d", len(l.deleted), many)
	}
}

func TestNothingGoesOfWhichNobodyCouldBeTold(t *testing.T) {
	l := newLab(t, "last=1")
	l.orphan("vol-1")
	l.mailFails = errors.New("the topic is closed")
	for n := range 20 {
		if err := l.day(n); err == nil {
			t.Error("nobody could be told, and the look succeeds")
		}
	}
	l.mailFails = nil
	l.days(20, 26)
	if len(l.mails) != 1 || len(l.deleted) > 0 {
		t.Errorf("%d mails, %v deleted", len(l.mails), l.deleted)
	}
	if l.days(27, 27); len(l.deleted) != 1 {
		t.Errorf("%v deleted", l.deleted)
	}
}

func TestAPolicyThatIsNewIsToldOfAnew(t *testing.T) {
	l := newLab(t, Report)
	l.orphan("vol-1")
	l.days(0, 9)
	l.service.Policy = policy(t, "last=1", 0)
	l.mailFails = errors.New("the topic is closed")
	for n := 10; n < 19; n++ {
		_ = l.day(n)
	}
	if len(l.deleted) > 0 {
		t.Errorf("nobody was told of the new policy, and %v went", l.deleted)
	}
}

// ending is a context that ends at a time of the lab's.
type ending struct {
	context.Context
	at time.Time
}

func (e ending) Deadline() (time.Time, bool) { return e.at, true }

func TestDeletingStopsBeforeItsTimeIsOver(t *testing.T) {
	l := newLab(t, "last=1")
	for n := range 300 {
		l.orphan(fmt.Sprintf("vol-%03d", n))
	}
	l.days(0, 6)
	l.now = now.AddDate(0, 0, 7)
	r, err := l.service.Tidy(ending{t.Context(), l.now.Add(3 * time.Minute)}, Request{})
	if err != nil || r.Deleted != 121 || len(l.deleted) != 121 { // one a second, until a minute is left
		t.Errorf("%+v, %d deleted: %v", r, len(l.deleted), err)
	}
	if l.days(8, 8); len(l.deleted) != 300 {
		t.Errorf("the day after, %d are gone", len(l.deleted))
	}
}

// An AMI uses them, or they are locked: hundreds of them, tried again each day, would be all that a day has time for.
func TestSnapshotsThatMayNotGoLeaveRoomForTheOthers(t *testing.T) {
	l := newLab(t, "last=1")
	const held = 900 // one a second: more than a call has time for
	for n := range held {
		volume := fmt.Sprintf("vol-%04d", n)
		l.orphan(volume)
		l.refused["snap-"+volume+"-031"] = true
	}
	for n := range 100 {
		l.orphan(fmt.Sprintf("vol-x-%04d", n))
	}
	l.days(0, 8)
	end := func(day int) ending { return ending{t.Context(), now.AddDate(0, 0, day).Add(15 * time.Minute)} }
	for day := 9; day < 12; day++ {
		l.now = now.AddDate(0, 0, day)
		if _, err := l.service.Tidy(end(day), Request{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.deleted) != 100 {
		t.Errorf("%d of 100 are gone", len(l.deleted))
	}
	calls := len(l.deleted)
	l.refused = map[string]bool{} // the AMIs are deregistered
	if l.days(12, 19); len(l.deleted) < calls+maxRemovals {
		t.Errorf("a week later %d are gone: they are not tried again", len(l.deleted))
	}
}

func TestAClockThatIsAheadDeletesNothingYoung(t *testing.T) {
	l := newLab(t, "1d")
	l.orphan("vol-1")
	for day := range 5 { // not yet a week
		l.ahead = time.Duration(day) * 24 * time.Hour // so that by its own clock the week is over
		l.now = now.AddDate(0, 0, day).Add(l.ahead)
		if _, err := l.service.Tidy(t.Context(), Request{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.deleted) > 0 {
		t.Errorf("%v were deleted within the week", l.deleted)
	}
	l.now, l.ahead = time.Time{}, 0 // EC2 does not say
	if _, err := l.service.Tidy(t.Context(), Request{}); err == nil || len(l.deleted) > 0 {
		t.Errorf("error %v, %v deleted; want an error where the time is unknown", err, l.deleted)
	}
}

func TestAStateOfTheFutureSilencesNothing(t *testing.T) {
	l := newLab(t, "last=1")
	l.orphan("vol-1")
	future := now.AddDate(50, 0, 0)
	if err := store.Save(t.Context(), &l.objects, Key, State{
		CheckedAt: future, Policy: l.service.Policy.String(), PolicySince: future, ToldAt: future, Refused: map[string]time.Time{of("vol-1", 31, ebs.Completed).ID: future},
		Orphans: []Orphan{{Keyword: keyword, VolumeID: "vol-1", Since: future, Told: future}},
	}); err != nil {
		t.Fatal(err)
	}
	l.days(0, 9)
	if len(l.mails) == 0 || len(l.deleted) != 1 {
		t.Errorf("%d mails, %v deleted; want one of two deleted, a week after it was told", len(l.mails), l.deleted)
	}
}

// SNS refuses a message of more than 256 KiB, and nothing that nobody was told of may go: then nothing would, ever.
func TestTheMailFindsRoomWithTheLongestKeywordAndIDs(t *testing.T) {
	long := strings.Repeat("𠀀", contract.MaxTagKey)
	if err := contract.CheckKeyword(long); err != nil {
		t.Fatal(err)
	}
	now := State{CheckedAt: now}
	for n := range maxUntold + maxListed {
		now.Orphans = append(now.Orphans, Orphan{Keyword: long, VolumeID: fmt.Sprintf("vol-%017d", n), InstanceID: strings.Repeat("𠀀", ebs.MaxTagValLen), Snapshots: 100_000, Going: 100_000, Exists: true})
	}
	listed, told := now.tell()
	if err := snssim.Check(subject(told), message(told, listed, policy(t, "last=1 daily=7 weekly=4 monthly=12", 400), "s3://bucket/"+Key)); err != nil {
		t.Error(err)
	}
}

// The tag that names a snapshot's instance can be changed by whoever may tag.
func TestTheMailIsHarmlessAndFindsRoomWhateverPeopleWriteInTags(t *testing.T) {
	const hostile = "\nFORGED\r\u009b2K\u202e\u2028"
	l := newLab(t, "report")
	for n := range maxUntold + maxListed {
		l.held = append(l.held, of(fmt.Sprintf("vol-%d", n), 31, ebs.Completed, ebs.TagInstance+"="+hostile+strings.Repeat("\U000e0041", ebs.MaxTagValLen-len([]rune(hostile)))))
	}
	l.days(0, 0) // the topic refuses what SNS refuses
	if len(l.mails) != 1 {
		t.Fatalf("%d mails", len(l.mails))
	}
	body, _, err := l.objects.Get(t.Context(), Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{l.mails[0], string(body)} {
		if strings.Contains(text, "\nFORGED") || strings.ContainsAny(text, "\r\u009b\u202e\u2028\U000e0041") {
			t.Errorf("hostile text acts in\n%.2000q", text)
		}
	}
	if !strings.Contains(l.mails[0], `of instance \nFORGED\r\u009b2K\…: 1`) {
		t.Errorf("what the tag says is not in\n%.2000s", l.mails[0])
	}
}
