package adopt

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

const keyword = "SnapshotDaily"

var midnight = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// left is a snapshot as the Lambda left it, of vol-1, with tags over the usual ones.
func left(change map[string]string) ebs.Snapshot {
	tags := map[string]string{"Name": "web", keyword: "5", "team": "shop"}
	for k, v := range change {
		if tags[k] = v; v == "-" {
			delete(tags, k)
		}
	}
	return ebs.Snapshot{
		ID: "snap-1", VolumeID: "vol-1", State: ebs.Completed, StartTime: midnight, Tags: tags,
		Description: "AutoSnapshot web - vol-1 (/dev/xvda)",
	}
}

func fleet() []ebs.Instance {
	return []ebs.Instance{
		{ID: "i-2", Tags: map[string]string{"Name": "db", keyword: "3"}, Volumes: []ebs.Attachment{{VolumeID: "vol-2", Device: "/dev/sda"}, {VolumeID: "vol-1", Device: "/dev/sdz"}}},
		{ID: "i-1", Tags: map[string]string{"Name": "web", keyword: "3"}, Volumes: []ebs.Attachment{{VolumeID: "vol-1", Device: "/dev/xvda"}}},
	}
}

func TestWhatIsAdopted(t *testing.T) {
	change := func(f func(*ebs.Snapshot)) ebs.Snapshot {
		s := left(nil)
		f(&s)
		return s
	}
	many := map[string]string{}
	for i := range 43 {
		many[fmt.Sprintf("t-%02d", i)] = "x"
	}
	over := maps.Clone(many)
	over["one more"] = "x"
	cases := []struct {
		name     string
		snapshot ebs.Snapshot
		also     []string
		reason   string // "" is adopted
	}{
		{name: "one as the Lambda left it", snapshot: left(nil)},
		{name: "one of an instance without a name", snapshot: change(func(s *ebs.Snapshot) {
			delete(s.Tags, "Name")
			s.Description = "AutoSnapshot  - vol-1 (/dev/xvda)"
		})},
		{name: "one whose instance has another name by now", snapshot: change(func(s *ebs.Snapshot) {
			s.Tags["Name"], s.Description = "web - old", "AutoSnapshot web - old - vol-1 (/dev/sdf)"
		})},
		{name: "one whose value is the Lambda's 0", snapshot: left(map[string]string{keyword: "0"})},
		{name: "one whose value is a rule", snapshot: left(map[string]string{keyword: "daily=7"})},
		{name: "one with as many tags as leave room for ours", snapshot: left(many)},
		{name: "one with two schedules' keywords, if the person says so", snapshot: left(map[string]string{"SnapshotHourly": "24"}), also: []string{"SnapshotHourly"}},

		{
			name: "not one with two schedules' keywords", snapshot: left(map[string]string{"SnapshotHourly": "24"}),
			reason: "it carries SnapshotHourly, too: say whose it is with --also-tagged",
		},
		{
			name: "not one with a third keyword that the person did not name", snapshot: left(map[string]string{"SnapshotHourly": "24", "Weekly": "4"}),
			also: []string{"SnapshotHourly"}, reason: "it carries Weekly, too: say whose it is with --also-tagged",
		},
		{name: "one that carries our tags without being ours: copied from a restored instance", snapshot: left(map[string]string{
			ebs.TagSchedule: keyword, ebs.TagRetention: "5", ebs.TagRun: keyword + "/2026-01-01T00:00:00Z",
		})},
		{name: "not DLM's", snapshot: left(map[string]string{"aws:dlm:lifecycle-policy-id": "policy-1"}),
			reason: "Amazon Data Lifecycle Manager made it, not the Lambda"},
		{name: "not one of another schedule", snapshot: left(map[string]string{
			ebs.TagSchedule: "SnapshotHourly", ebs.TagRun: ebs.AdoptedRun, ebs.TagRetention: "24", "SnapshotHourly": "24",
		}), reason: "the schedule SnapshotHourly manages it already"},
		{
			name: "not one that a person took from its schedule", snapshot: left(map[string]string{ebs.TagRun: ebs.AdoptedRun}),
			reason: "a person took it from its schedule: remove its other snapshot-lifecycle:* tags to have it adopted",
		},
		{name: "not one without the keyword", snapshot: left(map[string]string{keyword: "-"}), reason: "it does not carry the tag SnapshotDaily"},
		{name: "not a person's", snapshot: change(func(s *ebs.Snapshot) { s.Description = "before the upgrade" }), reason: "a person or another tool made it, not the Lambda"},
		{name: "not one without a description", snapshot: change(func(s *ebs.Snapshot) { s.Description = "" }), reason: "a person or another tool made it, not the Lambda"},
		{name: "not one with more in its description", snapshot: change(func(s *ebs.Snapshot) { s.Description += " KEEP" }), reason: "a person or another tool made it, not the Lambda"},
		{name: "not a copy", snapshot: change(func(s *ebs.Snapshot) { s.VolumeID = "vol-ffffffff" }), reason: "CopySnapshot made it, not the Lambda"},
		{name: "not one that a person renamed", snapshot: left(map[string]string{"Name": "keep me"}), reason: "its tag Name is not the one in its description: a person changed it"},
		{name: "not one of a volume that is gone", snapshot: change(func(s *ebs.Snapshot) {
			s.VolumeID, s.Description = "vol-9", "AutoSnapshot web - vol-9 (/dev/xvda)"
		}), reason: "its volume is at no instance here with the tag SnapshotDaily"},
		{name: "not one whose value a person set", snapshot: left(map[string]string{keyword: "keep"}), reason: `its tag's value "keep" is not a number: a person may have set it`},
		{name: "not one that is pending", snapshot: change(func(s *ebs.Snapshot) { s.State = ebs.Pending }), reason: "it is not completed (state pending)"},
		{name: "not one that failed", snapshot: change(func(s *ebs.Snapshot) { s.State = ebs.Error }), reason: "it is not completed (state error)"},
		{name: "not one on which our tags find no room", snapshot: left(over), reason: "it has 47 tags, and there is no room for ours: EC2 takes 50"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			instances := fleet()
			r := Request{Keyword: keyword, Others: []string{keyword, "SnapshotHourly", "Weekly"}, Also: c.also}
			got := List(r, instances, []ebs.Snapshot{c.snapshot})
			want := Listing{Skipped: []Skipped{{Snapshot: c.snapshot}}}
			if len(got.Skipped) == 1 {
				if said := got.Skipped[0].Reason.String(); said != c.reason {
					t.Errorf("it says %q, want %q", said, c.reason)
				}
				got.Skipped[0].Reason = Reason{}
			}
			if c.reason == "" {
				want = Listing{Adopt: []Candidate{{c.snapshot, "i-1", "web", "/dev/xvda"}}}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			for _, adopted := range got.Adopt {
				if o := ebs.OwnershipOf(adopted.Adopted(keyword), keyword); o != ebs.Managed {
					t.Errorf("once it is adopted it is %v", o)
				}
				if n := len(adopted.Adopted(keyword).Tags); n > ebs.MaxTags {
					t.Errorf("%d tags are more than EC2 takes", n)
				}
			}
		})
	}
}

func TestAValueThatNobodyCanReadIsTheInstancesOwn(t *testing.T) {
	instances := fleet()
	instances[1].Tags[keyword] = "yes" // of which the Lambda made a 5
	got := List(Request{Keyword: keyword}, instances, []ebs.Snapshot{left(map[string]string{keyword: "yes"})})
	if len(got.Adopt) != 1 {
		t.Errorf("it is skipped: %v", got.Skipped)
	}
}

func TestWhatIsOursAlreadyIsCountedOnly(t *testing.T) {
	of := func(id, volume string, day int) ebs.Snapshot {
		s := left(nil)
		s.ID, s.VolumeID, s.Description = id, volume, "AutoSnapshot web - "+volume+" (/dev/xvda)"
		s.StartTime = midnight.AddDate(0, 0, day)
		return s
	}
	ours := of("snap-ours", "vol-1", 0)
	ours.Tags[ebs.TagSchedule], ours.Tags[ebs.TagRun] = keyword, ebs.AdoptedRun
	got := List(Request{Keyword: keyword}, fleet(), []ebs.Snapshot{of("snap-b", "vol-2", 1), of("snap-c", "vol-1", 3), ours, of("snap-a", "vol-1", 2)})
	var order []string
	for _, c := range got.Adopt {
		order = append(order, c.InstanceID+" "+c.Snapshot.ID)
	}
	if d := cmp.Diff([]string{"i-1 snap-a", "i-1 snap-c", "i-2 snap-b"}, order); d != "" || got.Ours != 1 || got.Skipped != nil {
		t.Errorf("ours %d, skipped %v, adopted (-want +got):\n%s", got.Ours, got.Skipped, d)
	}
}
