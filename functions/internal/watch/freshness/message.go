package freshness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// How many volumes the message lists; the object in the bucket has them all.
const (
	maxListed = 20  // of each schedule
	maxTotal  = 180 // a line may have more than 1 KB, with a name in Chinese, and SNS takes 256 KB
	maxPlace  = 300 // characters of an instance's name and a volume's device
)

// subject is ASCII and short, as SNS wants it for e-mail.
func subject(s State) string {
	if len(s.Stale) == 1 {
		return "EBS snapshots: 1 volume has no fresh snapshot"
	}
	return fmt.Sprintf("EBS snapshots: %d volumes have no fresh snapshot", len(s.Stale))
}

// message is what the administrator reads: which volumes, how old their newest snapshot is, what to do. s says who was told before.
func message(s State, url string) string {
	var b strings.Builder
	ebs.Fprintf(&b, "%s, found on %s, whatever the reason.\n", subject(s), s.CheckedAt.Format(ebs.TimeFormat))
	of, others := map[string]int{}, len(s.Stale)
	for _, v := range s.Stale {
		of[v.Keyword]++
	}
	for _, some := range s.listed() {
		keyword := some[0].Keyword
		ebs.Fprintf(&b, "\n%s: no completed snapshot in the last %s\n", keyword, span(some[0].Limit))
		for n, v := range some {
			ebs.Fprintf(&b, "%d. %s\n   %s\n", n+1, ebs.Cut(ebs.Visible(v.place().String()), maxPlace), v.newest(s.CheckedAt))
		}
		more(&b, of[keyword]-len(some), "")
		others -= of[keyword]
	}
	more(&b, others, " of other schedules")
	b.WriteString("\nWhat to do: see in the EventBridge Scheduler console whether the schedule is enabled, and in the Step Functions console whether\n" +
		"its runs start and how they end; then start one by hand, with the keyword as input: {\"SnapshotKeyWord\": \"…\"}. A volume alone\n" +
		"among many: see its events in the EC2 console. One that is to have no snapshots: give it the schedule's tag with the value off.\n")
	ebs.Fprintf(&b, "\nOf the same volumes you are told again in a day. The alarm StaleVolumes stands until all are fresh, and tells that, too.\n"+
		"The whole list: %s\n", url)
	return b.String()
}

func more(b *strings.Builder, n int, of string) {
	if n > 0 {
		ebs.Fprintf(b, "… and %d more%s\n", n, of)
	}
}

// listed gives the volumes that find room, by schedule. Those come first of which nobody was told yet.
func (s State) listed() [][]Stale {
	told := func(v Stale) int {
		if s.Told[v.Keyword][v.VolumeID] {
			return 1
		}
		return 0
	}
	total, taken := 0, map[string][]Stale{}
	for _, v := range slices.SortedStableFunc(slices.Values(s.Stale), func(a, b Stale) int { return told(a) - told(b) }) {
		if total < maxTotal && len(taken[v.Keyword]) < maxListed {
			taken[v.Keyword] = append(taken[v.Keyword], v)
			total++
		}
	}
	var out [][]Stale
	for _, keyword := range slices.Sorted(maps.Keys(taken)) {
		out = append(out, taken[keyword])
	}
	return out
}

func (v Stale) newest(now time.Time) string {
	if v.SnapshotID == "" {
		return "No completed snapshot, and the volume has been the schedule's for " + span(now.Sub(v.StartTime)) + " at least"
	}
	return fmt.Sprintf("Newest: %s of %s, %s old", v.SnapshotID, v.StartTime.UTC().Format(ebs.TimeFormat), span(now.Sub(v.StartTime)))
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
