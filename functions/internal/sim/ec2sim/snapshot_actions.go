package ec2sim

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

const maxDescription = 255

// timeFormat is how EC2 writes times.
const timeFormat = "2006-01-02T15:04:05.000Z"

type snapshotXML struct {
	SnapshotID  string   `xml:"snapshotId"`
	VolumeID    string   `xml:"volumeId"`
	State       string   `xml:"status"`
	Message     string   `xml:"statusMessage,omitempty"`
	StartTime   string   `xml:"startTime"`
	Completed   string   `xml:"completionTime,omitempty"`
	Progress    string   `xml:"progress"`
	OwnerID     string   `xml:"ownerId"`
	SizeGiB     int      `xml:"volumeSize"`
	FullBytes   int64    `xml:"fullSnapshotSizeInBytes,omitempty"`
	Description string   `xml:"description"`
	Encrypted   bool     `xml:"encrypted"`
	Tier        string   `xml:"storageTier"`
	Transfer    string   `xml:"transferType,omitempty"` // of copies only
	Tags        []tagXML `xml:"tagSet>item"`
}

func (s *snapshot) xml(state ebs.State, tags map[string]string) snapshotXML {
	x := snapshotXML{
		SnapshotID:  s.id,
		VolumeID:    s.volumeID,
		State:       string(state),
		StartTime:   s.startTime.Format(timeFormat),
		Progress:    "0%",
		OwnerID:     s.owner,
		SizeGiB:     s.sizeGiB,
		Description: s.description,
		Tier:        "standard",
		Tags:        tagSet(tags),
	}
	if s.copied {
		x.Transfer = "standard"
	}
	switch state {
	case ebs.Completed:
		x.Progress = "100%"
		x.Completed = s.completesAt.Format(timeFormat)
		x.FullBytes = s.fullBytes
	case ebs.Error:
		x.Message = "Client.InternalError: the snapshot failed"
	}
	return x
}

type createSnapshotReply struct {
	meta
	snapshotXML
}

func (a *Account) createSnapshot(p *params, now time.Time) (reply, *apiError) {
	volumeID := p.required("VolumeId")
	description := readDescription(p)
	tags := readTagSpecifications(p, "snapshot")["snapshot"]
	v := a.volumeParam(p, volumeID)
	if err := p.done(); err != nil {
		return nil, err
	}
	if err := a.snapshotsAllowed([]*volume{v}, now); err != nil {
		return nil, err
	}
	s := a.startSnapshot(v, description, tags, now)
	return &createSnapshotReply{snapshotXML: s.xml(s.state(now), tags)}, nil
}

func readDescription(p *params) string {
	description := p.optional("Description")
	if utf8.RuneCountInString(description) > maxDescription {
		p.fail(refuse("InvalidParameterValue", "Value for parameter description is invalid. It has more than %d characters", maxDescription))
	}
	if strings.ContainsFunc(description, func(r rune) bool { return r > unicode.MaxASCII }) {
		p.fail(refuse("InvalidParameterValue", "Value (%s) for parameter description is invalid. Character sets beyond ASCII are not supported.", description))
	}
	return description
}

// snapshotsAllowed checks the limits for one more snapshot of each of the volumes.
func (a *Account) snapshotsAllowed(volumes []*volume, now time.Time) *apiError {
	cfg, store := a.cfg, &a.snapshots
	store.bury(now, cfg.ListLag)
	for _, v := range volumes {
		switch {
		case !v.snapshotAt.IsZero() && now.Before(v.snapshotAt.Add(cfg.MinSnapshotInterval)):
			return refuse("SnapshotCreationPerVolumeRateExceeded", "The maximum per volume CreateSnapshot request rate has been exceeded. Use an increasing or variable sleep interval between requests.")
		case cfg.PendingPerVolume > 0 && store.inProgressOf(v.id, cfg.AccountID, now) >= v.snapshotsAtOnce(cfg.PendingPerVolume):
			return refuse("ConcurrentSnapshotLimitExceeded", "Maximum allowed in-progress snapshots for a single volume exceeded.")
		}
	}
	switch {
	case cfg.PendingPerAccount > 0 && store.pending(now)+len(volumes) > cfg.PendingPerAccount:
		return refuse("PendingSnapshotLimitExceeded", "You have reached the limit on the number of pending snapshots: %d", cfg.PendingPerAccount)
	case cfg.MaxSnapshots > 0 && store.owned+len(volumes) > cfg.MaxSnapshots:
		return refuse("SnapshotLimitExceeded", "You have reached the limit on the number of snapshots: %d", cfg.MaxSnapshots)
	}
	return nil
}

func (a *Account) startSnapshot(v *volume, description string, tags map[string]string, now time.Time) *snapshot {
	v.snapshots++
	v.snapshotAt = now
	s := &snapshot{
		volumeID:    v.id,
		owner:       a.cfg.AccountID,
		description: description,
		sizeGiB:     v.sizeGiB,
		fullBytes:   int64(v.sizeGiB) << 30, // as if the volume were full
		startTime:   now,
		listedFrom:  now.Add(a.cfg.ListLag),
		completesAt: now.Add(a.cfg.Completion(v.id, v.snapshots)),
		history:     []tagging{{now, merged(tags, nil)}},
	}
	s.ident = a.newIdent(snapshotPrefix, "")
	if v.failNext > 0 {
		v.failNext--
		s.failsAt = s.completesAt
	}
	a.snapshots.add(s, true)
	return s
}

func (a *Account) deleteSnapshot(p *params, now time.Time) (reply, *apiError) {
	id := p.required("SnapshotId")
	p.checkID(id, snapshotPrefix)
	if err := p.done(); err != nil {
		return nil, err
	}
	s := a.snapshots.byID[id]
	switch {
	case s == nil || !a.maySee(s):
		return nil, snapshotNotFound(id)
	case s.owner != a.cfg.AccountID:
		return nil, refuse("AuthFailure", "Not authorized for snapshot: %s", id)
	}
	if ami := a.imageUsing(id); ami != "" {
		return nil, refuse("InvalidSnapshot.InUse", "The snapshot %s is currently in use by %s", id, ami)
	}
	if s.locked {
		// AWS does not document the code; do not depend on this one.
		return nil, refuse("OperationNotPermitted", "The snapshot %s is locked and can't be deleted", id)
	}
	a.removeSnapshot(s, ByAPI, now)
	return &done{Return: true}, nil
}

func (a *Account) removeSnapshot(s *snapshot, by string, now time.Time) {
	a.deletions = append(a.deletions, Deletion{At: now, By: by, Snapshot: a.copySnapshot(s, now)})
	a.snapshots.delete(s, s.owner == a.cfg.AccountID, now, a.cfg.ListLag)
}

func snapshotNotFound(id string) *apiError {
	return refuse("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", id)
}

func (a *Account) maySee(s *snapshot) bool { return s.owner == a.cfg.AccountID || s.shared }

type describeSnapshotsReply struct {
	meta
	Snapshots []snapshotXML `xml:"snapshotSet>item"`
	NextToken string        `xml:"nextToken,omitempty"`
}

func (a *Account) describeSnapshots(p *params, now time.Time) (reply, *apiError) {
	pg := a.readPager(p, "DescribeSnapshots", "SnapshotId")
	fs := readFilters(p, "volume-id", "status", "owner-id", "snapshot-id")
	owners := a.readOwners(p)
	ids := p.strings("SnapshotId")
	for _, id := range ids {
		p.checkID(id, snapshotPrefix)
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	lag := a.cfg.ListLag
	a.snapshots.bury(now, lag)
	for _, id := range ids {
		if s := a.snapshots.find(id); s == nil || !a.maySee(s) || !s.listed(now, lag) {
			return nil, snapshotNotFound(id)
		}
	}
	items, next := page(pg, a.snapshots.candidates(ids, fs), func(s *snapshot) bool {
		return a.maySee(s) && s.listed(now, lag) &&
			(owners == nil || slices.Contains(owners, s.owner)) &&
			fs.match(s.listedTags(now, lag), func(name string) []string { return s.attribute(name, now) })
	})
	out := &describeSnapshotsReply{NextToken: next}
	for _, s := range items {
		out.Snapshots = append(out.Snapshots, s.xml(s.state(now), s.listedTags(now, lag)))
	}
	return out, nil
}

// readOwners reads the list Owner; nil means everybody.
func (a *Account) readOwners(p *params) []string {
	owners := p.strings("Owner")
	for i, o := range owners {
		switch {
		case o == "self":
			owners[i] = a.cfg.AccountID
		case len(o) != 12 || strings.Trim(o, "0123456789") != "":
			p.fail(refuse("InvalidParameterValue", "Value (%s) for parameter owner is invalid (ec2sim models self and account IDs)", o))
		}
	}
	return owners
}

func (s *snapshot) attribute(name string, now time.Time) []string {
	switch name {
	case "volume-id":
		return []string{s.volumeID}
	case "status":
		return []string{string(s.state(now))}
	case "owner-id":
		return []string{s.owner}
	case "snapshot-id":
		return []string{s.id}
	}
	panic("ec2sim: filter " + name + " is let in but not modelled")
}

// candidates gives the snapshots that may match, in the order of places. It gives all snapshots only if it has to.
func (st *snapshotStore) candidates(ids []string, fs filters) []*snapshot {
	var out []*snapshot
	if len(ids) > 0 {
		for _, id := range ids {
			out = append(out, st.find(id))
		}
	} else if volumeIDs, ok := fs.exactly("volume-id"); ok {
		for _, id := range volumeIDs {
			out = append(out, st.byVolume[id]...)
		}
	} else {
		return st.listed
	}
	slices.SortFunc(out, compareByPlace[*snapshot])
	return slices.Compact(out)
}
