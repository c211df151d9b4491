//go:build e2e

package e2e_test

import (
	"slices"
	"strings"
	"sync"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/e2e"
)

// A scenario is a run of a schedule of its own over a fleet of its own: two instances with two volumes each, a/0, a/1, b/0 and
// b/1. What befalls a/0 must not touch the others.
type scenario struct {
	name   string
	input  string // "": the schedule's
	tagged string // the instances' retention; "": 2
	before int    // runs that went well before
	again  bool   // the run is one that an execution has done already

	deleted bool // a/0 is deleted between its discovery and its snapshot
	behave  func(trouble) func(e2e.Call) e2e.Behaviour
	meddle  func(trouble) func(e2e.APICall) *e2e.Meddling
	want    story
}

// trouble says where it is.
type trouble struct {
	keyword string
	volume  string // a/0
}

// story is what an interpreter made of a scenario. Two that agree tell the same one.
type story struct {
	Status, Error string
	Run           []string            // the states of the execution
	Volumes       map[string][]string // the states of each volume's steps
	Calls         map[string][]string // what the functions were called for: the whole run (""), each volume
	Held          map[string][]string // the snapshots that EC2 holds of each volume, oldest first
	Mails         []string            // subjects
}

// What the functions are called here.
const (
	create, prune    = "snapshot-volume", "prune-volume"
	discover, report = "discover-instances", "report-run"
)

// The ways of a run and of a volume.
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
	bothAttended = "KEYWORD: 2 problems, no backup failed" // of the two instances
	brokeOff     = "EBS snapshot lifecycle: a run broke off, backups may be missing"
	notRecorded  = "EBS snapshot lifecycle: a volume failed, and the failure could not be recorded"
)

// all says the same of each volume.
func all(what ...string) map[string][]string {
	return map[string][]string{"a/0": what, "a/1": what, "b/0": what, "b/1": what}
}

// but says something else of one of them; nothing of it if there is none.
func but(of map[string][]string, key string, what ...string) map[string][]string {
	of[key] = what
	if len(what) == 0 {
		delete(of, key)
	}
	return of
}

// calls are those of a run and of its volumes.
func calls(ofRun, ofTrouble []string) map[string][]string {
	return but(but(all(calledOnce...), "a/0", ofTrouble...), "", ofRun...)
}

// made is a run's snapshot, the nth run's that there was.
const made = "completed 1"

// heals is a run that a trouble of a/0 does not harm.
func heals(way, calledFor []string) story {
	return story{"SUCCEEDED", "", runSucceeds, but(all(good...), "a/0", way...), calls(runCalls, calledFor), all(made), nil}
}

// harms is a run whose volume a/0 fails.
func harms(way, calledFor []string, held ...string) story {
	return story{"FAILED", "VolumesFailed", runFails, but(all(good...), "a/0", way...), calls(runCalls, calledFor), but(all(made), "a/0", held...), []string{oneFailed}}
}

// times repeats what a function answers.
func times(n int, what string) []string {
	return strings.Split(strings.TrimSuffix(strings.Repeat(what+"\n", n), "\n"), "\n")
}

func then(parts ...any) []string {
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

// always is for the times below.
const always = 1 << 30

// function has a function behave in a way, the first times that it is called for a/0 or, if it is one of the run's, at all.
func function(name string, how e2e.Behaviour, n int) func(trouble) func(e2e.Call) e2e.Behaviour {
	return func(t trouble) func(e2e.Call) e2e.Behaviour {
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

// refuse has EC2 refuse an action for a/0, the first times.
func refuse(action, code string, status, n int) func(trouble) func(e2e.APICall) *e2e.Meddling {
	return ec2(action, n, e2e.Meddling{Status: status, Code: code})
}

func ec2(action string, n int, m e2e.Meddling) func(trouble) func(e2e.APICall) *e2e.Meddling {
	return func(t trouble) func(e2e.APICall) *e2e.Meddling {
		var mu sync.Mutex
		left := n
		return func(c e2e.APICall) *e2e.Meddling {
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

// about says whether a value of the call's form is the volume's ID.
func about(c e2e.APICall, volume string) bool {
	for _, values := range c.Form {
		if slices.Contains(values, volume) {
			return true
		}
	}
	return false
}

// refuseObject has S3 refuse to write an object of the scenario's runs.
func refuseObject(part string, n int) func(trouble) func(e2e.APICall) *e2e.Meddling {
	return func(t trouble) func(e2e.APICall) *e2e.Meddling {
		var mu sync.Mutex
		left := n
		return func(c e2e.APICall) *e2e.Meddling {
			mu.Lock()
			defer mu.Unlock()
			if c.Service != "s3" || !strings.HasPrefix(c.Action, "PUT runs/"+t.keyword+"/") || !strings.Contains(c.Action, part) || left <= 0 {
				return nil
			}
			left--
			return &e2e.Meddling{Status: 403, Code: "AccessDenied"}
		}
	}
}

// state has EC2 say that the snapshots of a/0 are in a state.
func state(is string, n int) func(trouble) func(e2e.APICall) *e2e.Meddling {
	return ec2("DescribeSnapshots", n, e2e.Meddling{Rewrite: func(body []byte) []byte {
		return []byte(strings.ReplaceAll(string(body), "<status>completed</status>", "<status>"+is+"</status>"))
	}})
}

func scenarios() []scenario {
	return []scenario{
		{name: "all goes well", want: heals(good, calledOnce)},
		{
			name: "of three runs the retention keeps two", before: 2,
			want: story{"SUCCEEDED", "", runSucceeds, all(good...), calls(runCalls, calledOnce), all("completed 2", "completed 3"), nil},
		},
		{
			name: "no instance opted in", tagged: "off",
			want: story{"SUCCEEDED", "", nothing, map[string][]string{}, map[string][]string{"": runCalls}, map[string][]string{}, nil},
		},
		{
			name: "the retention can't be read", tagged: "a few",
			want: story{"SUCCEEDED", "", runSucceeds, all(good...), calls(runCalls, calledOnce), all(made), []string{bothAttended}},
		},
		{
			name: "the firing is delivered twice", again: true,
			want: story{"SUCCEEDED", "", duplicate, map[string][]string{}, map[string][]string{"": {discover}}, all(made), nil},
		},
		{
			name: "the input has no keyword", input: `{"Scheduled": "KEYWORD"}`,
			want: story{"FAILED", "RunBroken", broken, map[string][]string{}, map[string][]string{}, map[string][]string{}, []string{brokeOff}},
		},

		// What EC2 may do to one volume.
		{
			name: "creating is denied", meddle: refuse("CreateSnapshot", "UnauthorizedOperation", 403, always),
			want: harms(notMade, []string{create + ": AccessDeniedError"}),
		},
		{
			name: "creating is throttled for a while", meddle: refuse("CreateSnapshot", "RequestLimitExceeded", 503, 2),
			want: heals(good, then(times(2, create+": ThrottledError"), calledOnce)),
		},
		{
			name: "two snapshots of a volume within 15 seconds", meddle: refuse("CreateSnapshot", "SnapshotCreationPerVolumeRateExceeded", 400, 1),
			want: heals(good, then(create+": SnapshotRateError", calledOnce)),
		},
		{
			name: "too many pending snapshots", meddle: refuse("CreateSnapshot", "PendingSnapshotLimitExceeded", 400, 2),
			want: heals(good, then(times(2, create+": SnapshotQuotaError"), calledOnce)),
		},
		{
			name: "the Region is full", meddle: refuse("CreateSnapshot", "SnapshotLimitExceeded", 400, always),
			want: harms(notMade, []string{create + ": SnapshotLimitError"}),
		},
		{
			name: "the volume is deleted before its turn", deleted: true,
			want: story{
				"SUCCEEDED", "", runSucceeds, but(all(good...), "a/0", "SnapshotVolume", "VolumeGone"),
				calls(runCalls, []string{create + ": VolumeGoneError"}), but(all(made), "a/0"), nil,
			},
		},
		{
			name: "EC2 creates, and its answer is lost", meddle: ec2("CreateSnapshot", 1, e2e.Meddling{LoseIt: true}),
			want: heals(good, then(create+": UnexpectedError", calledOnce)),
		},
		{
			name: "EC2 fails inside for a while", meddle: refuse("CreateSnapshot", "InternalError", 500, 2),
			want: heals(good, then(times(2, create+": UnexpectedError"), calledOnce)),
		},
		{
			name: "the snapshot is pending for a while", meddle: state("pending", 2),
			want: heals(good, then(create, times(2, prune+": SnapshotPendingError"), prune)),
		},
		{
			name: "the snapshot fails", meddle: state("error", always),
			want: harms(notKept, []string{create, prune + ": SnapshotFailedError"}),
		},
		{
			name: "listing is throttled for a while", meddle: refuse("DescribeSnapshots", "RequestLimitExceeded", 503, 3),
			want: heals(good, then(create, prune+": ThrottledError", prune)),
		},

		// What Lambda and the functions may do.
		{
			name: "Lambda throttles", behave: function(create, e2e.IsThrottled, 2),
			want: heals(good, then(times(2, create+": Lambda.TooManyRequestsException"), calledOnce)),
		},
		{
			name: "a function crashes once its work is done", behave: function(create, e2e.CrashesAfterwards, 1),
			want: heals(good, then(create+": Runtime.ExitError", calledOnce)),
		},
		{
			name: "a function crashes, for ever", behave: function(create, e2e.Crashes, always),
			want: harms(notMade, times(6, create+": Runtime.ExitError")),
		},
		{
			name: "a function hangs, for ever", behave: function(create, e2e.Hangs, always),
			want: harms(notMade, times(6, create+": Sandbox.Timedout")),
		},
		{
			name: "prune-volume crashes, for ever", behave: function(prune, e2e.Crashes, always),
			want: harms(notKept, then(create, times(5, prune+": Runtime.ExitError")), made),
		},
		{
			name: "a function answers garbage", behave: function(create, e2e.AnswersGarbage, always),
			want: harms(notKept, []string{create, prune + ": InvalidInputError"}, made),
		},
		{
			name: "report-run crashes once", behave: function(report, e2e.Crashes, 1),
			want: story{
				"SUCCEEDED", "", runSucceeds, all(good...), calls([]string{discover, report + ": Runtime.ExitError", report}, calledOnce), all(made), nil,
			},
		},
		{
			name: "discover-instances hangs once", behave: function(discover, e2e.Hangs, 1),
			want: story{
				"SUCCEEDED", "", runSucceeds, all(good...), calls([]string{discover + ": Sandbox.Timedout", discover, report}, calledOnce), all(made), nil,
			},
		},

		// What S3 may do.
		{
			name: "S3 refuses the manifest", meddle: refuseObject("manifest.json", always),
			want: story{
				"FAILED", "RunBroken", broken, map[string][]string{}, map[string][]string{"": {discover + ": AccessDeniedError"}},
				map[string][]string{}, []string{brokeOff},
			},
		},
		{
			name: "creating is denied, and S3 refuses the record",
			meddle: func(t trouble) func(e2e.APICall) *e2e.Meddling {
				denied, refused := refuse("CreateSnapshot", "UnauthorizedOperation", 403, always)(t), refuseObject("/failures/", always)(t)
				return func(c e2e.APICall) *e2e.Meddling {
					if m := denied(c); m != nil {
						return m
					}
					return refused(c)
				}
			},
			want: story{
				"FAILED", "VolumesFailed", runFails, but(all(good...), "a/0", "SnapshotVolume", "RecordFailure", "AlertUnrecordedFailure"),
				calls(runCalls, []string{create + ": AccessDeniedError"}), but(all(made), "a/0"), []string{notRecorded, oneFailed},
			},
		},
	}
}
