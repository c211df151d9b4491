package ec2sim

import (
	"cmp"
	"slices"
	"time"
)

type tagDescription struct {
	ResourceID   string `xml:"resourceId"`
	ResourceType string `xml:"resourceType"`
	Key          string `xml:"key"`
	Value        string `xml:"value"`
}

type describeTagsReply struct {
	meta
	Tags []tagDescription `xml:"tagSet>item"`
}

// describeTags gives the tags of the named instances and volumes in one page.
func (a *Account) describeTags(p *params, _ time.Time) (reply, *apiError) {
	pg := a.readPager(p, "DescribeTags", "DescribeTags takes no IDs")
	fs := readFilters(p, "resource-id", "key")
	ids, literal := fs.exactly("resource-id")
	if !literal || slices.ContainsFunc(fs, func(f filter) bool { return f.name == "tag:" || f.name == "tag-key" }) {
		p.fail(refuse("InvalidParameterValue", "ec2sim models DescribeTags by resource-id, without wildcards, and key"))
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	out := &describeTagsReply{}
	add := func(id, kind string, tags map[string]string) {
		for key, value := range tags {
			t := tagDescription{id, kind, key, value}
			if fs.match(tags, func(name string) []string { return map[string][]string{"resource-id": {id}, "key": {key}}[name] }) {
				out.Tags = append(out.Tags, t)
			}
		}
	}
	for _, id := range ids {
		switch i, v := a.instances.byID[id], a.volumes.byID[id]; {
		case i != nil:
			add(id, "instance", i.tags)
		case v != nil:
			add(id, "volume", v.tags)
		case a.snapshots.byID[id] != nil:
			return nil, refuse("InvalidParameterValue", "ec2sim does not model the tags of snapshots in DescribeTags: lists show them late")
		}
	}
	slices.SortFunc(out.Tags, func(x, y tagDescription) int {
		return cmp.Or(cmp.Compare(x.ResourceID, y.ResourceID), cmp.Compare(x.Key, y.Key))
	})
	if pg.begun || pg.limit > 0 && len(out.Tags) > pg.limit {
		return nil, refuse("InvalidParameterValue", "ec2sim does not model a second page of DescribeTags")
	}
	return out, nil
}
