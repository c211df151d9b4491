package ec2sim

import "time"

type volume struct {
	ident
	sizeGiB     int
	kind        string // gp3, …
	zone        string
	multiAttach bool
	fromSnap    string // the snapshot that it was made from
	createdAt   time.Time
	tags        map[string]string // never changed, only replaced
	attachedTo  []string          // instance IDs
	managed     bool              // by another service: only listed with IncludeManagedResources

	snapshots  int       // created of it so far
	snapshotAt time.Time // when the last one began
	failNext   int       // how many of the next snapshots will fail
}

func (v *volume) state() string {
	if len(v.attachedTo) > 0 {
		return "in-use"
	}
	return "available"
}

// snapshotsAtOnce is how many snapshots of the volume may be in progress. limit is the number for most volumes.
func (v *volume) snapshotsAtOnce(limit int) int {
	if limit > 1 && (v.kind == "st1" || v.kind == "sc1") {
		return 1
	}
	return limit
}

type volumeXML struct {
	VolumeID    string          `xml:"volumeId"`
	SizeGiB     int             `xml:"size"`
	SnapshotID  string          `xml:"snapshotId"`
	Zone        string          `xml:"availabilityZone"`
	State       string          `xml:"status"`
	CreateTime  string          `xml:"createTime"`
	Type        string          `xml:"volumeType"`
	MultiAttach bool            `xml:"multiAttachEnabled"`
	Attachments []attachmentXML `xml:"attachmentSet>item"`
	Tags        []tagXML        `xml:"tagSet>item"`
}

type attachmentXML struct {
	VolumeID            string `xml:"volumeId"`
	InstanceID          string `xml:"instanceId"`
	Device              string `xml:"device"`
	Status              string `xml:"status"`
	AttachTime          string `xml:"attachTime"`
	DeleteOnTermination bool   `xml:"deleteOnTermination"`
}

func (a *Account) volumeXML(v *volume, state string) volumeXML {
	x := volumeXML{
		VolumeID:    v.id,
		SizeGiB:     v.sizeGiB,
		SnapshotID:  v.fromSnap,
		Zone:        v.zone,
		State:       state,
		CreateTime:  v.createdAt.Format(timeFormat),
		Type:        v.kind,
		MultiAttach: v.multiAttach,
		Tags:        tagSet(v.tags),
	}
	for _, id := range v.attachedTo {
		for _, d := range a.instances.byID[id].devices {
			if d.volumeID == v.id {
				x.Attachments = append(x.Attachments, attachedXML(id, d, "attached"))
			}
		}
	}
	return x
}

func attachedXML(instanceID string, d device, status string) attachmentXML {
	return attachmentXML{d.volumeID, instanceID, d.name, status, d.attachedAt.Format(timeFormat), d.deleteOnTermination}
}

type describeVolumesReply struct {
	meta
	Volumes   []volumeXML `xml:"volumeSet>item"`
	NextToken string      `xml:"nextToken,omitempty"`
}

func (a *Account) describeVolumes(p *params, _ time.Time) (reply, *apiError) {
	pg := a.readPager(p, "DescribeVolumes", "VolumeId")
	fs := readFilters(p, "volume-id", "attachment.instance-id")
	hidden := !p.flag("IncludeManagedResources")
	ids := p.strings("VolumeId")
	for _, id := range ids {
		if v := a.volumeParam(p, id); v != nil && v.managed && hidden {
			p.fail(refuse("InvalidVolume.NotFound", "The volume '%s' does not exist.", id))
		}
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	items, next := page(pg, a.volumes.among(ids), func(v *volume) bool {
		return !(v.managed && hidden) && fs.match(v.tags, v.attribute)
	})
	out := &describeVolumesReply{NextToken: next}
	for _, v := range items {
		out.Volumes = append(out.Volumes, a.volumeXML(v, v.state()))
	}
	return out, nil
}

func (v *volume) attribute(name string) []string {
	switch name {
	case "volume-id":
		return []string{v.id}
	case "attachment.instance-id":
		return v.attachedTo
	}
	panic("ec2sim: filter " + name + " is let in but not modelled")
}

// volumeParam gives the volume that a request names.
func (a *Account) volumeParam(p *params, id string) *volume {
	v := a.volumes.byID[id]
	if p.checkID(id, volumePrefix) && v == nil {
		p.fail(refuse("InvalidVolume.NotFound", "The volume '%s' does not exist.", id))
	}
	return v
}
