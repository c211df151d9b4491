package discover

import (
	"context"
	"fmt"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// withoutCompleted removes the volumes that an earlier execution of the run completed and whose snapshots were pruned since, and counts them.
// A second snapshot of such a volume would be newer than good restore points, and they would be pruned in its favor. A volume whose snapshot
// still exists stays: nothing is created for it, and pruning is tried again.
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
