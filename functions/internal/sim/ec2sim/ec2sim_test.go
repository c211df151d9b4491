package ec2sim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

var begin = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func newClock() *clock { return &clock{now: begin} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Sleep moves the clock.
func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.Advance(d)
	return ctx.Err()
}

// fixture is an account with its clock and the real SDK client on it.
type fixture struct {
	*ec2sim.Account
	*clock
	client *ec2.Client
}

func newFixture(t *testing.T, configure ...func(*ec2sim.Config)) fixture {
	t.Helper()
	c := newClock()
	cfg := ec2sim.Config{Now: c.Now, Sleep: c.Sleep}
	for _, f := range configure {
		f(&cfg)
	}
	a := ec2sim.New(cfg)
	return fixture{a, c, newClient(a, "https://ec2.test")}
}

// newClient gives an SDK client that does not retry, so that each call is one call.
func newClient(on ec2.HTTPClient, endpoint string) *ec2.Client {
	return ec2.New(ec2.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(endpoint),
		HTTPClient:   on,
		Retryer:      aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "test"}, nil
		}),
	})
}

// wholeCalls is an HTTP client that hands out an answer once it has all of it. An answer that is there before net/http has seen the end of the
// request's body may break off, since the SDK closes that body then; on loopback that happens.
type wholeCalls struct{}

func (wholeCalls) Do(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, err
}

// codeOf gives the code of EC2's error, "" without an error.
func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return fmt.Sprintf("not an answer of EC2: %v", err)
	}
	return ""
}

func tagsOf(tags []types.Tag) map[string]string {
	out := map[string]string{}
	for _, t := range tags {
		out[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return out
}

func tagSpec(kind types.ResourceType, tags map[string]string) []types.TagSpecification {
	spec := types.TagSpecification{ResourceType: kind}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		spec.Tags = append(spec.Tags, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return []types.TagSpecification{spec}
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

func (f fixture) create(t *testing.T, volumeID string, tags map[string]string) string {
	t.Helper()
	out, err := f.client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID, TagSpecifications: tagSpec(types.ResourceTypeSnapshot, tags)})
	if err != nil {
		t.Fatalf("create a snapshot of %s: %v", volumeID, err)
	}
	return *out.SnapshotId
}

// list gives the IDs that DescribeSnapshots lists, sorted.
func (f fixture) list(t *testing.T, in *ec2.DescribeSnapshotsInput) []string {
	t.Helper()
	return listSnapshots(t, f.client, in)
}

func listSnapshots(t *testing.T, client *ec2.Client, in *ec2.DescribeSnapshotsInput) []string {
	t.Helper()
	var ids []string
	pages := ec2.NewDescribeSnapshotsPaginator(client, in)
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatalf("list snapshots: %v", err)
		}
		for _, s := range out.Snapshots {
			ids = append(ids, *s.SnapshotId)
		}
	}
	slices.Sort(ids)
	return ids
}

// firstCode gives the error code of an answer, "" of a good one.
func firstCode(_ int, body string) string {
	_, rest, found := strings.Cut(body, "<Code>")
	if !found {
		return ""
	}
	code, _, _ := strings.Cut(rest, "</Code>")
	return code
}
