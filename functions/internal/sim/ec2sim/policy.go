package ec2sim

import (
	"slices"
	"strings"
)

// authorize checks IAM policies: see Config.RequireTag.
func (a *Account) authorize(req Request) *apiError {
	key := a.cfg.RequireTag[req.Action]
	if key == "" {
		return nil
	}
	for _, id := range slices.Concat([]string{req.Get("SnapshotId")}, req.List("ResourceId")) {
		if !strings.HasPrefix(id, snapshotPrefix) {
			continue
		}
		if s := a.snapshots.byID[id]; s != nil && a.maySee(s) {
			if _, tagged := s.currentTags()[key]; tagged {
				continue
			}
		}
		// The same message if the tag or the snapshot does not exist: the condition fails in both cases.
		return refuse("UnauthorizedOperation", "You are not authorized to perform this operation. User: arn:aws:sts::%s:assumed-role/simulated "+
			"is not authorized to perform: ec2:%s on resource: arn:aws:ec2:%s::snapshot/%s because no identity-based policy allows the "+
			"ec2:%[2]s action. Encoded authorization failure message: c2ltdWxhdGVk", a.cfg.AccountID, req.Action, a.cfg.Region, id)
	}
	return nil
}
