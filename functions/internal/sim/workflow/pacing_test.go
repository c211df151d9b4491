package workflow_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// What an aborted run has reserved of EC2's rate must not hold up the runs after it: twenty of 3,000 volumes took 3 h 22 min from an
// hourly run of one.
func TestAbortedRunsHoldUpNobody(t *testing.T) {
	l := newLab(t, func(s *setup) { s.unguarded = true })
	for i := range 50 {
		l.instance(fmt.Sprintf("fleet-%d", i), 20, "SnapshotDaily=3")
	}
	l.instance("db", 1, "SnapshotHourly=3")
	for range 10 {
		l.abort(5 * time.Second)
		l.wait(time.Second)
	}
	began := l.world.Now()
	l.succeed("SnapshotHourly")
	if took := l.world.Now().Sub(began); took > 5*time.Minute {
		t.Errorf("after ten aborted runs of 1,000 volumes, a run of one volume took %v", took)
	}
}

func TestALedgerThatMakesNoSenseHoldsUpNobody(t *testing.T) {
	l := newLab(t)
	l.fleet()
	const far = `{"Reservations": [{"Run": "X", "Execution": "execution:run-9", "From": "2026-11-22T00:00:00Z", "Until": "2126-11-22T00:00:00Z", "Creates": 7}]}`
	if err := l.objects.Put(t.Context(), "pacing.json", []byte(far)); err != nil {
		t.Fatal(err)
	}
	began := l.world.Now()
	l.succeed("SnapshotDaily")
	if took := l.world.Now().Sub(began); took > 5*time.Minute {
		t.Errorf("the run took %v", took)
	}
}

func TestARunThatCanNotEndInTimeSaysSoAtOnce(t *testing.T) {
	l := newLab(t, func(s *setup) { s.pace.Burst, s.pace.Rate = 1, 1.0/43200 })
	l.fleet()
	began := l.world.Now()
	r := l.fire("SnapshotDaily")
	if r.Status != asl.Failed || l.world.Now().Sub(began) > time.Minute || len(l.account.Snapshots()) > 0 {
		t.Errorf("%s after %v, with %d snapshots", r.Status, l.world.Now().Sub(began), len(l.account.Snapshots()))
	}
	l.lastMail("a run broke off", "NoTurnError", "so no snapshot was created", "raise the create rate")
}
