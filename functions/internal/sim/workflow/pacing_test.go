package workflow_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// The reservations of aborted runs must not delay later runs: twenty aborted runs of 3,000 volumes delayed an hourly run of one volume by
// 3 h 22 min.
func TestAbortedRunsDoNotDelayOthers(t *testing.T) {
	f := newFixture(t, func(s *setup) { s.unguarded = true })
	for i := range 50 {
		f.instance(fmt.Sprintf("fleet-%d", i), 20, "SnapshotDaily=3")
	}
	f.instance("db", 1, "SnapshotHourly=3")
	for range 10 {
		f.abort(5 * time.Second)
		f.wait(time.Second)
	}
	began := f.world.Now()
	f.succeed("SnapshotHourly")
	if took := f.world.Now().Sub(began); took > 5*time.Minute {
		t.Errorf("after ten aborted runs of 1,000 volumes, a run of one volume took %v", took)
	}
}

func TestAnInvalidLedgerDelaysNoRun(t *testing.T) {
	f := newFixture(t)
	f.fleet()
	const far = `{"Reservations": [{"Run": "X", "Execution": "execution:run-9", "From": "2026-11-22T00:00:00Z", "Until": "2126-11-22T00:00:00Z", "Creates": 7}]}`
	if err := f.objects.Put(t.Context(), "pacing.json", []byte(far)); err != nil {
		t.Fatal(err)
	}
	began := f.world.Now()
	f.succeed("SnapshotDaily")
	if took := f.world.Now().Sub(began); took > 5*time.Minute {
		t.Errorf("the run took %v", took)
	}
}

func TestARunThatCannotEndInTimeFailsImmediately(t *testing.T) {
	f := newFixture(t, func(s *setup) { s.pace.Burst, s.pace.Rate = 1, 1.0/43200 })
	f.fleet()
	began := f.world.Now()
	r := f.fire("SnapshotDaily")
	if r.Status != asl.Failed || f.world.Now().Sub(began) > time.Minute || len(f.account.Snapshots()) > 0 {
		t.Errorf("%s after %v, with %d snapshots", r.Status, f.world.Now().Sub(began), len(f.account.Snapshots()))
	}
	f.lastMail("a run broke off", "NoTurnError", "so no snapshot was created", "raise the create rate")
}
