package demo

import (
	"fmt"
	"io"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

const (
	width    = 80 // columns
	indent   = "   "
	dayText  = "Mon _2 Jan"
	timeText = "Mon _2 Jan 15:04"
)

// printer writes the result for a person.
type printer struct {
	*Result
	w     io.Writer
	color bool
	zone  *time.Location
}

// Print writes the result as text, at most 80 columns wide; color is for a terminal.
func (r *Result) Print(w io.Writer, color bool) {
	p := printer{r, w, color, r.From.Location()}
	p.intro()
	p.fleet()
	p.days()
	p.story()
	p.calendar()
	p.holdings()
	p.spared()
	p.mails()
	p.checks()
	p.next()
}

// printf writes what may quote text of tags, each argument in its line.
func (p printer) printf(format string, args ...any) { ebs.Fprintf(p.w, format, args...) }

// The few colours, as terminals number them.
const (
	bold  = "1"
	red   = "31"
	green = "32"
)

func (p printer) paint(color, text string) string {
	if !p.color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func (p printer) heading(format string, args ...any) {
	lines := wrap(ebs.Visiblef(format, args...), width)
	fmt.Fprintf(p.w, "\n%s\n", p.paint(bold, strings.Join(lines, "\n")))
}

// line writes a first part, and a text beside it that may go on below.
func (p printer) line(first, text string) {
	first = indent + ebs.Visible(first)
	for i, l := range wrap(ebs.Visible(text), width-utf8.RuneCountInString(first)) {
		if i > 0 {
			first = strings.Repeat(" ", utf8.RuneCountInString(first))
		}
		fmt.Fprintln(p.w, strings.TrimRight(first+l, " "))
	}
}

// wrap breaks a text at spaces into lines of at most so many characters, all as far in as the first one is; a word that is
// longer stands alone.
func wrap(text string, columns int) []string {
	var lines []string
	body := strings.TrimLeft(text, " ")
	lead := text[:len(text)-len(body)]
	line := lead
	for _, word := range strings.Split(body, " ") {
		switch {
		case line == lead:
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns:
			lines = append(lines, line)
			line = lead + word
		default:
			line += " " + word
		}
	}
	lines = append(lines, line)
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], hardSpace, " ")
	}
	return lines
}

// hardSpace is one at which wrap does not break.
const hardSpace = "\u00a0"

func (p printer) time(t time.Time) string { return t.In(p.zone).Format(timeText) }

func date(text string) string {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return text
	}
	return t.Format(dayText)
}

func (p printer) intro() {
	last := p.Until.AddDate(0, 0, -1)
	text := fmt.Sprintf("EBS snapshot life cycle: %s in a simulated AWS account, %s to %s",
		count(len(p.Days), "day"), p.From.Format("2 January 2006"), last.Format("2 January 2006"))
	if len(p.Days) == 1 {
		text = "EBS snapshot life cycle: a day in a simulated AWS account, " + last.Format("2 January 2006")
	}
	fmt.Fprintln(p.w, p.paint(bold, strings.Join(wrap(text, width), "\n")))
	for _, l := range wrap("Tags say which schedules snapshot an instance's volumes, and what is kept; the rest is deleted. The state machine, "+
		"its four functions and the AWS SDK are the real ones here; EC2, S3, SNS and the clock are simulated, and nothing is "+
		"sent to AWS. Times are those of "+p.TimeZone+".", width) {
		fmt.Fprintln(p.w, l)
	}
}

func (p printer) fleet() {
	p.heading("THE FLEET: a tag on an instance names a schedule, and says what to keep of each volume")
	w := []int{len("instance"), 0, 0}
	for n, s := range p.Schedules {
		w[n+1] = len(s.Keyword)
	}
	for _, i := range p.Instances {
		w[0] = max(w[0], len(i.Name))
		for n, s := range p.Schedules {
			w[n+1] = max(w[n+1], len(tag(i.Tags, s)))
		}
	}
	row := func(a, b, c, text string) {
		p.line(fmt.Sprintf("%-*s  %-*s  %-*s  ", w[0], a, w[1], b, w[2], c), text)
	}
	first, second := p.Schedules[0], p.Schedules[1]
	row("instance", first.Keyword, second.Keyword, "volumes")
	for _, i := range p.Instances {
		row(i.Name, tag(i.Tags, first), tag(i.Tags, second), p.volumes(i))
		for _, v := range i.Volumes {
			if len(v.Tags) > 0 {
				all := maps.Clone(i.Tags)
				maps.Copy(all, v.Tags)
				row("", tag(all, first), tag(all, second), v.Device+", which has a tag of its own")
			}
		}
	}
	fmt.Fprintln(p.w)
	p.line("", fmt.Sprintf("%s runs %s, %s %s. What a tag's value means:", first.Keyword, first.Fires, second.Keyword, second.Fires))
	widest := 0
	for _, v := range p.Values {
		widest = max(widest, len(v.Values))
	}
	for _, v := range p.Values {
		p.line(fmt.Sprintf("%-*s  ", widest, v.Values), v.Meaning)
	}
}

func tag(tags map[string]string, s Schedule) string {
	if v, ok := tags[s.Keyword]; ok {
		return v
	}
	return "-"
}

// volumes tells the volumes without tags of their own, and what else there is to know of an instance.
func (p printer) volumes(i Instance) string {
	var parts []string
	for _, v := range i.Volumes {
		if len(v.Tags) == 0 {
			parts = append(parts, v.Device)
		}
	}
	text := strings.Join(parts, ", ")
	var notes []string
	if i.State != "running" {
		notes = append(notes, i.State)
	}
	if i.Launched != nil {
		notes = append(notes, "launched on "+p.time(*i.Launched))
	}
	if i.Ended != nil {
		notes = append(notes, "terminated on "+p.time(*i.Ended))
	}
	switch {
	case len(notes) == 0:
		return text
	case text == "":
		return "(" + strings.Join(notes, ", ") + ")"
	}
	return text + " (" + strings.Join(notes, ", ") + ")"
}

func (p printer) story() {
	fmt.Fprintf(p.w, "\n%sWhat happened:\n", indent)
	for _, e := range p.Story {
		p.line(fmt.Sprintf("%s  %-6s  ", p.time(e.At), e.By), e.What)
	}
}

func (p printer) checks() {
	p.heading("CHECKED, from what EC2 holds and what was sent, not from what the functions say")
	for _, c := range p.Checks {
		first, painted := "yes  ", p.paint(green, "yes")+"  "
		if !c.Held {
			first, painted = "NO   ", p.paint(red, "NO")+"   "
		}
		for i, l := range wrap(ebs.Visiblef("%s: %s", c.Promise, c.Detail), width-len(indent+first)) {
			if i > 0 {
				painted = strings.Repeat(" ", len(first))
			}
			fmt.Fprintln(p.w, indent+painted+l)
		}
	}
	a := p.Account
	p.line("", fmt.Sprintf("Both run at %s; the snapshots of a volume are %.0fs apart or more (EC2 wants 15s, and refused %d).",
		dailyTime, a.ClosestSeconds, a.TooSoon))
	p.line("", fmt.Sprintf("EC2: %s, %s throttled. Step Functions: %s, %s.", count(a.Calls, "call"), grouped(a.Throttled),
		count(a.Executions+a.Children, "execution"), count(a.Transitions, "state transition")))
}

func (p printer) next() {
	p.heading("WHAT TO TRY NEXT")
	if len(p.Days) < aMonth {
		p.command(fmt.Sprintf("demo --days %d", aMonth), "the same fleet for longer")
	}
	p.command("plan", "what runs would do in your account")
	p.command("explain web-1", "why each snapshot is kept, and until when")
	p.command("--help", "all that it can do")
}

const aMonth = 30

func (p printer) command(verb, what string) {
	p.line(fmt.Sprintf("go run ./functions/ebs-snapshots %-15s ", verb), what)
}
