package workflow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

const (
	ourAccount  = "123456789012"
	scheduleTag = "snapshot-lifecycle:schedule"
)

// guard checks each create and each delete when it reaches EC2. It fails any test in which one breaks a promise: one snapshot for each volume and
// run, and only managed snapshots with a newer completed one are deleted.
func (f *fixture) guard() {
	watch := func(action string, check func(ec2sim.Request) string) {
		f.account.Inject(ec2sim.Fault{Action: action, Match: func(r ec2sim.Request) bool {
			if wrong := check(r); wrong != "" {
				f.t.Errorf("%s %s: %s", f.world.Now().Format(time.DateTime), action, wrong)
			}
			return false
		}})
	}
	watch("CreateSnapshot", f.forbiddenCreate)
	watch("DeleteSnapshot", f.forbiddenDelete)
}

func (f *fixture) forbiddenCreate(r ec2sim.Request) string {
	volume, run := r.Get("VolumeId"), r.Tags()[ebs.TagRun]
	for _, s := range f.account.Snapshots() {
		if s.VolumeID == volume && s.Tags[ebs.TagRun] == run && s.State != ebs.Error {
			return fmt.Sprintf("a second snapshot of %s in run %s: there is %s, %s", volume, run, s.ID, s.State)
		}
	}
	return ""
}

func (f *fixture) forbiddenDelete(r ec2sim.Request) string {
	s, ok := f.account.Snapshot(r.Get("SnapshotId"))
	if !ok || f.world.Now().Before(f.touched[s.VolumeID].Add(f.setup.ListLag+10*time.Second)) {
		return "" // gone; or EC2's lists do not show yet what a person did
	}
	what := fmt.Sprintf("%s of %s (%s, owner %s, tags %v)", s.ID, s.VolumeID, s.State, s.OwnerID, s.Tags)
	switch {
	case !managed(s):
		return "not ours to delete: " + what
	case s.State == ebs.Error:
		return "" // it holds no data
	case s.State != ebs.Completed:
		return "not completed: " + what
	}
	for _, other := range f.account.Snapshots() {
		same := other.VolumeID == s.VolumeID && other.Tags[scheduleTag] == s.Tags[scheduleTag]
		if same && other.ID != s.ID && !other.StartTime.Before(s.StartTime) && other.State == ebs.Completed && managed(other) {
			return ""
		}
	}
	return "no newer completed one: " + what
}

// managed says whether the product may delete a snapshot. It follows the promises and does not use the product's code: this account owns it, a
// schedule created it, and its keyword tag is unchanged.
func managed(s ec2sim.Snapshot) bool {
	keyword, ours := s.Tags[scheduleTag]
	stamped, hasStamp := s.Tags["snapshot-lifecycle:retention"]
	value, hasKeyword := s.Tags[keyword]
	return s.OwnerID == ourAccount && ours && hasStamp && hasKeyword && value == stamped
}

// of gives the account's snapshots of the volume that a schedule's runs created, oldest first.
func (f *fixture) of(volume, keyword string) []ec2sim.Snapshot {
	return slices.DeleteFunc(f.account.Snapshots(), func(s ec2sim.Snapshot) bool {
		return s.VolumeID != volume || s.Tags[ebs.TagSchedule] != keyword
	})
}

// held lists the snapshots of each volume, oldest first: state and run, and the owner if it is not managed.
func (f *fixture) held() map[string][]string {
	out := map[string][]string{}
	for _, s := range f.account.Snapshots() {
		what := string(s.State) + " " + s.Tags[ebs.TagRun]
		if s.Tags[ebs.TagRun] == "" {
			what = string(s.State) + " " + s.ID
		}
		if _, ours := s.Tags[scheduleTag]; !ours {
			what += " (foreign)"
		} else if !managed(s) {
			what += " (claimed)"
		}
		out[s.VolumeID] = append(out[s.VolumeID], what)
	}
	return out
}

// pruned lists the snapshots of a volume that the product deleted, in order.
func (f *fixture) pruned(volume string) []string {
	var out []string
	for _, d := range f.account.Deleted() {
		if d.By == ec2sim.ByAPI && (volume == "" || d.Snapshot.VolumeID == volume) {
			out = append(out, d.Snapshot.ID)
		}
	}
	return out
}

// claim changes the tags of a snapshot as a person does.
func (f *fixture) claim(id string, change func(id string)) {
	s, ok := f.account.Snapshot(id)
	if !ok {
		f.t.Fatalf("there is no %s to claim", id)
	}
	f.touched[s.VolumeID] = f.world.Now()
	change(id)
}

// old adds a completed snapshot that a run of the schedule created some days ago, with changed tags ("key=value" sets one, "key" removes it).
func (f *fixture) old(volume string, daysAgo int, change ...string) string {
	return f.oldState(volume, daysAgo, ebs.Completed, change...)
}

func (f *fixture) oldState(volume string, daysAgo int, state ebs.State, change ...string) string {
	at := f.world.Now().AddDate(0, 0, -daysAgo)
	tags := map[string]string{
		"SnapshotDaily": "3", ebs.TagSchedule: "SnapshotDaily", ebs.TagRetention: "3",
		ebs.TagRun: "?", ebs.TagInstance: "i-web",
	}
	s := ec2sim.Snapshot{}
	for _, c := range change {
		k, v, set := strings.Cut(c, "=")
		switch {
		case k == "owner":
			s.OwnerID, s.Shared = v, true
		case set:
			tags[k] = v
		default:
			delete(tags, k)
		}
	}
	run := ebs.RunID("SnapshotDaily", at)
	if other := tags[ebs.TagSchedule]; other != "" {
		run = ebs.RunID(other, at)
	}
	if tags[ebs.TagRun] == "?" {
		tags[ebs.TagRun] = run
	}
	s.VolumeID, s.StartTime, s.State, s.Tags = volume, at, state, tags
	s.Description = ebs.Description(ebs.Stamp{RunID: run, InstanceID: "i-web"}, volume, "web")
	return f.account.AddSnapshot(s)
}

// foreign adds a snapshot with our tags that no run created.
func (f *fixture) foreign(daysAgo int, description string, change ...string) string {
	id := f.old("vol-web-0", daysAgo, change...)
	s, _ := f.account.Snapshot(id)
	f.account.DeleteSnapshotByPerson(id)
	s.ID, s.Description = "", description
	return f.account.AddSnapshot(s)
}

// strangersAreNamedOnce checks that the first mail names the foreign snapshots with the schedule's tags, and later mails do not.
func (f *fixture) strangersAreNamedOnce(theirs []string) {
	f.t.Helper()
	var tagged []string
	for _, id := range theirs {
		if s, ok := f.account.Snapshot(id); ok && s.OwnerID == ourAccount && ebs.OwnershipOf(s.Snapshot, "SnapshotDaily") == ebs.Foreign && s.Tags[ebs.TagSchedule] == "SnapshotDaily" {
			tagged = append(tagged, id)
		}
	}
	if len(tagged) == 0 {
		f.noMail()
		return
	}
	f.lastMail(append([]string{"that none of its runs made"}, tagged...)...)
	mails := len(f.topic.mails)
	f.wait(24 * time.Hour)
	f.succeed("SnapshotDaily")
	same(f.t, "mails after another run", len(f.topic.mails), mails)
}

// oneMore adds another snapshot of the current run.
func (f *fixture) oneMore(volume, run string) {
	f.account.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Made(ebs.Stamp{Keyword: "SnapshotDaily", Retention: "3", RunID: run, InstanceID: "i-web"},
		ebs.Snapshot{VolumeID: volume, StartTime: f.world.Now()}, nil)})
}

// ids gives the IDs of a volume's snapshots, oldest first.
func (f *fixture) ids(volume string) []string {
	var out []string
	for _, s := range f.account.Snapshots() {
		if s.VolumeID == volume {
			out = append(out, s.ID)
		}
	}
	return out
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
