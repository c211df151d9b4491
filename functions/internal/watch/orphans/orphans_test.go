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

// fixture is the service with a fake account that has no instances, a fake topic and a fake clock.
type fixture struct {
	t         *testing.T
	now       time.Time
	ahead     time.Duration // of the function's clock
	held      []ebs.Snapshot
	refused   map[string]bool      // snapshots that EC2 refuses to delete
	denied    func(id string) bool // snapshots whose deletion EC2 denies
	asked     int                  // deletions
	deleted   []string
	mails     []string
	mailFails error
	objects   localstore.Memory
	service   *Service
}

func newFixture(t *testing.T, p string) *fixture {
	f := &fixture{t: t, now: now, refused: map[string]bool{}}
	f.service = &Service{
		EC2: f, Objects: &f.objects, Topic: f, Keywords: []string{keyword}, Policy: policy(t, p, 0), Base: "s3://bucket/",
		Now: func() time.Time { return f.now }, Log: slog.New(slog.DiscardHandler),
		Wait: func(_ context.Context, d time.Duration) error { f.now = f.now.Add(d); return nil },
	}
	return f
}

func (f *fixture) Time() time.Time { return f.now.Add(-f.ahead) }

func (f *fixture) Instances(context.Context, string) ([]ebs.Instance, error)   { return nil, nil }
func (f *fixture) TaggedVolumes(context.Context, string) ([]ebs.Volume, error) { return nil, nil }
func (f *fixture) ScheduleSnapshots(context.Context, string) ([]ebs.Snapshot, error) {
	return f.held, nil
}

func (f *fixture) ExistingVolumes(context.Context, []string) (map[string]bool, error) {
	return map[string]bool{}, nil
}

func (f *fixture) VolumeSnapshots(_ context.Context, volumeID, _ string) ([]ebs.Snapshot, error) {
	var out []ebs.Snapshot
	for _, s := range f.held {
		if s.VolumeID == volumeID {
			out = append(out, s)
		}
	}
	return out, nil
}

func (f *fixture) DeleteSnapshot(_ context.Context, id string) error {
	f.asked++
	if f.denied != nil && f.denied(id) {
		return &contract.AccessDeniedError{Message: "denied " + id}
	}
	if f.refused[id] {
		return &ebs.RefusedError{SnapshotID: id, Code: "InvalidSnapshot.InUse", Message: "an AMI uses it"}
	}
	f.deleted = append(f.deleted, id)
	for i, s := range f.held {
		if s.ID == id {
			f.held = append(f.held[:i:i], f.held[i+1:]...)
			return nil
		}
	}
	return nil
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

// orphan adds two snapshots of a deleted volume.
func (f *fixture) orphan(volume string) {
	f.held = append(f.held, of(volume, 31, ebs.Completed), of(volume, 21, ebs.Completed))
}

// day runs the service on a day.
func (f *fixture) day(n int) error {
	f.now = now.AddDate(0, 0, n)
	_, err := f.service.Tidy(f.t.Context(), Request{})
	return err
}

func (f *fixture) days(from, to int) {
	f.t.Helper()
	for n := from; n <= to; n++ {
		if err := f.day(n); err != nil {
			f.t.Fatal(err)
		}
	}
}

func TestNothingIsDeletedInTheWeekAfterItWasReported(t *testing.T) {
	f := newFixture(t, "last=1")
	f.orphan("vol-0")
	f.days(0, 0)
	f.orphan("vol-1") // an hour after the mail
	f.days(1, 6)
	if len(f.mails) != 1 || len(f.deleted) > 0 {
		t.Fatalf("in the first week: %d mails, %v deleted", len(f.mails), f.deleted)
	}
	f.days(7, 13)
	if len(f.mails) != 2 || !strings.Contains(f.mails[1], "1. Daily: instance i-gone, volume vol-1 (deleted): 2 snapshots; 1 of them will be deleted from 2026-12-06\n2. Daily: instance i-gone, volume vol-0") {
		t.Fatalf("the mails do not name vol-1 first: %v", f.mails)
	}
	if got := strings.Join(f.deleted, " "); got != "snap-vol-0-031" {
		t.Errorf("in the second week %s is deleted", got)
	}
	f.days(14, 14)
	if got := strings.Join(f.deleted, " "); got != "snap-vol-0-031 snap-vol-1-031" {
		t.Errorf("after it %s is deleted", got)
	}
}

// EC2 denies deleting what was deleted or claimed a moment ago, and its lists show that some seconds late.
func TestADeniedDeletionIsTriedAgainAfterSomeSeconds(t *testing.T) {
	f := newFixture(t, "last=1")
	f.orphan("vol-0")
	f.orphan("vol-1")
	f.days(0, 6)
	begin := now.AddDate(0, 0, 7)
	f.denied = func(string) bool { return f.now.Sub(begin) < ebs.ListsSettle }
	f.days(7, 7)
	if len(f.deleted) != 2 || f.asked != 3 {
		t.Errorf("%d deletions were tried, and %v deleted", f.asked, f.deleted)
	}

	f.orphan("vol-2")
	f.orphan("vol-3")
	f.orphan("vol-4")
	f.days(8, 14)
	f.asked, f.denied = 0, func(string) bool { return true }
	if err := f.day(15); err == nil || f.asked != 4 {
		t.Errorf("if all three are denied, %d deletions were tried, want 4: %v", f.asked, err)
	}
}

func TestEachOrphanIsListedInAMailBeforeItsSnapshotsAreDeleted(t *testing.T) {
	f := newFixture(t, "last=1")
	const many = maxNew + 60
	for n := range many {
		f.orphan(fmt.Sprintf("vol-%03d", n))
	}
	f.days(0, 2)
	if len(f.mails) != 2 || !strings.Contains(f.mails[0], "… and 60 more") || !strings.Contains(f.mails[1], fmt.Sprintf("1. Daily: instance i-gone, volume vol-%03d", maxNew)) {
		t.Fatalf("%d mails; the second must begin with what the first had no room for", len(f.mails))
	}
	for n, m := range f.mails {
		if len(m) > 250_000 {
			t.Errorf("mail %d has %d bytes", n, len(m))
		}
	}
	f.days(3, 8)
	for _, id := range f.deleted {
		volume := strings.TrimSuffix(strings.TrimPrefix(id, "snap-"), "-031")
		if !strings.Contains(strings.Join(f.mails, ""), "volume "+volume+" ") {
			t.Errorf("%s is deleted, and no mail listed it", volume)
		}
	}
	if len(f.deleted) != many {
		t.Errorf("%d are deleted, want %d", len(f.deleted), many)
	}
}

func TestNothingIsDeletedIfTheMailFailed(t *testing.T) {
	f := newFixture(t, "last=1")
	f.orphan("vol-1")
	f.mailFails = errors.New("the topic is closed")
	for n := range 20 {
		if err := f.day(n); err == nil {
			t.Error("the mail failed, and the check succeeds")
		}
	}
	f.mailFails = nil
	f.days(20, 26)
	if len(f.mails) != 1 || len(f.deleted) > 0 {
		t.Errorf("%d mails, %v deleted", len(f.mails), f.deleted)
	}
	if f.days(27, 27); len(f.deleted) != 1 {
		t.Errorf("%v deleted", f.deleted)
	}
}

func TestNothingIsDeletedBeforeAChangedPolicyIsReported(t *testing.T) {
	f := newFixture(t, Report)
	f.orphan("vol-1")
	f.days(0, 9)
	f.service.Policy = policy(t, "last=1", 0)
	f.mailFails = errors.New("the topic is closed")
	for n := 10; n < 19; n++ {
		_ = f.day(n)
	}
	if len(f.deleted) > 0 {
		t.Errorf("no mail reported the new policy, and %v deleted", f.deleted)
	}
}

// ending is a context that ends at a time of the fixture's.
type ending struct {
	context.Context
	at time.Time
}

func (e ending) Deadline() (time.Time, bool) { return e.at, true }

func TestDeletingStopsBeforeTheFunctionTimesOut(t *testing.T) {
	f := newFixture(t, "last=1")
	for n := range 300 {
		f.orphan(fmt.Sprintf("vol-%03d", n))
	}
	f.days(0, 6)
	f.now = now.AddDate(0, 0, 7)
	r, err := f.service.Tidy(ending{t.Context(), f.now.Add(3 * time.Minute)}, Request{})
	if err != nil || r.Deleted != 121 || len(f.deleted) != 121 { // one a second, until a minute is left
		t.Errorf("%+v, %d deleted: %v", r, len(f.deleted), err)
	}
	if f.days(8, 8); len(f.deleted) != 300 {
		t.Errorf("the day after, %d are deleted", len(f.deleted))
	}
}

// To try hundreds of snapshots that are locked or used by AMIs again each day would take all the time of a day.
func TestSnapshotsThatEC2RefusesToDeleteLeaveTimeForTheOthers(t *testing.T) {
	f := newFixture(t, "last=1")
	const held = 900 // one a second: more than a call has time for
	for n := range held {
		volume := fmt.Sprintf("vol-%04d", n)
		f.orphan(volume)
		f.refused["snap-"+volume+"-031"] = true
	}
	for n := range 100 {
		f.orphan(fmt.Sprintf("vol-x-%04d", n))
	}
	f.days(0, 8)
	end := func(day int) ending { return ending{t.Context(), now.AddDate(0, 0, day).Add(15 * time.Minute)} }
	for day := 9; day < 12; day++ {
		f.now = now.AddDate(0, 0, day)
		if _, err := f.service.Tidy(end(day), Request{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.deleted) != 100 {
		t.Errorf("%d of 100 are deleted", len(f.deleted))
	}
	calls := len(f.deleted)
	f.refused = map[string]bool{} // the AMIs are deregistered
	if f.days(12, 19); len(f.deleted) < calls+maxRemovals {
		t.Errorf("a week later %d are deleted: they are not tried again", len(f.deleted))
	}
}

func TestAClockThatIsAheadDoesNotShortenTheWeek(t *testing.T) {
	f := newFixture(t, "1d")
	f.orphan("vol-1")
	for day := range 5 { // not yet a week
		f.ahead = time.Duration(day) * 24 * time.Hour // so that by its own clock the week is over
		f.now = now.AddDate(0, 0, day).Add(f.ahead)
		if _, err := f.service.Tidy(t.Context(), Request{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.deleted) > 0 {
		t.Errorf("%v were deleted within the week", f.deleted)
	}
	f.now, f.ahead = time.Time{}, 0 // EC2 does not say
	if _, err := f.service.Tidy(t.Context(), Request{}); err == nil || len(f.deleted) > 0 {
		t.Errorf("error %v, %v deleted; want an error if the time is unknown", err, f.deleted)
	}
}

func TestAStateFromTheFutureDoesNotSuppressMailsOrDeletions(t *testing.T) {
	f := newFixture(t, "last=1")
	f.orphan("vol-1")
	future := now.AddDate(50, 0, 0)
	if err := store.Save(t.Context(), &f.objects, Key, State{
		CheckedAt: future, Policy: f.service.Policy.String(), PolicySince: future, ToldAt: future, Refused: map[string]time.Time{of("vol-1", 31, ebs.Completed).ID: future},
		Orphans: []Orphan{{Keyword: keyword, VolumeID: "vol-1", Since: future, Told: future}},
	}); err != nil {
		t.Fatal(err)
	}
	f.days(0, 9)
	if len(f.mails) == 0 || len(f.deleted) != 1 {
		t.Errorf("%d mails, %v deleted; want one of two deleted, a week after the mail", len(f.mails), f.deleted)
	}
}

// SNS refuses a message of more than 256 KiB. Then nothing would ever be deleted, since no mail lists it.
func TestTheMailIsNotTooLargeWithTheLongestKeywordAndIDs(t *testing.T) {
	long := strings.Repeat("𠀀", contract.MaxTagKey)
	if err := contract.CheckKeyword(long); err != nil {
		t.Fatal(err)
	}
	now := State{CheckedAt: now}
	for n := range maxNew + maxListed {
		now.Orphans = append(now.Orphans, Orphan{Keyword: long, VolumeID: fmt.Sprintf("vol-%017d", n), InstanceID: strings.Repeat("𠀀", ebs.MaxTagValLen), Snapshots: 100_000, Going: 100_000, Exists: true})
	}
	listed, told := now.listForMail()
	if err := snssim.Check(subject(told), message(told, listed, policy(t, "last=1 daily=7 weekly=4 monthly=12", 400), "s3://bucket/"+Key)); err != nil {
		t.Error(err)
	}
}

// Whoever may tag can change the tag that names a snapshot's instance.
func TestTheMailIsHarmlessAndNotTooLargeWithHostileTags(t *testing.T) {
	const hostile = "\nFORGED\r\u009b2K\u202e\u2028"
	f := newFixture(t, "report")
	for n := range maxNew + maxListed {
		f.held = append(f.held, of(fmt.Sprintf("vol-%d", n), 31, ebs.Completed, ebs.TagInstance+"="+hostile+strings.Repeat("\U000e0041", ebs.MaxTagValLen-len([]rune(hostile)))))
	}
	f.days(0, 0) // the topic refuses what SNS refuses
	if len(f.mails) != 1 {
		t.Fatalf("%d mails", len(f.mails))
	}
	body, _, err := f.objects.Get(t.Context(), Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{f.mails[0], string(body)} {
		if strings.Contains(text, "\nFORGED") || strings.ContainsAny(text, "\r\u009b\u202e\u2028\U000e0041") {
			t.Errorf("hostile text acts in\n%.2000q", text)
		}
	}
	if !strings.Contains(f.mails[0], `: instance \nFORGED\r\u009b2K\…, volume vol-`) {
		t.Errorf("what the tag says is not in\n%.2000s", f.mails[0])
	}
}
