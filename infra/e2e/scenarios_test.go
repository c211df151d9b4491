//go:build e2e

package e2e_test

import (
	"slices"
	"strings"
	"sync"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/e2e"
)

// A scenario is a run with its own keyword and its own fleet: two instances with two volumes each, a/0, a/1, b/0 and b/1. What happens
// to a/0 must not affect the others.
type scenario struct {
	name     string
	input    string // "": the input of a schedule
	tagged   string // the instances' retention; "": 2
	before   int    // how many runs have succeeded before
	repeated bool   // another execution has already done this run

	deleted   bool // a/0 is deleted between its discovery and its snapshot
	behave    func(target) func(e2e.Call) e2e.Behaviour
	intercept func(target) func(e2e.APICall) *e2e.Interception
	want      story
}

// target says which calls fail.
type target struct {
	keyword string
	volume  string // a/0
}

// story is the result of a scenario. Both interpreters must have the same.
type story struct {
	Status, Error string
	Run           []string            // the states of the execution
	Volumes       map[string][]string // the states of each volume's steps
	Calls         map[string][]string // the calls of functions, for the whole run ("") and for each volume
	Held          map[string][]string // the snapshots of each volume in EC2, oldest first
	Mails         []string            // subjects
}

// The folders of the functions.
const (
	create, prune    = "snapshot-volume", "prune-volume"
	discover, report = "discover-instances", "report-run"
)

// The states that a run and a volume go through.
var (
	runSucceeds = []string{"DiscoverInstances", "WhatWasFound", "SnapshotInstances", "ReportRun", "HowItEnded", "RunSucceeded"}
	runFails    = []string{"DiscoverInstances", "WhatWasFound", "SnapshotInstances", "ReportRun", "HowItEnded", "RunFailed"}
	broken      = []string{"DiscoverInstances", "AlertRunBroken", "RunBroken"}
	nothing     = []string{"DiscoverInstances", "WhatWasFound", "ReportRun", "HowItEnded", "RunSucceeded"}
	duplicate   = []string{"DiscoverInstances", "WhatWasFound", "DuplicateRun"}

	good    = []string{"SnapshotVolume", "GiveItTime", "PruneVolume"}
	notMade = []string{"SnapshotVolume", "RecordFailure"}
	notKept = []string{"SnapshotVolume", "GiveItTime", "PruneVolume", "RecordFailure"}

	calledOnce = []string{create, prune}
	runCalls   = []string{discover, report}
)

const (
	oneFailed    = "KEYWORD: 1 of 4 volumes FAILED"
	bothAttended = "KEYWORD: 2 problems, no backup failed" // one for each instance
	brokeOff     = "EBS snapshot lifecycle: a run broke off, backups may be missing"
	notRecorded  = "EBS snapshot lifecycle: a volume failed, and the failure could not be recorded"
)

// each returns the same value for each volume.
func each(what ...string) map[string][]string {
	return map[string][]string{"a/0": what, "a/1": what, "b/0": what, "b/1": what}
}

// except replaces the value of one key. Without a value, it deletes the key.
func except(of map[string][]string, key string, what ...string) map[string][]string {
	of[key] = what
	if len(what) == 0 {
		delete(of, key)
	}
	return of
}

// calls are the calls of a run and of its volumes.
func calls(ofRun, ofTarget []string) map[string][]string {
	return except(except(each(calledOnce...), "a/0", ofTarget...), "", ofRun...)
}

// made is a snapshot of the first run.
const made = "completed 1"

// recovers is the result of a run in which a/0 has a problem and nothing fails.
func recovers(states, calledFor []string) story {
	return story{"SUCCEEDED", "", runSucceeds, except(each(good...), "a/0", states...), calls(runCalls, calledFor), each(made), nil}
}

// fails is the result of a run in which the volume a/0 fails.
func fails(states, calledFor []string, held ...string) story {
	return story{"FAILED", "VolumesFailed", runFails, except(each(good...), "a/0", states...), calls(runCalls, calledFor), except(each(made), "a/0", held...), []string{oneFailed}}
}

// times repeats a text.
func times(n int, what string) []string {
	return strings.Split(strings.TrimSuffix(strings.Repeat(what+"\n", n), "\n"), "\n")
}

// sequence joins texts and lists of texts.
func sequence(parts ...any) []string {
	var out []string
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			out = append(out, p)
		case []string:
			out = append(out, p...)
		}
	}
	return out
}

// always is a number of times that is never reached.
const always = 1 << 30

// function makes a function behave in a way in its first n calls for a/0. For a function of the whole run, it is the first n calls.
func function(name string, how e2e.Behaviour, n int) func(target) func(e2e.Call) e2e.Behaviour {
	return func(t target) func(e2e.Call) e2e.Behaviour {
		left := n
		return func(c e2e.Call) e2e.Behaviour {
			if c.Keyword == t.keyword && c.Function == name && (c.Volume == "" || c.Volume == t.volume) && left > 0 {
				left--
				return how
			}
			return e2e.Works
		}
	}
}

// refuse makes EC2 refuse the first n calls of an action for a/0.
func refuse(action, code string, status, n int) func(target) func(e2e.APICall) *e2e.Interception {
	return ec2(action, n, e2e.Interception{Status: status, Code: code})
}

func ec2(action string, n int, m e2e.Interception) func(target) func(e2e.APICall) *e2e.Interception {
	return func(t target) func(e2e.APICall) *e2e.Interception {
		var mu sync.Mutex
		left := n
		return func(c e2e.APICall) *e2e.Interception {
			mu.Lock()
			defer mu.Unlock()
			if c.Service != "ec2" || c.Action != action || !about(c, t.volume) || left <= 0 {
				return nil
			}
			left--
			return &m
		}
	}
}

// about says whether the call has the volume's ID as a parameter.
func about(c e2e.APICall, volume string) bool {
	for _, values := range c.Form {
		if slices.Contains(values, volume) {
			return true
		}
	}
	return false
}

// refuseObject makes S3 refuse the first n writes of an object of the scenario's runs.
func refuseObject(part string, n int) func(target) func(e2e.APICall) *e2e.Interception {
	return func(t target) func(e2e.APICall) *e2e.Interception {
		var mu sync.Mutex
		left := n
		return func(c e2e.APICall) *e2e.Interception {
			mu.Lock()
			defer mu.Unlock()
			if c.Service != "s3" || !strings.HasPrefix(c.Action, "PUT runs/"+t.keyword+"/") || !strings.Contains(c.Action, part) || left <= 0 {
				return nil
			}
			left--
			return &e2e.Interception{Status: 403, Code: "AccessDenied"}
		}
	}
}

// state makes EC2 report another state of the snapshots of a/0, the first n times.
func state(is string, n int) func(target) func(e2e.APICall) *e2e.Interception {
	return ec2("DescribeSnapshots", n, e2e.Interception{Rewrite: func(body []byte) []byte {
		return []byte(strings.ReplaceAll(string(body), "<status>completed</status>", "<status>"+is+"</status>"))
	}})
}

func scenarios() []scenario {
	return []scenario{
		{name: "nothing goes wrong", want: recovers(good, calledOnce)},
		{
			name: "the retention keeps the snapshots of two runs of three", before: 2,
			want: story{"SUCCEEDED", "", runSucceeds, each(good...), calls(runCalls, calledOnce), each("completed 2", "completed 3"), nil},
		},
		{
			name: "no instance has the tag", tagged: "off",
			want: story{"SUCCEEDED", "", nothing, map[string][]string{}, map[string][]string{"": runCalls}, map[string][]string{}, nil},
		},
		{
			name: "the retention can't be read", tagged: "a few",
			want: story{"SUCCEEDED", "", runSucceeds, each(good...), calls(runCalls, calledOnce), each(made), []string{bothAttended}},
		},
		{
			name: "the run is triggered twice", repeated: true,
			want: story{"SUCCEEDED", "", duplicate, map[string][]string{}, map[string][]string{"": {discover}}, each(made), nil},
		},
		{
			name: "the input has no keyword", input: `{"Scheduled": "KEYWORD"}`,
			want: story{"FAILED", "RunBroken", broken, map[string][]string{}, map[string][]string{}, map[string][]string{}, []string{brokeOff}},
		},

		// Problems of EC2 with one volume.
		{
			name: "creating is denied", intercept: refuse("CreateSnapshot", "UnauthorizedOperation", 403, always),
			want: fails(notMade, []string{create + ": AccessDeniedError"}),
		},
		{
			name: "creating is throttled for a while", intercept: refuse("CreateSnapshot", "RequestLimitExceeded", 503, 2),
			want: recovers(good, sequence(times(2, create+": ThrottledError"), calledOnce)),
		},
		{
			name: "two snapshots of a volume within 15 seconds", intercept: refuse("CreateSnapshot", "SnapshotCreationPerVolumeRateExceeded", 400, 1),
			want: recovers(good, sequence(create+": SnapshotRateError", calledOnce)),
		},
		{
			name: "too many pending snapshots", intercept: refuse("CreateSnapshot", "PendingSnapshotLimitExceeded", 400, 2),
			want: recovers(good, sequence(times(2, create+": SnapshotQuotaError"), calledOnce)),
		},
		{
			name: "the Region's quota of snapshots is reached", intercept: refuse("CreateSnapshot", "SnapshotLimitExceeded", 400, always),
			want: fails(notMade, []string{create + ": SnapshotLimitError"}),
		},
		{
			name: "the volume is deleted before its turn", deleted: true,
			want: story{
				"SUCCEEDED", "", runSucceeds, except(each(good...), "a/0", "SnapshotVolume", "VolumeGone"),
				calls(runCalls, []string{create + ": VolumeGoneError"}), except(each(made), "a/0"), nil,
			},
		},
		{
			name: "EC2 creates the snapshot, and its answer is lost", intercept: ec2("CreateSnapshot", 1, e2e.Interception{LoseAnswer: true}),
			want: recovers(good, sequence(create+": UnexpectedError", calledOnce)),
		},
		{
			name: "EC2 has internal errors for a while", intercept: refuse("CreateSnapshot", "InternalError", 500, 2),
			want: recovers(good, sequence(times(2, create+": UnexpectedError"), calledOnce)),
		},
		{
			name: "the snapshot is pending for a while", intercept: state("pending", 2),
			want: recovers(good, sequence(create, times(2, prune+": SnapshotPendingError"), prune)),
		},
		{
			name: "the snapshot fails", intercept: state("error", always),
			want: fails(notKept, []string{create, prune + ": SnapshotFailedError"}),
		},
		{
			name: "listing is throttled for a while", intercept: refuse("DescribeSnapshots", "RequestLimitExceeded", 503, 3),
			want: recovers(good, sequence(create, prune+": ThrottledError", prune)),
		},

		// Problems of Lambda and of the functions.
		{
			name: "Lambda throttles", behave: function(create, e2e.IsThrottled, 2),
			want: recovers(good, sequence(times(2, create+": Lambda.TooManyRequestsException"), calledOnce)),
		},
		{
			name: "a function crashes after its work", behave: function(create, e2e.CrashesAfterwards, 1),
			want: recovers(good, sequence(create+": Runtime.ExitError", calledOnce)),
		},
		{
			name: "a function always crashes", behave: function(create, e2e.Crashes, always),
			want: fails(notMade, times(6, create+": Runtime.ExitError")),
		},
		{
			name: "a function always hangs", behave: function(create, e2e.Hangs, always),
			want: fails(notMade, times(6, create+": Sandbox.Timedout")),
		},
		{
			name: "prune-volume always crashes", behave: function(prune, e2e.Crashes, always),
			want: fails(notKept, sequence(create, times(5, prune+": Runtime.ExitError")), made),
		},
		{
			name: "a function answers garbage", behave: function(create, e2e.AnswersGarbage, always),
			want: fails(notKept, []string{create, prune + ": InvalidInputError"}, made),
		},
		{
			name: "report-run crashes once", behave: function(report, e2e.Crashes, 1),
			want: story{
				"SUCCEEDED", "", runSucceeds, each(good...), calls([]string{discover, report + ": Runtime.ExitError", report}, calledOnce), each(made), nil,
			},
		},
		{
			name: "discover-instances hangs once", behave: function(discover, e2e.Hangs, 1),
			want: story{
				"SUCCEEDED", "", runSucceeds, each(good...), calls([]string{discover + ": Sandbox.Timedout", discover, report}, calledOnce), each(made), nil,
			},
		},

		// Problems of S3.
		{
			name: "S3 refuses the manifest", intercept: refuseObject("manifest.json", always),
			want: story{
				"FAILED", "RunBroken", broken, map[string][]string{}, map[string][]string{"": {discover + ": AccessDeniedError"}},
				map[string][]string{}, []string{brokeOff},
			},
		},
		{
			name: "creating is denied, and S3 refuses the record",
			intercept: func(t target) func(e2e.APICall) *e2e.Interception {
				denied, refused := refuse("CreateSnapshot", "UnauthorizedOperation", 403, always)(t), refuseObject("/failures/", always)(t)
				return func(c e2e.APICall) *e2e.Interception {
					if m := denied(c); m != nil {
						return m
					}
					return refused(c)
				}
			},
			want: story{
				"FAILED", "VolumesFailed", runFails, except(each(good...), "a/0", "SnapshotVolume", "RecordFailure", "AlertUnrecordedFailure"),
				calls(runCalls, []string{create + ": AccessDeniedError"}), except(each(made), "a/0"), []string{notRecorded, oneFailed},
			},
		},
	}
}
