package discover

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const folder = "runs/SnapshotDaily/20261122T000000Z/"

// discovery is the result of the daily run for the execution, without the outcome and the counts.
func discovery(name string) contract.Discovery {
	return contract.Discovery{
		Run: dailyRun, Execution: executions1 + name,
		ManifestKey: folder + name + "/manifest.json", FailurePrefix: folder + name + "/failures/",
	}
}

func TestDiscoverWritesTheManifest(t *testing.T) {
	w := newWorld()
	large := instance("i-2", "7d")
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
		large.Volumes = append(large.Volumes, ebs.Attachment{VolumeID: "vol-" + id, Device: "/dev/" + id})
	}
	w.ec2.instances = append(w.ec2.instances, large)
	w.ec2.tagged = []ebs.Volume{tagged("vol-2", "last=9")}

	got, err := w.discover(t, first)
	if err != nil {
		t.Fatal(err)
	}
	now := midnight.Add(20 * time.Second)
	want := discovery("first")
	want.Outcome, want.Instances, want.Volumes, want.LastStartAt = contract.OutcomeWork, 2, 14, now.Add(2*time.Second)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("discovery (-want +got):\n%s", diff)
	}

	small := item("i-1", "3", volume("vol-1", "a", "3"), volume("vol-2", "b", "last=9"))
	small.StartAt, small.FailurePrefix = now, want.FailurePrefix
	second := item("i-2", "7d")
	second.StartAt, second.FailurePrefix = want.LastStartAt, want.FailurePrefix
	for _, a := range large.Volumes {
		second.Volumes = append(second.Volumes, contract.Volume{ID: a.VolumeID, Device: a.Device, Retention: "7d"})
	}
	if diff := cmp.Diff([]contract.Item{small, second}, read[[]contract.Item](t, w, want.ManifestKey)); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(contract.Claim{Run: dailyRun.ID, Execution: first, ClaimedAt: now}, read[contract.Claim](t, w, folder+"run.json")); diff != "" {
		t.Errorf("claim (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ledger{[]reservation{{dailyRun.ID, executions1 + "first", now, now.Add(7 * time.Second), 14}}}, read[ledger](t, w, ledgerKey)); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
}

func TestDiscoverFindsNothing(t *testing.T) {
	for name, instances := range map[string][]ebs.Instance{
		"where no instance has the tag":  nil,
		"where all that have it are off": {instance("i-1", "off", "vol-1")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.ec2.instances = instances
			got, err := w.discover(t, first)
			if err != nil {
				t.Fatal(err)
			}
			want := discovery("first")
			want.Outcome = contract.OutcomeNothing
			for _, i := range instances {
				want.Excluded += len(i.Volumes)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("discovery (-want +got):\n%s", diff)
			}
			if body, _, err := w.bucket.Get(t.Context(), want.ManifestKey); err != nil || string(body) != "[]" {
				t.Errorf("the manifest is %s (%v), want an array, since the report reads it", body, err)
			}
			if _, _, err := w.bucket.Get(t.Context(), ledgerKey); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("creates were reserved although there is nothing to do (%v)", err)
			}
		})
	}
}

func TestDiscoverSavesTheExcludedVolumes(t *testing.T) {
	w := newWorld()
	i := instance("i-1", "3", "vol-1", "vol-2", "vol-3")
	i.Tags["Name"], i.Volumes[0].Boot = "web", true
	w.ec2.instances, w.ec2.tagged = []ebs.Instance{i}, []ebs.Volume{tagged("vol-2", "off")}
	w.service.ExcludeBoot = []string{keyword}
	got, err := w.discover(t, first)
	if err != nil {
		t.Fatal(err)
	}
	if got.Excluded != 2 || got.Volumes != 1 {
		t.Errorf("%d volumes, %d excluded; want 1 and 2", got.Volumes, got.Excluded)
	}
	want := []contract.Excluded{
		{InstanceID: "i-1", Name: "web", VolumeID: "vol-1", Device: "/dev/sda", Reason: contract.BootVolume},
		{InstanceID: "i-1", Name: "web", VolumeID: "vol-2", Device: "/dev/sdb", Reason: contract.VolumeTagOff},
	}
	if diff := cmp.Diff(want, read[[]contract.Excluded](t, w, contract.ExcludedKey(got.ManifestKey))); diff != "" {
		t.Errorf("excluded (-want +got):\n%s", diff)
	}
}

func TestDiscoverStopsIfTheRunIsDeliveredTwice(t *testing.T) {
	w := newWorld()
	if _, err := w.discover(t, first); err != nil {
		t.Fatal(err)
	}
	w.executions.status[first] = running
	w.ec2.calls = nil
	before := w.keys(t)
	got, err := w.discover(t, second)
	if err != nil {
		t.Fatal(err)
	}
	want := discovery("first") // which has the run
	want.Outcome = contract.OutcomeDuplicate
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("discovery (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, w.keys(t)); diff != "" || len(w.ec2.calls) > 0 {
		t.Errorf("the second delivery did something: EC2 %v, bucket (-before +after):\n%s", w.ec2.calls, diff)
	}
}

func (w *world) keys(t *testing.T) []string {
	t.Helper()
	keys, err := w.bucket.List(t.Context(), "")
	if err != nil || len(keys) == 0 {
		t.Fatalf("the bucket holds nothing (%v)", err)
	}
	return keys
}

func TestDiscoverResumes(t *testing.T) {
	t.Run("returns the same to a retry of the same execution", func(t *testing.T) {
		w := newWorld()
		before, err := w.discover(t, first)
		if err != nil {
			t.Fatal(err)
		}
		after, err := w.discover(t, first)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("-first +second:\n%s", diff)
		}
	})
	t.Run("finishes a run whose execution ended without success, after EC2 lists all that it created", func(t *testing.T) {
		w := newWorld()
		if _, err := w.discover(t, first); err != nil {
			t.Fatal(err)
		}
		w.executions.status[first] = ended
		w.ec2.existing = []ebs.Snapshot{taken("snap-1", "vol-1", ebs.Completed, 1)}
		got, err := w.discover(t, second)
		if err != nil {
			t.Fatal(err)
		}
		want := discovery("second")
		want.Outcome, want.Instances, want.Volumes, want.LastStartAt = contract.OutcomeWork, 1, 2, midnight.Add(20*time.Second+LambdaAftermath)
		want.Run.Resumed = true
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("discovery (-want +got):\n%s", diff)
		}
		left := item("i-1", "3", volume("vol-1", "a", "3"), volume("vol-2", "b", "3"))
		left.Volumes[0].SnapshotID = "snap-1"
		left.Run.Resumed, left.StartAt, left.FailurePrefix = true, want.LastStartAt, want.FailurePrefix
		if diff := cmp.Diff([]contract.Item{left}, read[[]contract.Item](t, w, want.ManifestKey)); diff != "" {
			t.Errorf("manifest (-want +got):\n%s", diff)
		}
	})
	t.Run("ignores a snapshot with the run's tag that the run did not create", func(t *testing.T) {
		w := newWorld()
		forged := taken("snap-old", "vol-1", ebs.Completed, 1)
		forged.StartTime, forged.Description = midnight.AddDate(0, -1, 0), "before the upgrade"
		w.ec2.existing = []ebs.Snapshot{forged}
		found, _, err := w.service.Survey(t.Context(), dailyRun)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 || found[0].Run.Resumed || found[0].Volumes[0].SnapshotID != "" {
			t.Errorf("found %+v, want an item of a new run, which creates a snapshot", found)
		}
	})
	t.Run("marks the run as resumed if any snapshot of the run exists", func(t *testing.T) {
		w := newWorld()
		w.ec2.existing = []ebs.Snapshot{taken("snap-1", "vol-1", ebs.Completed, 1)}
		found, _, err := w.service.Survey(t.Context(), dailyRun)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 || !found[0].Run.Resumed {
			t.Errorf("found %+v, want an item of a resumed run", found)
		}
	})
}

func TestDiscoverFails(t *testing.T) {
	broken := errors.New("broken")
	bucket := func(op, key string) func(*world) {
		return func(w *world) {
			w.bucket.Fault = func(o, k string) error {
				if o == op && k == key {
					return broken
				}
				return nil
			}
		}
	}
	ec2 := func(call string) func(*world) { return func(w *world) { w.ec2.err[call] = broken } }
	for _, c := range []struct {
		name  string
		setup func(*world)
		want  string
	}{
		{"when the run can't be claimed", bucket("create", folder+"run.json"), "claim run SnapshotDaily/2026-11-22T00:00:00Z: broken"},
		{"when the instances can't be listed", ec2("Instances"), "broken"},
		{"when the volumes can't be listed", ec2("TaggedVolumes"), "broken"},
		{"when the instances of tagged volumes can't be looked up", ec2("InstancesByID"), "broken"},
		{"when the run's snapshots can't be listed", ec2("RunSnapshots"), "broken"},
		{"when the ledger can't be read", bucket("get", ledgerKey), "reserve creates for run SnapshotDaily/2026-11-22T00:00:00Z: broken"},
		{"when the ledger can't be written", bucket("create", ledgerKey), "reserve creates for run SnapshotDaily/2026-11-22T00:00:00Z: broken"},
		{"when the excluded volumes can't be saved", func(w *world) {
			w.ec2.tagged = []ebs.Volume{tagged("vol-1", "off")}
			w.bucket.Fault = func(op, key string) error {
				if op == "put" && key == contract.ExcludedKey(folder+"first/manifest.json") {
					return broken
				}
				return nil
			}
		}, "save the excluded volumes of run SnapshotDaily/2026-11-22T00:00:00Z: broken"},
		{"when the manifest can't be written", bucket("put", folder+"first/manifest.json"),
			"write the manifest of run SnapshotDaily/2026-11-22T00:00:00Z: broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			c.setup(w)
			got, err := w.discover(t, first)
			if errorText(err) != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if diff := cmp.Diff(contract.Discovery{}, got); diff != "" {
				t.Errorf("discovery (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("before it calls anything if the input is wrong", func(t *testing.T) {
		w := newWorld()
		_, err := w.service.Discover(t.Context(), contract.DiscoverRequest{Input: json.RawMessage(`{}`), Execution: first, StartTime: midnight})
		checkInvalid(t, err, `the execution's input has no SnapshotKeyWord; give {"SnapshotKeyWord": "SnapshotDaily"}`)
		if keys, err := w.bucket.List(t.Context(), ""); err != nil || len(keys) > 0 || len(w.ec2.calls) > 0 {
			t.Errorf("EC2 was asked %v, the bucket holds %v (%v)", w.ec2.calls, keys, err)
		}
	})
}

func TestReserve(t *testing.T) {
	t.Run("starts a new ledger if it is unreadable, since it only paces runs", func(t *testing.T) {
		w := newWorld()
		w.put(t, ledgerKey, "not JSON")
		if _, err := w.discover(t, first); err != nil {
			t.Fatal(err)
		}
		if got := read[ledger](t, w, ledgerKey); len(got.Reservations) != 1 {
			t.Errorf("the ledger is %+v, want this run's reservation", got)
		}
	})
	for name, there := range map[string]bool{"a new ledger": false, "an existing ledger": true} {
		t.Run("tries again when another run writes at the same time: "+name, func(t *testing.T) {
			w := newWorld()
			if there {
				w.put(t, ledgerKey, "{}")
			}
			others := 3
			w.bucket.Fault = func(op, key string) error {
				if key == ledgerKey && slices.Contains([]string{"create", "replace"}, op) && others > 0 {
					others--
					return store.ErrConflict
				}
				return nil
			}
			from, err := w.service.reserve(t.Context(), booking{run: dailyRun.ID, execution: first, creates: 5})
			if err != nil || !from.Equal(midnight.Add(20*time.Second)) || others != 0 {
				t.Errorf("from %v, error %v, %d conflicts left", from, err, others)
			}
		})
	}
	t.Run("gives up if other runs always write first", func(t *testing.T) {
		w := newWorld()
		w.bucket.Fault = func(op, _ string) error {
			if op == "create" {
				return store.ErrConflict
			}
			return nil
		}
		from, err := w.service.reserve(t.Context(), booking{run: dailyRun.ID, execution: first, creates: 5})
		want := "reserve creates for run SnapshotDaily/2026-11-22T00:00:00Z: other runs changed pacing.json 10 times in a row"
		if errorText(err) != want || !from.IsZero() {
			t.Errorf("from %v, error %v, want %s", from, err, want)
		}
	})
}

func TestDiscoverSaysHowLongToWaitBeforeTheFirstLookAtEachSnapshot(t *testing.T) {
	w := newWorld()
	w.service.Settle = 90 * time.Second
	w.ec2.existing = []ebs.Snapshot{taken("snap-1", "vol-1", ebs.Pending, 1)}
	d, err := w.discover(t, first)
	if err != nil {
		t.Fatal(err)
	}
	waits := map[string]int{}
	for _, i := range read[[]contract.Item](t, w, d.ManifestKey) {
		for _, v := range i.Volumes {
			waits[v.ID] = v.WaitSeconds
		}
	}
	if diff := cmp.Diff(map[string]int{"vol-1": 0, "vol-2": 90}, waits); diff != "" {
		t.Errorf("seconds (-want +got):\n%s", diff)
	}
}
