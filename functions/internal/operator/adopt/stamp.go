package adopt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

type account interface {
	TagSnapshots(ctx context.Context, ids []string, tags []ebs.Tag) error
	UntagSnapshots(ctx context.Context, ids []string, tags []ebs.Tag) error
}

// Service stamps snapshots, and takes the stamps away again.
type Service struct {
	EC2  account
	Wait func(ctx context.Context, d time.Duration) error
	Done func(n int) // told how many more snapshots are done; may be nil
	Log  *slog.Logger
}

// Outcome is what became of the snapshots.
type Outcome struct {
	Done   []string
	Gone   []string  // deleted since they were listed
	Failed []Refusal // that EC2 refused, each for a reason of its own
}

// Refusal is a snapshot whose tags EC2 would not change.
type Refusal struct {
	SnapshotID string `json:"snapshotId"`
	Reason     string `json:"message"`
}

const (
	// maxBatch is the most snapshots in one call. EC2 takes 1,000, and recommends fewer.
	maxBatch = 200
	// EC2 refills 10 calls that change tags a second, after 100; others need some.
	callInterval = 200 * time.Millisecond
	// A throttled call is tried so often, each time after twice the wait.
	attempts               = 8
	firstWait, longestWait = time.Second, 30 * time.Second
)

// Adopt stamps the candidates. Each is stamped whole or not at all, so that a person may stop it, and start it again, at any time.
// The error says why not all were tried.
func (s *Service) Adopt(ctx context.Context, keyword string, candidates []Candidate) (Outcome, error) {
	var jobs []job
	for _, c := range candidates {
		jobs = append(jobs, job{c.Snapshot.ID, c.stamp(keyword)})
	}
	return s.carryOut(ctx, "adopted", jobs, s.EC2.TagSnapshots)
}

// Undo removes what Adopt stamped, and only that. The tag with the keyword, which was there before, stays as it is now.
func (s *Service) Undo(ctx context.Context, snapshots []ebs.Snapshot) (Outcome, error) {
	var jobs []job
	for _, a := range snapshots {
		jobs = append(jobs, job{a.ID, Stamp(a.Tags[ebs.TagSchedule], a.Tags[ebs.TagRetention], a.Tags[ebs.TagInstance])})
	}
	return s.carryOut(ctx, "given back", jobs, s.EC2.UntagSnapshots)
}

// Adopted gives those of the schedule's snapshots that were adopted, and apart from them those that a person has claimed since. They
// are not to be given back: without the stamped retention nothing would tell that they are claimed, and adopted again they would go.
func Adopted(keyword string, snapshots []ebs.Snapshot) (adopted, claimed []ebs.Snapshot) {
	for _, s := range slices.SortedFunc(slices.Values(snapshots), ebs.OldestFirst) {
		if s.Tags[ebs.TagRun] != ebs.AdoptedRun {
			continue
		}
		switch ebs.OwnershipOf(s, keyword) {
		case ebs.Managed:
			adopted = append(adopted, s)
		case ebs.Claimed:
			claimed = append(claimed, s)
		}
	}
	return adopted, claimed
}

// job is what one snapshot's tags are to be, or are to be no more.
type job struct {
	id   string
	tags []ebs.Tag
}

type call func(ctx context.Context, ids []string, tags []ebs.Tag) error

// carryOut does snapshots with the same tags together.
func (s *Service) carryOut(ctx context.Context, what string, jobs []job, do call) (Outcome, error) {
	var out Outcome
	for len(jobs) > 0 {
		tags := jobs[0].tags
		var ids []string
		var rest []job
		for _, j := range jobs {
			if len(ids) < maxBatch && slices.Equal(j.tags, tags) {
				ids = append(ids, j.id)
			} else {
				rest = append(rest, j)
			}
		}
		if err := s.batch(ctx, what, ids, tags, do, &out); err != nil {
			return out, err
		}
		jobs = rest
	}
	return out, nil
}

// batch does one call. One snapshot that EC2 refuses makes it refuse all, so they are halved until that one is alone.
func (s *Service) batch(ctx context.Context, what string, ids []string, tags []ebs.Tag, do call, out *Outcome) error {
	err := s.patiently(ctx, func() error { return do(ctx, ids, tags) })
	refused, isRefused := errors.AsType[*ebs.TagsRefusedError](err)
	denied, isDenied := errors.AsType[*contract.AccessDeniedError](err)
	switch {
	case err == nil:
		out.Done = append(out.Done, ids...)
		s.Log.InfoContext(ctx, "tags changed", "change", what, "snapshot_ids", ids, "keyword", tags[0].Value)
	case isDenied && len(ids) == 1: // it may be this one's alone: a policy may ask for what stands in its tags
		out.Failed = append(out.Failed, Refusal{ids[0], denied.Error()})
	case !isRefused:
		return err
	case len(ids) > 1:
		for half := range slices.Chunk(ids, (len(ids)+1)/2) {
			if err := s.batch(ctx, what, half, tags, do, out); err != nil {
				return err
			}
		}
		return nil
	case refused.Gone:
		out.Gone = append(out.Gone, ids...)
	default:
		out.Failed = append(out.Failed, Refusal{ids[0], refused.Error()})
	}
	if s.Done != nil {
		s.Done(len(ids))
	}
	return nil
}

// patiently waits for EC2 to take the call.
func (s *Service) patiently(ctx context.Context, do func() error) error {
	wait := firstWait
	for attempt := 1; ; attempt++ {
		if err := s.Wait(ctx, callInterval); err != nil {
			return fmt.Errorf("stopped: %w", err)
		}
		err := do()
		if !contract.Is[*contract.ThrottledError](err) || attempt == attempts {
			return err
		}
		if err := s.Wait(ctx, wait); err != nil {
			return fmt.Errorf("stopped: %w", err)
		}
		wait = min(2*wait, longestWait)
	}
}
