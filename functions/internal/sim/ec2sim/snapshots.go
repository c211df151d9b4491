package ec2sim

import (
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// snapshot is an EBS snapshot of this account, or of another that this one may see.
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
	listedFrom  time.Time // from when the lists show it
	completesAt time.Time
	failsAt     time.Time   // from when it is in error; zero: it does not fail
	set         []*snapshot // all that one call of CreateSnapshots made, this one included; nil for a single one
	fixed       ebs.State   // a state that time does not change; usually ""
	locked      bool
	deletedAt   time.Time // zero if it exists
	history     []tagging // its tags over time; the last ones are in force
}

// tagging is a resource's tags from a time on. The map is never changed, only replaced.
type tagging struct {
	since time.Time
	tags  map[string]string
}

func (s *snapshot) state(now time.Time) ebs.State {
	switch {
	case s.fixed != "":
		return s.fixed
	case !s.failsAt.IsZero() && !now.Before(s.failsAt):
		return ebs.Error
	case now.Before(s.completesAt):
		return ebs.Pending
	}
	return ebs.Completed
}

func (s *snapshot) currentTags() map[string]string { return s.history[len(s.history)-1].tags }

func (s *snapshot) setTags(tags map[string]string, now time.Time) {
	s.history = append(s.history, tagging{now, tags})
}

// listedTags are the tags that the lists show, with their lag.
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

// inProgress says whether it counts as a snapshot in progress of its volume. A pending one counts, even if it was deleted while pending, and one
// in state error counts until it is deleted.
func (s *snapshot) inProgress(now time.Time) bool {
	state := s.state(now)
	return state == ebs.Pending || state == ebs.Error && s.deletedAt.IsZero()
}

// forgettable says whether a deleted snapshot has no effect any more.
func (s *snapshot) forgettable(now time.Time, lag time.Duration) bool {
	return !s.listed(now, lag) && !s.inProgress(now)
}

// snapshotStore holds the snapshots. A deleted one is removed from byID, but stays in graves and in the other lists while EC2's lists show it or
// it counts as in progress.
type snapshotStore struct {
	catalogue[*snapshot]
	byVolume map[string][]*snapshot // in the order of places
	graves   []*snapshot
	running  []*snapshot // created here and in progress at the last check
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

// bury removes the deleted snapshots that have no effect any more.
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

// find gives a snapshot by ID, even a deleted one that is still in graves.
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

// pending counts the account's pending snapshots, including those deleted while pending.
func (st *snapshotStore) pending(now time.Time) int {
	st.running = slices.DeleteFunc(st.running, func(s *snapshot) bool { return s.state(now) != ebs.Pending })
	return len(st.running)
}
