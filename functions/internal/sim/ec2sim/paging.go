package ec2sim

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
)

const (
	minPage = 5
	maxPage = 1000
)

// pager makes the pages of one listing request.
type pager struct {
	limit   int         // longest page; 0: no limit
	after   uint64      // the place of the last item given
	begun   bool        // after is set
	emptied bool        // the empty page before this one was returned
	empties bool        // Config.EmptyPages
	query   fingerprint // of the request, so that a token is refused with another request
}

// readPager reads MaxResults and NextToken. idsParam is the list of IDs that EC2 does not allow together with MaxResults.
func (a *Account) readPager(p *params, action, idsParam string) pager {
	pg := pager{empties: a.cfg.EmptyPages, query: fingerprintOf(p, action)}
	if _, given := p.lookup("MaxResults"); given {
		pg.limit = p.number("MaxResults")
		if pg.limit < minPage || pg.limit > maxPage {
			p.fail(refuse("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value between %d and %d.", pg.limit, minPage, maxPage))
		}
		if len(p.structs(idsParam)) > 0 {
			p.fail(refuse("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", idsParam))
		}
	}
	if len(p.structs(idsParam)) > 0 {
		pg.empties = false // a request with IDs has one page
	} else if size := a.cfg.PageSize; size > 0 && (pg.limit == 0 || size < pg.limit) {
		pg.limit = size
	}
	if token, given := p.lookup("NextToken"); given {
		if !pg.resume(token) {
			p.fail(refuse("InvalidParameterValue", "Unable to parse pagination token"))
		}
	}
	return pg
}

// A token is opaque to the caller, and only valid for its request.
func (pg pager) token(emptied bool) string {
	text := fmt.Sprintf("%d %t %t %x", pg.after, pg.begun, emptied, pg.query)
	return base64.URLEncoding.EncodeToString([]byte(text))
}

func (pg *pager) resume(token string) bool {
	text, err := base64.URLEncoding.DecodeString(token)
	if err != nil {
		return false
	}
	var query fingerprint
	n, err := fmt.Sscanf(string(text), "%d %t %t %x", &pg.after, &pg.begun, &pg.emptied, &query)
	return err == nil && n == 4 && query == pg.query
}

// page gives the next matching items of a list in the order of places, and the token for the next page.
func page[T resource](pg pager, list []T, match func(T) bool) (items []T, next string) {
	start := 0
	if pg.begun {
		at, found := findPlace(list, pg.after)
		if found {
			at++
		}
		start = at
	}
	if pg.empties && !pg.emptied {
		if slices.ContainsFunc(list[start:], match) {
			return nil, pg.token(true)
		}
		return nil, ""
	}
	for _, r := range list[start:] {
		if !match(r) {
			continue
		}
		if pg.limit > 0 && len(items) == pg.limit {
			return items, pg.token(false)
		}
		items = append(items, r)
		pg.after, pg.begun = r.key().place(), true
	}
	if pg.empties {
		return items, pg.token(false) // leads to the empty last page
	}
	return items, ""
}

type fingerprint uint64

// fingerprintOf identifies a request by all its parameters except NextToken and MaxResults.
func fingerprintOf(p *params, action string) fingerprint {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\n", action)
	var walk func(*params)
	walk = func(at *params) {
		if at.given {
			fmt.Fprintf(h, "%s=%s\n", at.path, at.value)
		}
		for _, part := range slices.SortedFunc(maps.Keys(at.kids), strings.Compare) {
			if at.path == "" && (part == "MaxResults" || part == "NextToken") {
				continue
			}
			walk(at.kids[part])
		}
	}
	walk(p)
	return fingerprint(h.Sum64())
}
