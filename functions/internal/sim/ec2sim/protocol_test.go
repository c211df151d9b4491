package ec2sim_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// post sends a form, and gives status and body.
func post(t *testing.T, a *ec2sim.Account, form string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://ec2.test/", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := a.Do(r)
	if err != nil {
		t.Fatalf("%s: %v", form, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestWhatIsNotModelledIsRefusedByName(t *testing.T) {
	f := newFixture(t)
	volumeID := f.AddVolume(ec2sim.BlockDevice{})
	id := f.AddSnapshot(ec2sim.Snapshot{})
	cases := []struct{ what, form, code, names string }{
		{"an action", "Action=CopySnapshot&Version=2016-11-15", "InvalidAction", "CopySnapshot"},
		{"a parameter", "Action=DescribeSnapshots&RestorableBy.1=self", "UnknownParameter", "RestorableBy.1"},
		{"a parameter beside a wrong one", "Action=DeleteSnapshot&SnapshotId=nonsense&Force=true", "UnknownParameter", "Force"},
		{"a parameter of a structure", "Action=DescribeSnapshots&Filter.1.Name=status&Filter.1.Value.1=error&Filter.1.Operator=not", "UnknownParameter", "Filter.1.Operator"},
		{"a list that is not numbered", "Action=DescribeSnapshots&SnapshotId=" + id, "UnknownParameter", "SnapshotId"},
		{"a parameter in lower case", "Action=CreateSnapshot&VolumeId=" + volumeID + "&description=x", "UnknownParameter", "description"},
		{"a filter", "Action=DescribeInstances&Filter.1.Name=vpc-id&Filter.1.Value.1=x", "InvalidParameterValue", "vpc-id"},
		{"a filter without a value", "Action=DescribeInstances&Filter.1.Name=tag-key", "MissingParameter", "tag-key"},
		{"a filter given twice", "Action=DescribeVolumes&Filter.1.Name=tag-key&Filter.1.Value.1=x&Filter.2.Name=tag-key&Filter.2.Value.1=y", "InvalidParameterValue", "tag-key"},
		{"a state that the status filter does not know", "Action=DescribeSnapshots&Filter.1.Name=status&Filter.1.Value.1=recoverable", "InvalidParameterValue", "recoverable"},
		{"an escape of no wildcard", `Action=DescribeSnapshots&Filter.1.Name=tag-key&Filter.1.Value.1=a%5Cb`, "InvalidParameterValue", "a"},
		{"an owner by alias", "Action=DescribeSnapshots&Owner.1=amazon", "InvalidParameterValue", "amazon"},
		{"a parameter given twice", "Action=DeleteSnapshot&SnapshotId=" + id + "&SnapshotId=" + id, "InvalidParameterValue", "SnapshotId"},
		{"a missing parameter", "Action=DeleteSnapshot", "MissingParameter", "SnapshotId"},
		{"a number that is none", "Action=DescribeSnapshots&MaxResults=many", "InvalidParameterValue", "many"},
		{"a flag that is none", "Action=DeleteSnapshot&DryRun=perhaps&SnapshotId=" + id, "InvalidParameterValue", "perhaps"},
		{"no action", "Version=2016-11-15", "MalformedQueryString", "Action"},
	}
	before := f.Snapshots()
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			status, body := post(t, f.Account, c.form)
			if status != 400 || !strings.Contains(body, "<Code>"+c.code+"</Code>") || !strings.Contains(body, c.names) {
				t.Errorf("want %s and %q, got %d:\n%s", c.code, c.names, status, body)
			}
		})
	}
	if diff := cmp.Diff(before, f.Snapshots()); diff != "" {
		t.Errorf("a refused call changed the account (-before +after):\n%s", diff)
	}
}

func TestEveryActionRefusesAnUnknownParameter(t *testing.T) {
	f := newFixture(t)
	for action := range ec2sim.DefaultBuckets() {
		if strings.HasSuffix(action, ec2sim.Unfiltered) {
			continue
		}
		_, body := post(t, f.Account, "Action="+action+"&Surprise.1.X=y")
		if !strings.Contains(body, "<Code>UnknownParameter</Code>") || !strings.Contains(body, "Surprise.1.X") {
			t.Errorf("%s answers:\n%s", action, body)
		}
	}
}

func TestAnErrorHasEC2sFormat(t *testing.T) {
	f := newFixture(t)
	status, body := post(t, f.Account, "Action=DeleteSnapshot&SnapshotId=snap-1")
	want := `<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>InvalidSnapshot.NotFound</Code><Message>The snapshot &#39;snap-1&#39; does not exist.</Message></Error></Errors><RequestID>00000000-0000-4000-8000-000000000001</RequestID></Response>`
	if diff := cmp.Diff(want, body); status != 400 || diff != "" {
		t.Errorf("status %d (-want +got):\n%s", status, diff)
	}
}

func TestAResponseHasEC2sFormat(t *testing.T) {
	f := newFixture(t)
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-1"})
	_, body := post(t, f.Account, "Action=CreateSnapshot&VolumeId=vol-1&TagSpecification.1.ResourceType=snapshot&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v")
	want := `<?xml version="1.0" encoding="UTF-8"?>
<CreateSnapshotResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>00000000-0000-4000-8000-000000000001</requestId>` +
		`<snapshotId>snap-00000000000000002</snapshotId><volumeId>vol-1</volumeId><status>pending</status><startTime>2026-11-22T00:00:00.000Z</startTime>` +
		`<progress>0%</progress><ownerId>123456789012</ownerId><volumeSize>8</volumeSize><description></description><encrypted>false</encrypted>` +
		`<storageTier>standard</storageTier><tagSet><item><key>k</key><value>v</value></item></tagSet></CreateSnapshotResponse>`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheParametersCanBeInTheURL(t *testing.T) {
	f := newFixture(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://ec2.test/?Action=DescribeVolumes", nil)
	resp, err := f.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestAFaultCanReadTheParametersOfARequest(t *testing.T) {
	f := newFixture(t)
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-1"})
	var seen []ec2sim.Request
	f.Inject(ec2sim.Fault{Match: func(r ec2sim.Request) bool {
		seen = append(seen, r)
		return false
	}})
	f.create(t, "vol-1", map[string]string{"k": "v"})
	f.list(t, &ec2.DescribeSnapshotsInput{SnapshotIds: nil, OwnerIds: []string{"self"}, Filters: []types.Filter{filter("volume-id", "vol-1", "vol-2")}})
	if len(seen) != 2 {
		t.Fatalf("%d requests seen", len(seen))
	}
	type parameters struct {
		Action, VolumeID string
		Tags             map[string]string
		Owners, Volumes  []string
	}
	var got []parameters
	for _, r := range seen {
		got = append(got, parameters{r.Action, r.Get("VolumeId"), r.Tags(), r.List("Owner"), r.Filter("volume-id")})
	}
	want := []parameters{
		{"CreateSnapshot", "vol-1", map[string]string{"k": "v"}, nil, nil},
		{"DescribeSnapshots", "", map[string]string{}, []string{"self"}, []string{"vol-1", "vol-2"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheLogHasEachCallWithItsParameters(t *testing.T) {
	f := newFixture(t)
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-1"})
	f.create(t, "vol-1", map[string]string{"k": "v"})
	_, err := f.client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: aws.String("snap-none")})
	refused(t, "deleting nothing", "InvalidSnapshot.NotFound", err)
	f.Inject(ec2sim.Fault{Code: "RequestLimitExceeded", Times: 1})
	_, err = f.client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{})
	refused(t, "an injected throttle", "RequestLimitExceeded", err)
	want := []ec2sim.Call{
		{At: begin, Action: "CreateSnapshot", Params: map[string]string{"VolumeId": "vol-1"}},
		{At: begin, Action: "DeleteSnapshot", Params: map[string]string{"SnapshotId": "snap-none"}, Code: "InvalidSnapshot.NotFound"},
		{At: begin, Action: "DescribeVolumes", Params: map[string]string{}, Code: "RequestLimitExceeded", Injected: true},
	}
	if diff := cmp.Diff(want, f.Log()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	stats := ec2sim.Stats{
		Total:     3,
		Calls:     map[string]int{"CreateSnapshot": 1, "DeleteSnapshot": 1, "DescribeVolumes": 1},
		Throttled: map[string]int{"DescribeVolumes": 1},
		Errors:    map[string]int{"InvalidSnapshot.NotFound": 1, "RequestLimitExceeded": 1},
		Lowest:    map[string]float64{},
	}
	if diff := cmp.Diff(stats, f.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	f.ResetLog()
	if diff := cmp.Diff(ec2sim.Stats{Calls: map[string]int{}, Throttled: map[string]int{}, Errors: map[string]int{}, Lowest: map[string]float64{}}, f.Stats()); diff != "" || len(f.Log()) > 0 {
		t.Errorf("after the reset (-want +got):\n%s", diff)
	}
}

var _ ec2.HTTPClient = (*ec2sim.Account)(nil)
var _ http.Handler = (*ec2sim.Account)(nil)
