package ec2sim

import (
	"strings"
	"time"
)

// taggable is a resource whose tags can be changed.
type taggable interface {
	currentTags() map[string]string
	setTags(tags map[string]string, now time.Time)
}

func (i *instance) currentTags() map[string]string              { return i.tags }
func (i *instance) setTags(tags map[string]string, _ time.Time) { i.tags = tags }

func (v *volume) currentTags() map[string]string              { return v.tags }
func (v *volume) setTags(tags map[string]string, _ time.Time) { v.tags = tags }

// readTagTargets gives the resources of a tagging request.
func (a *Account) readTagTargets(p *params) []taggable {
	ids := p.strings("ResourceId")
	if len(ids) == 0 {
		p.required("ResourceId")
	}
	var out []taggable
	for _, id := range ids {
		switch kind, _, _ := strings.Cut(id, "-"); kind {
		case "i":
			out = append(out, a.instanceParam(p, id))
		case "vol":
			out = append(out, a.volumeParam(p, id))
		case "snap":
			s := a.snapshots.byID[id]
			if s == nil || s.owner != a.cfg.AccountID {
				p.fail(snapshotNotFound(id))
			}
			out = append(out, s)
		default:
			p.fail(refuse("InvalidID", "The ID '%s' is not valid (ec2sim models tags of instances, volumes and snapshots)", id))
		}
	}
	return out
}

func (a *Account) createTags(p *params, now time.Time) (reply, *apiError) {
	targets := a.readTagTargets(p)
	tags := readTags(p)
	if len(tags) == 0 {
		p.fail(refuse("MissingParameter", "The request must contain the parameter Tag"))
	}
	if p.ok() {
		for _, t := range targets {
			if err := checkTagCount(merged(t.currentTags(), tags)); err != nil {
				p.fail(err)
			}
		}
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	for _, t := range targets {
		t.setTags(merged(t.currentTags(), tags), now)
	}
	return &done{Return: true}, nil
}

// deleteTags removes the named tags. A tag named with a value is only removed if it has that value. If no tag is named, it removes all user tags.
func (a *Account) deleteTags(p *params, now time.Time) (reply, *apiError) {
	targets := a.readTagTargets(p)
	type condemned struct {
		key, value string
		anyValue   bool
	}
	var list []condemned
	for _, t := range p.structs("Tag") {
		key := t.required("Key")
		value, given := t.lookup("Value")
		if err := checkTag(key, value); err != nil {
			p.fail(err)
		}
		list = append(list, condemned{key, value, !given})
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	for _, t := range targets {
		tags := merged(t.currentTags(), nil)
		for key, value := range t.currentTags() {
			if len(list) == 0 && !reserved(key) {
				delete(tags, key)
			}
			for _, c := range list {
				if c.key == key && (c.anyValue || c.value == value) {
					delete(tags, key)
				}
			}
		}
		t.setTags(tags, now)
	}
	return &done{Return: true}, nil
}
