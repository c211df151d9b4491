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

// itemsOf gives items with so many volumes to snapshot each.
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
		{"starts all at once that the burst covers", itemsOf(4, 6), []time.Time{at(0), at(0)}},
		{"gives whatever comes after the burst its turn at the rate", itemsOf(10, 1, 2, 5), []time.Time{at(0), at(0.5), at(1.5), at(4)}},
		{"lets an item wait until all of its creates fit", itemsOf(20), []time.Time{at(5)}},
		{"counts nothing for snapshots that are there", append(done, itemsOf(10)...), []time.Time{at(0), at(0)}},
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
		{"gives the first run the moment", nil, "A", 100, 0, 0, 0, []reservation{res("A", 0, 50, 100)}},
		{"puts a second run behind the first", []reservation{res("A", 0, 50, 100)}, "B", 20, 1, 0, 50,
			[]reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}},
		{"puts a third run behind both", []reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}, "C", 2, 2, 0, 67,
			[]reservation{res("A", 0, 50, 100), res("B", 50, 60, 20), res("C", 67, 68, 2)}},
		{"keeps a run off the volumes of a small one that began just before: EC2 wants 15 s between two snapshots of a volume",
			[]reservation{res("A", 0, 5, 10)}, "B", 10, 6, 0, 17, []reservation{res("A", 0, 5, 10), res("B", 17, 22, 10)}},
		{"lets a run wait that must not begin yet, and others wait for it", []reservation{res("A", 0, 50, 100)}, "B", 20, 1, 150, 150,
			[]reservation{res("A", 0, 50, 100), res("B", 150, 160, 20)}},
		{"puts a run that must not begin yet behind the others all the same", []reservation{res("A", 0, 50, 100)}, "B", 20, 1, 30, 50,
			[]reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}},
		{"puts a small run before a large one that begins later", []reservation{res("A", 0, 50, 100), res("B", 300, 400, 200)}, "C", 100, 1, 0, 50,
			[]reservation{res("A", 0, 50, 100), res("B", 300, 400, 200), res("C", 50, 100, 100)}},
		{"puts nothing before another that would not be done by then", []reservation{res("A", 0, 50, 100), res("B", 99, 200, 202)}, "C", 100, 1, 0, 200,
			[]reservation{res("A", 0, 50, 100), res("B", 99, 200, 202), res("C", 200, 250, 100)}},
		{"keeps a small run off the volumes of one that begins just after", []reservation{res("B", 16, 116, 200)}, "C", 2, 0, 0, 116,
			[]reservation{res("B", 16, 116, 200), res("C", 116, 117, 2)}},
		{"plans a run anew that another execution reserved for", []reservation{{"A", "dead", at(60), at(80), 40}}, "A", 40, 9, 70, 70,
			[]reservation{res("A", 70, 90, 40)}},
		{"drops runs that are over", []reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}, "C", 4, 70, 0, 70,
			[]reservation{res("C", 70, 72, 4)}},
		{"keeps a run that is not over, wherever it stands", []reservation{res("A", 0, 50, 100), res("B", 0, 10, 20)}, "C", 4, 20, 0, 50,
			[]reservation{res("A", 0, 50, 100), res("C", 50, 52, 4)}},
		{"gives a run its own again when it is asked twice", []reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}, "B", 20, 9, 0, 50,
			[]reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}},
		{"gives a run its own again in the same moment", []reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}, "A", 100, 0, 0, 0,
			[]reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}},
		{"plans a run anew that has other work than it reserved for", []reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}, "B", 40, 9, 0, 50,
			[]reservation{res("A", 0, 50, 100), res("B", 50, 70, 40)}},
		{"plans a run anew whose turns have begun to pass, since they would come all at once", []reservation{res("A", 0, 50, 100)}, "A", 100, 30, 0, 30,
			[]reservation{res("A", 30, 80, 100)}},
		{"plans a late run anew behind whoever came in between", []reservation{res("A", 0, 50, 100), res("B", 50, 60, 20)}, "A", 100, 30, 0, 67,
			[]reservation{res("B", 50, 60, 20), res("A", 67, 117, 100)}},
		{"keeps others off for a while although a run creates nothing", nil, "A", 0, 0, 0, 0, []reservation{res("A", 0, 0, 0)}},
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

// turn is a moment when so many creates come at once.
type turn struct {
	at time.Time
	n  int
}

// EC2's bucket holds Burst tokens and refills at Rate: whatever runs come, however large and however close, it never runs dry.
func TestRunsTogetherNeverAskForMoreThanThePace(t *testing.T) {
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
				from = pace.join(&l, b, now) // what the first attempt reserved was not used
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

// driest gives the moment at which EC2's bucket holds least.
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

func TestTheEndOfARunIsNoLaterThanEC2Allows(t *testing.T) {
	found := itemsOf(slices.Repeat([]int{10}, 1000)...)
	DefaultPace.plan(found, midnight)
	last := found[len(found)-1].StartAt.Sub(midnight)
	// EC2's own bound for 10,000 volumes is 1,980 s; ours is just above it.
	if last < 1980*time.Second || last > 2010*time.Second {
		t.Errorf("the last of 10,000 volumes comes after %v", last)
	}
}
