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

// of is a managed snapshot of a volume, so many days old, with tags over the usual ones.
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

// copies are those of snapshots of four volumes, as EC2 makes them, and of one with a description of the person's own.
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

func TestWhatGoes(t *testing.T) {
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
		"nothing by a report":                                 {"report", 0, held, nil},
		"what is beyond the last so many, and failed ones":    {"last=2", 0, held, []string{"400", "100", "020"}},
		"what is too old, but never the newest completed one": {"7d", 0, held, []string{"400", "100", "040", "020"}},
		"what is older than an age whatever is kept":          {"last=9", 365, held, []string{"400", "020"}},
		"also the last one, if that is asked for":             {"last=9", 25, held, []string{"400", "100", "040", "030", "020"}},
		"not a claimed one, however old": {"last=1", 25, []ebs.Snapshot{of("vol-1", 400, ebs.Completed, keyword+"=keep"), of("vol-1", 50, ebs.Completed)},
			[]string{"050"}},
		"not another schedule's":                                    {"last=1", 25, []ebs.Snapshot{of("vol-1", 400, ebs.Completed, ebs.TagSchedule+"=Hourly")}, nil},
		"not the only completed one for its age":                    {"1h", 0, []ebs.Snapshot{of("vol-1", 400, ebs.Completed)}, nil},
		"not copies, which have one arbitrary volume, and our tags": {"last=1", 25, copies(), nil},
		"not one that is exactly as old as it may be":               {"last=1", 30, []ebs.Snapshot{of("vol-1", 30, ebs.Completed)}, nil},
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

func TestNothingGoesOfAnOrphanThatNobodyWasToldOf(t *testing.T) {
	held := []ebs.Snapshot{of("vol-1", 30, ebs.Completed), of("vol-1", 20, ebs.Completed)}
	o := Find(keyword, nil, held, policy(t, "last=1", 0), State{}, now)[0]
	o.Since = now.Add(-10 * Grace)
	if n := len(o.removals(time.Time{}, now)); n > 0 {
		t.Errorf("%d go", n)
	}
}

func TestAVolumeHasAWeekToComeBack(t *testing.T) {
	held := []ebs.Snapshot{of("vol-1", 30, ebs.Completed), of("vol-1", 20, ebs.Completed)}
	p := policy(t, "last=1", 0)
	var state State
	goes := func(day int, attached ...string) int {
		at := now.AddDate(0, 0, day)
		volumes := map[string]bool{}
		for _, v := range attached {
			volumes[v] = true
		}
		state = State{CheckedAt: at, Policy: p.String(), Orphans: Find(keyword, volumes, held, p, state, at)}
		_, state = state.tell()
		n := 0
		for _, o := range state.Orphans {
			n += len(o.removals(time.Time{}, at))
		}
		return n
	}
	for day := range 6 {
		if n := goes(day); n > 0 {
			t.Errorf("day %d: %d go", day, n)
		}
	}
	if goes(6, "vol-1"); len(state.Orphans) > 0 {
		t.Errorf("attached again, it is an orphan: %v", state.Orphans)
	}
	for day := 7; day < 14; day++ {
		if n := goes(day); n > 0 {
			t.Errorf("day %d: %d go", day, n)
		}
	}
	if n := goes(14); n != 1 {
		t.Errorf("a week later %d go, want 1", n)
	}
}

// look gives what goes of vol-1 on a day, after a look at that day.
func look(t *testing.T, state *State, day int, held ...ebs.Snapshot) int {
	t.Helper()
	p, at := policy(t, "last=1", 0), now.AddDate(0, 0, day)
	next := begin(*state, p, at)
	next.Orphans = Find(keyword, nil, held, p, *state, at)
	_, next = next.tell()
	*state = next
	n := 0
	for _, o := range next.Orphans {
		n += len(o.removals(next.PolicySince, at))
	}
	return n
}

func TestAVolumeThatRunsStillSnapshotIsNoOrphanHoweverTheLooksFindIt(t *testing.T) {
	for name, change := range map[string][]string{"managed": nil, "claimed": {keyword + "=keep"}} {
		held := []ebs.Snapshot{of("vol-1", 30, ebs.Completed), of("vol-1", 20, ebs.Completed)}
		var state State
		for day := range 30 {
			if n := look(t, &state, day, held...); n > 0 {
				t.Errorf("%s: day %d: %d go", name, day, n)
			}
			if day < 23 { // by day its instance is there
				s := of("vol-1", -day, ebs.Completed, change...)
				s.StartTime = s.StartTime.Add(6 * time.Hour)
				held = append(held, s)
			}
		}
		if n := look(t, &state, 30, held...); n == 0 {
			t.Errorf("%s: a week after the last run nothing goes", name)
		}
	}
}

func TestAWeekInWhichNothingLookedDoesNotCount(t *testing.T) {
	held := []ebs.Snapshot{of("vol-1", 30, ebs.Completed), of("vol-1", 20, ebs.Completed)}
	var state State
	for _, c := range []struct{ day, goes int }{{0, 0}, {40, 0}, {41, 0}, {43, 0}, {44, 0}, {46, 0}, {47, 1}} { // one failed look is forgiven
		if n := look(t, &state, c.day, held...); n != c.goes {
			t.Errorf("day %d: %d go, want %d", c.day, n, c.goes)
		}
	}
}

func TestOrphansAreListedWithWhatIsLeftOfThem(t *testing.T) {
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

func TestAPolicyThatCanNotBeReadIsRefused(t *testing.T) {
	for _, text := range []string{"", "keep", "0", "off", "last=0"} {
		if _, err := ReadPolicy(text, 0); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// infra/config refuses what is no policy when it is deployed; the table holds the two together.
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
