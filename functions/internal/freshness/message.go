package freshness

import (
	"fmt"
	"strings"
	"time"
)

const (
	maxListed = 20 // volumes of each schedule in the message; the object in the bucket has them all
	minute    = "2006-01-02 15:04 MST"
)

// subject is ASCII and short, as SNS wants it for e-mail.
func subject(s State) string {
	if len(s.Stale) == 1 {
		return "EBS snapshots: 1 volume has no fresh snapshot"
	}
	return fmt.Sprintf("EBS snapshots: %d volumes have no fresh snapshot", len(s.Stale))
}

// message is what the administrator reads: which volumes, how old their newest snapshot is, what to do.
func message(s State, url string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, found on %s, whatever the reason.\n", subject(s), s.CheckedAt.Format(minute))
	keyword, n := "", 0
	for _, v := range s.Stale {
		if v.Keyword != keyword {
			more(&b, n)
			keyword, n = v.Keyword, 0
			fmt.Fprintf(&b, "\n%s: no completed snapshot in the last %s\n", keyword, span(v.Limit))
		}
		if n++; n <= maxListed {
			fmt.Fprintf(&b, "%d. %s\n   %s\n", n, v, v.newest(s.CheckedAt))
		}
	}
	more(&b, n)
	b.WriteString("\nWhat to do: see in the EventBridge Scheduler console whether the schedule is enabled, and in the Step Functions console whether\n" +
		"its runs start and how they end; then start one by hand, with the keyword as input: {\"SnapshotKeyWord\": \"…\"}. A volume alone\n" +
		"among many: see its events in the EC2 console. One that is to have no snapshots: give it the schedule's tag with the value off.\n")
	fmt.Fprintf(&b, "\nOf the same volumes you are told again in a day. The alarm StaleVolumes stands until all are fresh, and tells that, too.\n"+
		"The whole list: %s\n", url)
	return b.String()
}

func more(b *strings.Builder, n int) {
	if n > maxListed {
		fmt.Fprintf(b, "… and %d more\n", n-maxListed)
	}
}

// String names the place, the person's name for it first.
func (v Stale) String() string {
	place := v.InstanceID
	if v.Name != "" {
		place = v.Name + " (" + v.InstanceID + ")"
	}
	return place + ", volume " + v.VolumeID + " (" + v.Device + ")"
}

func (v Stale) newest(now time.Time) string {
	if v.SnapshotID == "" {
		return "No completed snapshot, and the volume has been the schedule's for " + span(now.Sub(v.StartTime)) + " at least"
	}
	return fmt.Sprintf("Newest: %s of %s, %s old", v.SnapshotID, v.StartTime.UTC().Format(minute), span(now.Sub(v.StartTime)))
}

// span says a time in days and hours, or in minutes if it is short.
func span(d time.Duration) string {
	hours := int(d / time.Hour)
	switch {
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d/time.Minute))
	case hours < 72:
		return fmt.Sprintf("%d hours", hours)
	}
	return fmt.Sprintf("%d days", hours/24)
}
