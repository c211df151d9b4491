package ec2sim

import (
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// The documented limits of a call of CreateSnapshots (EC2 API Reference, InstanceSpecification; EBS User Guide, "Create multi-volume EBS
// snapshots").
const (
	maxSetVolumes   = 128 // attached to the instance, the root included
	maxSetExclusion = 40
)

// snapshotInfoXML is a snapshot in the reply of CreateSnapshots: other elements than in that of CreateSnapshot, and "state" instead of "status".
type snapshotInfoXML struct {
	Description string   `xml:"description"`
	Tags        []tagXML `xml:"tagSet>item"`
	Encrypted   bool     `xml:"encrypted"`
	VolumeID    string   `xml:"volumeId"`
	State       string   `xml:"state"`
	SizeGiB     int      `xml:"volumeSize"`
	StartTime   string   `xml:"startTime"`
	Progress    string   `xml:"progress"`
	OwnerID     string   `xml:"ownerId"`
	SnapshotID  string   `xml:"snapshotId"`
}

type createSnapshotsReply struct {
	meta
	Snapshots []snapshotInfoXML `xml:"snapshotSet>item"`
}

// createSnapshots makes a snapshot of each volume that is attached to an instance, all at one moment, or none.
func (a *Account) createSnapshots(p *params, now time.Time) (reply, *apiError) {
	description := readDescription(p)
	tags := readTagSpecifications(p, "snapshot")["snapshot"]
	volumes := a.readSet(p)
	if err := p.done(); err != nil {
		return nil, err
	}
	if err := a.snapshotsAllowed(volumes, now); err != nil {
		return nil, err
	}
	set := make([]*snapshot, len(volumes))
	for i, v := range volumes {
		set[i] = a.startSnapshot(v, description, tags, now)
	}
	joinSet(set)
	slices.SortFunc(set, compareByPlace) // EC2 promises no order
	out := &createSnapshotsReply{}
	for _, s := range set {
		out.Snapshots = append(out.Snapshots, snapshotInfoXML{
			Description: s.description,
			Tags:        tagSet(tags),
			VolumeID:    s.volumeID,
			State:       string(s.state(now)),
			SizeGiB:     s.sizeGiB,
			StartTime:   s.startTime.Format(timeFormat),
			OwnerID:     s.owner,
			SnapshotID:  s.id,
		})
	}
	return out, nil
}

// readSet reads the InstanceSpecification, and gives the volumes to snapshot. Only the code for an instance without volumes was seen at AWS.
// The others are not documented; do not depend on them.
func (a *Account) readSet(p *params) []*volume {
	spec := p.child("InstanceSpecification", true)
	i := a.instanceParam(p, spec.required("InstanceId"))
	excludeBoot := spec.flag("ExcludeBootVolume")
	excluded := spec.strings("ExcludeDataVolumeId")
	if len(excluded) > maxSetExclusion {
		p.fail(refuse("InvalidParameterValue", "You can specify up to %d volumes to exclude, not %d", maxSetExclusion, len(excluded)))
	}
	for _, id := range excluded {
		a.volumeParam(p, id)
	}
	if !p.ok() {
		return nil
	}
	if !slices.Contains([]string{InstanceRunning, InstanceStopping, InstanceStopped}, i.state) {
		p.fail(refuse("IncorrectState", "The instance '%s' is in state '%s'", i.id, i.state))
	}
	attached := map[string]bool{}
	var volumes []*volume
	for _, d := range i.devices {
		if d.volumeID == "" {
			continue
		}
		root := d.name == i.rootDevice
		attached[d.volumeID] = true
		left := slices.Contains(excluded, d.volumeID)
		if root && left {
			p.fail(refuse("InvalidParameterValue", "The volume '%s' is the root volume of '%s': use ExcludeBootVolume", d.volumeID, i.id))
		}
		if !left && !(root && excludeBoot) {
			volumes = append(volumes, a.volumes.byID[d.volumeID])
		}
	}
	for _, id := range excluded {
		if !attached[id] {
			p.fail(refuse("InvalidParameterValue", "The volume '%s' is not attached to the instance '%s'", id, i.id))
		}
	}
	switch {
	case len(attached) > maxSetVolumes:
		p.fail(refuse("InvalidParameterValue", "The instance '%s' has more than %d volumes", i.id, maxSetVolumes))
	case len(volumes) == 0:
		p.fail(refuse("InvalidParameterValue", "There are no attached EBS-backed volumes on the instance id (%s).", i.id))
	}
	return volumes
}

// joinSet makes new snapshots a set: if one of them fails, all enter the state error at that time, even those that were completed before
// (EBS User Guide, "Create multi-volume EBS snapshots").
func joinSet(set []*snapshot) {
	var failsAt time.Time
	for _, s := range set {
		if !s.failsAt.IsZero() && (failsAt.IsZero() || s.failsAt.Before(failsAt)) {
			failsAt = s.failsAt
		}
	}
	for _, s := range set {
		s.set, s.failsAt = set, failsAt
	}
}

// failSet puts the other snapshots of a set in the state error.
func (s *snapshot) failSet() {
	for _, other := range s.set {
		other.fixed = ebs.Error
	}
}
