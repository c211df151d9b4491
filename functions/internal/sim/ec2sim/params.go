package ec2sim

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// apiError is an error of EC2.
type apiError struct {
	Status  int
	Code    string
	Message string
}

func refuse(code, format string, args ...any) *apiError {
	return &apiError{Status: statusOf(code), Code: code, Message: fmt.Sprintf(format, args...)}
}

// statusOf gives the HTTP status of a code. With few exceptions, client errors have 400.
func statusOf(code string) int {
	switch code {
	case "RequestLimitExceeded", "Unavailable", "ServiceUnavailable":
		return http.StatusServiceUnavailable
	case "InternalError", "InternalFailure":
		return http.StatusInternalServerError
	case "UnauthorizedOperation":
		return http.StatusForbidden
	case "DryRunOperation":
		return http.StatusPreconditionFailed
	}
	return http.StatusBadRequest
}

// params is a request's form as a tree: "Filter.1.Value.2" is the child 2 of the child Value of the child 1 of Filter. It records what was read,
// so that parameters that an action does not model are refused.
type params struct {
	path   string // "" at the root
	value  string
	given  bool // it has a value itself
	read   bool
	kids   map[string]*params
	failed *apiError // at the root: the first error
	root   *params
}

func parseParams(form url.Values) *params {
	root := &params{}
	root.root = root
	for name, values := range form {
		if name == "Action" || name == "Version" {
			continue
		}
		at := root
		for part := range strings.SplitSeq(name, ".") {
			at = at.child(part, true)
		}
		at.given, at.value = true, values[0]
		if len(values) > 1 {
			root.fail(refuse("InvalidParameterValue", "The parameter %s is given more than once", name))
		}
	}
	return root
}

func (p *params) child(part string, create bool) *params {
	if kid, ok := p.kids[part]; ok || !create {
		return kid
	}
	kid := &params{path: part, root: p.root}
	if p.path != "" {
		kid.path = p.path + "." + part
	}
	if p.kids == nil {
		p.kids = map[string]*params{}
	}
	p.kids[part] = kid
	return kid
}

func (p *params) fail(err *apiError) {
	if p.root.failed == nil {
		p.root.failed = err
	}
}

// lookup gives a parameter's value, and whether it exists.
func (p *params) lookup(name string) (string, bool) {
	kid := p.child(name, false)
	if kid == nil || !kid.given {
		return "", false
	}
	kid.read = true
	return kid.value, true
}

func (p *params) optional(name string) string {
	value, _ := p.lookup(name)
	return value
}

func (p *params) required(name string) string {
	value, ok := p.lookup(name)
	if !ok || value == "" {
		p.fail(refuse("MissingParameter", "The request must contain the parameter %s", p.join(name)))
	}
	return value
}

func (p *params) join(name string) string {
	if p.path == "" {
		return name
	}
	return p.path + "." + name
}

// number reads a number; 0 if there is none.
func (p *params) number(name string) int {
	text, ok := p.lookup(name)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		p.fail(refuse("InvalidParameterValue", "Value (%s) for parameter %s is invalid. It must be a number", text, p.join(name)))
	}
	return n
}

func (p *params) flag(name string) bool {
	text, ok := p.lookup(name)
	if !ok {
		return false
	}
	yes, err := strconv.ParseBool(text)
	if err != nil {
		p.fail(refuse("InvalidParameterValue", "Value (%s) for parameter %s is invalid. It must be true or false", text, p.join(name)))
	}
	return yes
}

// structs gives the members of a flattened list, Name.1, Name.2, …, in order.
func (p *params) structs(name string) []*params {
	list := p.child(name, false)
	if list == nil {
		return nil
	}
	type member struct {
		index int
		at    *params
	}
	var members []member
	for part, kid := range list.kids {
		// Anything else than a positive number stays unread, and is refused by done.
		if i, err := strconv.Atoi(part); err == nil && i > 0 {
			members = append(members, member{i, kid})
		}
	}
	slices.SortFunc(members, func(a, b member) int { return a.index - b.index })
	out := make([]*params, len(members))
	for i, m := range members {
		out[i] = m.at
	}
	return out
}

// strings gives the values of a flattened list of plain values.
func (p *params) strings(name string) []string {
	var out []string
	for _, m := range p.structs(name) {
		if m.given {
			m.read = true
			out = append(out, m.value)
		}
	}
	return out
}

// ok says whether there was no error so far.
func (p *params) ok() bool { return p.root.failed == nil }

// checkID says whether an ID has the prefix of its kind. Here any text may follow.
func (p *params) checkID(id, prefix string) bool {
	if strings.HasPrefix(id, prefix) && len(id) > len(prefix) {
		return true
	}
	code := "InvalidParameterValue" // EC2's code for a volume or a snapshot
	switch prefix {
	case instancePrefix:
		code = "InvalidInstanceID.Malformed"
	case imagePrefix:
		code = "InvalidAMIID.Malformed"
	}
	p.fail(refuse(code, "Invalid id: \"%s\" (expecting \"%s...\")", id, prefix))
	return false
}

// The prefixes of IDs.
const (
	instancePrefix = "i-"
	volumePrefix   = "vol-"
	snapshotPrefix = "snap-"
	imagePrefix    = "ami-"
)

// done ends the reading: it returns the first error of the parameters. A parameter that was not read is an error. It also ends a dry run. An
// action calls it before it changes anything.
func (p *params) done() *apiError {
	dry := p.flag("DryRun")
	if unknown := p.unread(nil); len(unknown) > 0 {
		slices.Sort(unknown)
		return refuse("UnknownParameter", "The parameter %s is not recognized (ec2sim does not model it)", strings.Join(unknown, ", "))
	}
	if p.failed != nil {
		return p.failed
	}
	if dry {
		return refuse("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	}
	return nil
}

func (p *params) unread(names []string) []string {
	if p.given && !p.read {
		names = append(names, p.path)
	}
	for _, kid := range p.kids {
		names = kid.unread(names)
	}
	return names
}
