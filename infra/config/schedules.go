package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the machine may have no time zone database

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// maxSchedules keeps the template within CloudFormation's limit of resources.
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
		r.checkConflicts(where, out, s)
		out = append(out, s)
	}
	return out
}

func (r *reader) schedule(where string, entry map[string]any) Schedule {
	s := Schedule{TimeZone: "UTC", Enabled: true}
	r.unknownKeys(where, names(ScheduleKeys()), sortedKeys(entry))
	for _, key := range []string{"keyword", "expression"} {
		if entry[key] == nil {
			r.fault(join(where, key), "Add it: each schedule needs a keyword and an expression", "it is missing")
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
		r.fault(where, "Give a tag key such as SnapshotDaily", "%s is not a text", show(value))
		return ""
	}
	if err := contract.CheckKeyword(s); err != nil {
		r.fault(where, "Give a tag key such as SnapshotDaily", "%s can't be a keyword: %v", show(s), err)
	}
	return s
}

func (r *reader) zone(where string, value any) string {
	const right = "Give an IANA name such as Asia/Shanghai, Europe/Berlin or UTC"
	s, ok := value.(string)
	if _, err := time.LoadLocation(s); !ok || err != nil || s == "" || s == "Local" {
		r.fault(where, right, "%s is not a time zone", show(value))
		return "UTC"
	}
	return s
}

// checkConflicts reports what in a schedule contradicts an earlier schedule of the same keyword.
func (r *reader) checkConflicts(where string, earlier []Schedule, s Schedule) {
	for i, other := range earlier {
		switch {
		case s.Keyword == "" || other.Keyword != s.Keyword:
		case other.Expression.Text == s.Expression.Text:
			r.fault(where, "Remove one of them", "it is the same as schedules[%d]", i)
		case other.TimeZone != s.TimeZone:
			// A person may start a run with the keyword alone: then only the keyword says in which time zone calendar rules count.
			r.fault(join(where, "timeZone"), "Give all schedules of a keyword the same time zone, or use another keyword",
				"%s has the time zone %s here and %s in schedules[%d]", s.Keyword, s.TimeZone, other.TimeZone, i)
		case other.ExcludeBoot != s.ExcludeBoot:
			r.fault(join(where, "excludeBootVolumes"), "Give all schedules of a keyword the same value, or use another keyword",
				"%s has excludeBootVolumes %t here and %t in schedules[%d]", s.Keyword, s.ExcludeBoot, other.ExcludeBoot, i)
		}
	}
}
