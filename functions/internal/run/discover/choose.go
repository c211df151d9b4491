package discover

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Fleet is the part of EC2 in which the volumes of a schedule are found.
type Fleet interface {
	Instances(ctx context.Context, keyword string) ([]ebs.Instance, error)
	TaggedVolumes(ctx context.Context, keyword string) ([]ebs.Volume, error)
	InstancesByID(ctx context.Context, ids []string) ([]ebs.Instance, error)
}

// Choice is what the runs of a schedule do with one volume.
type Choice struct {
	Instance  ebs.Instance // without an ID if the volume is attached to none
	Volume    ebs.Attachment
	Retention string             // in force
	OwnTag    bool               // the retention is from the volume's tag, not its instance's
	Excluded  contract.Exclusion // why runs exclude it; "" if they work on it
}

// Choices finds the volumes of a schedule: those of instances with the keyword as a tag, and those that carry it themselves.
func Choices(ctx context.Context, ec2 Fleet, keyword string, excludeBoot bool) ([]Choice, error) {
	instances, err := ec2.Instances(ctx, keyword)
	if err != nil {
		return nil, err
	}
	tagged, err := ec2.TaggedVolumes(ctx, keyword)
	if err != nil {
		return nil, err
	}
	others, err := ec2.InstancesByID(ctx, untagged(instances, tagged))
	if err != nil {
		return nil, err
	}
	return Choose(keyword, excludeBoot, slices.Concat(instances, others), tagged), nil
}

// untagged gives the IDs of the instances without the tag at which tagged volumes are.
func untagged(instances []ebs.Instance, tagged []ebs.Volume) []string {
	listed := map[string]bool{} // instances and their volumes
	for _, i := range instances {
		listed[i.ID] = true
		for _, a := range i.Volumes {
			listed[a.VolumeID] = true
		}
	}
	ids := map[string]bool{}
	for _, v := range tagged {
		for _, id := range v.Instances {
			if !listed[v.ID] && !listed[id] {
				ids[id] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// Choose says what the runs of a schedule work on. It lists each volume once: those of instances with the tag, then those of instances without
// it, then those that are at none of the instances, each sorted by ID. tagged are the volumes that carry the keyword themselves. Their tag
// overrides the instance's and excludeBoot, which excludes boot volumes.
func Choose(keyword string, excludeBoot bool, instances []ebs.Instance, tagged []ebs.Volume) []Choice {
	own := map[string]ebs.Volume{}
	for _, v := range tagged {
		if _, ok := v.Tags[keyword]; ok {
			own[v.ID] = v
		}
	}
	var out []Choice
	listed, taken := map[string]bool{}, map[string]bool{} // a volume of several instances belongs to the first that does not exclude it
	add := func(i ebs.Instance, a ebs.Attachment) {
		c := Choice{Instance: i, Volume: a, Retention: i.Tags[keyword]}
		if v, ok := own[a.VolumeID]; ok {
			c.Retention, c.OwnTag = v.Tags[keyword], true
		}
		c.Excluded = c.whyNot(excludeBoot)
		listed[a.VolumeID], taken[a.VolumeID] = true, c.Excluded == ""
		out = append(out, c)
	}
	for _, i := range taggedFirst(keyword, instances) {
		for _, a := range i.Volumes {
			_, ownTag := own[a.VolumeID]
			if (ownTag || hasTag(i, keyword)) && !taken[a.VolumeID] {
				add(i, a)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(own)) {
		if !listed[id] {
			add(ebs.Instance{Tags: own[id].Tags}, ebs.Attachment{VolumeID: id})
		}
	}
	return slices.DeleteFunc(out, func(c Choice) bool { return c.Excluded != "" && taken[c.Volume.VolumeID] })
}

// taggedFirst sorts instances by ID, those with the tag before the others.
func taggedFirst(keyword string, instances []ebs.Instance) []ebs.Instance {
	rank := func(i ebs.Instance) int {
		if hasTag(i, keyword) {
			return 0
		}
		return 1
	}
	return slices.SortedFunc(slices.Values(instances), func(a, b ebs.Instance) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(a.ID, b.ID))
	})
}

func hasTag(i ebs.Instance, keyword string) bool {
	_, ok := i.Tags[keyword]
	return ok
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
