package demo

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const countHeader = "%4s  %5s  %7s  %7s  %7s  %6s  %5s"

func (p printer) days() {
	p.heading("THE RUNS, day by day")
	for n := range p.Schedules {
		p.daysOf(n)
	}
	p.line("", "twice: runs that EventBridge delivered twice; volumes: of all runs; failed: without a good snapshot; took: the longest "+
		"run (the first snapshot of a volume copies all of it)")
}

// daysOf counts what the runs of a schedule did. Days that are alike share a line.
func (p printer) daysOf(schedule int) {
	p.printf("%s%-14s  "+countHeader+"\n", indent, p.Schedules[schedule].Keyword, "runs", "twice", "volumes", "created", "deleted", "failed", "took")
	for i := 0; i < len(p.Days); {
		n := alike(p.Days[i:], schedule)
		label := date(p.Days[i].Date)
		if n > 1 {
			p.printf("%s%s to %s, each day:\n", indent, label, date(p.Days[i+n-1].Date))
			label = ""
		}
		p.printf("%s%-14s  %s\n", indent, label, p.count(p.Days[i].Schedule[schedule]))
		i += n
	}
}

// alike counts the days at the beginning that have the same counts; a few are not worth folding.
func alike(days []Day, schedule int) int {
	same := func(a, b Count) bool {
		a.LongestSeconds, b.LongestSeconds = 0, 0 // which vary
		return a == b
	}
	n := 1
	for n < len(days) && same(days[0].Schedule[schedule], days[n].Schedule[schedule]) {
		n++
	}
	if n < 3 {
		return 1
	}
	return n
}

func (p printer) count(c Count) string {
	number := func(n int) string {
		if n == 0 {
			return "-"
		}
		return grouped(n)
	}
	return fmt.Sprintf(countHeader, number(c.Runs), number(c.Duplicates), number(c.Volumes), number(c.Created), number(c.Deleted),
		number(c.Failed), minutes(time.Duration(c.LongestSeconds)*time.Second))
}

// minutes writes a duration as 3m or 4h32m.
func minutes(d time.Duration) string {
	d = d.Round(time.Minute)
	if d < time.Hour {
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
}

// maxRows is how many of the latest days of a calendar are shown whatever stands there; of the others only those on which
// something is left.
const maxRows = 10

func (p printer) calendar() {
	c := p.Star
	p.heading("WHAT BECAME OF EACH SNAPSHOT OF ONE VOLUME, %s, and why", c.Name)
	p.printf("%s%-10s  %-24s  %s\n", indent, "", hourly+": "+c.Retention[hourly], daily+": "+c.Retention[daily])
	p.printf("%s%-10s  %-24s  %s\n", indent, "", "0     6     12    18", dailyTime)
	skipped := 0
	for i, d := range c.Days {
		if len(c.Days)-i > maxRows && strings.Trim(d.Hourly+d.Daily, string(markDeleted)) == "" {
			skipped++
			continue
		}
		if skipped > 0 {
			p.line("", fmt.Sprintf("(%s of which nothing is left)", count(skipped, "day")))
			skipped = 0
		}
		p.line(fmt.Sprintf("%s  %s  %s  ", date(d.Date), d.Hourly, d.Daily), d.Reason)
	}
	fmt.Fprintln(p.w)
	for _, m := range c.Legend {
		text := m.Meaning
		if m.Reason != "" {
			text += ": " + strings.TrimPrefix(m.Reason, claimedBy)
		}
		p.line(m.Mark+"  ", strings.TrimPrefix(text, "failed: ")) // its reason begins with that word
	}
}

// holdings tells what EC2 has of each volume in the end, a paragraph a schedule.
func (p printer) holdings() {
	p.heading("WHAT IS KEPT OF EACH VOLUME at the end, by the schedules and by people")
	for _, s := range p.Schedules {
		var parts []string
		for _, h := range p.Holdings {
			if h.Schedule == s.Keyword {
				parts = append(parts, strings.ReplaceAll(h.Name+" "+held(h), " ", hardSpace))
			}
		}
		p.line(fmt.Sprintf("%-14s  ", s.Keyword), strings.Join(parts, "; "))
	}
}

func held(h Holding) string {
	text := strconv.Itoa(h.Kept)
	if h.Claimed > 0 {
		text += fmt.Sprintf(" + %d claimed", h.Claimed)
	}
	if h.Refused > 0 {
		text += fmt.Sprintf(" + %d in use", h.Refused)
	}
	if h.VolumeGone {
		text += " (the volume is gone)"
	}
	return text
}

func (p printer) spared() {
	if len(p.Spared) == 0 {
		return
	}
	p.heading("WHAT NO RUN DELETES (changing or removing the schedule's tag of a snapshot claims it)")
	for _, s := range p.Spared {
		what := s.Name + " of " + s.StartTime.In(p.zone).Format("2 Jan 15:04")
		if n := len(s.SnapshotIDs); n > 1 {
			what = fmt.Sprintf("%s of %s", count(n, "snapshot"), s.Name)
		}
		p.line(fmt.Sprintf("%-7s  ", s.Kind), what+": "+s.Reason)
	}
}

func (p printer) mails() {
	p.heading("THE E-MAILS: %d", len(p.Mails))
	var subjects []string
	times := map[string]int{}
	for _, m := range p.Mails {
		s := timeless(m.Subject)
		if times[s]++; times[s] == 1 {
			subjects = append(subjects, s)
		}
	}
	for _, s := range subjects {
		p.line(fmt.Sprintf("%3d × ", times[s]), s)
	}
	if len(p.Mails) == 0 {
		return
	}
	m := p.Mails[max(0, slices.IndexFunc(p.Mails, func(m Mail) bool { return strings.Contains(m.Subject, "FAILED") }))]
	p.printf("\n%sThe one of %s in full:\n", indent, p.time(m.At))
	const edge = "| "
	p.line(edge, "Subject: "+m.Subject)
	p.line(edge, "")
	for l := range strings.Lines(m.Message) {
		for _, part := range wrap(strings.TrimRight(l, "\n"), width-len(indent+edge)) {
			p.line(edge, part)
		}
	}
}

var subjectTime = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d [+-]\d\d:\d\d`)

// timeless gives a subject without the time of the run, so that equal ones can be counted.
func timeless(subject string) string { return subjectTime.ReplaceAllString(subject, "(time)") }
