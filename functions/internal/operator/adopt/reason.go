package adopt

import (
	"fmt"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// Reason says why a snapshot is not adopted. It is data; String puts it into words.
type Reason struct {
	Kind   Kind   `json:"kind"`
	Detail string `json:"detail"` // what the kind is about; see there
}

// Kind is a kind of reason.
type Kind string

// Why a snapshot is not adopted.
const (
	AlreadyOurs   Kind = "already-managed"    // detail: the schedule
	TakenByPerson Kind = "taken-by-person"    // by removing its schedule's tag
	NoTag         Kind = "no-tag"             // detail: the keyword
	MadeByOther   Kind = "made-by-another"    // detail: an ebs.Maker
	Renamed       Kind = "renamed"            // its tag Name is not the one in its description
	NotAttached   Kind = "no-tagged-instance" // detail: the keyword
	NotANumber    Kind = "not-a-number"       // detail: the tag's value
	OtherKeyword  Kind = "other-keyword"      // detail: the keyword of another schedule that it carries, too
	NotCompleted  Kind = "not-completed"      // detail: its state
	TooManyTags   Kind = "too-many-tags"      // detail: how many it has
)

// String says it to a person.
func (r Reason) String() string {
	switch r.Kind {
	case AlreadyOurs:
		return "the schedule " + r.Detail + " manages it already"
	case TakenByPerson:
		return "a person took it from its schedule: remove its other " + ebs.TagPrefix + "* tags to have it adopted"
	case NoTag:
		return "it does not carry the tag " + r.Detail
	case MadeByOther:
		return ebs.Maker(r.Detail).Words() + " made it, not the Lambda"
	case Renamed:
		return "its tag Name is not the one in its description: a person changed it"
	case NotAttached:
		return "its volume is at no instance here with the tag " + r.Detail
	case NotANumber:
		return fmt.Sprintf("its tag's value %q is not a number: a person may have set it", r.Detail)
	case OtherKeyword:
		return "it carries " + r.Detail + ", too: say whose it is with --also-tagged"
	case NotCompleted:
		return "it is not completed (state " + r.Detail + ")"
	case TooManyTags:
		return fmt.Sprintf("it has %s tags, and there is no room for ours: EC2 takes %d", r.Detail, ebs.MaxTags)
	}
	return string(r.Kind)
}
