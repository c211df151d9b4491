package ec2sim

import (
	"cmp"
	"slices"
	"time"
)

// mapping is one BlockDeviceMapping.N of a request.
type mapping struct {
	device              string
	virtualName         string // of an instance store, e.g. ephemeral0
	snapshotID          string
	sizeGiB             int
	kind                string
	deleteOnTermination bool
}

// readMappings reads the block devices of RunInstances and RegisterImage. EBS volumes are deleted with their instance, unless the request says
// otherwise.
func (a *Account) readMappings(p *params, now time.Time) []mapping {
	var out []mapping
	for _, m := range p.structs("BlockDeviceMapping") {
		next := mapping{device: m.required("DeviceName"), virtualName: m.optional("VirtualName"), deleteOnTermination: true}
		if e := m.child("Ebs", false); e != nil {
			next.sizeGiB = e.number("VolumeSize")
			next.kind = e.optional("VolumeType")
			next.snapshotID = e.optional("SnapshotId")
			if _, given := e.lookup("DeleteOnTermination"); given {
				next.deleteOnTermination = e.flag("DeleteOnTermination")
			}
			a.checkSource(p, next.snapshotID, &next.sizeGiB, now)
		} else if next.virtualName == "" {
			p.fail(refuse("MissingParameter", "The device '%s' needs an Ebs volume or a VirtualName", next.device))
		}
		out = append(out, next)
	}
	return out
}

// checkSizes refuses EBS volumes without a size.
func checkSizes(p *params, devices []mapping) {
	for _, m := range devices {
		if m.virtualName == "" && m.sizeGiB <= 0 {
			p.fail(refuse("MissingParameter", "The device '%s' needs a VolumeSize or a SnapshotId", m.device))
		}
	}
}

// imageParam gives the image that a request names.
func (a *Account) imageParam(p *params) *image {
	id := p.required("ImageId")
	img := a.images[id]
	if p.checkID(id, imagePrefix) && img == nil {
		p.fail(refuse("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id))
	}
	return img
}

type runInstancesReply struct {
	meta
	reservationXML
}

func (a *Account) runInstances(p *params, now time.Time) (reply, *apiError) {
	img := a.imageParam(p)
	least, most := p.number("MinCount"), p.number("MaxCount")
	kind := cmp.Or(p.optional("InstanceType"), "m1.small")
	devices := a.readMappings(p, now)
	if img != nil {
		devices = withImage(devices, img.mapping)
	}
	checkSizes(p, devices)
	tags := readTagSpecifications(p, "instance", "volume")
	if least < 1 || most < least {
		p.fail(refuse("InvalidParameterValue", "MinCount must be at least 1 and MaxCount at least MinCount"))
	}
	return a.once(p, "RunInstances", func() (reply, *apiError) {
		out := &runInstancesReply{reservationXML: reservationXML{ReservationID: a.newIdent("r-", "").id, OwnerID: a.cfg.AccountID}}
		for range most {
			i := &instance{
				ident:         a.newIdent(instancePrefix, ""),
				state:         InstanceRunning,
				imageID:       img.id,
				instanceType:  kind,
				reservationID: out.ReservationID,
				rootDevice:    img.root,
				launchedAt:    now,
				tags:          merged(tags["instance"], nil),
			}
			a.instances.add(i)
			for _, d := range devices {
				a.launchDevice(i, d, tags["volume"])
			}
			out.Instances = append(out.Instances, a.instanceXML(i, InstancePending))
		}
		return out, nil
	})
}

// withImage gives the devices of an instance: those of its image, where the request's device of the same name overrides them, and then the
// request's other devices.
func withImage(requested, fromImage []mapping) []mapping {
	var out []mapping
	for _, d := range fromImage {
		if i := slices.IndexFunc(requested, func(r mapping) bool { return r.device == d.device }); i >= 0 {
			r := requested[i]
			r.snapshotID = cmp.Or(r.snapshotID, d.snapshotID)
			r.sizeGiB = cmp.Or(r.sizeGiB, d.sizeGiB)
			d = r
		}
		out = append(out, d)
	}
	for _, r := range requested {
		if !slices.ContainsFunc(fromImage, func(d mapping) bool { return d.device == r.device }) {
			out = append(out, r)
		}
	}
	return out
}

func (a *Account) launchDevice(i *instance, m mapping, tags map[string]string) {
	if m.virtualName != "" {
		i.devices = append(i.devices, device{name: m.device})
		return
	}
	v := a.addVolume(BlockDevice{SizeGiB: m.sizeGiB, Type: m.kind, Tags: tags})
	v.fromSnap = m.snapshotID
	a.attach(v, i, m.device, m.deleteOnTermination)
}

type stateChangeXML struct {
	InstanceID string           `xml:"instanceId"`
	Current    instanceStateXML `xml:"currentState"`
	Previous   instanceStateXML `xml:"previousState"`
}

type stateChangesReply struct {
	meta
	Changes []stateChangeXML `xml:"instancesSet>item"`
}

func (a *Account) stopInstances(p *params, _ time.Time) (reply, *apiError) {
	return a.changeStates(p, InstanceStopping, InstanceStopped, InstanceRunning)
}

func (a *Account) terminateInstances(p *params, _ time.Time) (reply, *apiError) {
	return a.changeStates(p, InstanceShuttingDown, InstanceTerminated, InstanceRunning, InstanceStopped, InstancePending, InstanceStopping, InstanceShuttingDown)
}

// changeStates sets the state of a request's instances. The response has the transitional state, as EC2's has; after it the final state is
// reached.
func (a *Account) changeStates(p *params, underway, end string, from ...string) (reply, *apiError) {
	ids := p.strings("InstanceId")
	if len(ids) == 0 {
		p.required("InstanceId")
	}
	var named []*instance
	for _, id := range ids {
		i := a.instanceParam(p, id)
		if i != nil && i.state != end && !slices.Contains(from, i.state) {
			p.fail(refuse("IncorrectInstanceState", "The instance '%s' is in state '%s', from which it can't become %s.", id, i.state, end))
		}
		named = append(named, i)
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	out := &stateChangesReply{}
	for _, i := range named {
		change := stateChangeXML{i.id, stateXML(underway), stateXML(i.state)}
		if i.state == end {
			change.Current = change.Previous
		} else {
			a.setState(i, end)
		}
		out.Changes = append(out.Changes, change)
	}
	return out, nil
}
