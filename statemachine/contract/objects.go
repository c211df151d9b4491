package contract

import (
	"path"
	"strings"
	"time"
)

// The objects in the bucket. What an execution writes stands apart from what an earlier execution of the same run wrote: its failures
// are not the other's.

// Claim is the object under ClaimKey: it says which execution has a run.
type Claim struct {
	Run       string
	Execution string
	ClaimedAt time.Time
	Resumed   bool      // another execution had it before
	Done      time.Time `json:",omitzero"` // when a report found each volume completed or gone: the run is not started again
}

// Excluded is a volume of the run's instances that the run does not snapshot, and why. The object under ExcludedKey is an array of them.
type Excluded struct {
	InstanceID, Name, VolumeID, Device string
	Reason                             Exclusion
}

// Exclusion says why runs do not snapshot a volume.
type Exclusion string

// Why a volume is excluded.
const (
	VolumeTagOff   Exclusion = "volume-tag-off"   // its own tag says off
	InstanceTagOff Exclusion = "instance-tag-off" // its instance's tag says off
	BootVolume     Exclusion = "boot-volume"      // the schedule excludes boot volumes
)

// Words says it to a person.
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

// RunPrefix is where everything of a run stands. A keyword may hold any character of a tag key, a key of S3 and a file name had better not.
func RunPrefix(r Run) string {
	return "runs/" + KeywordASCII(r.SnapshotKeyWord) + "/" + r.ScheduledTime.Format("20060102T150405Z") + "/"
}

// ClaimKey is where the Claim of a run stands.
func ClaimKey(r Run) string { return RunPrefix(r) + "run.json" }

// CompletedKey is where the IDs of the volumes stand that had a completed snapshot of the run when an execution of it reported and left
// something to do: an array of them. Their snapshots may be pruned before another execution finishes the run.
func CompletedKey(r Run) string { return RunPrefix(r) + "completed.json" }

// StrangersKey is where the IDs of the snapshots stand that carry the schedule's tags, that no run made, and that a report has named.
func StrangersKey(r Run) string { return path.Dir(path.Dir(RunPrefix(r))) + "/strangers.json" }

// ManifestKey is where an execution's manifest of a run stands: an array of Item.
func ManifestKey(r Run, execution string) string {
	return executionPrefix(r, execution) + "manifest.json"
}

// FailurePrefix is where an execution records the failures of volumes.
func FailurePrefix(r Run, execution string) string {
	return executionPrefix(r, execution) + "failures/"
}

func executionPrefix(r Run, execution string) string {
	name := execution[strings.LastIndex(execution, ":")+1:]
	return RunPrefix(r) + path.Base(name) + "/"
}

// ExcludedKey is where the volumes stand that the run with the manifest excludes, if there are any.
func ExcludedKey(manifestKey string) string { return path.Dir(manifestKey) + "/excluded.json" }

// ReportKey is where the report of the run with the manifest stands.
func ReportKey(manifestKey string) string { return path.Dir(manifestKey) + "/report.json" }
