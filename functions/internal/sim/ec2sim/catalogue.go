package ec2sim

import (
	"cmp"
	"slices"
)

// ident is what all resources have.
type ident struct {
	id  string
	seq uint64 // unique, rising with each new resource
}

func (i *ident) key() ident { return *i }

type resource interface{ key() ident }

// place is the position of a resource in the lists. EC2 promises no order, so this must not look like the order of creation: it is shuffled
// within 32 neighbours. A resource never moves, and a page token holds the place of the last item of its page, so that paging neither loses nor
// repeats an item while resources are created and deleted.
func (i ident) place() uint64 { return i.seq ^ 0b10110 }

// catalogue holds the resources of a kind, found by ID and listed in the order of their places.
type catalogue[T resource] struct {
	byID   map[string]T
	listed []T
}

func newCatalogue[T resource]() catalogue[T] { return catalogue[T]{byID: map[string]T{}} }

func (c *catalogue[T]) add(r T) {
	c.byID[r.key().id] = r
	c.listed = insertByPlace(c.listed, r)
}

func (c *catalogue[T]) remove(r T) {
	delete(c.byID, r.key().id)
	if i, ok := findPlace(c.listed, r.key().place()); ok {
		c.listed = slices.Delete(c.listed, i, i+1)
	}
}

// insertByPlace keeps the list sorted. A new resource belongs near the end, so this moves few others.
func insertByPlace[T resource](list []T, r T) []T {
	i, _ := findPlace(list, r.key().place())
	return slices.Insert(list, i, r)
}

func findPlace[T resource](list []T, place uint64) (int, bool) {
	return slices.BinarySearchFunc(list, place, func(r T, p uint64) int { return cmp.Compare(r.key().place(), p) })
}

func compareByPlace[T resource](a, b T) int { return cmp.Compare(a.key().place(), b.key().place()) }

// among gives the resources with these IDs, in the order of places; all resources if there are no IDs.
func (c *catalogue[T]) among(ids []string) []T {
	if ids == nil {
		return c.listed
	}
	var out []T
	for _, id := range ids {
		if r, ok := c.byID[id]; ok {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, compareByPlace[T])
	return slices.CompactFunc(out, func(a, b T) bool { return a.key() == b.key() })
}
