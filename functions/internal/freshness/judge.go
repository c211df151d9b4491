package freshness

import (
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
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
	Seen   map[string]map[string]time.Time
	Told   told
	ToldAt time.Time
}

// Stale is a volume whose newest snapshot is too old.
type Stale struct {
	Keyword                            string
	InstanceID, Name, VolumeID, Device string
	SnapshotID                         string        `json:",omitempty"` // the newest completed one
	StartTime                          time.Time     // of it, or since when the volume has been waiting for its first
	Limit                              time.Duration `json:"-"`
}

// again is how long nobody is told again of the same volumes: a day, and so much less that an hourly check does not miss it.
const again = 23*time.Hour + 30*time.Minute

// Judge says which volumes are stale, from what the check before found. limits says of each keyword how old a snapshot may get.
func Judge(before State, limits map[string]time.Duration, watched []Watched, now time.Time) State {
	out := State{
		CheckedAt: now, Volumes: len(watched), Stale: []Stale{}, Seen: map[string]map[string]time.Time{},
		Told: told{}, ToldAt: before.ToldAt,
	}
	for keyword := range limits {
		out.Seen[keyword] = map[string]time.Time{} // also if it has no volume now: the next one is a new one
	}
	for _, w := range watched {
		id := w.Choice.Volume.VolumeID
		since := firstSeen(before, w, now)
		out.Seen[w.Keyword][id] = since
		if w.Newest.StartTime.After(since) {
			since = w.Newest.StartTime
		}
		if now.Sub(since) <= limits[w.Keyword] {
			continue
		}
		if before.Told[w.Keyword][id] {
			out.Told.add(w.Keyword, id)
		}
		out.Stale = append(out.Stale, Stale{
			Keyword: w.Keyword, InstanceID: w.Choice.Instance.ID, Name: w.Choice.Instance.Tags["Name"], VolumeID: id,
			Device: w.Choice.Volume.Device, SnapshotID: w.Newest.ID, StartTime: since, Limit: limits[w.Keyword],
		})
	}
	return out
}

// firstSeen says since when the volume has been the schedule's. The first check of a schedule knows no more than that it was when
// its newest snapshot was made, unless that one was adopted: another tool's run made it.
func firstSeen(before State, w Watched, now time.Time) time.Time {
	seen, known := before.Seen[w.Keyword]
	if at, ok := seen[w.Choice.Volume.VolumeID]; ok {
		return at
	}
	if !known && w.Newest.ID != "" && w.Newest.Tags[ebs.TagRun] != ebs.AdoptedRun {
		return w.Newest.StartTime
	}
	return now
}

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
