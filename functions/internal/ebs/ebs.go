// Package ebs holds the project's picture of EBS: volumes, their instances, their snapshots, and the tags that make a
// snapshot ours. It is pure: no AWS package, no clock, no I/O.
package ebs

import (
	"cmp"
	"time"
)

// State is the state of a snapshot, as EC2 names it (DescribeSnapshots, field status).
type State string

// The states that EC2 knows.
const (
	Pending     State = "pending"
	Completed   State = "completed"
	Error       State = "error"
	Recoverable State = "recoverable" // in the Recycle Bin
	Recovering  State = "recovering"  // on its way back from the Recycle Bin
)

// Snapshot is one EBS snapshot that this account owns.
type Snapshot struct {
	ID        string // snap-…
	VolumeID  string // vol-…; an arbitrary one if the snapshot is a copy
	State     State
	StartTime time.Time         // when EC2 took it: the moment whose data it holds
	SizeGiB   int               // size of the volume, an upper bound of what the snapshot stores
	Tags      map[string]string // user tags
	Message   string            // what EC2 says of a snapshot in state error

	Description string // as whoever made it wrote it; nobody can change it afterwards
	Copy        bool   // EC2 says that it is a copy of another snapshot
	FullBytes   int64  // all blocks that a volume made of it would have, its own and older ones'; 0 if EC2 does not say
}

// OldestFirst orders snapshots by their start, and those of the same moment by ID.
func OldestFirst(a, b Snapshot) int {
	return cmp.Or(a.StartTime.Compare(b.StartTime), cmp.Compare(a.ID, b.ID))
}

// NewestFirst orders snapshots by their start, and those of the same moment by ID.
func NewestFirst(a, b Snapshot) int {
	return cmp.Or(b.StartTime.Compare(a.StartTime), cmp.Compare(a.ID, b.ID))
}

// ListsSettle is how long EC2's lists usually need to show what has changed.
const ListsSettle = 10 * time.Second

// Instance is an EC2 instance that opted in by its schedule tag.
type Instance struct {
	ID      string            // i-…
	Tags    map[string]string // all its tags, those of AWS (aws:…) too
	Volumes []Attachment      // its EBS volumes, in EC2's order
}

// Attachment is one EBS volume as an instance sees it.
type Attachment struct {
	VolumeID string // vol-…
	Device   string // e.g. /dev/xvda
	Boot     bool   // the instance boots from it
}

// Volume is a volume as it is by itself, whatever it is attached to.
type Volume struct {
	ID      string
	Tags    map[string]string
	SizeGiB int
}

// RefusedError says that EC2 won't delete a snapshot, and won't however often it is asked: an AMI uses it, it is locked, or
// another service owns it. The snapshot stays, for this reason; it is no failure.
type RefusedError struct {
	SnapshotID string
	Code       string // EC2's error code, e.g. InvalidSnapshot.InUse
	Message    string
}

func (e *RefusedError) Error() string {
	return "EC2 refuses to delete " + e.SnapshotID + ": " + e.Message + " (" + e.Code + ")"
}

// TagsRefusedError says that EC2 won't change the tags of one of the snapshots of a call, and so has changed none.
type TagsRefusedError struct {
	Gone    bool   // one of them is not there
	Code    string // EC2's error code, e.g. TagLimitExceeded
	Message string
}

func (e *TagsRefusedError) Error() string { return "EC2 refuses: " + e.Message + " (" + e.Code + ")" }
