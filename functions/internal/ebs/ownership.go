package ebs

import (
	"strings"
	"time"
)

// Ownership says whose a snapshot is.
type Ownership int

const (
	Foreign Ownership = iota // no run of this schedule made it
	Claimed                  // a run of this schedule made it, and a person has taken it over since
	Managed                  // a run of this schedule made it, and it is still ours to keep or delete
)

func (o Ownership) String() string { return [...]string{"foreign", "claimed", "managed"}[o] }

// OwnershipOf says whose the snapshot is from the point of view of one schedule. Only a managed snapshot may ever be deleted, and
// only managed ones count. Tags alone prove nothing, since whoever may tag can write ours, and other tools copy them: what nobody
// can change after the snapshot was made has to agree (MakerOf).
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

// madeFor says whether a run of the schedule made the snapshot, or a person adopted what the first users' Lambda had made.
func madeFor(s Snapshot, keyword string) bool {
	if s.Tags[TagRun] == AdoptedRun {
		return MakerOf(s) == MadeByLambda
	}
	of, _ := cutRunID(s.Tags[TagRun])
	return of == keyword && MakerOf(s) == MadeByRun
}

// MadeBy says whether the run made the snapshot, whatever people have done to its other tags since.
func MadeBy(s Snapshot, runID string) bool {
	return s.Tags[TagRun] == runID && MakerOf(s) == MadeByRun
}

// ServesRun says whether the run made the snapshot, and it is or may still be good: one in state error holds nothing.
func ServesRun(s Snapshot, runID string) bool { return s.State != Error && MadeBy(s, runID) }

const (
	clockError = 15 * time.Minute // the most that two clocks differ
	runLasts   = 24 * time.Hour
)

// LateFor says whether the run's day is over, or nearly: what it makes from then on says in its description when it was made.
func LateFor(scheduled, now time.Time) bool { return now.Sub(scheduled) > runLasts-time.Hour }

// inTime says whether a snapshot of the run can have begun at the moment: between its scheduled time and a day later, or when the
// description says that it was made, each give or take the difference between two clocks.
func inTime(scheduled, late, began time.Time) bool {
	inDay := !began.Before(scheduled.Add(-clockError)) && !began.After(scheduled.Add(runLasts))
	return inDay || !late.IsZero() && began.After(scheduled) && late.Sub(began).Abs() <= clockError
}

// Maker says who made a snapshot.
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

// Words says it to a person.
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

// managers are those who manage snapshots beside us, by the beginning of a tag that only AWS can write and that no run copies from an
// instance, or of the description.
var managers = []struct {
	tag, description string
	maker            Maker
}{
	{"aws:backup:", "This snapshot is created by the AWS Backup service", MadeByBackup},
	{"aws:dlm:", "Created for policy", MadeByDLM},
	{"", "Created by CreateImage(", MadeForImage},
}

// noVolume is the volume ID that EC2 gives most copies.
const noVolume = "vol-ffffffff"

// MakerOf says who made the snapshot, going by what nobody can change afterwards: its description, the moment at which it began,
// its volume, and the tags that AWS keeps for itself. Our own tags say which run it is to have been.
func MakerOf(s Snapshot) Maker {
	marked := carries(s.Tags, "aws:") // few snapshots are, and the retention of very many asks this of each
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
	if carries(s.Tags, "velero.io/") { // an instance may carry it, too: it names a stranger, and disowns nothing
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
