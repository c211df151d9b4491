package ec2sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Values of Call.Code if a fault without an error code decided the outcome.
const (
	OutcomeCut     = "(cut before acting)"
	OutcomeLost    = "(acted, answer lost)"
	OutcomeGarbage = "(acted, garbage answered)"
)

// Call is one request as the account saw it.
type Call struct {
	At       time.Time
	Action   string
	Params   map[string]string // as on the wire, without the tags
	Code     string            // "" if it succeeded, else the error code or an Outcome
	Injected bool              // decided by a Fault
}

// Stats counts the calls since the account was created, or since ResetLog.
type Stats struct {
	Total     int            // calls, including throttled ones
	Calls     map[string]int // by action
	Throttled map[string]int // by action: refused with RequestLimitExceeded, including injected ones
	Errors    map[string]int // by error code or Outcome
	// Lowest is the smallest number of tokens that each used bucket has had.
	Lowest map[string]float64
}

// journal records the calls.
type journal struct {
	requests int // in all, for their IDs
	unlogged bool
	log      []Call
	stats    Stats
}

func newJournal(unlogged bool) journal { return journal{unlogged: unlogged, stats: newStats()} }

func newStats() Stats {
	return Stats{Calls: map[string]int{}, Throttled: map[string]int{}, Errors: map[string]int{}, Lowest: map[string]float64{}}
}

func (j *journal) nextRequestID() string {
	j.requests++
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", j.requests)
}

func (j *journal) add(req Request, code string, injected bool) {
	if !j.unlogged {
		j.log = append(j.log, Call{req.At, req.Action, paramsOfInterest(req), code, injected})
	}
	j.stats.Total++
	j.stats.Calls[req.Action]++
	if code != "" {
		j.stats.Errors[code]++
	}
	if code == "RequestLimitExceeded" {
		j.stats.Throttled[req.Action]++
	}
}

// paramsOfInterest gives the parameters without tags: up to 50 on each create would use too much memory in a large run.
func paramsOfInterest(req Request) map[string]string {
	out := map[string]string{}
	for name, values := range req.Params {
		if name != "Action" && name != "Version" && !strings.HasPrefix(name, "TagSpecification.") {
			out[name] = values[0]
		}
	}
	return out
}

func (a *Account) note(req Request, code string, injected bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.journal.add(req, code, injected)
}

// Stats gives the counters.
func (a *Account) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.journal.stats
	s.Calls, s.Throttled, s.Errors = maps.Clone(s.Calls), maps.Clone(s.Throttled), maps.Clone(s.Errors)
	s.Lowest = maps.Clone(s.Lowest)
	return s
}

// Calls counts the calls by action.
func (a *Account) Calls() map[string]int { return a.Stats().Calls }

// Throttled counts the throttled calls by action.
func (a *Account) Throttled() map[string]int { return a.Stats().Throttled }

// Log gives all calls, oldest first.
func (a *Account) Log() []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.journal.log)
}

// ResetLog forgets the calls and sets their counters to 0.
func (a *Account) ResetLog() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.journal.log, a.journal.stats = nil, newStats()
}
