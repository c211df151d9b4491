package discover

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// The pace is a burst of 10 and 2 a second; the time is 20 seconds after midnight.
func TestAReservationEndsWithItsExecution(t *testing.T) {
	of := func(execution string, from, until float64) reservation {
		return reservation{"run of " + execution, execution, at(from), at(until), int(until-from) * 2}
	}
	for _, c := range []struct {
		name   string
		before []reservation
		status map[string]bool
		from   float64
		asked  int
	}{
		{"and blocks others while it runs", []reservation{of(second, 0, 600)}, map[string]bool{second: running}, 600, 1},
		{"and has emptied EC2's bucket in the worst case", []reservation{of(second, 0, 600)}, map[string]bool{second: ended}, 25, 1},
		{"and leaves the bucket full if it had no turn yet", []reservation{of(second, 500, 600), of(third, 20, 520)}, map[string]bool{second: ended, third: ended}, 37, 2},
		{"and is kept if the status is unknown", []reservation{of("unheard of", 0, 600)}, nil, 600, 1},
		{"whose status is only asked for if it is in the way", []reservation{of(second, 500, 600)}, nil, 20, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			body, err := json.Marshal(ledger{c.before})
			if err != nil {
				t.Fatal(err)
			}
			w.put(t, ledgerKey, string(body))
			asked := 0
			w.executions.status, w.executions.wait = c.status, func() { asked++ }
			from, err := w.service.reserve(t.Context(), booking{run: dailyRun.ID, execution: first, creates: 20, began: midnight})
			if err != nil || !from.Equal(at(c.from)) || asked != c.asked {
				t.Errorf("from %v (%v), asked %d times; want %v, %d", from, err, asked, at(c.from), c.asked)
			}
		})
	}
	t.Run("but only 100 executions are asked for", func(t *testing.T) {
		w := newWorld()
		var l ledger
		w.executions.status = map[string]bool{}
		for n := range 3 * maxAsked {
			name := fmt.Sprint(n)
			l.Reservations = append(l.Reservations, of(name, float64(n*100), float64(n*100+100)))
			w.executions.status[name] = ended
		}
		body, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		w.put(t, ledgerKey, string(body))
		asked := 0
		w.executions.wait = func() { asked++ }
		if _, err := w.service.reserve(t.Context(), booking{run: dailyRun.ID, execution: first, creates: 20, began: midnight}); err != nil || asked != maxAsked {
			t.Errorf("asked %d times (%v), want %d", asked, err, maxAsked)
		}
		if got := len(read[ledger](t, w, ledgerKey).Reservations); got != 2*maxAsked+1 {
			t.Errorf("%d reservations are left, want %d", got, 2*maxAsked+1)
		}
	})
}

func TestAnInvalidReservationDelaysNoRun(t *testing.T) {
	day := 24 * time.Hour
	for name, r := range map[string]reservation{
		"its end is years away":              {"X", second, midnight, midnight.AddDate(9, 0, 0), 1 << 40},
		"it is beyond any execution's end":   {"X", second, midnight.Add(day), midnight.Add(day + time.Minute), 100},
		"it ends before it begins":           {"X", second, midnight.Add(time.Hour), midnight, 3600},
		"it has fewer creates than none":     {"X", second, midnight, midnight.Add(time.Hour), -1},
		"its end is far, and it has few":     {"X", second, midnight, midnight.Add(23 * time.Hour), 10},
		"it names no execution":              {"X", "", midnight, midnight.Add(time.Hour), 7200},
		"it begins at the beginning of time": {"X", second, time.Time{}, midnight.Add(23 * time.Hour), 1 << 40},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.executions.status[second] = running
			body, err := json.Marshal(ledger{[]reservation{r}})
			if err != nil {
				t.Fatal(err)
			}
			w.put(t, ledgerKey, string(body))
			from, err := w.service.reserve(t.Context(), booking{run: dailyRun.ID, execution: first, creates: 20, began: midnight})
			if err != nil || !from.Equal(at(20)) {
				t.Errorf("from %v (%v), want immediately", from, err)
			}
			if l := read[ledger](t, w, ledgerKey); len(l.Reservations) > 2 || l.Reservations[len(l.Reservations)-1].Run != dailyRun.ID {
				t.Errorf("the ledger is %+v", l)
			}
		})
	}
}

func TestARunWhoseLastTurnIsTooLateFailsImmediately(t *testing.T) {
	w := newWorld()
	w.service.Pace = Pace{Burst: 1, Rate: 1.0 / 3600} // one an hour
	w.executions.status[second] = running
	full := ledger{[]reservation{{"X", second, midnight, midnight.Add(22 * time.Hour), 22}}}
	body, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, ledgerKey, string(body))
	w.ec2.instances = w.ec2.instances[:1]
	w.ec2.instances[0].Volumes = w.ec2.instances[0].Volumes[:2]
	if _, err := w.discover(t, first); err != nil {
		t.Fatalf("a run whose last turn comes an hour before its end: %v", err)
	}
	w = newWorld()
	w.service.Pace = Pace{Burst: 1, Rate: 1.0 / 3600}
	w.executions.status[second] = running
	w.put(t, ledgerKey, string(body))
	w.ec2.instances[0].Volumes = append(w.ec2.instances[0].Volumes, w.ec2.instances[0].Volumes[0])
	w.ec2.instances[0].Volumes[2].VolumeID = "vol-3"
	_, err = w.discover(t, first)
	const want = "reserve creates for run SnapshotDaily/2026-11-22T00:00:00Z: the last of its 3 snapshots would be created at 2026-11-23T00:00:00Z, " +
		"too late for its execution, which ends at 2026-11-23T00:00:10Z, so no snapshot was created. Other runs have reserved EC2's request rate until " +
		"2026-11-22T22:00:00Z (pacing.json in the bucket lists them). Stop runs that are not needed, raise the create rate, or start the run " +
		"again later with the same input"
	if !contract.Is[*contract.NoTurnError](err) || err.Error() != want {
		t.Errorf("error %v\nwant %s", err, want)
	}
	if diff := cmp.Diff(full, read[ledger](t, w, ledgerKey)); diff != "" {
		t.Errorf("it left a reservation (-want +got):\n%s", diff)
	}
}
