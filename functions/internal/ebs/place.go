package ebs

// Place says where something happened, in the words by which an administrator knows it: an instance, or a volume of it. The zero Place is
// the run as a whole.
type Place struct {
	InstanceID string
	Name       string `json:",omitempty"` // the instance's Name
	VolumeID   string `json:",omitempty"`
	Device     string `json:",omitempty"`
}

// String begins with the name that a person gave: "web-1 (i-0123456789abcdef0), volume vol-0123456789abcdef0 (/dev/xvda)".
func (p Place) String() string {
	if p == (Place{}) {
		return "the run as a whole"
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
