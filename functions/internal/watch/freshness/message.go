package freshness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// How many volumes the message lists. The object in the bucket lists all of them.
const (
	maxListed = 20  // for each schedule
	maxTotal  = 180 // in all: an entry with a Chinese name can have more than 1 KB, and SNS accepts 256 KB
	maxPlace  = 300 // characters of an entry's place
)

// subject is ASCII and short, as SNS requires for e-mail.
func subject(s State) string {
	if len(s.Stale) == 1 {
		return "EBS snapshots: 1 volume has no fresh snapshot"
	}
	return fmt.Sprintf("EBS snapshots: %d volumes have no fresh snapshot", len(s.Stale))
}

// message says which volumes are stale, how old their newest snapshots are, and what to do. s.Told has the volumes of earlier mails.
func message(s State, url string) string {
	var b strings.Builder
	ebs.Fprintf(&b, "%s (checked at %s).\n", subject(s), s.CheckedAt.Format(ebs.TimeFormat))
	stale, notListed := map[string]int{}, len(s.Stale)
	for _, v := range s.Stale {
		stale[v.Keyword]++
	}
	for _, volumes := range s.listed() {
		keyword := volumes[0].Keyword
		ebs.Fprintf(&b, "\n%s: no completed snapshot in the last %s\n", keyword, span(volumes[0].Limit))
		for n, v := range volumes {
			ebs.Fprintf(&b, "%d. %s\n   %s\n", n+1, ebs.Cut(ebs.Visible(v.place().String()), maxPlace), v.newest(s.CheckedAt))
		}
		more(&b, stale[keyword]-len(volumes), "")
		notListed -= stale[keyword]
	}
	more(&b, notListed, " of other schedules")
	b.WriteString("\nWhat to do:\n" +
		"1. See in the EventBridge Scheduler console whether the schedule is enabled.\n" +
		"2. See in the Step Functions console whether its runs start, and how they end.\n" +
		"3. Start a run by hand, with the keyword as input: {\"SnapshotKeyWord\": \"…\"}\n" +
		"If only one volume of many is stale, see its events in the EC2 console.\n" +
		"If a volume should have no snapshots, give it the schedule's tag with the value off.\n")
	ebs.Fprintf(&b, "\nYou will be reminded of these volumes in a day. The alarm StaleVolumes stays on until all volumes have fresh\n"+
		"snapshots, and then reports that too.\nFull list: %s\n", url)
	return b.String()
}

func more(b *strings.Builder, n int, of string) {
	if n > 0 {
		ebs.Fprintf(b, "… and %d more%s\n", n, of)
	}
}

// listed gives the volumes that the message lists, by schedule. Volumes that no mail has listed yet are first.
func (s State) listed() [][]Stale {
	told := func(v Stale) int {
		if s.Told.has(v.Keyword, v.VolumeID) {
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
		return "No completed snapshot yet; in the schedule for at least " + span(now.Sub(v.StartTime))
	}
	return fmt.Sprintf("Newest snapshot: %s of %s, %s old", v.SnapshotID, v.StartTime.UTC().Format(ebs.TimeFormat), span(now.Sub(v.StartTime)))
}

// span writes a duration in days, in hours, or, if it is short, in minutes.
func span(d time.Duration) string {
	hours := int(d / time.Hour)
	switch {
	case d < 2*time.Hour:
		return ebs.Count(int(d/time.Minute), "minute")
	case hours < 72:
		return ebs.Count(hours, "hour")
	}
	return ebs.Count(hours/24, "day")
}
