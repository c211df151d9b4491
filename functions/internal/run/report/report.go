// Package report is the use case of report-run: it compares the manifest of a run with what EC2 holds, and reports to the administrator
// what failed and why.
package report

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

type inventory interface {
	RunSnapshots(ctx context.Context, runID string) ([]ebs.Snapshot, error)
	ScheduleSnapshots(ctx context.Context, keyword string) ([]ebs.Snapshot, error)
	ExistingVolumes(ctx context.Context, ids []string) (map[string]bool, error)
}

type objects interface {
	Get(ctx context.Context, key string) (body []byte, etag string, err error)
	List(ctx context.Context, prefix string) ([]string, error)
	Put(ctx context.Context, key string, body []byte) error
	Replace(ctx context.Context, key string, body []byte, etag string) error
}

type topic interface {
	Publish(ctx context.Context, subject, message string) error
}

// Service reports.
type Service struct {
	EC2     inventory
	Objects objects
	Topic   topic
	Base    string // put before a key in the message: s3://bucket/
	Now     func() time.Time
	Log     *slog.Logger
}

// Report is what report.json holds.
type Report struct {
	Run       contract.Run
	Execution string // ARN
	WrittenAt time.Time
	Outcome   string
	Summary   string
	Instances int
	Volumes   int
	Completed int                 // volumes with a completed snapshot of this run
	Failures  []Failure           // volumes without a completed or pending snapshot, and volumes that were not pruned
	Gone      []ebs.Place         // volumes deleted since discovery, which is not a failure
	Problems  []Problem           // no backup failed, but a person should look
	Excluded  []contract.Excluded `json:",omitempty"`
	// DoneEarlier counts volumes that an earlier execution of the run completed and whose snapshots were pruned since. Volumes does not
	// count them.
	DoneEarlier  int      `json:",omitempty"`
	CompletedIDs []string `json:"-"` // of the Completed volumes
}

// Failure is a volume, or the run as a whole, that the run did not finish.
type Failure struct {
	ebs.Place
	SnapshotID string `json:",omitempty"` // this run's snapshot, if there is one
	Error      string // the error's name
	Reason     string
	Advice     string // what to do
}

// Problem needs attention, although no backup failed because of it.
type Problem struct {
	ebs.Place
	What   string
	Advice string
}

// Report writes report.json, publishes to the topic if anything is wrong, and returns how the run ended.
func (s *Service) Report(ctx context.Context, d contract.Discovery) (contract.ReportResult, error) {
	r, err := s.compare(ctx, d)
	if err != nil {
		return contract.ReportResult{}, err
	}
	strangers := s.strangers(ctx, d.Run)
	r.Problems = append(r.Problems, strangers.problems(d.Run.SnapshotKeyWord)...)
	r.conclude()
	key := contract.ReportKey(d.ManifestKey)
	body, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return contract.ReportResult{}, err
	}
	if err := s.Objects.Put(ctx, key, ebs.VisibleJSON(body)); err != nil {
		return contract.ReportResult{}, fmt.Errorf("write the report of run %s: %w", d.Run.ID, err)
	}
	if !r.over() {
		if err := s.saveCompleted(ctx, d.Run, r.CompletedIDs); err != nil {
			return contract.ReportResult{}, err
		}
	}
	// Metrics, an alarm and the dashboard read this line (infra/lifecycle).
	s.Log.InfoContext(ctx, "run reported", "run_id", d.Run.ID, "keyword", d.Run.SnapshotKeyWord,
		"keyword_ascii", contract.KeywordASCII(d.Run.SnapshotKeyWord), "outcome", r.Outcome,
		"volumes", r.Volumes, "completed", r.Completed, "failed", r.failedVolumes(), "gone", len(r.Gone),
		"problems", len(r.Problems), "seconds", int(r.WrittenAt.Sub(d.Run.ScheduledTime).Seconds()))
	if len(r.Failures)+len(r.Problems) > 0 {
		if err := s.Topic.Publish(ctx, subject(r), message(r, s.Base+key)); err != nil {
			return contract.ReportResult{}, err
		}
	}
	s.saveReported(ctx, strangers)
	if r.over() { // after the mail: if that fails, the next execution sends it
		if err := done(ctx, s.Objects, d.Run, d.Execution, s.Now()); err != nil {
			return contract.ReportResult{}, err
		}
	}
	return contract.ReportResult{
		Outcome: r.Outcome, Summary: r.Summary, ReportKey: key, Volumes: r.Volumes, Healthy: r.Completed,
		Failed: r.failedVolumes(), Gone: len(r.Gone), Problems: len(r.Problems),
	}, nil
}

// compare compares what the run had to do with what EC2 holds, and adds the reasons that the workflow recorded. Only EC2 proves a backup;
// a task that said it succeeded does not.
func (s *Service) compare(ctx context.Context, d contract.Discovery) (*Report, error) {
	body, _, err := s.Objects.Get(ctx, d.ManifestKey)
	if err != nil {
		return nil, fmt.Errorf("read the manifest of run %s: %w", d.Run.ID, err)
	}
	var items []contract.Item
	if err := json.Unmarshal(body, &items); err != nil {
		return nil, fmt.Errorf("read the manifest of run %s: %w", d.Run.ID, err)
	}
	held, err := s.EC2.RunSnapshots(ctx, d.Run.ID)
	if err != nil {
		return nil, err
	}
	held = slices.DeleteFunc(held, func(one ebs.Snapshot) bool { return !ebs.MadeBy(one, d.Run.ID) })
	recorded, err := s.records(ctx, d)
	if err != nil {
		return nil, err
	}
	exists, err := s.EC2.ExistingVolumes(ctx, volumesWithout(items, held))
	if err != nil {
		return nil, err
	}
	r := &Report{
		Run: d.Run, Execution: d.Execution, WrittenAt: s.Now().UTC(), Instances: d.Instances,
		Problems: problems(items, held), DoneEarlier: d.DoneEarlier,
	}
	excluded, unreadable := s.excluded(ctx, d)
	r.Excluded, r.Problems = excluded, append(r.Problems, unreadable...)
	snapshotsOf := byVolume(held)
	for _, i := range items {
		for _, v := range i.Volumes {
			r.judge(i.Instance, v, snapshotsOf[v.ID], recorded, exists[v.ID])
		}
	}
	r.addRun(recorded)
	return r, nil
}

// excluded reads which volumes discovery excluded. If that fails, the report only says so.
func (s *Service) excluded(ctx context.Context, d contract.Discovery) (out []contract.Excluded, unreadable []Problem) {
	if d.Excluded == 0 {
		return nil, nil
	}
	body, _, err := s.Objects.Get(ctx, contract.ExcludedKey(d.ManifestKey))
	if err == nil {
		err = json.Unmarshal(body, &out)
	}
	if err != nil {
		return nil, []Problem{{
			What: "this report does not list the excluded volumes: " + err.Error(), Advice: "Nothing, unless it happens again.",
		}}
	}
	return out, nil
}

// judge adds the result of one volume.
func (r *Report) judge(i contract.Instance, v contract.Volume, held []ebs.Snapshot, recorded recorded, exists bool) {
	r.Volumes++
	where := ebs.PlaceOf(i, v)
	best := bestOf(held)
	if best.State == ebs.Completed {
		r.Completed++
		r.CompletedIDs = append(r.CompletedIDs, v.ID)
	}
	why := recorded.of(v.ID, best.State == ebs.Completed)
	switch {
	case best.ID == "" && !exists && recorded.gone(v.ID):
		r.Gone = append(r.Gone, where)
	case why != nil:
		r.fail(where, best, *why)
	case best.ID == "":
		r.fail(where, best, contract.Failure{Error: "NoSnapshot", Cause: "EC2 has no snapshot of the volume from this run, and no reason was recorded"})
	case best.State == ebs.Pending:
		r.Problems = append(r.Problems, Problem{where, best.ID + " was still pending when the run ended",
			"Nothing if the volume is large or new. The next run prunes after the snapshot has completed."})
	case best.State != ebs.Completed:
		r.fail(where, best, contract.Failure{Error: "SnapshotFailedError", Cause: best.ID + " ended in state " + string(best.State)})
	}
}

func (r *Report) fail(where ebs.Place, best ebs.Snapshot, f contract.Failure) {
	reason := reasonOf(f)
	if best.State == ebs.Completed {
		reason = best.ID + " is good, but older snapshots were not pruned: " + reason
	}
	r.Failures = append(r.Failures, Failure{where, best.ID, f.Error, reason, advice(f.Error)})
}

// addRun adds what went wrong with the run as a whole.
func (r *Report) addRun(recorded recorded) {
	if f := recorded.ofMap; f != nil {
		r.Failures = slices.Insert(r.Failures, 0, Failure{
			Error: f.Error, Advice: advice(f.Error),
			Reason: reasonOf(*f) + "; volumes with a good snapshot may not have been pruned",
		})
	}
	if recorded.unread != nil {
		r.Problems = append(r.Problems, Problem{
			What:   "some reasons may be missing: " + recorded.unread.Error(),
			Advice: "Allow report-run to read results/ in the bucket.",
		})
	}
}

// failedVolumes counts the failures that are volumes. Another may be the run as a whole.
func (r *Report) failedVolumes() int {
	n := 0
	for _, f := range r.Failures {
		if f.VolumeID != "" {
			n++
		}
	}
	return n
}

// over says whether nothing is left to do for the run. It is not while a snapshot is pending: that one may still fail.
func (r *Report) over() bool {
	return r.Outcome == contract.OutcomeSucceeded && r.Completed+len(r.Gone) == r.Volumes
}

func (r *Report) conclude() {
	r.Outcome = contract.OutcomeSucceeded
	if len(r.Failures) > 0 {
		r.Outcome = contract.OutcomeFailed
	}
	r.Summary = fmt.Sprintf("%s: %d of %s with a completed snapshot, %d failed, %d no longer exist, %s",
		r.Run.ID, r.Completed, ebs.Count(r.Volumes, "volume"), r.failedVolumes(), len(r.Gone), ebs.Count(len(r.Problems), "other problem"))
	if r.DoneEarlier > 0 {
		r.Summary += fmt.Sprintf("; %s completed by an earlier execution", ebs.Count(r.DoneEarlier, "more volume"))
	}
}

func byVolume(snaps []ebs.Snapshot) map[string][]ebs.Snapshot {
	out := map[string][]ebs.Snapshot{}
	for _, s := range snaps {
		out[s.VolumeID] = append(out[s.VolumeID], s)
	}
	return out
}

// bestOf gives one of the snapshots that this run made of a volume: a completed one, else a pending one, else any.
func bestOf(held []ebs.Snapshot) ebs.Snapshot {
	rank := map[ebs.State]int{ebs.Completed: 3, ebs.Pending: 2, ebs.Error: 1}
	var best ebs.Snapshot
	for _, s := range held {
		if best.ID == "" || rank[s.State] > rank[best.State] {
			best = s
		}
	}
	return best
}

// volumesWithout lists the volumes that have no snapshot from this run.
func volumesWithout(items []contract.Item, held []ebs.Snapshot) []string {
	has := byVolume(held)
	var out []string
	for _, i := range items {
		for _, v := range i.Volumes {
			if len(has[v.ID]) == 0 {
				out = append(out, v.ID)
			}
		}
	}
	return out
}
