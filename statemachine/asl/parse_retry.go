package asl

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// matchable are the reserved error names that a Retry or Catch can match. Nothing catches States.Runtime. The other names are only in
// the specification: the service reports those errors as States.Runtime.
var matchable = []string{
	errAll, errTaskFailed, errTimeout, errDataLimit, errResultPath, errTolerance, errItemReader, errResultWriter, errHeartbeat, errPermissions,
}

// errorNames reads ErrorEquals. States.ALL must be alone, and in the last entry of the list.
func (p *parser) errorNames(f *fields, last bool) []string {
	var names []string
	if !f.has("ErrorEquals") {
		f.bad("ErrorEquals", "is missing")
	}
	for _, v := range f.array("ErrorEquals") {
		name, ok := v.(string)
		switch {
		case !ok || name == "":
			f.bad("ErrorEquals", "%s is not the name of an error", encode(v))
		case strings.HasPrefix(name, reservedErrorStart) && !slices.Contains(matchable, name):
			f.bad("ErrorEquals", "%s never matches: AWS reports such errors as %s, which nothing catches", name, errRuntime)
		case slices.Contains(names, name):
			f.bad("ErrorEquals", "%s is there twice", name)
		}
		names = append(names, name)
	}
	if slices.Contains(names, errAll) && (len(names) > 1 || !last) {
		f.bad("ErrorEquals", "%s must be alone, and in the last entry of the list", errAll)
	}
	return names
}

func (p *parser) retries(s *state, f *fields) {
	if !f.has("Retry") {
		return
	}
	list := f.array("Retry")
	for i, v := range list {
		rf := p.object(fmt.Sprintf("%s, Retry[%d]", f.where, i), v)
		rf.comment()
		r := retrier{
			errors:      p.errorNames(rf, i == len(list)-1),
			interval:    rf.seconds("IntervalSeconds", 1, 1),
			maxAttempts: rf.whole("MaxAttempts", 3, 0, maxSeconds),
			backoff:     rf.decimal("BackoffRate", 2, 1, maxSeconds),
			fullJitter:  rf.oneOf("JitterStrategy", "NONE", "NONE", "FULL") == "FULL",
		}
		if rf.has("MaxDelaySeconds") {
			r.maxDelay = time.Duration(rf.whole("MaxDelaySeconds", 0, 1, 31_622_399)) * time.Second
			if r.maxDelay <= r.interval {
				rf.bad("MaxDelaySeconds", "must be more than IntervalSeconds")
			}
		}
		rf.finish()
		s.retry = append(s.retry, r)
	}
}

func (p *parser) catches(s *state, f *fields) {
	if !f.has("Catch") {
		return
	}
	list := f.array("Catch")
	for i, v := range list {
		cf := p.object(fmt.Sprintf("%s, Catch[%d]", f.where, i), v)
		cf.comment()
		c := catcher{errors: p.errorNames(cf, i == len(list)-1), next: cf.required("Next")}
		c.resultPath, c.noResult = cf.target("ResultPath")
		cf.finish()
		s.catch = append(s.catch, c)
	}
}

// delay is the time before a retry. attempt counts from 1, and random is in [0, 1).
func (r retrier) delay(attempt int, random float64) time.Duration {
	seconds := r.interval.Seconds() * math.Pow(r.backoff, float64(attempt-1))
	if limit := r.maxDelay.Seconds(); limit > 0 && seconds > limit {
		seconds = limit
	}
	// AWS documents no limit for a delay without MaxDelaySeconds. This limit only prevents an overflow of Duration.
	seconds = min(seconds, maxSeconds)
	if r.fullJitter {
		seconds *= random
	}
	return time.Duration(seconds * float64(time.Second))
}
