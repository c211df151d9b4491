package ec2sim

import (
	"cmp"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// AddSnapshot adds any snapshot, for example a manual or an old one, or another account's, and gives its ID. It is listed without lag, and no limit
// applies. Defaults: a new ID, this account, completed, started now. A pending one stays pending until SetSnapshotState.
func (a *Account) AddSnapshot(in Snapshot) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.snapshots.byID[in.ID] != nil {
		panic("ec2sim: there is already a snapshot " + in.ID)
	}
	now := a.now()
	start := now
	if !in.StartTime.IsZero() {
		start = in.StartTime.UTC().Truncate(time.Millisecond)
	}
	s := &snapshot{
		ident:       a.newIdent(snapshotPrefix, in.ID),
		volumeID:    in.VolumeID,
		owner:       cmp.Or(in.OwnerID, a.cfg.AccountID),
		description: in.Description,
		copied:      in.Copy,
		shared:      in.Shared,
		sizeGiB:     cmp.Or(in.SizeGiB, defaultSizeGiB),
		fullBytes:   in.FullBytes,
		startTime:   start,
		completesAt: start,
		fixed:       cmp.Or(in.State, ebs.Completed),
		history:     []tagging{{now, merged(in.Tags, nil)}},
	}
	a.snapshots.add(s, s.owner == a.cfg.AccountID)
	return s.id
}

// TagSnapshot sets a tag of a snapshot, as a person who claims it may do.
func (a *Account) TagSnapshot(snapshotID, key, value string) { a.tag(snapshotID, key, value) }

// UntagSnapshot removes a tag of a snapshot, as a person who claims it may do.
func (a *Account) UntagSnapshot(snapshotID, key string) { a.untag(snapshotID, key) }

// DeleteSnapshotByPerson deletes a snapshot, even if an AMI or a lock holds it.
func (a *Account) DeleteSnapshotByPerson(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.removeSnapshot(must(a.snapshots.byID, id), ByPerson, a.now())
}

// HoldByAMI makes an AMI use the snapshot: DeleteSnapshot answers InvalidSnapshot.InUse.
func (a *Account) HoldByAMI(snapshotID, amiID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := must(a.snapshots.byID, snapshotID)
	img := a.images[amiID]
	if img == nil {
		img = &image{id: amiID, name: amiID}
		a.images[amiID] = img
	}
	img.mapping = append(img.mapping, mapping{device: "/dev/xvda", snapshotID: snapshotID, sizeGiB: s.sizeGiB, deleteOnTermination: true})
}

// ReleaseAMI deregisters an AMI: its snapshots can be deleted again.
func (a *Account) ReleaseAMI(amiID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	must(a.images, amiID)
	delete(a.images, amiID)
}

// Lock makes DeleteSnapshot refuse the snapshot, with a code that is not documented.
func (a *Account) Lock(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	must(a.snapshots.byID, id).locked = true
}

// Unlock undoes Lock.
func (a *Account) Unlock(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	must(a.snapshots.byID, id).locked = false
}

// SetSnapshotState sets a snapshot's state. Time does not change it any more. In the state error it takes its set along.
func (a *Account) SetSnapshotState(id string, state ebs.State) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := must(a.snapshots.byID, id)
	s.fixed = state
	if state == ebs.Error {
		s.failSet()
	}
	if now := a.now(); state == ebs.Completed && now.Before(s.completesAt) {
		s.completesAt = now
	}
	if state == ebs.Pending && s.owner == a.cfg.AccountID && !slices.Contains(a.snapshots.running, s) {
		a.snapshots.running = append(a.snapshots.running, s)
	}
}

// FailSnapshot puts a snapshot, and its set, in the state error.
func (a *Account) FailSnapshot(id string) { a.SetSnapshotState(id, ebs.Error) }

// FailNextSnapshotOf makes the next snapshot of a volume (called n times: the next n) end in error instead of completed, and with it the others
// of its set.
func (a *Account) FailNextSnapshotOf(volumeID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	must(a.volumes.byID, volumeID).failNext++
}
