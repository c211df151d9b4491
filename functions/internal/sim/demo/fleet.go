package demo

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/retention"
)

var keywords = []string{hourly, daily}

// result puts together what is shown.
func (e *evidence) result() *Result {
	return &Result{
		From: e.start, Until: e.end, TimeZone: zoneName,
		Schedules: []Schedule{{hourly, "each hour"}, {daily, "each day at " + dailyTime}},
		Instances: e.instances(), Values: e.values(),
		Days: e.days(), Story: e.story(), Star: e.calendar(star), Holdings: e.holdings(), Spared: e.spared(),
		Mails: e.mails, Checks: e.checks(), Account: e.account(),
	}
}

func (e *evidence) instances() []Instance {
	var out []Instance
	for _, m := range e.members() {
		i := Instance{Name: m.Tags["Name"], State: m.State, Tags: scheduleTags(m.Tags), Launched: e.within(m.launched), Ended: e.within(m.ended), Volumes: []Volume{}}
		for _, v := range m.Volumes {
			i.Volumes = append(i.Volumes, Volume{v.ID, v.Device, v.SizeGiB, scheduleTags(v.Tags)})
		}
		out = append(out, i)
	}
	return out
}

// members are the instances that were there in time.
func (e *evidence) members() []member {
	return slices.DeleteFunc(slices.Clone(e.fleet), func(m member) bool {
		return m.launched != (moment{}) && e.within(m.launched) == nil
	})
}

// within gives the time of a moment that is part of the demonstration.
func (e *evidence) within(m moment) *time.Time {
	if m == (moment{}) {
		return nil
	}
	if t := m.after(e.start); t.Before(e.end) {
		return &t
	}
	return nil
}

func scheduleTags(all map[string]string) map[string]string {
	out := map[string]string{}
	for _, k := range keywords {
		if v, ok := all[k]; ok {
			out[k] = v
		}
	}
	return out
}

// values explains each retention value of the fleet, plain numbers together.
func (e *evidence) values() []Value {
	var numbers []int
	var out []Value
	seen := map[string]bool{}
	for _, text := range e.valuesInUse() {
		rules, err := retention.Parse(text)
		switch n := rules.Last; {
		case seen[text]:
		case err != nil:
			out = append(out, Value{text, "can't be read: snapshots are made, none is deleted, and an e-mail says so"})
		case rules == retention.Rules{Last: n}:
			numbers = append(numbers, n)
		default:
			out = append(out, Value{text, meaning(rules)})
		}
		seen[text] = true
	}
	slices.SortFunc(out, func(a, b Value) int { return cmp.Compare(a.Values, b.Values) })
	slices.Sort(numbers)
	var texts []string
	for _, n := range numbers {
		texts = append(texts, strconv.Itoa(n))
	}
	return slices.Insert(out, 0, Value{strings.Join(texts, ", "), "keep that many, the newest"})
}

func (e *evidence) valuesInUse() []string {
	var out []string
	for _, m := range e.members() {
		for _, t := range append([]tags{m.Tags}, volumeTags(m)...) {
			out = slices.AppendSeq(out, maps.Values(scheduleTags(t)))
		}
	}
	slices.Sort(out)
	return out
}

func volumeTags(m member) []tags {
	var out []tags
	for _, v := range m.Volumes {
		out = append(out, v.Tags)
	}
	return out
}

// meaning says in words what rules keep.
func meaning(r retention.Rules) string {
	if r.Off {
		return "exclude the volume: no snapshot is made, none is deleted"
	}
	var parts []string
	if r.Last > 0 {
		parts = append(parts, "the newest "+strconv.Itoa(r.Last))
	}
	for _, p := range []struct {
		n    int
		unit string
	}{{r.Hourly, "hour"}, {r.Daily, "day"}, {r.Weekly, "week"}, {r.Monthly, "month"}, {r.Yearly, "year"}} {
		if p.n > 0 {
			parts = append(parts, "the newest of each of the latest "+count(p.n, p.unit))
		}
	}
	if r.Within > 0 {
		parts = append(parts, "all younger than "+count(int(r.Within/time.Hour), "hour"))
	}
	return "keep " + strings.Join(parts, ", and ")
}

// grouped writes 12345 as 12,345.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count gives "1 week", "2 weeks".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}
