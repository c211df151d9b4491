package ebs

import (
	"maps"
	"strings"
	"testing"
	"time"
)

var scheduled = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// ofRun gives a snapshot as a run makes it, with changes.
func ofRun(change ...func(*Snapshot)) Snapshot {
	s := Made(stamp, Snapshot{ID: "snap-1", VolumeID: "vol-1", StartTime: scheduled.Add(time.Minute)}, map[string]string{"Name": "web-1"})
	for _, c := range change {
		c(&s)
	}
	return s
}

func set(key, value string) func(*Snapshot) { return func(s *Snapshot) { s.Tags[key] = value } }
func unset(key string) func(*Snapshot)      { return func(s *Snapshot) { delete(s.Tags, key) } }
func described(text string) func(*Snapshot) { return func(s *Snapshot) { s.Description = text } }
func of(volume string) func(*Snapshot)      { return func(s *Snapshot) { s.VolumeID = volume } }
func finishedAt(after time.Duration) func(*Snapshot) {
	return func(s *Snapshot) {
		late := stamp
		late.Late = scheduled.Add(after)
		s.Description = Description(late, "vol-1", "web-1")
	}
}
func begun(after time.Duration) func(*Snapshot) {
	return func(s *Snapshot) { s.StartTime = scheduled.Add(after) }
}

func TestOwnershipByTags(t *testing.T) {
	cases := []struct {
		name    string
		s       Snapshot
		keyword string
		want    Ownership
	}{
		{"ours as we made it", ofRun(), keyword, Managed},
		{"ours with tags that a person added", ofRun(set("why", "because")), keyword, Managed},
		{"ours with a retention that can't be read", ofRun(set(keyword, ""), set(TagRetention, "")), keyword, Managed},
		{"ours without the instance's tag, which says nothing about whose it is", ofRun(unset(TagInstance)), keyword, Managed},
		{"a person deleted the schedule's tag", ofRun(unset(keyword)), keyword, Claimed},
		{"a person changed the schedule's tag", ofRun(set(keyword, "keep")), keyword, Claimed},
		{"a person emptied the schedule's tag", ofRun(set(keyword, "")), keyword, Claimed},
		{"a person changed the case of the schedule's tag", ofRun(unset(keyword), set("snapshotdaily", "3")), keyword, Claimed},
		{"a person deleted the stamp", ofRun(unset(TagRetention)), keyword, Claimed},
		{"a person changed the stamp", ofRun(set(TagRetention, "4")), keyword, Claimed},
		{"a person deleted the schedule's tag, which was empty", ofRun(unset(keyword), set(TagRetention, "")), keyword, Claimed},
		{"a person deleted the stamp, which was empty", ofRun(set(keyword, ""), unset(TagRetention)), keyword, Claimed},
		{"a person deleted both", ofRun(unset(keyword), unset(TagRetention)), keyword, Claimed},
		{"a person's own snapshot", Snapshot{Tags: map[string]string{"Name": "before the upgrade"}}, keyword, Foreign},
		{"a snapshot without tags", Snapshot{}, keyword, Foreign},
		{"a snapshot of the tool before this one, which has the keyword only", Snapshot{Tags: map[string]string{keyword: "3"}}, keyword, Foreign},
		{"another schedule's snapshot, although it carries this one's tag too", ofRun(), "SnapshotHourly", Foreign},
		{"a snapshot whose schedule is in another case", ofRun(set(TagSchedule, "snapshotdaily")), keyword, Foreign},
		{"a snapshot whose mark was deleted", ofRun(unset(TagSchedule)), keyword, Foreign},
		{"a snapshot with an empty mark, asked for no schedule", Snapshot{Tags: map[string]string{TagSchedule: "", TagRetention: "", "": ""}}, "", Foreign},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := OwnershipOf(c.s, c.keyword); got != c.want {
				t.Errorf("it is %v, want %v", got, c.want)
			}
		})
	}
}

// alone changes a run's snapshot to one of a volume that is attached to no instance.
func alone(s *Snapshot) {
	delete(s.Tags, TagInstance)
	s.Description = Description(Stamp{RunID: stamp.RunID}, s.VolumeID, "data")
}

const (
	today  = "SnapshotDaily web-1 - vol-1 (/dev/xvda)" // what runs wrote until November 2026
	lambda = "AutoSnapshot web-1 - vol-1 (/dev/xvda)"
)

func TestTagsProveNothing(t *testing.T) {
	adopted := set(TagRun, AdoptedRun)
	cases := []struct {
		name  string
		s     Snapshot
		maker Maker
		want  Ownership
	}{
		{"a run's, as it is written today", ofRun(), MadeByRun, Managed},
		{"a run's, as it was written before", ofRun(described(today)), MadeByRun, Managed},
		{"a run's of an instance whose name imitates the end of a description",
			ofRun(described("SnapshotDaily x - vol-ffffffff ( - vol-1 (/dev/xvda)")), MadeByRun, Managed},
		{"a run's, at the last moment of its day", ofRun(begun(24 * time.Hour)), MadeByRun, Managed},
		{"a run's, by a clock that is a little ahead of EC2's", ofRun(begun(-15 * time.Minute)), MadeByRun, Managed},
		{"an adopted one", ofRun(adopted, described(lambda), begun(-100*24*time.Hour)), MadeByLambda, Managed},

		{"a run's of a volume without an instance", ofRun(alone), MadeByRun, Managed},
		{"a run's of a volume without an instance and without a Name", ofRun(alone, described(stamp.RunID+" vol-1")), MadeByRun, Managed},
		{"a run's of a volume without an instance, days later", ofRun(begun(72*time.Hour),
			described(stamp.RunID+" at 2026-11-25T00:01:00Z vol-1")), MadeByRun, Managed},
		{"one without an instance that names another volume", ofRun(alone, of("vol-2")), MadeBySomebody, Foreign},
		{"one without an instance whose name is the volume's ID", ofRun(described(stamp.RunID + " vol-2 vol-1")), MadeBySomebody, Foreign},
		{"one with something else in the instance's place", ofRun(described(stamp.RunID + " data vol-1")), MadeBySomebody, Foreign},
		{"one with two spaces in the instance's place", ofRun(described(stamp.RunID + "  vol-1")), MadeBySomebody, Foreign},
		{"one with two instances", ofRun(described(stamp.RunID + " i-1 i-2 vol-1")), MadeBySomebody, Foreign},
		{"one that names the instance only", ofRun(described(stamp.RunID + " i-1")), MadeBySomebody, Foreign},
		{"one whose volume only begins like that", ofRun(described(stamp.RunID + " vol-12")), MadeBySomebody, Foreign},
		{"one that names the run only", ofRun(described(stamp.RunID)), MadeBySomebody, Foreign},
		{"one that names the run only, of no volume", ofRun(described(stamp.RunID+" "), of("")), MadeBySomebody, Foreign},
		{"one without an instance, of another run", ofRun(described("SnapshotDaily/2026-11-23T00:00:00Z vol-1")), MadeBySomebody, Foreign},
		{"one without an instance that begins before the run", ofRun(alone, begun(-time.Hour)), MadeBySomebody, Foreign},
		{"a copy of one without an instance", ofRun(alone, func(s *Snapshot) { s.Copy = true }), MadeByCopying, Foreign},

		{"a run's that was finished days later, and says so", ofRun(begun(72*time.Hour), finishedAt(72*time.Hour+time.Minute)), MadeByRun, Managed},
		{"one that begins at another time than its description says", ofRun(begun(73*time.Hour), finishedAt(72*time.Hour)), MadeBySomebody, Foreign},
		{"one that began before the run, and says that it was late", ofRun(begun(-72*time.Hour), finishedAt(-72*time.Hour)), MadeBySomebody, Foreign},
		{"one whose name says that it was late", ofRun(begun(72*time.Hour),
			described(stamp.RunID+" i-1 vol-1 at 2026-11-25T00:00:00Z i-1 vol-1")), MadeBySomebody, Foreign},
		{"one that begins before the run", ofRun(begun(-16 * time.Minute)), MadeBySomebody, Foreign},
		{"one that begins more than a day after the run", ofRun(begun(24*time.Hour + time.Second)), MadeBySomebody, Foreign},
		{"forged tags on a snapshot without a description", ofRun(described("")), MadeBySomebody, Foreign},
		{"forged tags on a person's snapshot", ofRun(described("before the upgrade")), MadeBySomebody, Foreign},
		{"a run's tag that is another run's than the description names",
			ofRun(set(TagRun, keyword+"/2026-11-22T06:00:00Z"), begun(7*time.Hour)), MadeBySomebody, Foreign},
		{"a run's tag of another schedule", ofRun(set(TagRun, "SnapshotHourly/2026-11-22T00:00:00Z")), MadeBySomebody, Foreign},
		{"a description that names another schedule", ofRun(described("SnapshotHourly web-1 - vol-1 (/dev/xvda)")), MadeBySomebody, Foreign},
		{"no run's tag", ofRun(unset(TagRun)), MadeBySomebody, Foreign},
		{"a run's tag without a time", ofRun(set(TagRun, keyword+"/yesterday"), described(keyword+"/yesterday i-1 vol-1")), MadeBySomebody, Foreign},
		{"a description that only begins like the run's", ofRun(described(stamp.RunID + "1 i-1 vol-1")), MadeBySomebody, Foreign},
		{"a description that names another volume", ofRun(of("vol-2")), MadeBySomebody, Foreign},
		{"one of before that names another volume", ofRun(described(today), of("vol-2")), MadeBySomebody, Foreign},
		{"one of before, of an instance whose name imitates the end of a copy's",
			ofRun(described("SnapshotDaily x - vol-2 ( - vol-1 (/dev/xvda)"), of("vol-2")), MadeBySomebody, Foreign},
		{"what EC2 calls a copy", ofRun(func(s *Snapshot) { s.Copy = true }), MadeByCopying, Foreign},
		{"a copy by its volume", ofRun(of("vol-ffffffff")), MadeByCopying, Foreign},
		{"a copy by its volume, of an instance whose name imitates it",
			ofRun(described("SnapshotDaily x - vol-ffffffff (/dev/xvda)"), of("vol-ffffffff")), MadeByCopying, Foreign},
		{"one of DLM's, by its tags", ofRun(set("aws:dlm:lifecycle-policy-id", "policy-1")), MadeByDLM, Foreign},
		{"one of DLM's, by its description", ofRun(described("Created for policy: policy-1 schedule: daily")), MadeByDLM, Foreign},
		{"one of AWS Backup's, by its tags", ofRun(set("aws:backup:source-resource", "x")), MadeByBackup, Foreign},
		{"one of AWS Backup's, by its description", ofRun(described("This snapshot is created by the AWS Backup service.")), MadeByBackup, Foreign},
		{"an AMI's", ofRun(described("Created by CreateImage(i-1) for ami-1")), MadeForImage, Foreign},
		{"Velero's", ofRun(described(""), set("velero.io/backup", "nightly")), MadeByVelero, Foreign},
		{"a run's of an instance that carries Velero's tag", ofRun(set("velero.io/backup", "nightly")), MadeByRun, Managed},

		{"forged tags on the Lambda's", ofRun(described(lambda)), MadeByLambda, Foreign},
		{"an adopted one that the Lambda did not make", ofRun(adopted, described("AutoSnapshot web-1 - vol-1 (/dev/xvda) copy")), MadeBySomebody, Foreign},
		{"an adopted one of another volume", ofRun(adopted, described(lambda), of("vol-2")), MadeBySomebody, Foreign},
		{"an adopted one that is a copy", ofRun(adopted, described(lambda), func(s *Snapshot) { s.Copy = true }), MadeByCopying, Foreign},
		{"a run's that is tagged as adopted", ofRun(adopted), MadeBySomebody, Foreign},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := MakerOf(c.s); got != c.maker {
				t.Errorf("made by %s, want %s", got, c.maker)
			}
			if got := OwnershipOf(c.s, keyword); got != c.want {
				t.Errorf("it is %v, want %v", got, c.want)
			}
			if got := MadeBy(c.s, stamp.RunID); got && c.want == Foreign {
				t.Error("it passes for the run's")
			}
		})
	}
}

func TestARunKnowsItsSnapshotEvenIfPeopleChangeItsOtherTags(t *testing.T) {
	s := ofRun()
	for _, key := range []string{keyword, TagSchedule, TagRetention, TagInstance, "Name"} {
		delete(s.Tags, key)
		if !MadeBy(s, stamp.RunID) {
			t.Errorf("without the tag %s it does not", key)
		}
	}
	if MadeBy(s, keyword+"/2026-11-23T00:00:00Z") {
		t.Error("it passes for another run's")
	}
}

func TestASnapshotWithTheseTagsIsManaged(t *testing.T) {
	for _, kw := range []string{keyword, "每日快照", "team/daily", strings.Repeat("每", 128)} {
		for _, retention := range []string{"3", "", "can't be read"} {
			s := Stamp{Keyword: kw, Retention: retention, RunID: RunID(kw, scheduled), InstanceID: "i-1"}
			made := Made(s, Snapshot{VolumeID: "vol-1", StartTime: scheduled}, maps.Collect(func(yield func(string, string) bool) {
				_ = yield("Name", "数据库") && yield(kw, "99") && yield(TagRetention, "99")
			}))
			if got := OwnershipOf(made, kw); got != Managed {
				t.Errorf("of %s with the retention %q it is %v: %s", kw, retention, got, made.Description)
			}
		}
	}
}
