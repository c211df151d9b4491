package config

import (
	"fmt"
	"slices"
	"time"
)

// Watch describes the alarm that reports when a keyword's runs no longer succeed.
type Watch struct {
	Keyword string
	Within  time.Duration // two periods of the schedule: the alarm reports when no run has succeeded for so long
	Period  time.Duration // of the alarm's metric
	Periods int
	WhyNot  string // why CloudWatch can't watch this keyword; "" if it can
}

// CloudWatch evaluates at most seven days if the period is an hour or longer, and at most one day if it is shorter.
const (
	lookBack     = 7 * 24 * time.Hour
	lookBackFine = 24 * time.Hour
)

// Watches returns a Watch for each keyword that has an enabled schedule, in the order of the configuration.
func (c Config) Watches() []Watch {
	var out []Watch
	at := map[string]int{}
	for _, s := range c.Schedules {
		if !s.Enabled {
			continue
		}
		i, known := at[s.Keyword]
		if !known {
			i = len(out)
			at[s.Keyword] = i
			out = append(out, Watch{Keyword: s.Keyword})
		}
		// If a keyword has several schedules, the most frequent one decides when a success is overdue.
		two := 2 * (s.Expression.Longest + time.Duration(s.WindowMinutes)*time.Minute)
		if s.Expression.Longest > 0 && (out[i].Within == 0 || two < out[i].Within) {
			out[i].Within = two
		}
	}
	for i := range out {
		out[i].choosePeriods()
	}
	return out
}

// choosePeriods chooses the periods of the alarm, or says why there can be no alarm.
func (w *Watch) choosePeriods() {
	w.Period, w.Periods = Periods(w.Within)
	switch {
	case w.Within == 0:
		w.WhyNot = "it triggers only one run"
	case w.Within > lookBack:
		w.WhyNot = fmt.Sprintf("two of its periods are %g days, but CloudWatch can evaluate only 7", w.Within.Hours()/24)
	}
}

// Periods returns the length and the number of the periods of an alarm that reports when data has been missing for so long. The
// periods are short, so that the alarm comes on time; CloudWatch limits how short. It is one period more than needed: the latest
// period has only begun, and it counts as one without data.
func Periods(within time.Duration) (period time.Duration, n int) {
	most := lookBack
	switch {
	case within < time.Hour:
		period = time.Minute
	case within < lookBackFine:
		period = 5 * time.Minute
	default:
		period = time.Hour
	}
	if period < time.Hour {
		most = lookBackFine
	}
	return period, min(int((within+period-1)/period)+1, int(most/period))
}

// ExcludeBoot returns the keywords whose runs exclude boot volumes.
func (c Config) ExcludeBoot() []string {
	out := []string{}
	for _, s := range c.Schedules {
		if s.ExcludeBoot && !slices.Contains(out, s.Keyword) {
			out = append(out, s.Keyword)
		}
	}
	return out
}

// FreshnessLimits returns for each keyword how old a volume's newest completed snapshot may become. A disabled schedule has no
// limit: somebody disabled it on purpose. A schedule that triggers only one run has no limit either, because it has no period.
func (c Config) FreshnessLimits() map[string]time.Duration {
	out := map[string]time.Duration{}
	if c.FreshnessPeriods == 0 {
		return out
	}
	for _, w := range c.Watches() {
		if w.Within > 0 { // two periods
			out[w.Keyword] = time.Duration(float64(w.Within) / 2 * c.FreshnessPeriods)
		}
	}
	return out
}

// TimeZones returns the time zone of each keyword that has a schedule.
func (c Config) TimeZones() map[string]string {
	out := map[string]string{}
	for _, s := range c.Schedules {
		out[s.Keyword] = s.TimeZone
	}
	return out
}
