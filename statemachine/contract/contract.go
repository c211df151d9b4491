// Package contract holds what the state machine and its Lambdas say to each other: the execution's input, the functions'
// requests and results, the manifest's items, and the closed list of errors. Tests check it against the definition both ways.
package contract

import (
	"encoding/json"
	"time"
)

// RunTimeout is how long an execution may take: the definition's TimeoutSeconds.
const RunTimeout = 24 * time.Hour

// Input is the execution's input. SnapshotKeyWord is all that it must hold; a schedule adds the rest.
type Input struct {
	SnapshotKeyWord string // the schedule's keyword: the tag key by which instances opt in
	ScheduledTime   string `json:",omitempty"` // RFC 3339; without it, the time when the execution started
	TimeZone        string `json:",omitempty"` // IANA name, in which calendar rules count
	// AnyKeyword says that the keyword is meant although no schedule has it. A person sets it.
	AnyKeyword bool `json:",omitempty"`
}

// Run is one firing of one schedule.
type Run struct {
	ID              string // keyword + "/" + scheduled time in UTC, e.g. SnapshotDaily/2026-11-22T00:00:00Z
	SnapshotKeyWord string
	ScheduledTime   time.Time // UTC, whole seconds
	TimeZone        string    // IANA name; never empty
	// Resumed says that another execution had the run before and did not finish it. What it created last, EC2's lists may
	// not have shown when the manifest was written.
	Resumed bool `json:",omitempty"`
	// AnyKeyword is the input's: whoever starts the run again has to say it again.
	AnyKeyword bool `json:",omitempty"`
}

// DiscoverRequest is what discover-instances is called with.
type DiscoverRequest struct {
	Input     json.RawMessage // the execution's input, whole, so that what is missing or malformed gets a message of ours
	Execution string          // ARN of the execution
	StartTime time.Time       // when the execution started; the same in each retry
}

// Outcomes of discover-instances.
const (
	OutcomeWork      = "Work"      // the manifest has instances
	OutcomeNothing   = "Nothing"   // no volume opted in
	OutcomeDuplicate = "Duplicate" // another execution has this run
)

// Discovery is what discover-instances returns, and what report-run is called with once the map is done. It holds IDs and
// counts only: it is the state of the parent execution, which must not grow with the fleet.
type Discovery struct {
	Outcome       string
	Run           Run
	Execution     string    // ARN of the execution that holds the run
	ManifestKey   string    // S3 key of the manifest: a JSON array of Item
	FailurePrefix string    // S3 prefix under which failures of volumes are recorded, <prefix><volume ID>.json
	Instances     int       // in the manifest
	Volumes       int       // in the manifest
	LastStartAt   time.Time // when the last instance's turn comes
	Excluded      int       `json:",omitempty"` // volumes of tagged instances that the run does not snapshot
	// DoneEarlier counts the volumes that an earlier execution of the run completed and whose snapshots are gone since. They are not in
	// the manifest.
	DoneEarlier int `json:",omitempty"`

	// Map is what the map state left, for report-run: a MapResult. It is read leniently, since emulators leave the array of
	// the children's results instead.
	Map json.RawMessage `json:",omitempty"`
}

// MapResult is what the Distributed Map state leaves in the parent's state: where Step Functions exported the children's
// results, or the error that the map as a whole failed with.
type MapResult struct {
	ResultWriterDetails struct {
		Key string // S3 key of the export's manifest.json
	}
	Failure
}

// Item is an entry of the manifest: one instance, the input of one child execution (at most about 30 KB). An instance with
// very many volumes has several.
type Item struct {
	Run           Run
	StartAt       time.Time // when its turn to create snapshots comes
	Instance      Instance
	Volumes       []Volume
	FailurePrefix string
}

// Instance is the instance of an item.
type Instance struct {
	ID   string
	Tags map[string]string // its tags, without those of AWS
}

// Volume is a volume that the run snapshots.
type Volume struct {
	ID         string
	Device     string
	Retention  string // the tag's value in force: the volume's own, else its instance's
	SnapshotID string // this run's snapshot if it was there already when the manifest was written, else ""
	// WaitSeconds is how long after its creation the snapshot is first looked at: most have completed by then. 0 for one that was
	// there already.
	WaitSeconds int
}

// VolumeTask is the state in which a volume's steps run.
type VolumeTask struct {
	Run           Run
	StartAt       time.Time
	Instance      Instance
	Volume        Volume
	FailurePrefix string
	Snapshot      *SnapshotAnswer `json:",omitempty"` // once snapshot-volume has returned
	Failure       *Failure        `json:",omitempty"` // once a step has failed
}

// SnapshotAnswer is snapshot-volume's answer as the state keeps it: whole. No path of the definition looks into it, since a path that
// finds nothing ends the whole child execution, with the instance's other volumes, and nothing catches that. An answer that makes
// no sense is prune-volume's to refuse, which fails this volume alone.
type SnapshotAnswer struct{ Payload SnapshotResult }

// SnapshotRequest is what snapshot-volume is called with.
type SnapshotRequest struct {
	Run      Run
	StartAt  time.Time // when the volume's turn came
	Instance Instance
	Volume   Volume
	Attempt  int // how often the state was retried: 0 the first time
}

// SnapshotResult is what snapshot-volume returns.
type SnapshotResult struct {
	SnapshotID string
	Found      bool // it was there already: an earlier attempt or execution of this run created it
}

// PruneRequest is what prune-volume is called with.
type PruneRequest struct {
	Run        Run
	InstanceID string
	Volume     Volume
	Snapshot   SnapshotResult
	Attempt    int
}

// PruneResult is what prune-volume returns. It is logged and stands in the console's history; the workflow drops it.
type PruneResult struct {
	Kept    int       // managed snapshots of the schedule and volume that are left, completed or not
	Removed []Removal // what this call deleted
	Blocked []Removal // what the retention would drop and EC2 does not let go, with EC2's reason
	Note    string    `json:",omitempty"` // why nothing was pruned, if that is so
}

// Removal is a snapshot that was deleted, or was to be.
type Removal struct {
	SnapshotID string
	Reason     string
}

// Failure is how Step Functions describes an error: its name and, for a Lambda, a JSON text with the message. It is what
// RecordFailure stores for a volume.
type Failure struct {
	Error string `json:",omitempty"`
	Cause string `json:",omitempty"`
}

// Outcomes of report-run.
const (
	OutcomeSucceeded = "Succeeded"
	OutcomeFailed    = "Failed"
)

// ReportResult is what report-run returns.
type ReportResult struct {
	Outcome   string
	Summary   string // one line, for the console
	ReportKey string // S3 key of report.json
	Volumes   int    // in the manifest
	Healthy   int    // with a completed snapshot of this run
	Failed    int
	Gone      int // deleted since discovery
	Problems  int // that are no failures
}
