package discover

import (
	"slices"
	"strings"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Choice is what the runs of a schedule do with one volume.
type Choice struct {
	Instance  ebs.Instance
	Volume    ebs.Attachment
	Retention string             // in force
	OwnTag    bool               // the retention is from the volume's tag, not its instance's
	Excluded  contract.Exclusion // why runs exclude it; "" if they work on it
}

// Choose says what the runs of a schedule work on. It lists each volume of the instances once, sorted by the instances' IDs. tagged are the
// volumes that carry the keyword themselves; their tag overrides the instance's and excludeBoot, which excludes boot volumes.
func Choose(keyword string, excludeBoot bool, instances []ebs.Instance, tagged []ebs.Volume) []Choice {
	override := map[string]string{}
	for _, v := range tagged {
		if value, ok := v.Tags[keyword]; ok {
			override[v.ID] = value
		}
	}
	taken := map[string]bool{} // a volume of several instances belongs to the first that does not exclude it
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
			c.Excluded = c.whyNot(excludeBoot)
			taken[a.VolumeID] = c.Excluded == ""
			out = append(out, c)
		}
	}
	return slices.DeleteFunc(out, func(c Choice) bool { return c.Excluded != "" && taken[c.Volume.VolumeID] })
}

// whyNot says why runs exclude the volume; "" if they work on it.
func (c Choice) whyNot(excludeBoot bool) contract.Exclusion {
	switch off := isOff(c.Retention); {
	case off && c.OwnTag:
		return contract.VolumeTagOff
	case off:
		return contract.InstanceTagOff
	case excludeBoot && c.Volume.Boot && !c.OwnTag:
		return contract.BootVolume
	}
	return ""
}

func isOff(value string) bool {
	rules, err := retention.Parse(value)
	return err == nil && rules.Off
}
