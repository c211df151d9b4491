// Package ebs models EBS for this project: volumes, their instances, their snapshots, and the tags that make a snapshot ours. It is pure: no
// AWS package, no clock, no I/O.
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
	Recovering  State = "recovering"  // being restored from the Recycle Bin
)

// Snapshot is one EBS snapshot that this account owns.
type Snapshot struct {
	ID        string // snap-…
	VolumeID  string // vol-…; an arbitrary ID if the snapshot is a copy
	State     State
	StartTime time.Time         // when EC2 started it: its data is of that moment
	SizeGiB   int               // size of the volume, an upper bound of what the snapshot stores
	Tags      map[string]string // user tags
	Message   string            // EC2's message about a snapshot in state error

	Description string // written by its creator; nobody can change it afterwards
	Copy        bool   // EC2 says that it is a copy
	FullBytes   int64  // all blocks of a volume restored from it, including those that older snapshots store; 0 if unknown
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

// Instance is an EC2 instance. One without an ID stands for a volume that is attached to none, and has the volume's tags.
type Instance struct {
	ID      string            // i-…
	Tags    map[string]string // all its tags, including those of AWS (aws:…)
	Volumes []Attachment      // its EBS volumes, in EC2's order
}

// Attachment is an EBS volume attached to an instance.
type Attachment struct {
	VolumeID string // vol-…
	Device   string // e.g. /dev/xvda
	Boot     bool   // the instance boots from it
}

// Volume is an EBS volume, attached or not.
type Volume struct {
	ID        string
	Tags      map[string]string
	SizeGiB   int
	Instances []string // the IDs of those it is attached to; several if it is a Multi-Attach volume
}

// RefusedError says that EC2 refuses to delete a snapshot, and that a retry would not help: an AMI uses it, it is locked, or another service
// owns it. The snapshot is kept for this reason, which is not a failure.
type RefusedError struct {
	SnapshotID string
	Code       string // EC2's error code, e.g. InvalidSnapshot.InUse
	Message    string
}

func (e *RefusedError) Error() string {
	return "EC2 refuses to delete " + e.SnapshotID + ": " + e.Message + " (" + e.Code + ")"
}

// TagsRefusedError says that EC2 refuses to change the tags of one of the snapshots of a call, and so has changed none of them.
type TagsRefusedError struct {
	Gone    bool   // one of them does not exist
	Code    string // EC2's error code, e.g. TagLimitExceeded
	Message string
}

func (e *TagsRefusedError) Error() string { return "EC2 refuses: " + e.Message + " (" + e.Code + ")" }
