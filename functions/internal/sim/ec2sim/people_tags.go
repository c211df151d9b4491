package ec2sim

import "strings"

func (a *Account) tag(id, key, value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.taggable(id)
	r.setTags(merged(r.currentTags(), map[string]string{key: value}), a.now())
}

func (a *Account) untag(id, key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.taggable(id)
	r.setTags(without(r.currentTags(), key), a.now())
}

func (a *Account) taggable(id string) taggable {
	switch kind, _, _ := strings.Cut(id, "-"); kind {
	case "i":
		return must(a.instances.byID, id)
	case "vol":
		return must(a.volumes.byID, id)
	}
	return must(a.snapshots.byID, id)
}
