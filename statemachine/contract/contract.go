// Package contract has what the state machine and its Lambda functions exchange: the execution's input, the functions' requests and
// results, the items of the manifest, and the closed list of errors. Tests compare it with the definition in both directions.
package contract

import (
	"encoding/json"
	"time"
)

// RunTimeout is how long an execution may take: the definition's TimeoutSeconds.
const RunTimeout = 24 * time.Hour

// Input is the execution's input. Only SnapshotKeyWord is required. A schedule gives the rest too.
type Input struct {
	SnapshotKeyWord string // the schedule's keyword: the tag key by which instances opt in
	ScheduledTime   string `json:",omitempty"` // RFC 3339; default: the time when the execution started
	TimeZone        string `json:",omitempty"` // IANA name; calendar rules count in it
	// AnyKeyword allows a keyword that no schedule has. A person sets it.
	AnyKeyword bool `json:",omitempty"`
}

// Run is one run of a schedule at one scheduled time.
type Run struct {
	ID              string // keyword + "/" + scheduled time in UTC, e.g. SnapshotDaily/2026-11-22T00:00:00Z
	SnapshotKeyWord string
	ScheduledTime   time.Time // UTC, whole seconds
	TimeZone        string    // IANA name; never empty
	// Resumed says that another execution had claimed the run and did not finish it. EC2's lists may not yet have shown its latest
	// snapshots when the manifest was written.
	Resumed bool `json:",omitempty"`
	// AnyKeyword is the same field of the input. A person who starts the run again must set it again.
	AnyKeyword bool `json:",omitempty"`
}

// DiscoverRequest is the request to discover-instances.
type DiscoverRequest struct {
	Input     json.RawMessage // the whole execution input, so that discover-instances itself reports what is missing or malformed
	Execution string          // ARN of the execution
	StartTime time.Time       // when the execution started; the same in each retry
}

// Outcomes of discover-instances.
const (
	OutcomeWork      = "Work"      // the manifest has instances
	OutcomeNothing   = "Nothing"   // no volume has the tag
	OutcomeDuplicate = "Duplicate" // another execution has this run
)

// Discovery is the result of discover-instances, and the request to report-run after the map. It has only IDs and counts: it is the
// state of the parent execution, which must not grow with the fleet.
type Discovery struct {
	Outcome       string
	Run           Run
	Execution     string    // ARN of the execution that has claimed the run
	ManifestKey   string    // S3 key of the manifest: a JSON array of Item
	FailurePrefix string    // S3 prefix for the recorded failures of volumes, <prefix><volume ID>.json
	Instances     int       // in the manifest
	Volumes       int       // in the manifest
	LastStartAt   time.Time // when the last instance may start
	Excluded      int       `json:",omitempty"` // volumes of the schedule that the run does not snapshot
	// DoneEarlier counts the volumes that an earlier execution of the run completed and whose snapshots are gone since. They are not in
	// the manifest.
	DoneEarlier int `json:",omitempty"`

	// Map is the result of the map state, for report-run: a MapResult. Reading it must not fail for other JSON, because emulators put
	// the array of the children's results there.
	Map json.RawMessage `json:",omitempty"`
}

// MapResult is the result of the Distributed Map: where Step Functions exported the children's results, or the error with which the
// whole map failed.
type MapResult struct {
	ResultWriterDetails struct {
		Key string // S3 key of the export's manifest.json
	}
	Failure
}

// Item is an entry of the manifest, and the input of one child execution (at most about 30 KB). It is for one instance, or for one
// volume that is attached to none. An instance with very many volumes has several items.
type Item struct {
	Run           Run
	StartAt       time.Time // when it may start to create snapshots
	Instance      Instance
	Volumes       []Volume
	FailurePrefix string
}

// Instance is the EC2 instance of an item.
type Instance struct {
	ID   string            // "" if the item's volume is attached to none; the definition needs the field
	Tags map[string]string // its tags, or the volume's if there is no instance, except the reserved tags of AWS
}

// Volume is a volume that the run snapshots.
type Volume struct {
	ID         string
	Device     string
	Retention  string // the value of the volume's own tag, or else of its instance's tag
	SnapshotID string // this run's snapshot if it existed when the manifest was written; else ""
	// WaitSeconds is how long to wait after the snapshot is created, before the first check. Most snapshots have completed by then.
	// 0 if the snapshot existed already.
	WaitSeconds int
}

// VolumeTask is the state of a volume's steps in the definition.
type VolumeTask struct {
	Run           Run
	StartAt       time.Time
	Instance      Instance
	Volume        Volume
	FailurePrefix string
	Snapshot      *SnapshotAnswer `json:",omitempty"` // once snapshot-volume has returned
	Failure       *Failure        `json:",omitempty"` // once a step has failed
}

// SnapshotAnswer is the whole answer of snapshot-volume, as the state keeps it. No path of the definition reads inside it: if a path
// finds nothing, the whole child execution ends, with the instance's other volumes, and nothing catches that. Instead, prune-volume
// refuses an answer that makes no sense. Then only this volume fails.
type SnapshotAnswer struct{ Payload SnapshotResult }

// SnapshotRequest is the request to snapshot-volume.
type SnapshotRequest struct {
	Run      Run
	StartAt  time.Time // when the instance was allowed to start
	Instance Instance
	Volume   Volume
	Attempt  int // how many times the state has been retried: 0 the first time
}

// SnapshotResult is the result of snapshot-volume.
type SnapshotResult struct {
	SnapshotID string
	Found      bool // the snapshot existed: an earlier attempt or execution of this run created it
}

// PruneRequest is the request to prune-volume.
type PruneRequest struct {
	Run        Run
	InstanceID string // "" if the volume is attached to none
	Volume     Volume
	Snapshot   SnapshotResult
	Attempt    int
}

// PruneResult is the result of prune-volume. The log and the console's history show it. The workflow does not use it.
type PruneResult struct {
	Kept    int       // how many managed snapshots of the schedule and volume are kept, completed or not
	Removed []Removal // the snapshots that this call deleted
	Blocked []Removal // snapshots to delete that EC2 refuses to delete, with EC2's reason
	Note    string    `json:",omitempty"` // why nothing was deleted; "" otherwise
}

// Removal is a snapshot that was deleted, or that should have been deleted.
type Removal struct {
	SnapshotID string
	Reason     string
}

// Failure is an error as Step Functions describes it: its name and, for a Lambda function, a JSON text with the message. RecordFailure
// stores it for a volume.
type Failure struct {
	Error string `json:",omitempty"`
	Cause string `json:",omitempty"`
}

// Outcomes of report-run.
const (
	OutcomeSucceeded = "Succeeded"
	OutcomeFailed    = "Failed"
)

// ReportResult is the result of report-run.
type ReportResult struct {
	Outcome   string
	Summary   string // one line, for the console
	ReportKey string // S3 key of report.json
	Volumes   int    // in the manifest
	Healthy   int    // with a completed snapshot of this run
	Failed    int
	Gone      int // volumes that were deleted after they were discovered
	Problems  int // problems that are not failures
}
