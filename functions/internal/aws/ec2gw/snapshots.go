package ec2gw

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// CreateSnapshot starts a snapshot of the volume with all its tags, so that it never exists without them. It has no client token: after an error
// other than a throttle the snapshot may exist.
func (g *Gateway) CreateSnapshot(ctx context.Context, volumeID, description string, tags []ebs.Tag) (ebs.Snapshot, error) {
	var out ebs.Snapshot
	err := bounded(ctx, func(ctx context.Context) error {
		s, err := g.client.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{
			VolumeId: &volumeID, Description: &description, TagSpecifications: onSnapshots(tags),
		}, once)
		if err != nil {
			return classify("create a snapshot of "+volumeID, err)
		}
		out = ebs.Snapshot{
			ID: aws.ToString(s.SnapshotId), VolumeID: volumeID, State: ebs.State(s.State), StartTime: aws.ToTime(s.StartTime),
			SizeGiB: int(aws.ToInt32(s.VolumeSize)), Tags: tagMap(s.Tags),
		}
		if out.ID == "" {
			return errors.New("create a snapshot of " + volumeID + ": EC2 answered without a snapshot ID")
		}
		return nil
	})
	return out, err
}

// CreateSnapshots starts a snapshot of each volume of the instance, all at the same moment and with the same description and tags. exclude are
// data volumes to leave out (EC2 takes 40), and excludeBoot leaves the root volume out. EC2 decides which volumes there are: one that was just
// attached is in the result. EC2 creates all or none. The call has no client token: after an error other than a throttle the snapshots may exist.
func (g *Gateway) CreateSnapshots(
	ctx context.Context, instanceID string, exclude []string, excludeBoot bool, description string, tags []ebs.Tag,
) ([]ebs.Snapshot, error) {
	what := "create snapshots of the volumes of " + instanceID
	var out []ebs.Snapshot
	err := bounded(ctx, func(ctx context.Context) error {
		set, err := g.client.CreateSnapshots(ctx, &ec2.CreateSnapshotsInput{
			InstanceSpecification: &types.InstanceSpecification{
				InstanceId: &instanceID, ExcludeDataVolumeIds: exclude, ExcludeBootVolume: &excludeBoot,
			},
			Description: &description, TagSpecifications: onSnapshots(tags),
		}, once)
		if err != nil {
			return setError(classify(what, err))
		}
		if len(set.Snapshots) == 0 {
			return errors.New(what + ": EC2 answered without snapshots")
		}
		for _, s := range set.Snapshots {
			if aws.ToString(s.SnapshotId) == "" || aws.ToString(s.VolumeId) == "" {
				return errors.New(what + ": EC2 answered without the ID of a snapshot or of its volume")
			}
			out = append(out, ebs.Snapshot{
				ID: *s.SnapshotId, VolumeID: *s.VolumeId, State: ebs.State(s.State), StartTime: aws.ToTime(s.StartTime),
				SizeGiB: int(aws.ToInt32(s.VolumeSize)), Tags: tagMap(s.Tags),
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// setError makes sure that the error of a set is not a VolumeGoneError: one of the volumes is gone, but the others still need a backup.
func setError(err error) error {
	if _, gone := errors.AsType[*contract.VolumeGoneError](err); gone {
		return errors.New(err.Error())
	}
	return err
}

// once makes the SDK try a call only once (see attempts).
func once(o *ec2.Options) { o.Retryer = aws.NopRetryer{} }

func onSnapshots(tags []ebs.Tag) []types.TagSpecification {
	return []types.TagSpecification{{ResourceType: types.ResourceTypeSnapshot, Tags: typed(tags)}}
}

// VolumeSnapshots lists the account's snapshots of the volume that carry the schedule's tag: those that its runs created, including claimed
// ones, and any others with that tag (see ebs.OwnershipOf).
func (g *Gateway) VolumeSnapshots(ctx context.Context, volumeID, keyword string) ([]ebs.Snapshot, error) {
	return g.snapshots(ctx, "list the "+keyword+" snapshots of "+volumeID,
		filter("volume-id", volumeID), filter("tag:"+ebs.TagSchedule, keyword))
}

// ScheduleSnapshots lists all snapshots of this account that carry the schedule's tag, as VolumeSnapshots does for one volume.
func (g *Gateway) ScheduleSnapshots(ctx context.Context, keyword string) ([]ebs.Snapshot, error) {
	return g.snapshots(ctx, "list the "+keyword+" snapshots", filter("tag:"+ebs.TagSchedule, keyword))
}

// SnapshotsOf lists all snapshots of the volume that this account owns.
func (g *Gateway) SnapshotsOf(ctx context.Context, volumeID string) ([]ebs.Snapshot, error) {
	return g.snapshots(ctx, "list the snapshots of "+volumeID, filter("volume-id", volumeID))
}

// KeywordSnapshots lists all snapshots of this account that carry the keyword as a tag.
func (g *Gateway) KeywordSnapshots(ctx context.Context, keyword string) ([]ebs.Snapshot, error) {
	return g.snapshots(ctx, "list the snapshots with tag "+keyword, filter("tag-key", keyword))
}

// VolumeRunSnapshots lists the snapshots of the volume that carry the run's tag (ebs.MadeBy says which of them the run created).
func (g *Gateway) VolumeRunSnapshots(ctx context.Context, volumeID, runID string) ([]ebs.Snapshot, error) {
	return g.snapshots(ctx, "look for the snapshot of "+volumeID+" by run "+runID,
		filter("volume-id", volumeID), filter("tag:"+ebs.TagRun, runID))
}

// RunSnapshots lists all snapshots that carry the run's tag (ebs.MadeBy says which of them the run created).
func (g *Gateway) RunSnapshots(ctx context.Context, runID string) ([]ebs.Snapshot, error) {
	return g.snapshots(ctx, "list the snapshots of run "+runID, filter("tag:"+ebs.TagRun, runID))
}

// SnapshotsOfInstance lists the snapshots of this account that carry the instance's ID in our tag, or its Name: those of one that is gone, too.
func (g *Gateway) SnapshotsOfInstance(ctx context.Context, idOrName string) ([]ebs.Snapshot, error) {
	tag := contract.NameTag
	if instanceID.MatchString(idOrName) {
		tag = ebs.TagInstance
	}
	return g.snapshots(ctx, "look for snapshots of the instance "+idOrName, filter("tag:"+tag, idOrName))
}

// SnapshotByID looks one snapshot up; ok is false if it does not exist.
func (g *Gateway) SnapshotByID(ctx context.Context, id string) (s ebs.Snapshot, ok bool, err error) {
	found, err := g.snapshots(ctx, "look up "+id, filter("snapshot-id", id))
	if err != nil || len(found) == 0 {
		return ebs.Snapshot{}, false, err
	}
	return found[0], true, nil
}

func (g *Gateway) snapshots(ctx context.Context, what string, filters ...types.Filter) ([]ebs.Snapshot, error) {
	var out []ebs.Snapshot
	p := ec2.NewDescribeSnapshotsPaginator(g.client, &ec2.DescribeSnapshotsInput{
		MaxResults: aws.Int32(pageSize),
		Filters:    filters,
		// Not those that other accounts share with this one: it could have tagged them.
		OwnerIds: []string{"self"},
	})
	err := pages(ctx, p.HasMorePages, func(ctx context.Context) error {
		page, err := p.NextPage(ctx)
		if err != nil {
			return classify(what, err)
		}
		for _, s := range page.Snapshots {
			out = append(out, ebs.Snapshot{
				ID: aws.ToString(s.SnapshotId), VolumeID: aws.ToString(s.VolumeId), State: ebs.State(s.State),
				StartTime: aws.ToTime(s.StartTime), SizeGiB: int(aws.ToInt32(s.VolumeSize)), Tags: tagMap(s.Tags),
				Message: aws.ToString(s.StateMessage), Description: aws.ToString(s.Description), Copy: s.TransferType != "",
				FullBytes: aws.ToInt64(s.FullSnapshotSizeInBytes),
			})
		}
		return nil
	})
	return out, err
}

// DeleteSnapshot deletes the snapshot. If it does not exist, it counts as deleted. A *ebs.RefusedError says that EC2 refuses.
func (g *Gateway) DeleteSnapshot(ctx context.Context, id string) error {
	err := bounded(ctx, func(ctx context.Context) error {
		_, err := g.client.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: &id})
		return err
	})
	switch {
	case err == nil || isGone(err):
		return nil
	case isRefusal(err):
		return refusal(id, err)
	case isUnauthorized(err):
		return g.whyDenied(ctx, id, classify("delete snapshot "+id, err))
	}
	return classify("delete snapshot "+id, err)
}

// whyDenied looks up a snapshot whose deletion was denied. The roles may only delete snapshots with our tag. So EC2 also denies deleting a
// snapshot that a person has just deleted, or claimed by removing the tag. EC2's lists show both some seconds late.
func (g *Gateway) whyDenied(ctx context.Context, id string, denial error) error {
	s, found, err := g.SnapshotByID(ctx, id)
	switch {
	case err != nil:
		return fmt.Errorf("find out why the deletion of %s was denied: %w", id, err)
	case !found:
		return nil
	case s.Tags[ebs.TagSchedule] == "":
		return &ebs.RefusedError{SnapshotID: id, Code: unauthorized, Message: "someone claimed it by removing its tag " + ebs.TagSchedule}
	}
	return denial
}
