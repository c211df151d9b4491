package contract

import (
	"path"
	"strings"
	"time"
)

// The objects in the bucket. Each execution of a run has a folder of its own, so that it does not read the failures of an earlier
// execution.

// Claim is the object at ClaimKey. It says which execution has claimed a run.
type Claim struct {
	Run       string
	Execution string
	ClaimedAt time.Time
	Resumed   bool      // another execution had claimed the run before
	Done      time.Time `json:",omitzero"` // when a report found each volume completed or deleted; then the run is not started again
}

// Excluded is a volume of the schedule that the run does not snapshot, and why. InstanceID is "" if it is attached to no instance. The object at ExcludedKey is an array of these.
type Excluded struct {
	InstanceID, Name, VolumeID, Device string
	Reason                             Exclusion
}

// Exclusion says why runs do not snapshot a volume.
type Exclusion string

// Why a volume is excluded.
const (
	VolumeTagOff   Exclusion = "volume-tag-off"   // its own tag is off
	InstanceTagOff Exclusion = "instance-tag-off" // its instance's tag is off
	BootVolume     Exclusion = "boot-volume"      // the schedule excludes boot volumes
)

// Words describes the reason for a person.
func (e Exclusion) Words(keyword string) string {
	switch e {
	case VolumeTagOff:
		return "its own tag " + keyword + " is off"
	case InstanceTagOff:
		return "its instance's tag " + keyword + " is off"
	case BootVolume:
		return "it is a boot volume, and the schedule excludes those (its own tag " + keyword + " would include it)"
	}
	return string(e)
}

// RunPrefix is the prefix of all objects of a run. It contains the ASCII form of the keyword, because some characters of a tag key are
// unsafe in S3 keys and in file names.
func RunPrefix(r Run) string {
	return "runs/" + KeywordASCII(r.SnapshotKeyWord) + "/" + r.ScheduledTime.Format("20060102T150405Z") + "/"
}

// ClaimKey is the key of a run's Claim.
func ClaimKey(r Run) string { return RunPrefix(r) + "run.json" }

// CompletedKey is the key of an array of volume IDs: volumes that had a completed snapshot of the run when an execution reported and the
// run was not finished. Their snapshots may be pruned before another execution finishes the run.
func CompletedKey(r Run) string { return RunPrefix(r) + "completed.json" }

// StrangersKey is the key of a list of snapshot IDs: snapshots that have the schedule's tags although no run created them, and that a
// report has already listed.
func StrangersKey(r Run) string { return path.Dir(path.Dir(RunPrefix(r))) + "/strangers.json" }

// ManifestKey is the key of an execution's manifest, an array of Item.
func ManifestKey(r Run, execution string) string {
	return executionPrefix(r, execution) + "manifest.json"
}

// FailurePrefix is the prefix of the failures of volumes that an execution records.
func FailurePrefix(r Run, execution string) string {
	return executionPrefix(r, execution) + "failures/"
}

func executionPrefix(r Run, execution string) string {
	name := execution[strings.LastIndex(execution, ":")+1:]
	return RunPrefix(r) + path.Base(name) + "/"
}

// ExcludedKey is the key of the run's excluded volumes, if there are any.
func ExcludedKey(manifestKey string) string { return path.Dir(manifestKey) + "/excluded.json" }

// ReportKey is the key of the run's report.
func ReportKey(manifestKey string) string { return path.Dir(manifestKey) + "/report.json" }
