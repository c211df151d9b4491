package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// stranger carries the schedule's tags, of a run a month ago, on a snapshot of today.
func stranger(id, description string) ebs.Snapshot {
	s := ebs.Made(ebs.Stamp{Keyword: keyword, Retention: "3", RunID: ebs.RunID(keyword, midnight.AddDate(0, -1, 0)), InstanceID: "i-old"},
		ebs.Snapshot{ID: id, VolumeID: "vol-1", State: ebs.Completed, StartTime: midnight}, nil)
	s.Description = description
	return s
}

func TestSnapshotsThatOnlyCarryOurTagsAreReportedOnce(t *testing.T) {
	w := newWorld(t, web())
	w.strangers = []ebs.Snapshot{stranger("snap-dlm-2", "Created for policy: p"), stranger("snap-dlm-1", "Created for policy: p"), stranger("snap-hand", "")}
	_, r := w.report()
	want := "the tags of the schedule SnapshotDaily are on 3 snapshots that none of its runs made: " +
		"snap-dlm-1, snap-dlm-2 by Amazon Data Lifecycle Manager; snap-hand by a person or another tool"
	if len(r.Problems) != 1 || r.Problems[0].What != want || r.Outcome != "Succeeded" {
		t.Fatalf("%s, problems %+v\nwant %s", r.Outcome, r.Problems, want)
	}
	if _, message := w.topic.one(t); !strings.Contains(message, "snap-dlm-1") {
		t.Errorf("the mail does not name it:\n%s", message)
	}
	if _, r = w.report(); len(r.Problems) != 0 {
		t.Errorf("the next report names them again: %+v", r.Problems)
	}
	w.strangers = append(w.strangers[1:], stranger("snap-new", "Created by CreateImage(i-1) for ami-1"))
	if _, r = w.report(); len(r.Problems) != 1 || !strings.Contains(r.Problems[0].What, "are on 1 snapshot that") || !strings.Contains(r.Problems[0].What, "snap-new by CreateImage") {
		t.Errorf("a new one: %+v", r.Problems)
	}
}

func TestSnapshotsThatOnlyCarryOurTagsAreReportedAgainIfTheMailFailed(t *testing.T) {
	w := newWorld(t, web())
	w.strangers = []ebs.Snapshot{stranger("snap-hand", "")}
	w.topic.err = fmt.Errorf("SNS is down")
	if _, err := w.service().Report(t.Context(), w.discovery); err == nil {
		t.Fatal("no error")
	}
	w.topic.err = nil
	if _, r := w.report(); len(r.Problems) != 1 {
		t.Errorf("the retry names none: %+v", r.Problems)
	}
}

func TestAReportIsWrittenEvenIfTheSearchForStrangersFails(t *testing.T) {
	w := newWorld(t, web())
	w.strangers = []ebs.Snapshot{stranger("snap-hand", "")}
	w.bucket.Fault = func(op, key string) error {
		if op == "list" && strings.HasSuffix(key, "/strangers.json") {
			return fmt.Errorf("S3 is down")
		}
		return nil
	}
	if _, r := w.report(); len(r.Problems) != 0 || r.Outcome != "Succeeded" {
		t.Errorf("%s: %+v", r.Outcome, r.Problems)
	}
}

func TestStrangersAreReportedAgainIfTheListOfReportedOnesIsDamaged(t *testing.T) {
	w := newWorld(t, web())
	w.strangers = []ebs.Snapshot{stranger("snap-hand", "")}
	w.put("runs/SnapshotDaily/strangers.json", "not a list")
	if _, r := w.report(); len(r.Problems) != 1 {
		t.Errorf("problems %+v", r.Problems)
	}
}

func TestASnapshotThatOnlyCarriesTheRunsTagIsNotABackup(t *testing.T) {
	w := newWorld(t, web())
	w.snapshots[0].Description = "before the upgrade"
	_, r := w.report()
	if len(r.Failures) != 1 || r.Failures[0].VolumeID != "vol-1" || r.Failures[0].Error != "NoSnapshot" {
		t.Errorf("failures %+v", r.Failures)
	}
}
