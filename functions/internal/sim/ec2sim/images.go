package ec2sim

import (
	"slices"
	"time"
)

// image is an AMI.
type image struct {
	id      string
	name    string
	root    string // the device
	mapping []mapping
}

// imageUsing gives the AMI that uses the snapshot, the one with the lowest ID if there are several; "" if none does.
func (a *Account) imageUsing(snapshotID string) string {
	found := ""
	for id, img := range a.images {
		uses := slices.ContainsFunc(img.mapping, func(m mapping) bool { return m.snapshotID == snapshotID })
		if uses && (found == "" || id < found) {
			found = id
		}
	}
	return found
}

type registerImageReply struct {
	meta
	ImageID string `xml:"imageId"`
}

func (a *Account) registerImage(p *params, now time.Time) (reply, *apiError) {
	name, root := p.required("Name"), p.required("RootDeviceName")
	for _, irrelevant := range []string{"Description", "Architecture", "VirtualizationType"} {
		p.optional(irrelevant) // nothing here depends on them
	}
	devices := a.readMappings(p, now)
	checkSizes(p, devices)
	isRoot := func(m mapping) bool { return m.device == root && m.snapshotID != "" }
	if !slices.ContainsFunc(devices, isRoot) {
		p.fail(refuse("InvalidBlockDeviceMapping", "The root device '%s' needs a snapshot in the block device mapping", root))
	}
	for _, img := range a.images {
		if img.name == name {
			p.fail(refuse("InvalidAMIName.Duplicate", "AMI name %s is already in use by AMI %s", name, img.id))
		}
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	img := &image{id: a.newIdent(imagePrefix, "").id, name: name, root: root, mapping: devices}
	a.images[img.id] = img
	return &registerImageReply{ImageID: img.id}, nil
}

func (a *Account) deregisterImage(p *params, _ time.Time) (reply, *apiError) {
	img := a.imageParam(p)
	if err := p.done(); err != nil {
		return nil, err
	}
	delete(a.images, img.id)
	return &done{Return: true}, nil
}
