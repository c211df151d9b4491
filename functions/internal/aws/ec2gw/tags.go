package ec2gw

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TagValues gives the value of one tag of each of the resources that carry it, by the resource's ID.
func (g *Gateway) TagValues(ctx context.Context, key string, resourceIDs ...string) (map[string]string, error) {
	out := map[string]string{}
	p := ec2.NewDescribeTagsPaginator(g.client, &ec2.DescribeTagsInput{
		MaxResults: aws.Int32(pageSize), Filters: []types.Filter{filter("resource-id", resourceIDs...), filter("key", key)},
	})
	err := pages(ctx, p.HasMorePages, func(ctx context.Context) error {
		page, err := p.NextPage(ctx)
		if err != nil {
			return classify("look up the tag "+key, err)
		}
		for _, t := range page.Tags {
			out[aws.ToString(t.ResourceId)] = aws.ToString(t.Value)
		}
		return nil
	})
	return out, err
}
