package ec2sim

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

var volumeTypes = []string{"standard", "gp2", "gp3", "io1", "io2", "st1", "sc1"}

type createVolumeReply struct {
	meta
	volumeXML
}

func (a *Account) createVolume(p *params, now time.Time) (reply, *apiError) {
	zone := p.required("AvailabilityZone")
	size, from := p.number("Size"), p.optional("SnapshotId")
	kind := cmp.Or(p.optional("VolumeType"), "gp2")
	multi, iops := p.flag("MultiAttachEnabled"), p.number("Iops")
	tags := readTagSpecifications(p, "volume")["volume"]
	a.checkSource(p, from, &size, now)
	provisioned := kind == "io1" || kind == "io2"
	switch {
	case !strings.HasPrefix(zone, a.cfg.Region) || len(zone) != len(a.cfg.Region)+1:
		p.fail(refuse("InvalidZone.NotFound", "The zone '%s' does not exist.", zone))
	case size <= 0:
		p.fail(refuse("MissingParameter", "The request must contain the parameter size or snapshotId"))
	case !slices.Contains(volumeTypes, kind):
		p.fail(refuse("InvalidParameterValue", "Unknown volume type '%s'", kind))
	case provisioned && iops == 0:
		p.fail(refuse("MissingParameter", "The request must contain the parameter iops"))
	case multi && !provisioned:
		p.fail(refuse("InvalidParameterCombination", "Multi-Attach is not supported for volumes of type '%s'", kind))
	}
	return a.once(p, "CreateVolume", func() (reply, *apiError) {
		v := a.addVolume(BlockDevice{SizeGiB: size, Type: kind, Tags: tags})
		v.zone, v.multiAttach, v.fromSnap = zone, multi, from
		return &createVolumeReply{volumeXML: a.volumeXML(v, "creating")}, nil
	})
}

// checkSource checks the snapshot of a new volume or image. It sets the size if none was given.
func (a *Account) checkSource(p *params, snapshotID string, size *int, now time.Time) {
	if snapshotID == "" || !p.checkID(snapshotID, snapshotPrefix) {
		return
	}
	s := a.snapshots.byID[snapshotID]
	switch {
	case s == nil || !a.maySee(s):
		p.fail(snapshotNotFound(snapshotID))
	case s.state(now) != ebs.Completed:
		p.fail(refuse("IncorrectState", "Snapshot is in invalid state - %s", s.state(now)))
	case *size != 0 && *size < s.sizeGiB:
		p.fail(refuse("InvalidParameterValue", "Volume of %dGiB is smaller than snapshot '%s'", *size, snapshotID))
	default:
		*size = cmp.Or(*size, s.sizeGiB)
	}
}

func (a *Account) deleteVolume(p *params, _ time.Time) (reply, *apiError) {
	v := a.volumeParam(p, p.required("VolumeId"))
	if v != nil && len(v.attachedTo) > 0 {
		p.fail(refuse("VolumeInUse", "Volume %s is currently attached to %s", v.id, v.attachedTo[0]))
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	a.volumes.remove(v)
	return &done{Return: true}, nil
}

// attachVolumeReply is the answer of AttachVolume and of DetachVolume.
type attachVolumeReply struct {
	meta
	attachmentXML
}

func (a *Account) attachVolume(p *params, _ time.Time) (reply, *apiError) {
	v := a.volumeParam(p, p.required("VolumeId"))
	i := a.instanceParam(p, p.required("InstanceId"))
	name := p.required("Device")
	if p.ok() {
		if err := a.attachable(v, i, name); err != nil {
			p.fail(err)
		}
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	d := a.attach(v, i, name, false)
	return &attachVolumeReply{attachmentXML: attachedXML(i.id, d, "attaching")}, nil
}

// detachVolume detaches at once: EC2's answer has the state that the volume passes through.
func (a *Account) detachVolume(p *params, _ time.Time) (reply, *apiError) {
	v := a.volumeParam(p, p.required("VolumeId"))
	from := p.optional("InstanceId")
	if from != "" {
		a.instanceParam(p, from)
	}
	if p.ok() {
		switch {
		case len(v.attachedTo) == 0:
			p.fail(refuse("IncorrectState", "Volume '%s' is in the 'available' state.", v.id))
		case from == "" && len(v.attachedTo) > 1:
			p.fail(refuse("MissingParameter", "The request must contain the parameter instanceId: '%s' is attached to %d instances", v.id, len(v.attachedTo)))
		case from != "" && !slices.Contains(v.attachedTo, from):
			p.fail(refuse("InvalidAttachment.NotFound", "'%s' is not attached to '%s'", v.id, from))
		}
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	i := a.instances.byID[cmp.Or(from, v.attachedTo[0])]
	d := i.devices[slices.IndexFunc(i.devices, func(d device) bool { return d.volumeID == v.id })]
	a.detach(v, i)
	return &attachVolumeReply{attachmentXML: attachedXML(i.id, d, "detaching")}, nil
}

func (a *Account) attachable(v *volume, i *instance, name string) *apiError {
	switch {
	case i.state != InstanceRunning && i.state != InstanceStopped:
		return refuse("IncorrectState", "Instance '%s' is not 'running'.", i.id)
	case v.zone != a.zone():
		return refuse("InvalidVolume.ZoneMismatch", "The volume '%s' is not in the same availability zone as instance '%s'", v.id, i.id)
	case slices.Contains(v.attachedTo, i.id), len(v.attachedTo) > 0 && !v.multiAttach:
		return refuse("VolumeInUse", "%s is already attached to an instance", v.id)
	case slices.ContainsFunc(i.devices, func(d device) bool { return d.name == name }):
		return refuse("InvalidParameterValue", "Invalid value '%s' for unixDevice. Attachment point %s is already in use", name, name)
	}
	return nil
}
