package ec2gw

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// gatewayTo gives a gateway to an EC2 that answers with these bodies.
func gatewayTo(t *testing.T, bodies ...string) (*Gateway, *replies) {
	r := &replies{t: t}
	for _, body := range bodies {
		r.next = append(r.next, reply{status: 200, body: body})
	}
	return New(aws.Config{Region: "eu-central-1", HTTPClient: r, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")}, Options{}), r
}

func TestAVolumeNamesTheInstancesThatItIsAttachedTo(t *testing.T) {
	g, _ := gatewayTo(t, `<DescribeVolumesResponse><volumeSet>
		<item><volumeId>vol-1</volumeId><size>8</size><status>available</status><attachmentSet/></item>
		<item><volumeId>vol-2</volumeId><size>8</size><status>in-use</status><attachmentSet>
			<item><volumeId>vol-2</volumeId><instanceId>i-1</instanceId></item><item><volumeId>vol-2</volumeId><instanceId>i-2</instanceId></item></attachmentSet></item>
		<item><volumeId>vol-3</volumeId><size>8</size><status>in-use</status><attachmentSet>
			<item><volumeId>vol-3</volumeId><associatedResource>arn:aws:ecs:eu-central-1:111122223333:task/c/1</associatedResource></item></attachmentSet></item>
	</volumeSet></DescribeVolumesResponse>`)
	got, err := g.TaggedVolumes(t.Context(), "SnapshotDaily")
	if err != nil {
		t.Fatal(err)
	}
	want := []ebs.Volume{
		{ID: "vol-1", SizeGiB: 8, Tags: map[string]string{}}, {ID: "vol-2", SizeGiB: 8, Tags: map[string]string{}, Instances: []string{"i-1", "i-2"}},
		{ID: "vol-3", SizeGiB: 8, Tags: map[string]string{}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestInstancesAreLookedUpBy200(t *testing.T) {
	const none, one = `<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>`,
		`<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-200</instanceId></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`
	var ids []string
	for n := range 201 {
		ids = append(ids, fmt.Sprintf("i-%d", n))
	}
	g, ec2 := gatewayTo(t, none, one)
	got, err := g.InstancesByID(t.Context(), ids)
	if err != nil || len(got) != 1 || got[0].ID != "i-200" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := g.InstancesByID(t.Context(), nil); err != nil || len(ec2.sent) != 2 {
		t.Errorf("%v, %d requests; want none for no instance", err, len(ec2.sent))
	}
}
