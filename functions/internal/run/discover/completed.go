package discover

import (
	"context"
	"fmt"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// withoutCompleted removes the volumes that an earlier execution of the run completed and whose snapshots are gone since, and counts
// them. Made once more, their snapshots would be newer than good restore points, which would be pruned for them. A volume whose snapshot
// EC2 still holds stays: nothing is created for it, and what an earlier execution could not prune is tried again.
func (s *Service) withoutCompleted(ctx context.Context, run contract.Run, found []contract.Item) (rest []contract.Item, removed int, err error) {
	ids, err := store.Load[[]string](ctx, s.Objects, contract.CompletedKey(run), s.Log)
	if err != nil {
		return nil, 0, fmt.Errorf("read what earlier executions of run %s completed: %w", run.ID, err)
	}
	completed := make(map[string]bool, len(ids))
	for _, id := range ids {
		completed[id] = true
	}
	for _, item := range found {
		var left []contract.Volume
		for _, v := range item.Volumes {
			if completed[v.ID] && v.SnapshotID == "" {
				removed++
				continue
			}
			left = append(left, v)
		}
		if item.Volumes = left; len(left) > 0 {
			rest = append(rest, item)
		}
	}
	return rest, removed, nil
}
