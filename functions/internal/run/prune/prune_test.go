package prune

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const (
	pending = "*contract.SnapshotPendingError: snapshot of vol-1: snap-own is not completed yet"
	failed  = "*contract.SnapshotFailedError: snapshot of vol-1: snap-own ended in state error"
	deleted = "*contract.SnapshotFailedError: snapshot of vol-1: snap-own no longer exists: someone deleted it during the run, or it failed and an earlier attempt deleted it"
)

// worthless is what becomes of this run's snapshot if it failed.
var worthless = contract.Removal{SnapshotID: "snap-own", Reason: "failed (state error); it holds no data"}

func beyond(id string, kept int) contract.Removal {
	return contract.Removal{SnapshotID: id, Reason: fmt.Sprintf("beyond last=3 (%d newer kept)", kept)}
}

func TestPrune(t *testing.T) {
	broken := errors.New("broken")
	cases := []struct {
		name    string
		ec2     *fakeEC2
		change  func(*fakeEC2, *contract.PruneRequest)
		want    contract.PruneResult
		err     string
		deleted []string
	}{
		{
			name:   "refuses a request without the run's snapshot",
			ec2:    volumeWith(ebs.Completed, 5),
			change: func(_ *fakeEC2, req *contract.PruneRequest) { req.Snapshot.SnapshotID = "" },
			err: "*contract.InvalidInputError: snapshot of vol-1: snapshot-volume returned no snapshot ID: it may be of another version than the state machine. " +
				"Deploy the stack again",
		}, {
			name: "refuses a request with a snapshot of another volume",
			ec2:  volumeWith(ebs.Completed, 5),
			change: func(f *fakeEC2, req *contract.PruneRequest) {
				f.snapshots = append(f.snapshots, ebs.Snapshot{ID: "snap-foreign", VolumeID: "vol-2", State: ebs.Completed})
				req.Snapshot.SnapshotID = "snap-foreign"
			},
			err: "*contract.InvalidInputError: snapshot of vol-1: snapshot-volume returned snap-foreign, which is a snapshot of vol-2",
		}, {
			name: "keeps exactly what the retention says after this run's snapshot has completed, and deletes the oldest first",
			ec2:  volumeWith(ebs.Completed, 5),
			want: contract.PruneResult{Kept: 3, Removed: []contract.Removal{beyond("snap-5", 3), beyond("snap-4", 3), beyond("snap-3", 3)}},

			deleted: []string{"snap-5", "snap-4", "snap-3"},
		}, {
			name: "deletes nothing if nothing is beyond the retention",
			ec2:  volumeWith(ebs.Completed, 2),
			want: contract.PruneResult{Kept: 3},
		}, {
			name: "counts only completed snapshots while this run's is pending, and asks for a retry",
			ec2:  volumeWith(ebs.Pending, 4),
			want: contract.PruneResult{Kept: 4, Removed: []contract.Removal{beyond("snap-4", 3)}},
			err:  pending, deleted: []string{"snap-4"},
		}, {
			name: "counts only completed snapshots if this run's has failed, and says so",
			ec2:  volumeWith(ebs.Error, 4),
			want: contract.PruneResult{Kept: 3, Removed: []contract.Removal{beyond("snap-4", 3), worthless}},
			err:  failed, deleted: []string{"snap-4", "snap-own"},
		}, {
			name: "keeps the last good snapshot if this run's has failed",
			ec2:  volumeWith(ebs.Error, 1),
			want: contract.PruneResult{Kept: 1, Removed: []contract.Removal{worthless}},
			err:  failed, deleted: []string{"snap-own"},
		}, {
			name: "counts this run's snapshot even if the schedule's list does not show it yet",
			ec2:  volumeWith(ebs.Completed, 3),
			change: func(f *fakeEC2, _ *contract.PruneRequest) {
				f.lagging = map[string]bool{"snap-own": true}
			},
			want:    contract.PruneResult{Kept: 3, Removed: []contract.Removal{beyond("snap-3", 3)}},
			deleted: []string{"snap-3"},
		}, {
			name: "repeats what EC2 says about the failure",
			ec2:  volumeWith(ebs.Error, 0),
			change: func(f *fakeEC2, _ *contract.PruneRequest) {
				f.snapshots[0].Message = "The KMS key is disabled"
			},
			want: contract.PruneResult{Removed: []contract.Removal{worthless}},
			err:  failed + ": The KMS key is disabled", deleted: []string{"snap-own"},
		}, {
			name: "keeps this run's failed snapshot while another can't be deleted, so that a retry sees that it failed",
			ec2:  volumeWith(ebs.Error, 4),
			change: func(f *fakeEC2, _ *contract.PruneRequest) {
				f.failures = map[string]error{"snap-4": errors.New("connection reset")}
			},
			want: contract.PruneResult{Kept: 5},
			err:  "*contract.UnexpectedError: connection reset\nsnapshot of vol-1: snap-own ended in state error",
		}, {
			name: "deletes a failed snapshot of an earlier run",
			ec2:  volumeWith(ebs.Completed, 2),
			change: func(f *fakeEC2, _ *contract.PruneRequest) {
				f.snapshots[2].State = ebs.Error
			},
			want:    contract.PruneResult{Kept: 2, Removed: []contract.Removal{{SnapshotID: "snap-2", Reason: "failed (state error); snap-own has completed since"}}},
			deleted: []string{"snap-2"},
		}, {
			name: "takes an unlisted snapshot for pending",
			ec2:  volumeWith(ebs.Pending, 3),
			change: func(f *fakeEC2, req *contract.PruneRequest) {
				f.unlisted[own] = true
				req.Attempt = unlisted - 1
			},
			want: contract.PruneResult{Kept: 3},
			err:  pending,
		}, {
			name: "takes an unlisted snapshot for deleted after several attempts",
			ec2:  volumeWith(ebs.Completed, 3),
			change: func(f *fakeEC2, req *contract.PruneRequest) {
				f.unlisted[own] = true
				req.Attempt = unlisted
			},
			want: contract.PruneResult{Kept: 3},
			err:  deleted,
		}, {
			name: "takes a snapshot that someone moved to the Recycle Bin for deleted",
			ec2:  volumeWith(ebs.Recovering, 0),
			want: contract.PruneResult{Kept: 1},
			err:  deleted,
		}, {
			name: "waits for a snapshot in an unknown state",
			ec2:  volumeWith("something-new", 4),
			want: contract.PruneResult{Kept: 4, Removed: []contract.Removal{beyond("snap-4", 3)}},
			err:  pending, deleted: []string{"snap-4"},
		}, {
			name: "finds this run's snapshot by its ID if a person has claimed it by removing our tag",
			ec2:  volumeWith(ebs.Completed, 4),
			change: func(f *fakeEC2, _ *contract.PruneRequest) {
				f.snapshots[0].Tags = nil
			},
			want:    contract.PruneResult{Kept: 3, Removed: []contract.Removal{beyond("snap-4", 3)}},
			deleted: []string{"snap-4"},
		}, {
			name: "neither counts nor deletes snapshots that a person has claimed by changing the keyword's tag",
			ec2:  volumeWith(ebs.Completed, 5),
			change: func(f *fakeEC2, _ *contract.PruneRequest) {
				f.snapshots[0].Tags[keyword] = "keep"
				f.snapshots[5].Tags[keyword] = "keep"
			},
			want:    contract.PruneResult{Kept: 3, Removed: []contract.Removal{beyond("snap-4", 3)}},
			deleted: []string{"snap-4"},
		}, {
			name: "deletes nothing if the retention can't be read",
			ec2:  volumeWith(ebs.Completed, 9),
			change: func(_ *fakeEC2, req *contract.PruneRequest) {
				req.Volume.Retention = "0"
			},
			want: contract.PruneResult{Note: `nothing was pruned: the retention "0" keeps nothing; give 1 or more, or off to exclude the volume`},
		}, {
			name: "waits for this run's snapshot even if the retention can't be read",
			ec2:  volumeWith(ebs.Pending, 9),
			change: func(_ *fakeEC2, req *contract.PruneRequest) {
				req.Run.TimeZone = "Moon/Tycho"
			},
			want: contract.PruneResult{Note: `nothing was pruned: time zone "Moon/Tycho": unknown time zone Moon/Tycho`},
			err:  pending,
		}, {
			name: "keeps what EC2 refuses to delete, with the reason, and continues with the others",
			ec2:  volumeWith(ebs.Completed, 4),
			change: func(f *fakeEC2, _ *contract.PruneRequest) {
				f.failures["snap-4"] = fmt.Errorf("delete: %w", &ebs.RefusedError{SnapshotID: "snap-4", Code: "InvalidSnapshot.InUse", Message: "in use by ami-1"})
			},
			want: contract.PruneResult{
				Kept: 4, Removed: []contract.Removal{beyond("snap-3", 3)},
				Blocked: []contract.Removal{{SnapshotID: "snap-4", Reason: "EC2 refuses to delete snap-4: in use by ami-1 (InvalidSnapshot.InUse)"}},
			},
			deleted: []string{"snap-3"},
		}, {
			name: "continues with the others if one deletion is denied or fails, and says so",
			ec2:  volumeWith(ebs.Completed, 5),
			change: func(f *fakeEC2, _ *contract.PruneRequest) {
				f.failures["snap-5"] = broken
				f.failures["snap-4"] = &contract.AccessDeniedError{Message: "denied"}
			},
			want:    contract.PruneResult{Kept: 5, Removed: []contract.Removal{beyond("snap-3", 3)}},
			err:     "*contract.AccessDeniedError: broken\ndenied",
			deleted: []string{"snap-3"},
		}, {
			name: "tries a denied deletion again after some seconds, since EC2's lists show late what was deleted or claimed",
			ec2:  volumeWith(ebs.Completed, 5),
			change: func(f *fakeEC2, _ *contract.PruneRequest) {
				f.failures["snap-5"] = broken
				f.failures["snap-4"] = &contract.AccessDeniedError{Message: "denied"}
				f.settle = func() {
					f.failures["snap-4"] = &ebs.RefusedError{SnapshotID: "snap-4", Code: "UnauthorizedOperation", Message: "claimed"}
				}
			},
			want: contract.PruneResult{
				Kept: 5, Removed: []contract.Removal{beyond("snap-3", 3)},
				Blocked: []contract.Removal{{SnapshotID: "snap-4", Reason: "EC2 refuses to delete snap-4: claimed (UnauthorizedOperation)"}},
			},
			err:     "*contract.UnexpectedError: broken",
			deleted: []string{"snap-3"},
		}, {
			name: "returns a denial, which no retry corrects, rather than that the snapshot is pending",
			ec2:  volumeWith(ebs.Pending, 4),
			change: func(f *fakeEC2, _ *contract.PruneRequest) {
				f.failures["snap-4"] = &contract.AccessDeniedError{Message: "denied"}
			},
			want: contract.PruneResult{Kept: 5},
			err:  "*contract.AccessDeniedError: denied\nsnapshot of vol-1: snap-own is not completed yet",
		}, {
			name: "stops if it is throttled, since more requests cost tokens too",
			ec2:  volumeWith(ebs.Completed, 5),
			change: func(f *fakeEC2, _ *contract.PruneRequest) {
				f.failures["snap-4"] = fmt.Errorf("delete snapshot snap-4: %w", &contract.ThrottledError{Message: "slow down"})
			},
			want:    contract.PruneResult{Kept: 5, Removed: []contract.Removal{beyond("snap-5", 3)}},
			err:     "*contract.ThrottledError: delete snapshot snap-4: slow down",
			deleted: []string{"snap-5"},
		}, {
			name:   "deletes nothing if the list fails",
			ec2:    volumeWith(ebs.Completed, 5),
			change: func(f *fakeEC2, _ *contract.PruneRequest) { f.listErr = broken },
			err:    "*contract.UnexpectedError: broken",
		}, {
			name: "deletes nothing if this run's snapshot can't be looked up",
			ec2:  volumeWith(ebs.Completed, 5),
			change: func(f *fakeEC2, _ *contract.PruneRequest) {
				f.unlisted[own], f.lookErr = true, &contract.ThrottledError{Message: "slow down"}
			},
			err: "*contract.ThrottledError: slow down",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			req := request("3")
			if c.change != nil {
				c.change(c.ec2, &req)
			}
			got, err := c.ec2.prune(t.Context(), req)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.err, outermost(err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.deleted, c.ec2.deleted); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
		})
	}
}

// outermost gives an error as Step Functions sees it.
func outermost(err error) string {
	if err == nil {
		return ""
	}
	err = contract.Outermost(err)
	return fmt.Sprintf("%T: %s", err, err)
}

func TestPruneDeletesAHundredPerAttempt(t *testing.T) {
	f := volumeWith(ebs.Completed, 202) // 200 too many
	req := request("3")
	for attempt, want := range []struct {
		removed, kept int
		err           string
	}{
		{100, 103, "*contract.ThrottledError: 100 snapshots deleted, 100 are left for the next attempt"},
		{100, 3, ""},
		{0, 3, ""},
	} {
		got, err := f.prune(t.Context(), req)
		if len(got.Removed) != want.removed || got.Kept != want.kept || outermost(err) != want.err {
			t.Errorf("attempt %d: %d removed, %d kept, error %v; want %+v", attempt, len(got.Removed), got.Kept, err, want)
		}
		req.Attempt++
	}
	for i, id := range f.deleted {
		if want := fmt.Sprintf("snap-%d", 202-i); id != want {
			t.Fatalf("deletion %d was of %s, want %s: the oldest first", i, id, want)
		}
	}
}

func TestPruneStopsIfItsContextEnds(t *testing.T) {
	f := volumeWith(ebs.Completed, 9)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := f.prune(ctx, request("3"))
	if got := outermost(err); !strings.Contains(got, context.Canceled.Error()) || len(f.asked) != 1 {
		t.Errorf("error %s after %d deletions, want one and context.Canceled", got, len(f.asked))
	}
	if diff := cmp.Diff(contract.PruneResult{Kept: 10}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPruneReturnsADeletionsErrorRatherThanThatTheSnapshotIsPending(t *testing.T) {
	f := volumeWith(ebs.Pending, 9)
	f.failures = map[string]error{"snap-9": errors.New("connection reset")}
	_, err := f.prune(t.Context(), request("3"))
	if got := outermost(err); !strings.HasPrefix(got, "*contract.UnexpectedError: connection reset") {
		t.Errorf("error %s, want an UnexpectedError with the deletion's error", got)
	}
}

func TestPruneCountsAgesByEC2sClock(t *testing.T) {
	ownIsKnown, ownIsNotListedYet := func(*fakeEC2) {}, func(f *fakeEC2) { f.unlisted[own] = true }
	for _, c := range []struct {
		name  string
		setup func(*fakeEC2)
		want  []string
	}{
		{"from the start of the run's own snapshot", ownIsKnown, []string{"snap-9", "snap-8", "snap-7"}},
		{"from the newest that EC2 lists, if the run's own is not listed yet", ownIsNotListedYet, []string{"snap-9", "snap-8"}},
	} {
		for _, off := range []time.Duration{0, 240 * time.Hour, -240 * time.Hour} {
			f := volumeWith(ebs.Pending, 9)
			c.setup(f)
			f.ahead = off
			_, err := f.prune(t.Context(), request("7d"))
			if got := outermost(err); got != pending {
				t.Errorf("%s: %s", c.name, got)
			}
			if diff := cmp.Diff(c.want, f.deleted); diff != "" {
				t.Errorf("%s, with a clock that is %v off (-want +deleted):\n%s", c.name, off, diff)
			}
		}
	}
}

func TestPruneLeavesForeignSnapshotsAlone(t *testing.T) {
	f := volumeWith(ebs.Completed, 3)
	f.change(t, "snap-3", func(s *ebs.Snapshot) { s.Tags[ebs.TagSchedule] = "SnapshotHourly" })
	f.change(t, "snap-2", func(s *ebs.Snapshot) { delete(s.Tags, ebs.TagRetention) })
	got, err := f.prune(t.Context(), request("1"))
	if err != nil {
		t.Fatal(err)
	}
	want := contract.PruneResult{Kept: 1, Removed: []contract.Removal{{SnapshotID: "snap-1", Reason: "beyond last=1 (1 newer kept)"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
