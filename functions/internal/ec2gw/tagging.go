package ec2gw

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// No Lambda calls what is in this file: a run tags a snapshot in the call that creates it.

// TagSnapshots sets the tags on each of the snapshots. EC2 does so for all or for none: a *ebs.TagsRefusedError says that one of
// them stands in the way of the others. It may be tried again however it ended.
func (g *Gateway) TagSnapshots(ctx context.Context, ids []string, tags []ebs.Tag) error {
	return bounded(ctx, func(ctx context.Context) error {
		_, err := g.client.CreateTags(ctx, &ec2.CreateTagsInput{Resources: ids, Tags: typed(tags)})
		return tagging("tag "+named(ids), err)
	})
}

// UntagSnapshots removes the tags from each of the snapshots, where they still have these values. It fails as TagSnapshots does.
func (g *Gateway) UntagSnapshots(ctx context.Context, ids []string, tags []ebs.Tag) error {
	return bounded(ctx, func(ctx context.Context) error {
		_, err := g.client.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: ids, Tags: typed(tags)})
		return tagging("remove tags of "+named(ids), err)
	})
}

func tagging(attempted string, err error) error {
	switch {
	case err == nil:
		return nil
	case isRefusal(err):
		var api smithy.APIError
		errors.As(err, &api)
		return fmt.Errorf("%s: %w", attempted, &ebs.TagsRefusedError{Gone: isGone(err), Code: api.ErrorCode(), Message: readable(api.ErrorMessage())})
	}
	return classify(attempted, err)
}

func named(ids []string) string {
	if len(ids) == 1 {
		return "snapshot " + ids[0]
	}
	return fmt.Sprintf("%d snapshots, %s the first", len(ids), ids[0])
}

func typed(tags []ebs.Tag) []types.Tag {
	out := make([]types.Tag, len(tags))
	for i, t := range tags {
		out[i] = types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)}
	}
	return out
}
