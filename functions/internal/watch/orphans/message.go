package orphans

import (
	"fmt"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// How many orphans the message lists. The object in the bucket lists all of them.
const (
	maxListed = 50
	maxNew    = 350 // new ones: a mail must list an orphan before any of its snapshots is deleted. SNS accepts 256 KB
)

// subject is ASCII and short, as SNS requires for e-mail.
func subject(s State) string {
	if len(s.Orphans) == 1 {
		return "EBS snapshots: 1 volume is orphaned"
	}
	return fmt.Sprintf("EBS snapshots: %d volumes are orphaned", len(s.Orphans))
}

// message says which volumes are orphans, how many snapshots they have, and what will be deleted. s is the state after the mail.
func message(s State, listed []Orphan, p Policy, url string) string {
	var b strings.Builder
	b.WriteString("No run prunes the snapshots of these volumes any more: the volume or its instance was deleted, or the tag was removed.\n")
	for n, o := range listed {
		ebs.Fprintf(&b, "%d. %s\n", n+1, o.describe(p, s.PolicySince))
	}
	if more := len(s.Orphans) - len(listed); more > 0 {
		ebs.Fprintf(&b, "… and %d more\n", more)
	}
	ebs.Fprintf(&b, "\n%s\n", p.outlook())
	b.WriteString("\nWhat to do:\n" +
		"To keep a snapshot for ever, remove or change its tag with the schedule's keyword.\n" +
		"To return a volume to its schedule, tag its instance, or the volume itself, with the keyword.\n" +
		"\nNew orphans are listed first. They are reported at most once a week, and their snapshots are kept for a week after the report.\n")
	ebs.Fprintf(&b, "Full list: %s\n", url)
	return b.String()
}

func (o Orphan) describe(p Policy, policySince time.Time) string {
	is := "deleted"
	if o.Exists {
		is = "exists, but not in the schedule"
	}
	volume := "volume " + o.VolumeID
	if o.InstanceID != "" {
		instance := ebs.Cut(ebs.Visible(o.InstanceID), len("i-0123456789abcdef0")) // from a tag, which people can change
		volume = ebs.Place{InstanceID: instance, VolumeID: o.VolumeID}.String()
	}
	text := fmt.Sprintf("%s: %s (%s): %s", o.Keyword, volume, is, ebs.Count(o.Snapshots, "snapshot"))
	switch {
	case !p.deletes():
	case o.Going == 0:
		text += "; none of them will be deleted"
	default:
		text += fmt.Sprintf("; %d of them will be deleted from %s", o.Going, o.deletableFrom(policySince).Format(time.DateOnly))
	}
	return text
}

func (p Policy) outlook() string {
	if !p.deletes() {
		return "These snapshots are not deleted. To have them deleted, set \"orphans\" in cdk.json, for example to \"last=1\" or \"90d\"."
	}
	text := fmt.Sprintf("%d days after a volume is orphaned, its snapshots are deleted, except those that %s keeps and the newest one.",
		int(Grace/(24*time.Hour)), p.Rules)
	if p.Expire > 0 {
		text += fmt.Sprintf(" These are deleted too when they are %d days old.", p.days())
	}
	return text
}
