package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the machine that synthesizes need not have them

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// maxSchedules keeps the template inside CloudFormation's limit of resources.
const maxSchedules = 100

func (r *reader) schedules(list []any) []Schedule {
	var out []Schedule
	if len(list) > maxSchedules {
		r.fault("schedules", fmt.Sprintf("Give at most %d", maxSchedules), "there are %d", len(list))
	}
	for i, value := range list {
		where := fmt.Sprintf("schedules[%d]", i)
		entry := r.object(where, value, "an object such as "+strings.Trim(exampleSchedules, "[]"))
		if entry == nil {
			continue
		}
		s := r.schedule(where, entry)
		r.besides(where, out, s)
		out = append(out, s)
	}
	return out
}

func (r *reader) schedule(where string, entry map[string]any) Schedule {
	s := Schedule{TimeZone: "UTC", Enabled: true}
	r.unknown(where, names(ScheduleKeys()), sortedKeys(entry))
	for _, key := range []string{"keyword", "expression"} {
		if entry[key] == nil {
			r.fault(join(where, key), "Give one: a schedule has a keyword and an expression", "it is missing")
		}
	}
	for _, key := range sortedKeys(entry) {
		if value := entry[key]; value != nil {
			r.scheduleKey(&s, join(where, key), key, value)
		}
	}
	return s
}

func (r *reader) scheduleKey(s *Schedule, where, key string, value any) {
	switch key {
	case "keyword":
		s.Keyword = r.keyword(where, value)
	case "expression":
		text := r.text(where, value, "cron(…), rate(…) or at(…)")
		if text == "" {
			return
		}
		e, err := parseExpression(text)
		if err != nil {
			r.fault(where, err.right, "%s", err.wrong)
		}
		s.Expression = e
	case "timeZone":
		s.TimeZone = r.zone(where, value)
	case "flexibleWindowMinutes":
		s.WindowMinutes = r.whole(where, value, 0, 1440)
	case "enabled":
		s.Enabled = r.boolean(where, value)
	case "excludeBootVolumes":
		s.ExcludeBoot = r.boolean(where, value)
	}
}

func (r *reader) keyword(where string, value any) string {
	s, ok := value.(string)
	if !ok {
		r.fault(where, "Give a tag key such as SnapshotDaily", "%s is no text", show(value))
		return ""
	}
	if err := contract.CheckKeyword(s); err != nil {
		r.fault(where, "Give a tag key such as SnapshotDaily: letters, numbers, spaces and _ . : / = + - @",
			"%s can't be a keyword: %v", show(s), err)
	}
	return s
}

func (r *reader) zone(where string, value any) string {
	const right = "Give an IANA name such as Asia/Shanghai, Europe/Berlin or UTC"
	s, ok := value.(string)
	if _, err := time.LoadLocation(s); !ok || err != nil || s == "" || s == "Local" {
		r.fault(where, right, "%s is no time zone", show(value))
		return "UTC"
	}
	return s
}

// besides says what is wrong with a schedule beside those before it.
func (r *reader) besides(where string, before []Schedule, s Schedule) {
	for i, other := range before {
		switch {
		case s.Keyword == "" || other.Keyword != s.Keyword:
		case other.Expression.Text == s.Expression.Text:
			r.fault(where, "Leave one of them out", "it is the same as schedules[%d]", i)
		case other.TimeZone != s.TimeZone:
			// A run that a person starts with the keyword alone has to know in which zone its calendar rules count.
			r.fault(join(where, "timeZone"), "Give all schedules of a keyword one time zone, or one of them another keyword",
				"%s is in %s here and in %s in schedules[%d]", s.Keyword, s.TimeZone, other.TimeZone, i)
		case other.ExcludeBoot != s.ExcludeBoot:
			r.fault(join(where, "excludeBootVolumes"), "Give all schedules of a keyword the same, or one of them another keyword",
				"%s excludes boot volumes in one of this and schedules[%d] only", s.Keyword, i)
		}
	}
}
