// Package ec2gw is the gateway to EC2. It translates API results into the types of package ebs, and API errors into those of the contract. It
// is the only package that imports service/ec2, which takes minutes to compile.
package ec2gw

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const (
	// pageSize is the largest page of the describe calls.
	pageSize = 1000
	// maxPages bounds a listing, in case EC2 never stops returning pages.
	maxPages = 10_000
	// maxFilterValues is EC2's limit on the values of one filter (FilterLimitExceeded).
	maxFilterValues = 200
	// attemptTimeout bounds one HTTP request, and callTimeout a call with its retries. A slow page of 1,000 instances takes seconds. A call
	// that hangs must leave the Lambda time to report it.
	attemptTimeout = 45 * time.Second
	callTimeout    = 100 * time.Second
)

// managedToo includes instances and volumes that a service manages in this account (such as EKS Auto Mode). They carry people's tags too, and a
// volume that is not listed would look deleted.
var managedToo = aws.Bool(true)

// Gateway is an account's EC2 in one Region.
type Gateway struct {
	client *ec2.Client
	clock  clock
}

// Options are the gateway's options.
type Options struct {
	// Backoff, if set, waits between the SDK's retries instead of its timer: for simulated time.
	Backoff func(time.Duration)
}

// New makes a gateway to the EC2 that cfg names.
func New(cfg aws.Config, opts Options) *Gateway {
	g := &Gateway{}
	g.client = ec2.NewFromConfig(cfg, func(o *ec2.Options) {
		if c, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok { // the default client; any other has its own timeout
			o.HTTPClient = c.WithTimeout(attemptTimeout)
		}
		o.HTTPClient = timed{o.HTTPClient, &g.clock}
		o.Retryer = newRetryer(opts.Backoff)
		o.APIOptions = append(o.APIOptions, checkAnswers)
	})
	return g
}

// Instances lists the instances that carry the keyword as a tag and have not been terminated.
func (g *Gateway) Instances(ctx context.Context, keyword string) ([]ebs.Instance, error) {
	return g.instances(ctx, "list the instances with tag "+keyword, filter("tag-key", keyword))
}

// instanceID is what an instance's ID looks like. Hardly anybody gives an instance such a name.
var instanceID = regexp.MustCompile(`^i-[0-9a-f]+$`)

// FindInstances lists the instances with the ID or the Name that have not been terminated.
func (g *Gateway) FindInstances(ctx context.Context, idOrName string) ([]ebs.Instance, error) {
	f := filter("tag:"+contract.NameTag, idOrName)
	if instanceID.MatchString(idOrName) {
		f = filter("instance-id", idOrName)
	}
	return g.instances(ctx, "look up the instance "+idOrName, f)
}

// InstancesByID lists those of the instances that exist and have not been terminated.
func (g *Gateway) InstancesByID(ctx context.Context, ids []string) ([]ebs.Instance, error) {
	var out []ebs.Instance
	for chunk := range slices.Chunk(ids, maxFilterValues) {
		// By filter: with a list of IDs, one that does not exist would fail the whole call.
		instances, err := g.instances(ctx, fmt.Sprintf("look up %s", ebs.Count(len(chunk), "instance")), filter("instance-id", chunk...))
		if err != nil {
			return nil, err
		}
		out = append(out, instances...)
	}
	return out, nil
}

func (g *Gateway) instances(ctx context.Context, what string, f types.Filter) ([]ebs.Instance, error) {
	var out []ebs.Instance
	p := ec2.NewDescribeInstancesPaginator(g.client, &ec2.DescribeInstancesInput{
		MaxResults: aws.Int32(pageSize), IncludeManagedResources: managedToo,
		Filters: []types.Filter{f, filter("instance-state-name", "pending", "running", "stopping", "stopped")},
	})
	err := pages(ctx, p.HasMorePages, func(ctx context.Context) error {
		page, err := p.NextPage(ctx)
		if err != nil {
			return classify(what, err)
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				out = append(out, instance(i))
			}
		}
		return nil
	})
	return out, err
}

// TaggedVolumes lists the volumes that carry the keyword as a tag of their own.
func (g *Gateway) TaggedVolumes(ctx context.Context, keyword string) ([]ebs.Volume, error) {
	return g.volumes(ctx, "list the volumes with tag "+keyword, filter("tag-key", keyword))
}

// VolumesNamed lists the volumes with the Name tag.
func (g *Gateway) VolumesNamed(ctx context.Context, name string) ([]ebs.Volume, error) {
	return g.volumes(ctx, "look up the volume "+name, filter("tag:"+contract.NameTag, name))
}

// ExistingVolumes says which of the volumes exist.
func (g *Gateway) ExistingVolumes(ctx context.Context, ids []string) (map[string]bool, error) {
	volumes, err := g.Volumes(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for id := range volumes {
		out[id] = true
	}
	return out, nil
}

// Volumes gives the volumes that exist, by ID.
func (g *Gateway) Volumes(ctx context.Context, ids []string) (map[string]ebs.Volume, error) {
	out := map[string]ebs.Volume{}
	for chunk := range slices.Chunk(ids, maxFilterValues) {
		// By filter: with a list of IDs, one that does not exist would fail the whole call.
		volumes, err := g.volumes(ctx, fmt.Sprintf("look up %d volumes", len(chunk)), filter("volume-id", chunk...))
		if err != nil {
			return nil, err
		}
		for _, v := range volumes {
			out[v.ID] = v
		}
	}
	return out, nil
}

func (g *Gateway) volumes(ctx context.Context, what string, f types.Filter) ([]ebs.Volume, error) {
	var out []ebs.Volume
	p := ec2.NewDescribeVolumesPaginator(g.client, &ec2.DescribeVolumesInput{
		MaxResults: aws.Int32(pageSize), IncludeManagedResources: managedToo, Filters: []types.Filter{f},
	})
	err := pages(ctx, p.HasMorePages, func(ctx context.Context) error {
		page, err := p.NextPage(ctx)
		if err != nil {
			return classify(what, err)
		}
		for _, v := range page.Volumes {
			out = append(out, volume(v))
		}
		return nil
	})
	return out, err
}

// pages calls next, each time with a timeout, until there are no more pages.
func pages(ctx context.Context, more func() bool, next func(context.Context) error) error {
	for n := 0; more(); n++ {
		if n == maxPages {
			return fmt.Errorf("EC2 gave %d pages and still more: giving up", maxPages)
		}
		if err := bounded(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

func bounded(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return f(ctx)
}

// filter matches exactly one of the values. It escapes * and ?, which EC2 reads as wildcards: in a value from a tag or a command line they
// would match resources of other people.
func filter(name string, values ...string) types.Filter {
	literal := make([]string, len(values))
	for i, v := range values {
		literal[i] = wildcards.Replace(v)
	}
	return types.Filter{Name: &name, Values: literal}
}

var wildcards = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`)

func instance(i types.Instance) ebs.Instance {
	out := ebs.Instance{ID: aws.ToString(i.InstanceId), Tags: tagMap(i.Tags)}
	for _, m := range i.BlockDeviceMappings {
		if m.Ebs != nil && m.Ebs.VolumeId != nil {
			device := aws.ToString(m.DeviceName)
			out.Volumes = append(out.Volumes, ebs.Attachment{
				VolumeID: *m.Ebs.VolumeId, Device: device, Boot: device != "" && device == aws.ToString(i.RootDeviceName),
			})
		}
	}
	return out
}

func volume(v types.Volume) ebs.Volume {
	out := ebs.Volume{ID: aws.ToString(v.VolumeId), Tags: tagMap(v.Tags), SizeGiB: int(aws.ToInt32(v.Size))}
	for _, a := range v.Attachments {
		// A volume of a task of Amazon ECS has an attachment without an instance.
		if a.InstanceId != nil {
			out.Instances = append(out.Instances, *a.InstanceId)
		}
	}
	return out
}

func tagMap(tags []types.Tag) map[string]string {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		out[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return out
}
