package workflow_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// If a function always returns an error: how often is it retried, after how long, and what is the next state?
func TestEachErrorOfEachFunctionIsRetriedAsTheContractSays(t *testing.T) {
	const run, unknown = "20 times, with jitter, then AlertRunBroken", "10 times, after 10s 20s 40s …, then AlertRunBroken"
	wholeRun := map[string]string{
		"InvalidInputError": "0 times, then AlertRunBroken", "AccessDeniedError": "0 times, then AlertRunBroken",
		"ThrottledError": run, "Lambda.TooManyRequestsException": run,
		"SnapshotRateError": unknown, "SnapshotQuotaError": unknown, "SnapshotLimitError": unknown, "SnapshotPendingError": unknown,
		"SnapshotFailedError": unknown, "VolumeGoneError": unknown, "UnexpectedError": unknown, "States.Timeout": unknown,
		"Lambda.ServiceException": unknown,
	}
	wholeRun["NoTurnError"] = unknown // it does not return that
	discovery := maps.Clone(wholeRun)
	discovery["NoTurnError"] = "0 times, then AlertRunBroken"
	const never, throttled = "0 times, then RecordFailure", "120 times, with jitter, then RecordFailure"
	const acted = "5 times, after 30s 1m0s 2m0s …, then RecordFailure" // EC2 may have: its lists must show it by then
	const other = "4 times, with jitter, then RecordFailure"
	want := map[string]map[string]string{
		workflow.DiscoverInstances: discovery,
		workflow.ReportRun:         wholeRun,
		workflow.SnapshotVolume: {
			"InvalidInputError": never, "AccessDeniedError": never, "SnapshotLimitError": never,
			"VolumeGoneError": "0 times, then VolumeGone",
			"ThrottledError":  throttled, "Lambda.TooManyRequestsException": throttled,
			"SnapshotRateError":    "10 times, after 17s 25.5s 38.25s …, then RecordFailure",
			"SnapshotQuotaError":   "100 times, with jitter, then RecordFailure",
			"SnapshotPendingError": acted, "SnapshotFailedError": acted, "UnexpectedError": acted, "States.Timeout": acted, "NoTurnError": acted,
			"Lambda.ServiceException": acted,
		},
		workflow.PruneVolume: {
			"InvalidInputError": never, "AccessDeniedError": never, "SnapshotFailedError": never,
			"ThrottledError": throttled, "Lambda.TooManyRequestsException": throttled,
			"SnapshotPendingError": "14 times, after 6m0s 24m0s 30m0s …, then SnapshotStillPending",
			"SnapshotRateError":    other, "SnapshotQuotaError": other, "SnapshotLimitError": other, "VolumeGoneError": other,
			"NoTurnError": other, "UnexpectedError": other, "States.Timeout": other, "Lambda.ServiceException": other,
		},
	}
	names := []string{"Lambda.TooManyRequestsException", "Lambda.ServiceException", "States.Timeout"}
	for _, e := range contract.Errors() {
		names = append(names, asl.ErrorName(e))
	}
	for function, wanted := range want {
		t.Run(function, func(t *testing.T) {
			got := map[string]string{}
			for _, name := range names {
				got[name] = fate(t, function, name)
			}
			same(t, "retries", got, wanted)
		})
	}
}

// fate describes the retries of a function that always returns an error, and what follows.
func fate(t *testing.T, function, name string) string {
	f := newFixture(t)
	f.instance("web", 1, "SnapshotDaily=3")
	f.lambdaRefuses(function, always, name)
	f.fire("SnapshotDaily")
	var delays []string
	jitter := false
	for _, e := range f.events {
		if e.Kind == asl.StateRetried && e.Error == name {
			delays = append(delays, e.Delay.String())
			jitter = jitter || len(delays) == 1 && e.Delay%time.Second != 0 // the intervals are whole seconds
		}
		if e.Kind != asl.StateCaught || e.Error != name {
			continue
		}
		s := fmt.Sprintf("%d times, ", len(delays))
		switch {
		case jitter:
			s += "with jitter, "
		case len(delays) > 0:
			s += "after " + strings.Join(delays[:3], " ") + " …, "
		}
		return s + "then " + e.Next
	}
	return "never caught"
}

func TestARunEndsInTimeEvenWithTheLongestRetries(t *testing.T) {
	f := newFixture(t)
	f.instance("web", 1, "SnapshotDaily=3")
	// The account's quota is used up for hours, then the snapshot never completes: the two longest waits in a row.
	f.meddle(workflow.SnapshotVolume, "", fails(100, &contract.SnapshotQuotaError{Message: "no room"}))
	f.meddle(workflow.PruneVolume, "", fails(always, &contract.SnapshotPendingError{Message: "not yet"}))
	r := f.fire("SnapshotDaily")
	if took := r.Stop.Sub(r.Start); r.Status != asl.Succeeded || took < 9*time.Hour || took > 23*time.Hour {
		t.Errorf("the run took %v and ended %s; the definition lets it run for 24 hours", took, r.Status)
	}
	same(t, "retries", []int{f.retries("SnapshotVolume", "SnapshotQuotaError"), f.retries("PruneVolume", "SnapshotPendingError")}, []int{100, 14})
}
