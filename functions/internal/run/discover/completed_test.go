package discover

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func TestATakeOverLeavesOutWhatAnEarlierExecutionCompleted(t *testing.T) {
	type result struct {
		Volumes     map[string]string // of the manifest: the snapshot that is there already
		DoneEarlier int
		Outcome     string
	}
	held := func(volume string) ebs.Snapshot {
		return ebs.Made(ebs.Stamp{Keyword: keyword, Retention: "3", RunID: dailyRun.ID, InstanceID: "i-1"},
			ebs.Snapshot{ID: "snap-of-" + volume, VolumeID: volume, State: ebs.Completed, StartTime: midnight.Add(time.Minute)}, nil)
	}
	for _, c := range []struct {
		name      string
		completed string
		existing  []ebs.Snapshot
		fresh     bool // no execution before this one
		want      result
	}{
		{name: "and whose snapshot is gone", completed: `["vol-1"]`, want: result{map[string]string{"vol-2": ""}, 1, contract.OutcomeWork}},
		{name: "but not one whose snapshot is there: it may not have been pruned", completed: `["vol-1"]`, existing: []ebs.Snapshot{held("vol-1")},
			want: result{map[string]string{"vol-1": "snap-of-vol-1", "vol-2": ""}, 0, contract.OutcomeWork}},
		{name: "and has nothing to do if that is all", completed: `["vol-1", "vol-2", "vol-gone"]`, want: result{map[string]string{}, 2, contract.OutcomeNothing}},
		{name: "and nothing else if nothing is written down", want: result{map[string]string{"vol-1": "", "vol-2": ""}, 0, contract.OutcomeWork}},
		{name: "which a first execution does not ask for", fresh: true, completed: `["vol-1"]`,
			want: result{map[string]string{"vol-1": "", "vol-2": ""}, 0, contract.OutcomeWork}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			w.ec2.existing = c.existing
			w.executions.status[first] = ended
			if !c.fresh {
				if _, err := w.service.claim(t.Context(), dailyRun, first); err != nil {
					t.Fatal(err)
				}
			}
			if c.completed != "" {
				w.put(t, contract.CompletedKey(dailyRun), c.completed)
			}
			d, err := w.discover(t, second)
			if err != nil {
				t.Fatal(err)
			}
			got := result{map[string]string{}, d.DoneEarlier, d.Outcome}
			for _, i := range read[[]contract.Item](t, w, d.ManifestKey) {
				for _, v := range i.Volumes {
					got.Volumes[v.ID] = v.SnapshotID
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	t.Run("and tries again if that can't be read: it would make them again", func(t *testing.T) {
		w := newWorld()
		w.executions.status[first] = ended
		if _, err := w.service.claim(t.Context(), dailyRun, first); err != nil {
			t.Fatal(err)
		}
		broken := errors.New("broken")
		w.bucket.Fault = func(op, key string) error {
			if op == "get" && key == contract.CompletedKey(dailyRun) {
				return broken
			}
			return nil
		}
		_, err := w.discover(t, second)
		if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "read what earlier executions of run SnapshotDaily/2026-11-22T00:00:00Z completed: ") {
			t.Errorf("error %v", err)
		}
	})
}
