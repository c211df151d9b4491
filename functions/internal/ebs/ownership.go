package ebs

import (
	"strings"
	"time"
)

// Ownership says whose a snapshot is.
type Ownership int

const (
	Foreign Ownership = iota // no run of this schedule created it
	Claimed                  // a run of this schedule created it, and a person has claimed it since
	Managed                  // a run of this schedule created it, and the retention decides about it
)

func (o Ownership) String() string { return [...]string{"foreign", "claimed", "managed"}[o] }

// OwnershipOf says whose the snapshot is, for one schedule. Only managed snapshots count, and only they may ever be deleted. Tags alone prove
// nothing: people can write our tags, and other tools copy them. What nobody can change after the creation must agree (MakerOf).
func OwnershipOf(s Snapshot, keyword string) Ownership {
	if keyword == "" || s.Tags[TagSchedule] != keyword || !madeFor(s, keyword) {
		return Foreign
	}
	stamped, hasStamp := s.Tags[TagRetention]
	inForce, hasKeyword := s.Tags[keyword]
	if !hasStamp || !hasKeyword || stamped != inForce {
		return Claimed
	}
	return Managed
}

// madeFor says whether a run of the schedule created the snapshot, or the first users' Lambda did and a person adopted it.
func madeFor(s Snapshot, keyword string) bool {
	if s.Tags[TagRun] == AdoptedRun {
		return MakerOf(s) == MadeByLambda
	}
	of, _ := cutRunID(s.Tags[TagRun])
	return of == keyword && MakerOf(s) == MadeByRun
}

// MadeBy says whether the run created the snapshot, even if people have changed its other tags since.
func MadeBy(s Snapshot, runID string) bool {
	return s.Tags[TagRun] == runID && MakerOf(s) == MadeByRun
}

// ServesRun says whether the run created the snapshot and it is not in state error.
func ServesRun(s Snapshot, runID string) bool { return s.State != Error && MadeBy(s, runID) }

const (
	clockError = 15 * time.Minute // the largest accepted difference of two clocks
	runLasts   = 24 * time.Hour
)

// LateFor says whether the run's day is over, or almost: then the description of a new snapshot says when it was created.
func LateFor(scheduled, now time.Time) bool { return now.Sub(scheduled) > runLasts-time.Hour }

// inTime says whether a snapshot of the run can have begun at that time: between its scheduled time and a day later, or at the creation time
// in its description, with clockError as tolerance.
func inTime(scheduled, late, began time.Time) bool {
	inDay := !began.Before(scheduled.Add(-clockError)) && !began.After(scheduled.Add(runLasts))
	return inDay || !late.IsZero() && began.After(scheduled) && late.Sub(began).Abs() <= clockError
}

// Maker says who created a snapshot.
type Maker string

// The makers that can be told apart.
const (
	MadeByRun      Maker = "run" // of this product
	MadeByLambda   Maker = "lambda"
	MadeByDLM      Maker = "dlm"
	MadeByBackup   Maker = "aws-backup"
	MadeForImage   Maker = "create-image"
	MadeByCopying  Maker = "copy-snapshot"
	MadeByVelero   Maker = "velero"
	MadeBySomebody Maker = "unknown"
)

// Words names the maker for people.
func (m Maker) Words() string {
	switch m {
	case MadeByRun:
		return "a run of this tool"
	case MadeByLambda:
		return "the AutoSnapshot Lambda"
	case MadeByDLM:
		return "Amazon Data Lifecycle Manager"
	case MadeByBackup:
		return "AWS Backup"
	case MadeForImage:
		return "CreateImage, for an AMI"
	case MadeByCopying:
		return "CopySnapshot"
	case MadeByVelero:
		return "Velero"
	}
	return "a person or another tool"
}

// managers are other tools that manage snapshots. They are recognized by the beginning of the description, or of a tag that only AWS can write
// and that runs do not copy from instances.
var managers = []struct {
	tag, description string
	maker            Maker
}{
	{"aws:backup:", "This snapshot is created by the AWS Backup service", MadeByBackup},
	{"aws:dlm:", "Created for policy", MadeByDLM},
	{"", "Created by CreateImage(", MadeForImage},
}

// noVolume is the volume ID of most copies.
const noVolume = "vol-ffffffff"

// MakerOf says who created the snapshot. It uses what nobody can change afterwards: the description, the start time, the volume, and AWS's own
// tags. Our tags only say which run to check.
func MakerOf(s Snapshot) Maker {
	marked := carries(s.Tags, "aws:") // few snapshots have such tags, and this is called for very many
	for _, m := range managers {
		if strings.HasPrefix(s.Description, m.description) || marked && m.tag != "" && carries(s.Tags, m.tag) {
			return m.maker
		}
	}
	if s.Copy || s.VolumeID == noVolume {
		return MadeByCopying
	}
	run := s.Tags[TagRun]
	if _, scheduled, ok := parseRunID(run); ok {
		if late, ok := describedBy(s.Description, run, s.VolumeID); ok && inTime(scheduled, late, s.StartTime) {
			return MadeByRun
		}
	}
	if _, ok := NamedByLambda(s.Description, s.VolumeID); ok {
		return MadeByLambda
	}
	if carries(s.Tags, "velero.io/") { // last, since an instance may carry this tag too, and runs copy it
		return MadeByVelero
	}
	return MadeBySomebody
}

func carries(tags map[string]string, prefix string) bool {
	for key := range tags {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}
