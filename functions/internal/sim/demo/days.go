package demo

import (
	"time"
)

// volumeRun is one volume in one run.
type volumeRun struct{ run, volume string }

// days counts what each schedule did, day by day.
func (e *evidence) days() []Day {
	var out []Day
	for day := e.start; day.Before(e.end); day = day.AddDate(0, 0, 1) {
		d := Day{Date: day.Format(time.DateOnly)}
		for _, k := range keywords {
			d.Schedule = append(d.Schedule, Count{Keyword: k})
		}
		out = append(out, d)
	}
	e.countRuns(out)
	for _, s := range e.snapshots {
		if c := e.of(out, s.schedule(), s.StartTime); c != nil {
			c.Created++
		}
		if c := e.of(out, s.schedule(), s.deletedAt); c != nil {
			c.Deleted++
		}
	}
	return out
}

func (e *evidence) countRuns(days []Day) {
	seen, failed := map[volumeRun]bool{}, map[volumeRun]bool{}
	for _, r := range e.runs {
		c := e.of(days, r.keyword, r.start)
		switch {
		case c == nil:
			continue
		case r.duplicate:
			c.Duplicates++
		case !r.byHand:
			c.Runs++
		}
		c.LongestSeconds = max(c.LongestSeconds, int(r.end.Sub(r.start).Seconds()))
		for _, v := range r.volumes() {
			if k := (volumeRun{r.run, v}); !seen[k] {
				seen[k] = true
				c.Volumes++
			}
		}
		if r.report == nil {
			continue
		}
		for _, f := range r.report.Failures {
			if k := (volumeRun{r.run, f.VolumeID}); !failed[k] {
				failed[k] = true
				c.Failed++
			}
		}
	}
}

// of gives the count of a schedule on the day of a time; nil if it is none of the demonstration's.
func (e *evidence) of(days []Day, keyword string, t time.Time) *Count {
	if t.Before(e.start) || !t.Before(e.end) {
		return nil
	}
	d := &days[int(t.Sub(e.start)/(24*time.Hour))]
	for i := range d.Schedule {
		if d.Schedule[i].Keyword == keyword {
			return &d.Schedule[i]
		}
	}
	return nil
}
