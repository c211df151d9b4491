package workflow_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// path is one way through the definition.
type path struct {
	name  string
	setup func(*setup)
	given func(*fixture)            // what is in the account, and what will go wrong; nil: fixture.fleet
	when  func(*fixture) asl.Result // nil: SnapshotDaily fires
	want  story
	says  []string // texts of the last mail
}

// story is the course of a run, compared as a whole.
type story struct {
	Status  asl.Status
	Error   string
	Run     []string            // the states of the run itself
	Volumes map[string][]string // the states of each volume's steps
	Held    map[string][]string // what EC2 holds of each volume, the oldest first
	Mails   []string            // subjects
}

// The ways of a run and of a volume, and what EC2 holds after the first run.
var (
	runSucceeds = []string{"DiscoverInstances", "WhatWasFound", "SnapshotInstances", "ReportRun", "HowItEnded", "RunSucceeded"}
	runFails    = []string{"DiscoverInstances", "WhatWasFound", "SnapshotInstances", "ReportRun", "HowItEnded", "RunFailed"}
	duplicate   = []string{"DiscoverInstances", "WhatWasFound", "DuplicateRun"}
	neverFound  = []string{"DiscoverInstances", "AlertRunBroken", "RunBroken"}

	good    = []string{"SnapshotVolume", "GiveItTime", "PruneVolume"}
	notMade = []string{"SnapshotVolume", "RecordFailure"}
	notKept = []string{"SnapshotVolume", "GiveItTime", "PruneVolume", "RecordFailure"}
	made    = []string{"completed SnapshotDaily/2026-11-22T00:00:00Z"}
)

const (
	oneFailed  = "SnapshotDaily 2026-11-22 08:00 +08:00: 1 of 3 volumes FAILED"
	onlyTheRun = "SnapshotDaily 2026-11-22 08:00 +08:00: the run FAILED, but no backup did"
	allFailed  = "SnapshotDaily 2026-11-22 08:00 +08:00: ALL 3 volumes FAILED"
	attention  = "SnapshotDaily 2026-11-22 08:00 +08:00: 1 problem, no backup failed"
	brokenOff  = "EBS snapshot lifecycle: a run broke off, backups may be missing"
	unwritten  = "EBS snapshot lifecycle: a volume failed, and the failure could not be recorded"
)

// others has the good way for all volumes of the fleet except vol-web-0.
func others(way ...string) map[string][]string {
	return map[string][]string{"vol-db-0": good, "vol-web-0": way, "vol-web-1": good}
}

// allBut has a snapshot for each volume, except that vol-web-0 has this.
func allBut(held ...string) map[string][]string {
	out := map[string][]string{"vol-db-0": made, "vol-web-1": made}
	if len(held) > 0 {
		out["vol-web-0"] = held
	}
	return out
}

func oneVolumeFails(way, held []string) story {
	return story{asl.Failed, "VolumesFailed", runFails, others(way...), allBut(held...), []string{oneFailed}}
}

func oneVolumeIsLate() story {
	return story{asl.Succeeded, "", runSucceeds, others(good...), allBut(made...), nil}
}

// broken is a run that ends before it works on volumes.
func broken() story {
	return story{asl.Failed, "RunBroken", neverFound, map[string][]string{}, map[string][]string{}, []string{brokenOff}}
}

func (p path) run(t *testing.T) *fixture {
	change := p.setup
	if change == nil {
		change = func(*setup) {}
	}
	f := newFixture(t, change)
	if p.given == nil {
		p.given = (*fixture).fleet
	}
	p.given(f)
	if p.when == nil {
		p.when = func(f *fixture) asl.Result { return f.fire("SnapshotDaily") }
	}
	r := p.when(f)
	same(t, "the run", story{
		r.Status, r.Error, f.states(r.Name, ""), f.volumeStates(r.Name), f.held(), f.subjects(),
	}, p.want)
	if len(p.says) > 0 {
		f.lastMail(p.says...)
	}
	return f
}

func TestPaths(t *testing.T) {
	paths := slices.Concat(goodPaths(), repeatedPaths(), brokenPaths(), volumePaths(), alertPaths(), functionPaths())
	walked := map[string]bool{}
	ran := 0
	for _, p := range paths {
		t.Run(p.name, func(t *testing.T) {
			ran++
			for _, e := range p.run(t).events {
				walked[e.State] = true
				if e.Kind == asl.StateExited || e.Kind == asl.StateCaught {
					walked[e.State+" → "+e.Next] = true
				}
				if e.Kind == asl.StateRetried {
					walked[e.State+" again"] = true
				}
			}
		})
	}
	if ran < len(paths) {
		return // only some were asked for
	}
	if ways := waysOf(t); len(ways) < 30 {
		t.Errorf("the definition has only %d states and ways between them: %q", len(ways), ways)
	} else {
		for _, way := range ways {
			if !walked[way] {
				t.Errorf("no path test comes through: %s", way)
			}
		}
	}
}

// waysOf lists what the paths must cover: each state of the definition, each transition, and each state's retries.
func waysOf(t *testing.T) []string {
	type edge struct{ Next string }
	type state struct {
		Next, Default string
		Choices       []edge
		Catch         []edge
		Retry         []edge
		ItemProcessor *json.RawMessage
	}
	ways := map[string]bool{}
	var walk func(raw []byte)
	walk = func(raw []byte) {
		var machine struct{ States map[string]state }
		if err := json.Unmarshal(raw, &machine); err != nil {
			t.Fatal(err)
		}
		for name, s := range machine.States {
			ways[name] = true
			for _, e := range slices.Concat(s.Choices, s.Catch, []edge{{s.Next}, {s.Default}}) {
				if e.Next != "" {
					ways[name+" → "+e.Next] = true
				}
			}
			if len(s.Retry) > 0 {
				ways[name+" again"] = true
			}
			if s.ItemProcessor != nil {
				walk(*s.ItemProcessor)
			}
		}
	}
	walk(statemachine.Definition)
	return slices.Sorted(maps.Keys(ways))
}

func hasSuffix(suffix string) func(string) bool {
	return func(key string) bool { return strings.HasSuffix(key, suffix) }
}

func hasPart(part string) func(string) bool {
	return func(key string) bool { return strings.Contains(key, part) }
}
