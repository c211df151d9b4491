package orphans

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

const keyword = "Daily"

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// of is a managed snapshot of a volume, so many days old, with changed tags.
func of(volume string, days int, state ebs.State, change ...string) ebs.Snapshot {
	start := now.AddDate(0, 0, -days)
	s := ebs.Made(ebs.Stamp{Keyword: keyword, Retention: "3", RunID: ebs.RunID(keyword, start), InstanceID: "i-gone"},
		ebs.Snapshot{ID: fmt.Sprintf("snap-%s-%03d", volume, days), VolumeID: volume, State: state, StartTime: start}, nil)
	for _, c := range change {
		k, v, _ := strings.Cut(c, "=")
		s.Tags[k] = v
	}
	return s
}

// copies are copies of snapshots of four volumes, with EC2's description, except the first, whose description a person wrote.
func copies() []ebs.Snapshot {
	var out []ebs.Snapshot
	for n := 1; n < 5; n++ {
		s := of("vol-ffffffff", 50*n, ebs.Completed)
		s.Description = fmt.Sprintf("[Copied snap-%d from eu-west-1] %s web - vol-%d (/dev/xvda)", n, keyword, n)
		out = append(out, s)
	}
	out[0].Description = "a copy"
	return out
}

func policy(t *testing.T, text string, expireDays int) Policy {
	t.Helper()
	p, err := ReadPolicy(text, expireDays)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatThePolicyDeletes(t *testing.T) {
	held := []ebs.Snapshot{
		of("vol-1", 400, ebs.Completed), of("vol-1", 100, ebs.Completed), of("vol-1", 40, ebs.Completed), of("vol-1", 30, ebs.Completed),
		of("vol-1", 20, ebs.Error), of("vol-1", 10, ebs.Pending),
	}
	for name, c := range map[string]struct {
		policy string
		expire int
		held   []ebs.Snapshot
		want   []string
	}{
		"nothing if it only reports":                          {"report", 0, held, nil},
		"what is beyond the last N, and failed ones":          {"last=2", 0, held, []string{"400", "100", "020"}},
		"what is too old, but never the newest completed one": {"7d", 0, held, []string{"400", "100", "040", "020"}},
		"what has expired, even if the rules keep it":         {"last=9", 365, held, []string{"400", "020"}},
		"even the last one, if it has expired":                {"last=9", 25, held, []string{"400", "100", "040", "030", "020"}},
		"not a claimed one, however old": {"last=1", 25, []ebs.Snapshot{of("vol-1", 400, ebs.Completed, keyword+"=keep"), of("vol-1", 50, ebs.Completed)},
			[]string{"050"}},
		"not another schedule's":                   {"last=1", 25, []ebs.Snapshot{of("vol-1", 400, ebs.Completed, ebs.TagSchedule+"=Hourly")}, nil},
		"not the only completed one for its age":   {"1h", 0, []ebs.Snapshot{of("vol-1", 400, ebs.Completed)}, nil},
		"not copies, although they carry our tags": {"last=1", 25, copies(), nil},
		"not one that is exactly at the limit":     {"last=1", 30, []ebs.Snapshot{of("vol-1", 30, ebs.Completed)}, nil},
		"not one that is listed twice": {"last=1", 25, []ebs.Snapshot{of("vol-1", 400, ebs.Completed), of("vol-1", 400, ebs.Pending), of("vol-1", 50, ebs.Completed)},
			[]string{"050"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, o := range Find(keyword, nil, c.held, policy(t, c.policy, c.expire), State{}, now) {
				o.Since, o.Told = now.Add(-Grace), now.Add(-Grace)
				for _, r := range o.removals(time.Time{}, now) {
					got = append(got, strings.TrimPrefix(r.Snapshot.ID, "snap-vol-1-"))
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestNothingOfAnUnreportedOrphanIsDeleted(t *testing.T) {
	held := []ebs.Snapshot{of("vol-1", 30, ebs.Completed), of("vol-1", 20, ebs.Completed)}
	o := Find(keyword, nil, held, policy(t, "last=1", 0), State{}, now)[0]
	o.Since = now.Add(-10 * Grace)
	if n := len(o.removals(time.Time{}, now)); n > 0 {
		t.Errorf("%d are deleted", n)
	}
}

func TestAVolumeHasAWeekToReturn(t *testing.T) {
	held := []ebs.Snapshot{of("vol-1", 30, ebs.Completed), of("vol-1", 20, ebs.Completed)}
	p := policy(t, "last=1", 0)
	var state State
	deletes := func(day int, attached ...string) int {
		at := now.AddDate(0, 0, day)
		volumes := map[string]bool{}
		for _, v := range attached {
			volumes[v] = true
		}
		state = State{CheckedAt: at, Policy: p.String(), Orphans: Find(keyword, volumes, held, p, state, at)}
		_, state = state.listForMail()
		n := 0
		for _, o := range state.Orphans {
			n += len(o.removals(time.Time{}, at))
		}
		return n
	}
	for day := range 6 {
		if n := deletes(day); n > 0 {
			t.Errorf("day %d: %d are deleted", day, n)
		}
	}
	if deletes(6, "vol-1"); len(state.Orphans) > 0 {
		t.Errorf("it is attached again, but an orphan: %v", state.Orphans)
	}
	for day := 7; day < 14; day++ {
		if n := deletes(day); n > 0 {
			t.Errorf("day %d: %d are deleted", day, n)
		}
	}
	if n := deletes(14); n != 1 {
		t.Errorf("a week later %d are deleted, want 1", n)
	}
}

// check runs a check on a day, and gives how many snapshots it deletes.
func check(t *testing.T, state *State, day int, held ...ebs.Snapshot) int {
	t.Helper()
	p, at := policy(t, "last=1", 0), now.AddDate(0, 0, day)
	next := newState(*state, p, at)
	next.Orphans = Find(keyword, nil, held, p, *state, at)
	_, next = next.listForMail()
	*state = next
	n := 0
	for _, o := range next.Orphans {
		n += len(o.removals(next.PolicySince, at))
	}
	return n
}

func TestAVolumeThatRunsStillSnapshotIsNotAnOrphanEvenIfNoCheckSeesItsInstance(t *testing.T) {
	for name, change := range map[string][]string{"managed": nil, "claimed": {keyword + "=keep"}} {
		held := []ebs.Snapshot{of("vol-1", 30, ebs.Completed), of("vol-1", 20, ebs.Completed)}
		var state State
		for day := range 30 {
			if n := check(t, &state, day, held...); n > 0 {
				t.Errorf("%s: day %d: %d are deleted", name, day, n)
			}
			if day < 23 { // by day its instance is there
				s := of("vol-1", -day, ebs.Completed, change...)
				s.StartTime = s.StartTime.Add(6 * time.Hour)
				held = append(held, s)
			}
		}
		if n := check(t, &state, 30, held...); n == 0 {
			t.Errorf("%s: a week after the last run nothing is deleted", name)
		}
	}
}

func TestAWeekWithoutChecksDoesNotCount(t *testing.T) {
	held := []ebs.Snapshot{of("vol-1", 30, ebs.Completed), of("vol-1", 20, ebs.Completed)}
	var state State
	for _, c := range []struct{ day, deletes int }{{0, 0}, {40, 0}, {41, 0}, {43, 0}, {44, 0}, {46, 0}, {47, 1}} { // one failed check is accepted
		if n := check(t, &state, c.day, held...); n != c.deletes {
			t.Errorf("day %d: %d are deleted, want %d", c.day, n, c.deletes)
		}
	}
}

func TestOrphansAreFoundWithTheirSnapshots(t *testing.T) {
	held := []ebs.Snapshot{
		of("vol-2", 9, ebs.Completed, ebs.TagInstance+"=i-old"), of("vol-2", 1, ebs.Completed, ebs.TagInstance+"=i-new"),
		of("vol-1", 5, ebs.Completed), of("vol-watched", 5, ebs.Completed), of("vol-3", 5, ebs.Completed, keyword+"=keep"),
	}
	got := Find(keyword, map[string]bool{"vol-watched": true}, held, policy(t, "last=1", 0), State{}, now)
	for i := range got {
		got[i].plan.Decisions = nil
	}
	want := []Orphan{
		{Keyword: keyword, VolumeID: "vol-1", InstanceID: "i-gone", Since: now, Snapshots: 1},
		{Keyword: keyword, VolumeID: "vol-2", InstanceID: "i-new", Since: now, Snapshots: 2, Going: 1},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(Orphan{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestAnInvalidPolicyIsRefused(t *testing.T) {
	for _, text := range []string{"", "keep", "0", "off", "last=0"} {
		if _, err := ReadPolicy(text, 0); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// infra/config refuses an invalid policy before it is deployed. Both are tested with the same table.
func TestPoliciesOfTheSharedTable(t *testing.T) {
	body, err := os.ReadFile("../../../../statemachine/testdata/orphan-policies.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct{ Good []string }
	if err := json.Unmarshal(body, &table); err != nil || len(table.Good) == 0 {
		t.Fatalf("the table can't be read, or is empty: %v", err)
	}
	for _, text := range table.Good {
		if p := policy(t, text, 0); p.deletes() != (text != Report) {
			t.Errorf("%q deletes: %t", text, p.deletes())
		}
	}
}
