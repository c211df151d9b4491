package ec2sim

import (
	"slices"
	"time"
)

// Bucket is a token bucket: each call takes a token. Without a token it is refused with RequestLimitExceeded.
type Bucket struct {
	Capacity float64 // tokens when full
	Refill   float64 // tokens per second
}

// Unfiltered, added to the name of a Describe action, is the bucket of its calls that have neither a filter nor paging.
const Unfiltered = ":unfiltered"

// DefaultBuckets gives the limits of an account as documented (EC2 Developer Guide, "Request throttling"). Each action has a
// bucket of its own.
func DefaultBuckets() map[string]Bucket {
	read, readAll, mutate := Bucket{100, 20}, Bucket{50, 10}, Bucket{50, 5}
	return map[string]Bucket{
		"DescribeInstances":              read,
		"DescribeInstances" + Unfiltered: readAll,
		"DescribeVolumes":                read,
		"DescribeVolumes" + Unfiltered:   readAll,
		"DescribeSnapshots":              read,
		"DescribeSnapshots" + Unfiltered: readAll,
		"DescribeTags":                   read,
		"DescribeTags" + Unfiltered:      readAll,
		"CreateSnapshot":                 {100, 5},
		"CreateSnapshots":                {100, 5},
		"DeleteSnapshot":                 {100, 5},
		"CreateTags":                     {100, 10},
		"DeleteTags":                     {100, 10},
		"RunInstances":                   mutate,
		"StopInstances":                  mutate,
		"TerminateInstances":             mutate,
		"CreateVolume":                   mutate,
		"DeleteVolume":                   mutate,
		"AttachVolume":                   mutate,
		"DetachVolume":                   mutate,
		"RegisterImage":                  mutate,
		"DeregisterImage":                mutate,
	}
}

// bucketState is a bucket in use.
type bucketState struct {
	tokens float64
	at     time.Time // the time of tokens
}

// takeToken takes a token for a request; false says that there was none. An unfiltered request uses the action's bucket if it has no bucket for
// unfiltered requests.
func (a *Account) takeToken(req Request, now time.Time) bool {
	name := req.Action
	if unfiltered(req) {
		if _, ok := a.cfg.Buckets[name+Unfiltered]; ok {
			name += Unfiltered
		}
	}
	limit, ok := a.cfg.Buckets[name]
	if !ok {
		return true
	}
	b := a.buckets[name]
	if b == nil {
		b = &bucketState{tokens: limit.Capacity, at: now}
		a.buckets[name] = b
	}
	if now.After(b.at) {
		b.tokens = min(limit.Capacity, b.tokens+limit.Refill*now.Sub(b.at).Seconds())
		b.at = now
	}
	// Rounding makes sums of refills a little too small.
	const enough = 1 - 1e-6
	if b.tokens < enough {
		return false
	}
	b.tokens--
	if low, ok := a.journal.stats.Lowest[name]; !ok || b.tokens < low {
		a.journal.stats.Lowest[name] = b.tokens
	}
	return true
}

// unfiltered says whether a request has neither a filter nor a page size nor a token. It is not documented whether EC2 counts IDs as a filter.
// Here they do not count, which is the stricter limit.
func unfiltered(req Request) bool {
	return !slices.ContainsFunc([]string{"Filter.1.Name", "MaxResults", "NextToken"}, req.Params.Has)
}
