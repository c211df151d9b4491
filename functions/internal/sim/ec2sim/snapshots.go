package ec2sim

import (
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// snapshot is one EBS snapshot: of this account, or another's that this one may see.
type snapshot struct {
	ident
	volumeID    string
	owner       string
	description string
	copied      bool // CopySnapshot made it
	shared      bool // another account's, public or shared with this one
	sizeGiB     int
	fullBytes   int64
	startTime   time.Time
	listedFrom  time.Time // when the lists begin to show it
	completesAt time.Time
	willFail    bool      // ends in error instead of completed
	fixed       ebs.State // a state that time does not change; "" usually
	locked      bool
	deletedAt   time.Time // zero: it exists
	history     []tagging // its tags over time, the last one in force
}

// tagging is a resource's tags since a moment. The map is never changed, only replaced.
type tagging struct {
	since time.Time
	tags  map[string]string
}

func (s *snapshot) state(now time.Time) ebs.State {
	switch {
	case s.fixed != "":
		return s.fixed
	case now.Before(s.completesAt):
		return ebs.Pending
	case s.willFail:
		return ebs.Error
	}
	return ebs.Completed
}

func (s *snapshot) currentTags() map[string]string { return s.history[len(s.history)-1].tags }

func (s *snapshot) setTags(tags map[string]string, now time.Time) {
	s.history = append(s.history, tagging{now, tags})
}

// listedTags are the tags that the lists show, lag behind.
func (s *snapshot) listedTags(now time.Time, lag time.Duration) map[string]string {
	for i := len(s.history) - 1; i > 0; i-- {
		if !now.Before(s.history[i].since.Add(lag)) {
			s.history = s.history[i:]
			break
		}
	}
	return s.history[0].tags
}

// listed says whether the lists show it.
func (s *snapshot) listed(now time.Time, lag time.Duration) bool {
	return !now.Before(s.listedFrom) && (s.deletedAt.IsZero() || now.Before(s.deletedAt.Add(lag)))
}

// inProgress says whether it counts as a snapshot in progress of its volume: a pending one, even if it was deleted while
// pending, and one in error until it is deleted.
func (s *snapshot) inProgress(now time.Time) bool {
	state := s.state(now)
	return state == ebs.Pending || state == ebs.Error && s.deletedAt.IsZero()
}

// forgettable says whether nothing knows any more of a deleted snapshot.
func (s *snapshot) forgettable(now time.Time, lag time.Duration) bool {
	return !s.listed(now, lag) && !s.inProgress(now)
}

// snapshotStore holds the snapshots. A deleted one can't be found any more, but rests in graves and in the lists as long as
// the lists show it or it counts as in progress.
type snapshotStore struct {
	catalogue[*snapshot]
	byVolume map[string][]*snapshot // in the order of places
	graves   []*snapshot
	running  []*snapshot // created here and in progress when last looked at
	owned    int         // that exist and belong to the account
}

func newSnapshotStore() snapshotStore {
	return snapshotStore{catalogue: newCatalogue[*snapshot](), byVolume: map[string][]*snapshot{}}
}

func (st *snapshotStore) add(s *snapshot, own bool) {
	st.catalogue.add(s)
	st.byVolume[s.volumeID] = insertByPlace(st.byVolume[s.volumeID], s)
	if own {
		st.owned++
		st.running = append(st.running, s)
	}
}

func (st *snapshotStore) delete(s *snapshot, own bool, now time.Time, lag time.Duration) {
	s.deletedAt = now
	delete(st.byID, s.id)
	st.graves = append(st.graves, s)
	if own {
		st.owned--
	}
	st.bury(now, lag)
}

// bury forgets the deleted snapshots that have no effect any more.
func (st *snapshotStore) bury(now time.Time, lag time.Duration) {
	st.graves = slices.DeleteFunc(st.graves, func(s *snapshot) bool {
		if !s.forgettable(now, lag) {
			return false
		}
		st.remove(s)
		if i, ok := findPlace(st.byVolume[s.volumeID], s.place()); ok {
			st.byVolume[s.volumeID] = slices.Delete(st.byVolume[s.volumeID], i, i+1)
		}
		return true
	})
}

// find gives a snapshot by ID, a deleted one too as long as it rests.
func (st *snapshotStore) find(id string) *snapshot {
	if s, ok := st.byID[id]; ok {
		return s
	}
	for _, s := range st.graves {
		if s.id == id {
			return s
		}
	}
	return nil
}

// inProgressOf counts the snapshots in progress of a volume.
func (st *snapshotStore) inProgressOf(volumeID, owner string, now time.Time) int {
	n := 0
	for _, s := range st.byVolume[volumeID] {
		if s.owner == owner && s.inProgress(now) {
			n++
		}
	}
	return n
}

// pending counts the account's pending snapshots, those deleted while pending too.
func (st *snapshotStore) pending(now time.Time) int {
	st.running = slices.DeleteFunc(st.running, func(s *snapshot) bool { return s.state(now) != ebs.Pending })
	return len(st.running)
}
