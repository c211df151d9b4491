package ec2sim

import (
	"net/http"
	"slices"
	"time"
)

// Fault makes calls fail. It has at most one of the effects Code, Before, After and Garbage. Delay can be combined with each of them, or be the
// only effect.
type Fault struct {
	Action string             // "": every action
	Match  func(Request) bool // nil: every request; called unlocked, so it may use the account (e.g. to make a person act)
	Times  int                // how many calls it hits; 0: all

	Code    string // the error that EC2 answers instead of acting
	Message string // of Code; has a default
	Status  int    // HTTP status of Code (default: EC2's for it) or of Garbage (default 200)

	Before  bool          // the connection breaks before EC2 acts
	After   bool          // EC2 acts, then the connection breaks and the response is lost
	Garbage Garbage       // EC2 acts, but this is returned instead of its response
	Delay   time.Duration // of the response; EC2 acts before it, so a caller that times out loses the response
}

// Garbage is what may be returned instead of EC2's response.
type Garbage string

// The SDK notices a broken document. It takes the other two for an empty response.
const (
	BrokenPage      Garbage = "an HTML page that breaks off"
	NoBody          Garbage = "no body"
	AnotherDocument Garbage = "a well-formed document that is not the answer"
)

var garbage = map[Garbage]string{
	BrokenPage:      "<html><body>This is not what EC2 says.",
	NoBody:          "",
	AnotherDocument: `<?xml version="1.0" encoding="UTF-8"?><html><body>This is not what EC2 says.</body></html>`,
}

// armedFault is a fault that has calls left.
type armedFault struct {
	Fault
	left int // calls left; -1: no limit
}

// Inject arms a fault. If several match a call, the oldest is used. The returned function disarms it.
func (a *Account) Inject(f Fault) (remove func()) {
	effects := 0
	for _, on := range []bool{f.Code != "", f.Before, f.After, f.Garbage != ""} {
		if on {
			effects++
		}
	}
	if effects > 1 {
		panic("ec2sim: a Fault has only one of Code, Before, After and Garbage")
	}
	if _, known := garbage[f.Garbage]; f.Garbage != "" && !known {
		panic("ec2sim: no garbage " + string(f.Garbage))
	}
	armed := &armedFault{Fault: f, left: f.Times}
	if f.Times == 0 {
		armed.left = -1
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, armed)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.faults = slices.DeleteFunc(a.faults, func(x *armedFault) bool { return x == armed })
	}
}

// ClearFaults disarms all faults.
func (a *Account) ClearFaults() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = nil
}

// matchFault gives the fault for the request, and counts its use; without one it gives a fault without effects.
func (a *Account) matchFault(req Request) *armedFault {
	a.mu.Lock()
	armed := slices.Clone(a.faults)
	a.mu.Unlock()
	for _, f := range armed {
		if f.Action != "" && f.Action != req.Action {
			continue
		}
		if f.Match != nil && !f.Match(req) {
			continue
		}
		if a.use(f) {
			return f
		}
	}
	return &armedFault{}
}

func (a *Account) use(f *armedFault) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f.left == 0 {
		return false
	}
	if f.left > 0 {
		f.left--
	}
	return true
}

// rearm undoes a use that had no effect, since the request was throttled first. The account is locked.
func (f *armedFault) rearm() {
	if f.left >= 0 && f.Times > 0 {
		f.left++
	}
}

func (f Fault) apiError() *apiError {
	e := refuse(f.Code, "%s", f.Message)
	if f.Message == "" {
		e.Message = "An injected fault of ec2sim"
	}
	if f.Status != 0 {
		e.Status = f.Status
	}
	return e
}

func (f Fault) instead() answer {
	status := f.Status
	if status == 0 {
		status = http.StatusOK
	}
	return answer{status, []byte(garbage[f.Garbage])}
}
