package orphans

import (
	"fmt"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// How many orphans the message lists; the object in the bucket has them all.
const (
	maxListed = 50
	maxUntold = 350 // of which nobody was told yet: these have to be in it before anything goes. SNS takes 256 KB
)

// subject is ASCII and short, as SNS wants it for e-mail.
func subject(s State) string {
	if len(s.Orphans) == 1 {
		return "EBS snapshots: 1 volume is orphaned"
	}
	return fmt.Sprintf("EBS snapshots: %d volumes are orphaned", len(s.Orphans))
}

// message is what the administrator reads: what is left of which volumes, and what becomes of it. s is the state once he has read it.
func message(s State, listed []Orphan, p Policy, url string) string {
	var b strings.Builder
	b.WriteString("Snapshots of these volumes belong to no run any more: the volume or its instance is gone, or the instance has lost its tag.\n")
	for n, o := range listed {
		ebs.Fprintf(&b, "%d. %s\n", n+1, o.describe(p, s.PolicySince))
	}
	if more := len(s.Orphans) - len(listed); more > 0 {
		ebs.Fprintf(&b, "… and %d more\n", more)
	}
	ebs.Fprintf(&b, "\n%s\n", p.outlook())
	ebs.Fprintf(&b, "To keep a snapshot, remove or change its tag with the schedule's keyword. The whole list: %s\n", url)
	b.WriteString("New ones come first in the list. They are told of once a week at most, and none of their snapshots goes in the week after that.\n")
	return b.String()
}

func (o Orphan) describe(p Policy, policySince time.Time) string {
	where := "gone"
	if o.Exists {
		where = "there, at no instance with the tag"
	}
	instance := ebs.Cut(ebs.Visible(o.InstanceID), len("i-0123456789abcdef0")) // a tag says which, and people can change it
	text := fmt.Sprintf("%s, volume %s (%s), of instance %s: %d", o.Keyword, o.VolumeID, where, instance, o.Snapshots)
	if p.deletes() {
		text += fmt.Sprintf(", of which %d go from %s on", o.Going, o.goesFrom(policySince).Format(time.DateOnly))
	}
	return text
}

func (p Policy) outlook() string {
	if !p.deletes() {
		return "Nothing is deleted. To have such snapshots deleted, set \"orphans\" in cdk.json, such as \"last=1\" or \"90d\"."
	}
	text := fmt.Sprintf("Of a volume that has been orphaned for %d days what stays is %s, and always the newest", int(Grace/(24*time.Hour)), p.Rules)
	if p.Expire > 0 {
		text += fmt.Sprintf(", until it is %d days old", p.days())
	}
	return text + ". The others are deleted."
}
