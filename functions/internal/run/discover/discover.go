// Package discover is the use case of discover-instances: it claims the run, finds its instances and volumes, plans the turn of each instance,
// and writes the manifest.
package discover

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

// inventory is the part of EC2 that discovery reads.
type inventory interface {
	Fleet
	RunSnapshots(ctx context.Context, runID string) ([]ebs.Snapshot, error)
}

// objects is the bucket of claims, manifests and the pacing ledger.
type objects interface {
	Get(ctx context.Context, key string) (body []byte, etag string, err error)
	Put(ctx context.Context, key string, body []byte) error
	Create(ctx context.Context, key string, body []byte) error
	Replace(ctx context.Context, key string, body []byte, etag string) error
}

// executions is Step Functions. An execution that is forgotten is not running. However one ended, its run may be taken over, unless the claim
// says that it is done.
type executions interface {
	Running(ctx context.Context, arn string) (bool, error)
}

// Service discovers what a run works on.
type Service struct {
	EC2        inventory
	Objects    objects
	Executions executions
	Pace       Pace
	TimeZones  map[string]string // by keyword: the zone of a run whose input names none
	// ExcludeBoot has the keywords whose runs exclude boot volumes. Like the time zones it is not in the input, so that a run that a person
	// starts with only the keyword excludes the same volumes.
	ExcludeBoot []string
	Settle      time.Duration // from a snapshot's creation to the first look at it; whole seconds
	Aftermath   time.Duration // how long an execution may still create snapshots after its end
	Now         func() time.Time
	Log         *slog.Logger
}

// Discover finds the run's instances and volumes and writes the manifest, unless another execution has the run.
func (s *Service) Discover(ctx context.Context, req contract.DiscoverRequest) (contract.Discovery, error) {
	run, err := ReadRun(req, s.TimeZones)
	if err != nil {
		return contract.Discovery{}, err
	}
	d := contract.Discovery{
		Run: run, Execution: req.Execution,
		ManifestKey: contract.ManifestKey(run, req.Execution), FailurePrefix: contract.FailurePrefix(run, req.Execution),
	}
	holder, err := s.claim(ctx, run, req.Execution)
	if err != nil {
		return contract.Discovery{}, err
	}
	if holder.Execution != req.Execution {
		s.Log.InfoContext(ctx, "another execution has the run", "run_id", run.ID, "execution", holder.Execution)
		d.Outcome, d.Execution = contract.OutcomeDuplicate, holder.Execution
		d.ManifestKey, d.FailurePrefix = contract.ManifestKey(run, holder.Execution), contract.FailurePrefix(run, holder.Execution)
		return d, nil
	}
	d.Run.Resumed = holder.Resumed
	found, choices, err := s.Survey(ctx, d.Run)
	if err != nil {
		return contract.Discovery{}, err
	}
	if err := s.writeExcluded(ctx, &d, choices); err != nil {
		return contract.Discovery{}, err
	}
	if d.Run.Resumed {
		if found, d.DoneEarlier, err = s.withoutCompleted(ctx, d.Run, found); err != nil {
			return contract.Discovery{}, err
		}
	}
	return s.write(ctx, d, found, booking{
		run: run.ID, execution: req.Execution, creates: creates(found), began: req.StartTime, earliest: s.visibleBy(holder),
	})
}

// Survey lists the instances of the run and their volumes, without their turns. It says for each volume whether the run works on it, and if
// not, why. It changes nothing.
func (s *Service) Survey(ctx context.Context, run contract.Run) ([]contract.Item, []Choice, error) {
	choices, err := Choices(ctx, s.EC2, run.SnapshotKeyWord, slices.Contains(s.ExcludeBoot, run.SnapshotKeyWord))
	if err != nil || len(choices) == 0 {
		return nil, nil, err
	}
	// Snapshots that an earlier execution created. The first execution finds none; that costs one call a run.
	existing, err := s.EC2.RunSnapshots(ctx, run.ID)
	if err != nil {
		return nil, nil, err
	}
	run.Resumed = run.Resumed || slices.ContainsFunc(existing, func(s ebs.Snapshot) bool { return ebs.MadeBy(s, run.ID) })
	return items(run, choices, existing), choices, nil
}

// ExcludedOf gives the volumes that the runs exclude.
func ExcludedOf(choices []Choice) []contract.Excluded {
	var out []contract.Excluded
	for _, c := range choices {
		if c.Excluded != "" {
			out = append(out, contract.Excluded{
				InstanceID: c.Instance.ID, Name: c.Instance.Tags["Name"], VolumeID: c.Volume.VolumeID, Device: c.Volume.Device, Reason: c.Excluded,
			})
		}
	}
	return out
}

// writeExcluded saves the excluded volumes, which are not in the manifest, for the report.
func (s *Service) writeExcluded(ctx context.Context, d *contract.Discovery, choices []Choice) error {
	excluded := ExcludedOf(choices)
	d.Excluded = len(excluded)
	if d.Excluded == 0 {
		return nil
	}
	body, err := json.Marshal(excluded)
	if err == nil {
		err = s.Objects.Put(ctx, contract.ExcludedKey(d.ManifestKey), body)
	}
	if err != nil {
		return fmt.Errorf("save the excluded volumes of run %s: %w", d.Run.ID, err)
	}
	return nil
}

func (s *Service) write(ctx context.Context, d contract.Discovery, found []contract.Item, b booking) (contract.Discovery, error) {
	d.Outcome = contract.OutcomeNothing
	if len(found) > 0 {
		d.Outcome = contract.OutcomeWork
		from, err := s.reserve(ctx, b)
		if err != nil {
			return contract.Discovery{}, err
		}
		s.Pace.plan(found, from)
	} else {
		found = []contract.Item{} // a JSON array, not null
	}
	instances := map[string]bool{}
	for i := range found {
		found[i].FailurePrefix = d.FailurePrefix
		for v := range found[i].Volumes {
			// A snapshot that exists already needs no wait: the turns of a resumed run begin minutes after it was created.
			if volume := &found[i].Volumes[v]; volume.SnapshotID == "" {
				volume.WaitSeconds = int(s.Settle.Seconds())
			}
		}
		if id := found[i].Instance.ID; id != "" {
			instances[id] = true
		}
		d.Volumes += len(found[i].Volumes)
		d.LastStartAt = found[i].StartAt
	}
	d.Instances = len(instances)
	body, err := json.Marshal(found)
	if err != nil {
		return contract.Discovery{}, fmt.Errorf("write the manifest of run %s: %w", d.Run.ID, err)
	}
	if err := s.Objects.Put(ctx, d.ManifestKey, body); err != nil {
		return contract.Discovery{}, fmt.Errorf("write the manifest of run %s: %w", d.Run.ID, err)
	}
	s.Log.InfoContext(ctx, "run planned", "run_id", d.Run.ID, "instances", d.Instances, "volumes", d.Volumes,
		"excluded", d.Excluded, "done_earlier", d.DoneEarlier, "last_start_at", d.LastStartAt, "manifest_bytes", len(body))
	return d, nil
}
