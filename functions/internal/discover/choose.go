package discover

import (
	"slices"
	"strings"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
)

// Choice is what the runs of a schedule do with one volume.
type Choice struct {
	Instance  ebs.Instance
	Volume    ebs.Attachment
	Retention string // in force
	OwnTag    bool   // the retention is from a tag of the volume, not of its instance
	LeftOut   string // why runs leave it out; "" if they do not
}

// Choose says what the runs of a schedule work on: each volume of the instances once, by the instances' IDs. tagged are the volumes
// that carry the keyword themselves.
func Choose(keyword string, instances []ebs.Instance, tagged []ebs.Volume) []Choice {
	override := map[string]string{}
	for _, v := range tagged {
		if value, ok := v.Tags[keyword]; ok {
			override[v.ID] = value
		}
	}
	taken := map[string]bool{} // a volume attached to several instances belongs to the first that does not leave it out
	var out []Choice
	for _, i := range slices.SortedFunc(slices.Values(instances), func(a, b ebs.Instance) int { return strings.Compare(a.ID, b.ID) }) {
		for _, a := range i.Volumes {
			if taken[a.VolumeID] {
				continue
			}
			c := Choice{Instance: i, Volume: a}
			if c.Retention, c.OwnTag = override[a.VolumeID]; !c.OwnTag {
				c.Retention = i.Tags[keyword]
			}
			if isOff(c.Retention) {
				c.LeftOut = "its instance's tag " + keyword + " is off"
				if c.OwnTag {
					c.LeftOut = "its own tag " + keyword + " is off"
				}
			}
			taken[a.VolumeID] = c.LeftOut == ""
			out = append(out, c)
		}
	}
	return slices.DeleteFunc(out, func(c Choice) bool { return c.LeftOut != "" && taken[c.Volume.VolumeID] })
}

func isOff(value string) bool {
	rules, err := retention.Parse(value)
	return err == nil && rules.Off
}
