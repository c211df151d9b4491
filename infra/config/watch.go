package config

import (
	"fmt"
	"slices"
	"time"
)

// Watch is how CloudWatch tells that a keyword's runs no longer succeed: by the successes that it misses.
type Watch struct {
	Keyword string
	Within  time.Duration // two periods of the schedule
	Period  time.Duration // of the alarm's metric
	Periods int
	Not     string // why it can't be watched so; "" if it can
}

// CloudWatch looks back seven days at most, over periods of an hour or more, and one day over shorter ones.
const (
	lookBack     = 7 * 24 * time.Hour
	lookBackFine = 24 * time.Hour
)

// Watches says of each keyword that has an enabled schedule how its runs are watched, in the order of the configuration.
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
		// Of several schedules of a keyword the most frequent says when a success is overdue.
		two := 2 * (s.Expression.Longest + time.Duration(s.WindowMinutes)*time.Minute)
		if s.Expression.Longest > 0 && (out[i].Within == 0 || two < out[i].Within) {
			out[i].Within = two
		}
	}
	for i := range out {
		out[i].settle()
	}
	return out
}

// settle chooses the periods of the alarm: fine ones, so that it comes when it says, as far as CloudWatch's look back allows. One more
// than are needed: the latest has only begun, and counts like one without a success.
func (w *Watch) settle() {
	w.Period, w.Periods = Periods(w.Within)
	switch {
	case w.Within == 0:
		w.Not = "it fires once"
	case w.Within > lookBack:
		w.Not = fmt.Sprintf("two of its periods are %g days, and CloudWatch looks back 7 at most", w.Within.Hours()/24)
	}
}

// Periods gives the length and number of the periods over which an alarm sees that something stays away for so long.
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

// ExcludeBoot gives the keywords whose runs exclude boot volumes.
func (c Config) ExcludeBoot() []string {
	out := []string{}
	for _, s := range c.Schedules {
		if s.ExcludeBoot && !slices.Contains(out, s.Keyword) {
			out = append(out, s.Keyword)
		}
	}
	return out
}

// FreshnessLimits says of each keyword how old a volume's newest completed snapshot may get. Who disables a schedule in the
// configuration means it, and is not told; neither can a schedule that fires once be late.
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

// TimeZones gives the time zone of each keyword that has a schedule.
func (c Config) TimeZones() map[string]string {
	out := map[string]string{}
	for _, s := range c.Schedules {
		out[s.Keyword] = s.TimeZone
	}
	return out
}
