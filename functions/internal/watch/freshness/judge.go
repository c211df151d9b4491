package freshness

import (
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
)

// Watched is a volume that the runs of a schedule work on.
type Watched struct {
	Keyword string
	Choice  discover.Choice
	Newest  ebs.Snapshot // the schedule's newest completed one; the zero value if there is none
}

// State is what a check found, and what the next check needs to know.
type State struct {
	CheckedAt time.Time
	Volumes   int // that were checked; a volume with two schedules counts twice
	Stale     []Stale
	// Seen says when a check first saw a volume in a schedule. EC2 does not say when an instance was tagged, and a volume that has just
	// joined a schedule needs no snapshot yet.
	Seen times
	// Away says when a volume that has left its schedule was last in it. A volume that is detached every night still waits for its next
	// snapshot.
	Away   times `json:",omitempty"`
	Limits map[string]Limit
	Told   volumeSet // stale volumes that a mail has reported
	ToldAt time.Time // when the last mail was sent
}

// times are by keyword and volume ID.
type times map[string]map[string]time.Time

func (t times) set(keyword, id string, at time.Time) {
	if t[keyword] == nil {
		t[keyword] = map[string]time.Time{}
	}
	t[keyword][id] = at
}

// Limit says how old the snapshots of a schedule may get, and since when its limit has been no larger than that.
type Limit struct {
	Age   time.Duration
	Since time.Time
}

// limitOf gives the schedule's limit. A schedule that is new, enabled again or more frequent than before has the whole limit for its next
// snapshots. Otherwise its whole fleet would be stale until the first run.
func limitOf(before State, keyword string, age time.Duration, now time.Time) Limit {
	last, hasLimit := before.Limits[keyword]
	if _, watched := before.Seen[keyword]; !hasLimit && watched {
		return Limit{age, time.Time{}} // a state that an older version saved without limits
	}
	if !hasLimit || age < last.Age {
		return Limit{age, now}
	}
	return Limit{age, last.Since}
}

// Stale is a volume whose newest snapshot is too old.
type Stale struct {
	Keyword                            string
	InstanceID, Name, VolumeID, Device string
	SnapshotID                         string        `json:",omitempty"` // the newest completed one
	StartTime                          time.Time     // its start, or when a check first saw the volume if it has none
	Limit                              time.Duration `json:"-"`
}

func (v Stale) place() ebs.Place {
	return ebs.Place{InstanceID: v.InstanceID, Name: v.Name, VolumeID: v.VolumeID, Device: v.Device}
}

// remindAfter is when a mail reports the same volumes again: a day, minus half an hour so that the hourly check does not miss it.
const remindAfter = 23*time.Hour + 30*time.Minute

// Judge says which volumes are stale. before is what the last check saved; limits says for each keyword how old a snapshot may get.
func Judge(before State, limits map[string]time.Duration, watched []Watched, now time.Time) State {
	out := State{
		CheckedAt: now, Volumes: len(watched), Stale: []Stale{}, Seen: times{}, Away: times{}, Limits: map[string]Limit{},
		Told: volumeSet{}, ToldAt: before.ToldAt,
	}
	for keyword, age := range limits {
		out.Seen[keyword] = map[string]time.Time{} // even if it has no volume now
		out.Limits[keyword] = limitOf(before, keyword, age, now)
	}
	for _, w := range watched {
		id := w.Choice.Volume.VolumeID
		since, seen := before.Seen[w.Keyword][id]
		if !seen {
			since = now
		}
		out.Seen.set(w.Keyword, id, since)
		limit := out.Limits[w.Keyword]
		if now.Sub(latest(since, limit.Since, w.Newest.StartTime)) <= limit.Age {
			continue
		}
		if before.Told.has(w.Keyword, id) {
			out.Told.add(w.Keyword, id)
		}
		if w.Newest.ID != "" {
			since = w.Newest.StartTime
		}
		out.Stale = append(out.Stale, Stale{
			Keyword: w.Keyword, InstanceID: w.Choice.Instance.ID, Name: w.Choice.Instance.Tags["Name"], VolumeID: id,
			Device: w.Choice.Volume.Device, SnapshotID: w.Newest.ID, StartTime: since, Limit: limit.Age,
		})
	}
	out.rememberAway(before)
	return out
}

// withoutFuture corrects times in the future, which a wrong clock or a person wrote. Until such a time no volume would be stale and no mail
// would be sent. Volumes of a mail from the future are reported again.
func (s State) withoutFuture(now time.Time) State {
	clamp := func(t time.Time) time.Time {
		if t.After(now) {
			return now
		}
		return t
	}
	clampAll := func(in times) times {
		out := times{}
		for keyword, volumes := range in {
			for id, t := range volumes {
				out.set(keyword, id, clamp(t))
			}
			if len(volumes) == 0 {
				out[keyword] = map[string]time.Time{} // a schedule without volumes is still a known schedule
			}
		}
		return out
	}
	limits := map[string]Limit{}
	for keyword, l := range s.Limits {
		limits[keyword] = Limit{l.Age, clamp(l.Since)}
	}
	s.CheckedAt, s.Seen, s.Away, s.Limits = clamp(s.CheckedAt), clampAll(s.Seen), clampAll(s.Away), limits
	if s.ToldAt.After(now) {
		s.ToldAt, s.Told = time.Time{}, volumeSet{}
	}
	return s
}

// rememberAway keeps what is known about volumes that have left their schedule, until they have been away for as long as the limit.
func (s *State) rememberAway(before State) {
	for keyword, limit := range s.Limits {
		for id, since := range before.Seen[keyword] {
			if _, here := s.Seen[keyword][id]; here {
				continue
			}
			last, away := before.Away[keyword][id]
			if !away {
				last = before.CheckedAt
			}
			if s.CheckedAt.Sub(last) > limit.Age {
				continue
			}
			s.Seen.set(keyword, id, since)
			s.Away.set(keyword, id, last)
			if before.Told.has(keyword, id) {
				s.Told.add(keyword, id)
			}
		}
	}
}

func latest(of ...time.Time) time.Time { return slices.MaxFunc(of, time.Time.Compare) }

// volumeSet is a set of volumes, by keyword and volume ID.
type volumeSet map[string]map[string]bool

func (t volumeSet) has(keyword, id string) bool { return t[keyword][id] }

func (t volumeSet) add(keyword, id string) {
	if t[keyword] == nil {
		t[keyword] = map[string]bool{}
	}
	t[keyword][id] = true
}

// needsMail says whether to send a mail: for a stale volume that no mail has reported, or as a reminder after a day. In between the alarm
// stays on.
func (s State) needsMail(before State) bool {
	for _, v := range s.Stale {
		if !before.Told.has(v.Keyword, v.VolumeID) {
			return true
		}
	}
	return len(s.Stale) > 0 && s.CheckedAt.Sub(before.ToldAt) >= remindAfter
}

// markTold records that a mail has reported the stale volumes.
func (s *State) markTold() {
	s.ToldAt = s.CheckedAt
	for _, v := range s.Stale {
		s.Told.add(v.Keyword, v.VolumeID)
	}
}
