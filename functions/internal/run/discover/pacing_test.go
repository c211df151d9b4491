package discover

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// itemsOf gives items, each with so many volumes to snapshot.
func itemsOf(creates ...int) []contract.Item {
	var out []contract.Item
	for _, n := range creates {
		out = append(out, contract.Item{Volumes: make([]contract.Volume, n)})
	}
	return out
}

func at(seconds float64) time.Time {
	return midnight.Add(time.Duration(seconds * float64(time.Second)))
}

func TestPlan(t *testing.T) {
	pace := Pace{Burst: 10, Rate: 2}
	done := itemsOf(20)
	for i := range done[0].Volumes {
		done[0].Volumes[i].SnapshotID = "snap-there"
	}
	cases := []struct {
		name  string
		found []contract.Item
		want  []time.Time
	}{
		{"starts everything that the burst covers immediately", itemsOf(4, 6), []time.Time{at(0), at(0)}},
		{"gives turns at the rate after the burst", itemsOf(10, 1, 2, 5), []time.Time{at(0), at(0.5), at(1.5), at(4)}},
		{"makes an item wait until all of its creates fit", itemsOf(20), []time.Time{at(5)}},
		{"does not count snapshots that exist", append(done, itemsOf(10)...), []time.Time{at(0), at(0)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			pace.plan(c.found, midnight)
			var got []time.Time
			for _, i := range c.found {
				got = append(got, i.StartAt)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestJoin(t *testing.T) {
	pace := Pace{Burst: 10, Rate: 2}
	res := func(run string, from, until float64, creates int) reservation {
		return reservation{run, run, at(from), at(until), creates}
	}
	cases := []struct {
		name   string
		before []reservation
		run    string
		n      int
		now    float64
		wait   float64 // not before this
		from   float64
		after  []reservation
	}{
		{"gives the first run the present moment", nil, "A", 100, 0, 0, 0, []reservation{res("A", 0, 50, 100)}},
		{"puts a second run behind the first", []reservation{res("A", 0, 50, 100)}, "B", 20, 1, 0, 50,
			[]reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}},
		{"puts a third run behind both", []reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}, "C", 2, 2, 0, 67,
			[]reservation{res("A", 0, 50, 100), res("B", 50, 60, 20), res("C", 67, 68, 2)}},
		{"keeps a run away from a small one that began just before: EC2 requires 15 s between two snapshots of a volume",
			[]reservation{res("A", 0, 5, 10)}, "B", 10, 6, 0, 17, []reservation{res("A", 0, 5, 10), res("B", 17, 22, 10)}},
		{"makes a run wait that must not begin yet", []reservation{res("A", 0, 50, 100)}, "B", 20, 1, 150, 150,
			[]reservation{res("A", 0, 50, 100), res("B", 150, 160, 20)}},
		{"puts a run that must not begin yet behind the others too", []reservation{res("A", 0, 50, 100)}, "B", 20, 1, 30, 50,
			[]reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}},
		{"puts a small run before a large one that begins later", []reservation{res("A", 0, 50, 100), res("B", 300, 400, 200)}, "C", 100, 1, 0, 50,
			[]reservation{res("A", 0, 50, 100), res("B", 300, 400, 200), res("C", 50, 100, 100)}},
		{"puts no run before another if it would not be done by then", []reservation{res("A", 0, 50, 100), res("B", 99, 200, 202)}, "C", 100, 1, 0, 200,
			[]reservation{res("A", 0, 50, 100), res("B", 99, 200, 202), res("C", 200, 250, 100)}},
		{"keeps a small run away from one that begins just after", []reservation{res("B", 16, 116, 200)}, "C", 2, 0, 0, 116,
			[]reservation{res("B", 16, 116, 200), res("C", 116, 117, 2)}},
		{"plans a run again if another execution reserved for it", []reservation{{"A", "dead", at(60), at(80), 40}}, "A", 40, 9, 70, 70,
			[]reservation{res("A", 70, 90, 40)}},
		{"drops runs that are over", []reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}, "C", 4, 70, 0, 70,
			[]reservation{res("C", 70, 72, 4)}},
		{"keeps a run that is not over, at any position", []reservation{res("A", 0, 50, 100), res("B", 0, 10, 20)}, "C", 4, 20, 0, 50,
			[]reservation{res("A", 0, 50, 100), res("C", 50, 52, 4)}},
		{"gives a run the same reservation in a retry", []reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}, "B", 20, 9, 0, 50,
			[]reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}},
		{"gives a run the same reservation at the same moment", []reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}, "A", 100, 0, 0, 0,
			[]reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}},
		{"plans a run again if the number of its creates has changed", []reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}, "B", 40, 9, 0, 50,
			[]reservation{res("A", 0, 50, 100), res("B", 50, 70, 40)}},
		{"plans a run again if turns have passed, since they would come all at the same moment", []reservation{res("A", 0, 50, 100)}, "A", 100, 30, 0, 30,
			[]reservation{res("A", 30, 80, 100)}},
		{"plans a late run again behind runs that came in between", []reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}, "A", 100, 30, 0, 67,
			[]reservation{res("B", 50, 60, 20), res("A", 67, 117, 100)}},
		{"keeps other runs away for a while even from a run that creates nothing", nil, "A", 0, 0, 0, 0, []reservation{res("A", 0, 0, 0)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := ledger{slices.Clone(c.before)}
			from := pace.join(&l, booking{run: c.run, execution: c.run, creates: c.n, earliest: at(c.wait)}, at(c.now))
			if diff := cmp.Diff(at(c.from), from); diff != "" {
				t.Errorf("from (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.after, l.Reservations); diff != "" {
				t.Errorf("ledger (-want +got):\n%s", diff)
			}
		})
	}
}

// turn is a moment at which so many creates come.
type turn struct {
	at time.Time
	n  int
}

// EC2's bucket holds Burst tokens and refills at Rate. It must never run empty, however many runs come and however large they are.
func TestRunsNeverExceedThePaceInTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pace := Pace{Burst: rapid.IntRange(maxVolumes, 200).Draw(t, "burst"), Rate: rapid.Float64Range(0.5, 20).Draw(t, "rate")}
		var l ledger
		var turns []turn
		now := midnight
		for n := range rapid.IntRange(1, 6).Draw(t, "runs") {
			now = now.Add(time.Duration(rapid.IntRange(0, 300_000).Draw(t, "ms")) * time.Millisecond)
			found := itemsOf(rapid.SliceOfN(rapid.IntRange(0, maxVolumes), 1, 60).Draw(t, "creates")...)
			run := fmt.Sprintf("run-%d", n)
			earliest := now.Add(time.Duration(rapid.IntRange(-10, 300).Draw(t, "earliest s")) * time.Second)
			b := booking{run: run, execution: run, creates: creates(found), earliest: earliest}
			from := pace.join(&l, b, now)
			if from.Before(now) || from.Before(earliest) {
				t.Fatalf("%s is to begin at %v, planned at %v to be not before %v", run, from, now, earliest)
			}
			if rapid.Bool().Draw(t, "retried") {
				now = now.Add(time.Duration(rapid.IntRange(0, 60_000).Draw(t, "ms")) * time.Millisecond)
				from = pace.join(&l, b, now) // the first attempt's reservation was not used
			}
			pace.plan(found, from)
			for i := range found {
				turns = append(turns, turn{found[i].StartAt, itemCreates(&found[i])})
			}
		}
		if at, level := driest(pace, turns); level < -pace.Rate*0.002 { // turns are in whole milliseconds
			t.Fatalf("at %v EC2's bucket lacks %.3f tokens", at, -level)
		}
	})
}

// driest gives the moment at which EC2's bucket has the fewest tokens.
func driest(p Pace, turns []turn) (when time.Time, least float64) {
	slices.SortStableFunc(turns, func(a, b turn) int { return a.at.Compare(b.at) })
	level, last := float64(p.Burst), turns[0].at
	least = level
	for _, t := range turns {
		level = min(float64(p.Burst), level+t.at.Sub(last).Seconds()*p.Rate) - float64(t.n)
		last = t.at
		if level < least {
			when, least = t.at, level
		}
	}
	return when, least
}

func TestARunIsAlmostAsFastAsEC2Allows(t *testing.T) {
	found := itemsOf(slices.Repeat([]int{10}, 1000)...)
	DefaultPace.plan(found, midnight)
	last := found[len(found)-1].StartAt.Sub(midnight)
	// EC2's own bound for 10,000 volumes is 1,980 s; ours is just above it.
	if last < 1980*time.Second || last > 2010*time.Second {
		t.Errorf("the last of 10,000 volumes comes after %v", last)
	}
}
