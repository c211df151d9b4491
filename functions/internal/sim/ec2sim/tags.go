package ec2sim

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// tagXML is a tag in EC2's lists.
type tagXML struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// tagSet gives tags in a fixed order, so that a run can be repeated exactly.
func tagSet(tags map[string]string) []tagXML {
	out := make([]tagXML, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, tagXML{k, tags[k]})
	}
	return out
}

// readTagSpecifications reads the tags of a creating request, by the type of resource.
func readTagSpecifications(p *params, types ...string) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, spec := range p.structs("TagSpecification") {
		kind := spec.required("ResourceType")
		if !slices.Contains(types, kind) {
			p.fail(refuse("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", kind))
		}
		if _, twice := out[kind]; twice {
			p.fail(refuse("InvalidParameterValue", "The resource type '%s' is specified more than once.", kind))
		}
		out[kind] = readTags(spec)
		if err := checkTagCount(out[kind]); err != nil {
			p.fail(err)
		}
	}
	return out
}

// readTags reads the list Tag of p.
func readTags(p *params) map[string]string {
	tags := map[string]string{}
	for _, t := range p.structs("Tag") {
		key, value := t.required("Key"), t.optional("Value")
		if err := checkTag(key, value); err != nil {
			p.fail(err)
		}
		if _, twice := tags[key]; twice {
			p.fail(refuse("InvalidParameterValue", "Duplicate tag key '%s' specified.", key))
		}
		tags[key] = value
	}
	return tags
}

func checkTag(key, value string) *apiError {
	switch {
	case reserved(key):
		return refuse("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
	case utf8.RuneCountInString(key) > contract.MaxTagKey:
		return refuse("InvalidParameterValue", "Tag key exceeds the maximum length of %d characters", contract.MaxTagKey)
	case utf8.RuneCountInString(value) > ebs.MaxTagValLen:
		return refuse("InvalidParameterValue", "Tag value exceeds the maximum length of %d characters", ebs.MaxTagValLen)
	}
	return nil
}

// checkTagCount refuses too many tags on a resource. Tags of AWS do not count.
func checkTagCount(tags map[string]string) *apiError {
	users := 0
	for key := range tags {
		if !reserved(key) {
			users++
		}
	}
	if users > ebs.MaxTags {
		return refuse("TagLimitExceeded", "The maximum number of tags for a resource is %d", ebs.MaxTags)
	}
	return nil
}

func reserved(key string) bool { return strings.HasPrefix(strings.ToLower(key), "aws:") }

// merged gives the tags with changes as a new map. Maps returned before do not change.
func merged(tags, changes map[string]string) map[string]string {
	out := maps.Clone(tags)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, changes)
	return out
}

// without gives the tags without some keys, as a new map.
func without(tags map[string]string, keys ...string) map[string]string {
	out := merged(tags, nil)
	for _, k := range keys {
		delete(out, k)
	}
	return out
}
