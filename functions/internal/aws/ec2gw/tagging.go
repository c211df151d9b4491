package ec2gw

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// No Lambda uses this file: a run tags a snapshot in the call that creates it.

// TagSnapshots sets the tags on all of the snapshots, or on none. It returns a *ebs.TagsRefusedError if EC2 refuses because of one
// snapshot. It can always be retried.
func (g *Gateway) TagSnapshots(ctx context.Context, ids []string, tags []ebs.Tag) error {
	err := bounded(ctx, func(ctx context.Context) error {
		_, err := g.client.CreateTags(ctx, &ec2.CreateTagsInput{Resources: ids, Tags: typed(tags)})
		return err
	})
	return g.tagging(ctx, "tag "+named(ids), ids, "", err)
}

// UntagSnapshots removes the tags that still have these values from all of the snapshots. Its errors are those of TagSnapshots.
func (g *Gateway) UntagSnapshots(ctx context.Context, ids []string, tags []ebs.Tag) error {
	err := bounded(ctx, func(ctx context.Context) error {
		_, err := g.client.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: ids, Tags: typed(tags)})
		return err
	})
	return g.tagging(ctx, "remove tags of "+named(ids), ids, ebs.TagSchedule, err)
}

// tagging classifies the error of a tagging call. If key is not empty, all of the snapshots had that tag when the caller last looked.
func (g *Gateway) tagging(ctx context.Context, attempted string, ids []string, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case isRefusal(err):
		api, _ := errors.AsType[smithy.APIError](err)
		return fmt.Errorf("%s: %w", attempted, &ebs.TagsRefusedError{Gone: isGone(err), Code: api.ErrorCode(), Message: readable(api.ErrorMessage())})
	case isUnauthorized(err):
		return g.whyTagsDenied(ctx, attempted, ids, key, classify(attempted, err))
	}
	return classify(attempted, err)
}

// whyTagsDenied looks up snapshots whose tagging was denied. If a policy requires a tag, one snapshot that has lost it or does not exist makes
// EC2 deny the whole call.
func (g *Gateway) whyTagsDenied(ctx context.Context, attempted string, ids []string, key string, denial error) error {
	held := map[string]ebs.Snapshot{}
	for chunk := range slices.Chunk(ids, maxFilterValues) {
		found, err := g.snapshots(ctx, "find out why EC2 denies to "+attempted, filter("snapshot-id", chunk...))
		if err != nil {
			return err
		}
		for _, s := range found {
			held[s.ID] = s
		}
	}
	for _, id := range ids {
		s, found := held[id]
		switch _, tagged := s.Tags[key]; {
		case !found:
			return fmt.Errorf("%s: %w", attempted, &ebs.TagsRefusedError{Gone: true, Code: unauthorized, Message: id + " is gone"})
		case key != "" && !tagged:
			return fmt.Errorf("%s: %w", attempted, &ebs.TagsRefusedError{Code: unauthorized, Message: "the tag " + key + " of " + id + " was just removed"})
		}
	}
	return denial
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
