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
	Newest  ebs.Snapshot // the newest completed one of the schedule; the zero one: there is none
}

// State is what a check found, and what the next one has to know of it.
type State struct {
	CheckedAt time.Time
	Volumes   int // that were looked at; one with two schedules counts twice
	Stale     []Stale
	// Seen says since when a volume has been a schedule's, by keyword and ID. EC2 does not tell when an instance was tagged, and
	// a volume that has just become a schedule's is owed no snapshot yet.
	Seen times
	// Away says when a volume was last a schedule's, if it is not now: one that is detached at night waits for its first snapshot,
	// or its next, all the same.
	Away   times `json:",omitempty"`
	Limits map[string]Limit
	Told   told
	ToldAt time.Time
}

// times are by keyword and volume ID.
type times map[string]map[string]time.Time

func (t times) set(keyword, id string, at time.Time) {
	if t[keyword] == nil {
		t[keyword] = map[string]time.Time{}
	}
	t[keyword][id] = at
}

// Limit says how old the snapshots of a schedule may get, and since when that, or less, has been so.
type Limit struct {
	Age   time.Duration
	Since time.Time
}

// limitOf gives the limit as it stands now. A schedule that is new, enabled again or made more frequent owes no snapshot yet: from
// then on it has as long as the limit says, or the whole fleet would be stale until its first run.
func limitOf(before State, keyword string, age time.Duration, now time.Time) Limit {
	last, known := before.Limits[keyword]
	if _, watched := before.Seen[keyword]; !known && watched {
		return Limit{age, time.Time{}} // a state from before limits stood in it
	}
	if !known || age < last.Age {
		return Limit{age, now}
	}
	return Limit{age, last.Since}
}

// Stale is a volume whose newest snapshot is too old.
type Stale struct {
	Keyword                            string
	InstanceID, Name, VolumeID, Device string
	SnapshotID                         string        `json:",omitempty"` // the newest completed one
	StartTime                          time.Time     // of it, or since when the volume has been waiting for its first
	Limit                              time.Duration `json:"-"`
}

func (v Stale) place() ebs.Place {
	return ebs.Place{InstanceID: v.InstanceID, Name: v.Name, VolumeID: v.VolumeID, Device: v.Device}
}

// again is how long nobody is told again of the same volumes: a day, and so much less that an hourly check does not miss it.
const again = 23*time.Hour + 30*time.Minute

// Judge says which volumes are stale, from what the check before found. limits says of each keyword how old a snapshot may get.
func Judge(before State, limits map[string]time.Duration, watched []Watched, now time.Time) State {
	out := State{
		CheckedAt: now, Volumes: len(watched), Stale: []Stale{}, Seen: times{}, Away: times{}, Limits: map[string]Limit{},
		Told: told{}, ToldAt: before.ToldAt,
	}
	for keyword, age := range limits {
		out.Seen[keyword] = map[string]time.Time{} // also if it has no volume now
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
		if before.Told[w.Keyword][id] {
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
	out.keepAway(before)
	return out
}

// notAfter gives the state without times of the future, which a clock that was wrong left, or a person: until then nothing would be stale,
// and nobody be told. What was told then is told again.
func (s State) notAfter(now time.Time) State {
	clamp := func(t time.Time) time.Time {
		if t.After(now) {
			return now
		}
		return t
	}
	all := func(in times) times {
		out := times{}
		for keyword, volumes := range in {
			for id, t := range volumes {
				out.set(keyword, id, clamp(t))
			}
			if len(volumes) == 0 {
				out[keyword] = map[string]time.Time{} // a schedule without a volume is known, too
			}
		}
		return out
	}
	limits := map[string]Limit{}
	for keyword, l := range s.Limits {
		limits[keyword] = Limit{l.Age, clamp(l.Since)}
	}
	s.CheckedAt, s.Seen, s.Away, s.Limits = clamp(s.CheckedAt), all(s.Seen), all(s.Away), limits
	if s.ToldAt.After(now) {
		s.ToldAt, s.Told = time.Time{}, told{}
	}
	return s
}

// keepAway keeps what is known of volumes that are no schedule's now, until they have been away for as long as a snapshot may be old.
func (s *State) keepAway(before State) {
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
			if before.Told[keyword][id] {
				s.Told.add(keyword, id)
			}
		}
	}
}

func latest(of ...time.Time) time.Time { return slices.MaxFunc(of, time.Time.Compare) }

// told is of which volumes somebody was told, by keyword and ID.
type told map[string]map[string]bool

func (t told) add(keyword, id string) {
	if t[keyword] == nil {
		t[keyword] = map[string]bool{}
	}
	t[keyword][id] = true
}

// news says whether somebody should be told: of a volume that he was not told of, or of the same ones after a day. Until then the
// alarm stands.
func (s State) news(before State) bool {
	for _, v := range s.Stale {
		if !before.Told[v.Keyword][v.VolumeID] {
			return true
		}
	}
	return len(s.Stale) > 0 && s.CheckedAt.Sub(before.ToldAt) >= again
}

// tell notes that somebody has been told.
func (s *State) tell() {
	s.ToldAt = s.CheckedAt
	for _, v := range s.Stale {
		s.Told.add(v.Keyword, v.VolumeID)
	}
}
