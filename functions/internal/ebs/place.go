package ebs

import "github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"

// Place says where something happened, in the words by which an administrator knows it: an instance, a volume of it, or a volume that is
// attached to none. The zero Place is the run as a whole.
type Place struct {
	InstanceID string // "" if the volume is attached to none
	Name       string `json:",omitempty"` // the instance's Name, or the volume's if it is attached to none
	VolumeID   string `json:",omitempty"`
	Device     string `json:",omitempty"`
}

// PlaceOf gives the place of a volume of an item. If it is attached to no instance, the item's tags are its own.
func PlaceOf(i contract.Instance, v contract.Volume) Place {
	return Place{InstanceID: i.ID, Name: i.Tags[contract.NameTag], VolumeID: v.ID, Device: v.Device}
}

// String begins with the name that a person gave: "web-1 (i-0123456789abcdef0), volume vol-0123456789abcdef0 (/dev/xvda)".
func (p Place) String() string {
	if p == (Place{}) {
		return "the run as a whole"
	}
	if p.InstanceID == "" {
		text := "volume " + p.VolumeID + ", attached to no instance"
		if p.Name != "" {
			text = p.Name + ", " + text
		}
		return text
	}
	text := "instance " + p.InstanceID
	if p.Name != "" {
		text = p.Name + " (" + p.InstanceID + ")"
	}
	if p.VolumeID != "" {
		text += ", volume " + p.VolumeID
	}
	if p.Device != "" {
		text += " (" + p.Device + ")"
	}
	return text
}
