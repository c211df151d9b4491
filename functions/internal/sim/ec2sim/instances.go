package ec2sim

import (
	"slices"
	"time"
)

// The states of an instance, as EC2 names and numbers them.
const (
	InstancePending      = "pending"
	InstanceRunning      = "running"
	InstanceShuttingDown = "shutting-down"
	InstanceTerminated   = "terminated"
	InstanceStopping     = "stopping"
	InstanceStopped      = "stopped"
)

var instanceStateCodes = map[string]int{
	InstancePending:      0,
	InstanceRunning:      16,
	InstanceShuttingDown: 32,
	InstanceTerminated:   48,
	InstanceStopping:     64,
	InstanceStopped:      80,
}

type instance struct {
	ident
	state         string
	imageID       string
	instanceType  string
	reservationID string
	rootDevice    string
	launchedAt    time.Time
	tags          map[string]string // never changed, only replaced
	devices       []device          // in the order of attaching
	managed       bool              // by another service: only listed with IncludeManagedResources
}

// device is an entry of an instance's block device mapping.
type device struct {
	name                string
	volumeID            string // "": an instance store
	deleteOnTermination bool
	attachedAt          time.Time
}

type instanceXML struct {
	InstanceID   string           `xml:"instanceId"`
	ImageID      string           `xml:"imageId"`
	State        instanceStateXML `xml:"instanceState"`
	InstanceType string           `xml:"instanceType"`
	LaunchTime   string           `xml:"launchTime"`
	Zone         string           `xml:"placement>availabilityZone"`
	RootType     string           `xml:"rootDeviceType"`
	RootDevice   string           `xml:"rootDeviceName,omitempty"`
	Devices      []deviceXML      `xml:"blockDeviceMapping>item"`
	Tags         []tagXML         `xml:"tagSet>item"`
}

type instanceStateXML struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

func stateXML(name string) instanceStateXML { return instanceStateXML{instanceStateCodes[name], name} }

type deviceXML struct {
	Device string        `xml:"deviceName"`
	EBS    *ebsDeviceXML `xml:"ebs"` // nil for an instance store
}

type ebsDeviceXML struct {
	VolumeID            string `xml:"volumeId"`
	Status              string `xml:"status"`
	AttachTime          string `xml:"attachTime"`
	DeleteOnTermination bool   `xml:"deleteOnTermination"`
}

type reservationXML struct {
	ReservationID string        `xml:"reservationId"`
	OwnerID       string        `xml:"ownerId"`
	Instances     []instanceXML `xml:"instancesSet>item"`
}

func (a *Account) instanceXML(i *instance, state string) instanceXML {
	x := instanceXML{
		InstanceID:   i.id,
		ImageID:      i.imageID,
		State:        stateXML(state),
		InstanceType: i.instanceType,
		LaunchTime:   i.launchedAt.Format(timeFormat),
		Zone:         a.zone(),
		RootType:     "ebs",
		RootDevice:   i.rootDevice,
		Tags:         tagSet(i.tags),
	}
	for _, d := range i.devices {
		item := deviceXML{Device: d.name}
		if d.volumeID != "" {
			item.EBS = &ebsDeviceXML{d.volumeID, "attached", d.attachedAt.Format(timeFormat), d.deleteOnTermination}
		}
		x.Devices = append(x.Devices, item)
	}
	return x
}

type describeInstancesReply struct {
	meta
	Reservations []reservationXML `xml:"reservationSet>item"`
	NextToken    string           `xml:"nextToken,omitempty"`
}

func (a *Account) describeInstances(p *params, _ time.Time) (reply, *apiError) {
	pg := a.readPager(p, "DescribeInstances", "InstanceId")
	fs := readFilters(p, "instance-id", "instance-state-name")
	hidden := !p.flag("IncludeManagedResources")
	ids := p.strings("InstanceId")
	for _, id := range ids {
		if i := a.instanceParam(p, id); i != nil && i.managed && hidden {
			p.fail(refuse("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id))
		}
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	items, next := page(pg, a.instances.among(ids), func(i *instance) bool {
		return !(i.managed && hidden) && fs.match(i.tags, i.attribute)
	})
	out := &describeInstancesReply{NextToken: next}
	for _, i := range items {
		x := a.instanceXML(i, i.state)
		if n := len(out.Reservations); n > 0 && out.Reservations[n-1].ReservationID == i.reservationID {
			out.Reservations[n-1].Instances = append(out.Reservations[n-1].Instances, x)
			continue
		}
		out.Reservations = append(out.Reservations, reservationXML{i.reservationID, a.cfg.AccountID, []instanceXML{x}})
	}
	return out, nil
}

func (i *instance) attribute(name string) []string {
	switch name {
	case "instance-id":
		return []string{i.id}
	case "instance-state-name":
		return []string{i.state}
	}
	panic("ec2sim: filter " + name + " is let in but not modelled")
}

// instanceParam gives the instance that a request names.
func (a *Account) instanceParam(p *params, id string) *instance {
	i := a.instances.byID[id]
	if p.checkID(id, instancePrefix) && i == nil {
		p.fail(refuse("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id))
	}
	return i
}

// setState sets an instance's state. A terminated instance has its volumes detached, and stays listed.
func (a *Account) setState(i *instance, state string) {
	i.state = state
	if state != InstanceTerminated {
		return
	}
	for _, d := range i.devices {
		v := a.volumes.byID[d.volumeID]
		if v == nil {
			continue
		}
		v.attachedTo = slices.DeleteFunc(v.attachedTo, func(at string) bool { return at == i.id })
		if d.deleteOnTermination && len(v.attachedTo) == 0 {
			a.volumes.remove(v)
		}
	}
	i.devices = nil
}
