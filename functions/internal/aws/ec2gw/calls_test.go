package ec2gw

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// replies answers each request with the next status and error code of EC2, or with success.
type replies struct {
	t    *testing.T
	next []reply
	sent []string // the actions that were asked for
}

type reply struct {
	status int
	code   string
	body   string // of a success
}

const (
	deleted = `<DeleteSnapshotResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><return>true</return></DeleteSnapshotResponse>`
	created = `<CreateSnapshotResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><snapshotId>snap-1</snapshotId><status>pending</status>` +
		`<startTime>2026-11-22T00:00:07.000Z</startTime><volumeSize>8</volumeSize><tagSet><item><key>Name</key><value>web</value></item></tagSet></CreateSnapshotResponse>`
	set = `<CreateSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><snapshotSet><item><description>description</description><tagSet><item>` +
		`<key>Name</key><value>web</value></item></tagSet><volumeId>vol-1</volumeId><state>pending</state><volumeSize>8</volumeSize>` +
		`<startTime>2026-11-22T00:00:07.000Z</startTime><progress/><snapshotId>snap-1</snapshotId></item><item><volumeId>vol-2</volumeId>` +
		`<state>pending</state><volumeSize>20</volumeSize><startTime>2026-11-22T00:00:07.000Z</startTime><snapshotId>snap-2</snapshotId></item></snapshotSet></CreateSnapshotsResponse>`
	tagged  = `<CreateTagsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><return>true</return></CreateTagsResponse>`
	none    = `<DescribeSnapshotsResponse><snapshotSet/></DescribeSnapshotsResponse>`
	claimed = `<DescribeSnapshotsResponse><snapshotSet><item><snapshotId>snap-1</snapshotId></item></snapshotSet></DescribeSnapshotsResponse>`
	ours    = `<DescribeSnapshotsResponse><snapshotSet><item><snapshotId>snap-1</snapshotId><tagSet><item><key>snapshot-lifecycle:schedule</key>` +
		`<value>SnapshotDaily</value></item></tagSet></item><item><snapshotId>snap-2</snapshotId></item></snapshotSet></DescribeSnapshotsResponse>`
	unnamed = `<CreateSnapshotResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><status>pending</status></CreateSnapshotResponse>`
)

func (r *replies) Do(req *http.Request) (*http.Response, error) {
	if err := req.ParseForm(); err != nil {
		return nil, err
	}
	r.sent = append(r.sent, req.PostForm.Get("Action"))
	if len(r.next) == 0 {
		r.t.Errorf("there is no reply to %s", req.PostForm.Get("Action"))
		return nil, fmt.Errorf("there is no reply")
	}
	now := r.next[0]
	r.next = r.next[1:]
	body := now.body
	if now.code != "" {
		body = "<Response><Errors><Error><Code>" + now.code + "</Code><Message>said EC2</Message></Error></Errors><RequestID>req-1</RequestID></Response>"
	}
	return &http.Response{StatusCode: now.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

func TestCalls(t *testing.T) {
	throttled := reply{status: 503, code: "RequestLimitExceeded"}
	unauthorized := reply{status: 403, code: "UnauthorizedOperation"}
	broken := reply{status: 500, code: "InternalError"}
	remove := func(t *testing.T, g *Gateway) error { return g.DeleteSnapshot(t.Context(), "snap-1") }
	create := func(t *testing.T, g *Gateway) error {
		_, err := g.CreateSnapshot(t.Context(), "vol-1", "description", []ebs.Tag{{Key: "Name", Value: "web"}})
		return err
	}
	createSet := func(t *testing.T, g *Gateway) error {
		made, err := g.CreateSnapshots(t.Context(), "i-1", []string{"vol-3"}, false, "description", []ebs.Tag{{Key: "Name", Value: "web"}})
		if err != nil && made != nil {
			t.Errorf("an error and %d snapshots", len(made))
		}
		return err
	}
	tag := func(t *testing.T, g *Gateway) error {
		return g.TagSnapshots(t.Context(), []string{"snap-1", "snap-2"}, []ebs.Tag{{Key: "k", Value: "v"}})
	}
	untag := func(t *testing.T, g *Gateway) error {
		return g.UntagSnapshots(t.Context(), []string{"snap-1"}, []ebs.Tag{{Key: "k", Value: "v"}})
	}
	cases := []struct {
		name    string
		do      func(*testing.T, *Gateway) error
		replies []reply
		sent    int
		want    string
	}{
		{"a deletion succeeds", remove, []reply{{status: 200, body: deleted}}, 1, ""},
		{"deleting a snapshot that does not exist succeeds", remove, []reply{{status: 400, code: "InvalidSnapshot.NotFound"}}, 1, ""},
		{"a deletion is refused for good", remove, []reply{{status: 400, code: "InvalidSnapshot.InUse"}}, 1,
			"*ebs.RefusedError: EC2 refuses to delete snap-1: said EC2 (InvalidSnapshot.InUse)"},
		{"a deletion is denied, and the snapshot is ours", remove, []reply{unauthorized, {status: 200, body: ours}}, 2,
			"*contract.AccessDeniedError: delete snapshot snap-1: ec2:DeleteSnapshot was denied: UnauthorizedOperation: said EC2"},
		{"a deletion is denied, and the snapshot does not exist: it is done", remove, []reply{unauthorized, {status: 200, body: none}}, 2, ""},
		{"a deletion is denied, and a person has claimed the snapshot", remove, []reply{unauthorized, {status: 200, body: claimed}}, 2,
			"*ebs.RefusedError: EC2 refuses to delete snap-1: someone claimed it by removing its tag snapshot-lifecycle:schedule (UnauthorizedOperation)"},
		{"a deletion is denied, and so is the look at the snapshot", remove, []reply{unauthorized, unauthorized}, 2,
			"*contract.AccessDeniedError: find out why the deletion of snap-1 was denied: look up snap-1: ec2:DescribeSnapshots was denied: UnauthorizedOperation: said EC2"},
		{"a deletion is denied, and the look at the snapshot fails: all of it is retried", remove, []reply{unauthorized, throttled, throttled, throttled}, 4,
			"*contract.ThrottledError: find out why the deletion of snap-1 was denied: look up snap-1: RequestLimitExceeded: said EC2"},
		{"a deletion is denied for another reason: a look would not help", remove, []reply{{status: 400, code: "ExpiredToken"}}, 1,
			"*contract.AccessDeniedError: delete snapshot snap-1: ec2:DeleteSnapshot was denied: ExpiredToken: said EC2"},
		{"a throttled deletion is retried a little later", remove, []reply{throttled, throttled, {status: 200, body: deleted}}, 3, ""},
		{"a deletion that stays throttled is left to the state machine", remove, []reply{throttled, throttled, throttled}, 3,
			"*contract.ThrottledError: delete snapshot snap-1: RequestLimitExceeded: said EC2"},
		{"a deletion is retried after a 5xx: it can't be done twice", remove, []reply{broken, {status: 200, body: deleted}}, 2, ""},

		{"a creation succeeds", create, []reply{{status: 200, body: created}}, 1, ""},
		{"a throttled creation is not retried: the state machine waits at no cost", create, []reply{throttled}, 1,
			"*contract.ThrottledError: create a snapshot of vol-1: RequestLimitExceeded: said EC2"},
		{"a creation is not retried after a 5xx: EC2 may have acted", create, []reply{broken}, 1,
			"*contract.UnexpectedError: create a snapshot of vol-1: InternalError: said EC2"},
		{"a creation without an ID in the response is an error", create, []reply{{status: 200, body: unnamed}}, 1,
			"*contract.UnexpectedError: create a snapshot of vol-1: EC2 answered without a snapshot ID"},

		{"a set is created", createSet, []reply{{status: 200, body: set}}, 1, ""},
		{"a throttled set is not retried", createSet, []reply{throttled}, 1,
			"*contract.ThrottledError: create snapshots of the volumes of i-1: RequestLimitExceeded: said EC2"},
		{"a set is not retried after a 5xx: EC2 may have acted", createSet, []reply{broken}, 1,
			"*contract.UnexpectedError: create snapshots of the volumes of i-1: InternalError: said EC2"},
		{"a set is denied", createSet, []reply{unauthorized}, 1,
			"*contract.AccessDeniedError: create snapshots of the volumes of i-1: ec2:CreateSnapshots was denied: UnauthorizedOperation: said EC2"},
		{"a volume of a set was snapshotted just before", createSet, []reply{{status: 400, code: "SnapshotCreationPerVolumeRateExceeded"}}, 1,
			"*contract.SnapshotRateError: create snapshots of the volumes of i-1: SnapshotCreationPerVolumeRateExceeded: said EC2"},
		{"a volume of a set has too many pending snapshots", createSet, []reply{{status: 400, code: "ConcurrentSnapshotLimitExceeded"}}, 1,
			"*contract.SnapshotQuotaError: create snapshots of the volumes of i-1: ConcurrentSnapshotLimitExceeded: said EC2"},
		{"the Region is full", createSet, []reply{{status: 400, code: "SnapshotLimitExceeded"}}, 1,
			"*contract.SnapshotLimitError: create snapshots of the volumes of i-1: SnapshotLimitExceeded: said EC2"},
		{"the instance of a set is gone", createSet, []reply{{status: 400, code: "InvalidInstanceID.NotFound"}}, 1,
			"*contract.UnexpectedError: create snapshots of the volumes of i-1: InvalidInstanceID.NotFound: said EC2"},
		{"a volume of a set is gone: the others are not", createSet, []reply{{status: 400, code: "InvalidVolume.NotFound"}}, 1,
			"*contract.UnexpectedError: create snapshots of the volumes of i-1: InvalidVolume.NotFound: said EC2"},
		{"a set without snapshots is an error", createSet, []reply{{status: 200, body: "<CreateSnapshotsResponse><snapshotSet/></CreateSnapshotsResponse>"}}, 1,
			"*contract.UnexpectedError: create snapshots of the volumes of i-1: EC2 answered without snapshots"},
		{"a snapshot of a set without an ID is an error", createSet, []reply{{status: 200, body: strings.Replace(set, "<snapshotId>snap-2</snapshotId>", "", 1)}}, 1,
			"*contract.UnexpectedError: create snapshots of the volumes of i-1: EC2 answered without the ID of a snapshot or of its volume"},
		{"a snapshot of a set without a volume is an error", createSet, []reply{{status: 200, body: strings.Replace(set, "<volumeId>vol-2</volumeId>", "", 1)}}, 1,
			"*contract.UnexpectedError: create snapshots of the volumes of i-1: EC2 answered without the ID of a snapshot or of its volume"},

		{"snapshots are tagged", tag, []reply{{status: 200, body: tagged}}, 1, ""},
		{"tagging is retried after a 5xx: it can be done twice", tag, []reply{broken, {status: 200, body: tagged}}, 2, ""},
		{"one of them does not exist", tag, []reply{{status: 400, code: "InvalidSnapshot.NotFound"}}, 1,
			"*ebs.TagsRefusedError: tag 2 snapshots, snap-1 the first: EC2 refuses: said EC2 (InvalidSnapshot.NotFound), gone: true"},
		{"one of them has 50 tags", tag, []reply{{status: 400, code: "TagLimitExceeded"}}, 1,
			"*ebs.TagsRefusedError: tag 2 snapshots, snap-1 the first: EC2 refuses: said EC2 (TagLimitExceeded), gone: false"},
		{"tagging is denied, and one of two does not exist", tag, []reply{unauthorized, {status: 200, body: claimed}}, 2,
			"*ebs.TagsRefusedError: tag 2 snapshots, snap-1 the first: EC2 refuses: snap-2 is gone (UnauthorizedOperation), gone: true"},
		{"untagging is denied, and the snapshot does not exist", untag, []reply{unauthorized, {status: 200, body: none}}, 2,
			"*ebs.TagsRefusedError: remove tags of snapshot snap-1: EC2 refuses: snap-1 is gone (UnauthorizedOperation), gone: true"},
		{"untagging is denied, and the snapshot has lost our tag", untag, []reply{unauthorized, {status: 200, body: claimed}}, 2,
			"*ebs.TagsRefusedError: remove tags of snapshot snap-1: EC2 refuses: the tag snapshot-lifecycle:schedule of snap-1 was just removed (UnauthorizedOperation), gone: false"},
		{"untagging is denied, and so is the look at the snapshots", untag, []reply{unauthorized, unauthorized}, 2,
			"*contract.AccessDeniedError: find out why EC2 denies to remove tags of snapshot snap-1: ec2:DescribeSnapshots was denied: UnauthorizedOperation: said EC2"},
		{"tagging is denied", tag, []reply{unauthorized, {status: 200, body: ours}}, 2,
			"*contract.AccessDeniedError: tag 2 snapshots, snap-1 the first: ec2:CreateTags was denied: UnauthorizedOperation: said EC2"},
		{"untagging is denied", untag, []reply{unauthorized, {status: 200, body: ours}}, 2,
			"*contract.AccessDeniedError: remove tags of snapshot snap-1: ec2:DeleteTags was denied: UnauthorizedOperation: said EC2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := &replies{t: t, next: c.replies}
			var waits int
			g := New(aws.Config{
				Region: "eu-central-1", HTTPClient: r, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
			}, Options{Backoff: func(d time.Duration) {
				waits++
				if d > maxBackoff {
					t.Errorf("it waits %v inside a paid Lambda", d)
				}
			}})
			err := c.do(t, g)
			if got := text(err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			again := 0
			for i := range r.sent[1:] {
				if r.sent[i] == r.sent[i+1] {
					again++
				}
			}
			if len(r.sent) != c.sent || waits != again {
				t.Errorf("%d requests and %d waits, want %d and one before each that is sent again: %v", len(r.sent), waits, c.sent, r.sent)
			}
		})
	}
	t.Run("a creation gives what EC2 says", func(t *testing.T) {
		g := New(aws.Config{
			Region: "eu-central-1", HTTPClient: &replies{t: t, next: []reply{{status: 200, body: created}}},
			Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
		}, Options{})
		got, err := g.CreateSnapshot(t.Context(), "vol-1", "description", nil)
		if err != nil {
			t.Fatal(err)
		}
		want := ebs.Snapshot{
			ID: "snap-1", VolumeID: "vol-1", State: ebs.Pending, StartTime: time.Date(2026, 11, 22, 0, 0, 7, 0, time.UTC), SizeGiB: 8,
			Tags: map[string]string{"Name": "web"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestASetIsAskedForAndGivenAsEC2SaysIt(t *testing.T) {
	for _, boot := range []bool{true, false} {
		var asked url.Values
		r := &replies{t: t, next: []reply{{status: 200, body: set}}}
		g := New(aws.Config{
			Region: "eu-central-1", HTTPClient: seen{r, &asked}, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
		}, Options{})
		got, err := g.CreateSnapshots(t.Context(), "i-1", []string{"vol-3", "vol-4"}, boot, "description", []ebs.Tag{{Key: "Name", Value: "web"}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Date(2026, 11, 22, 0, 0, 7, 0, time.UTC)
		want := []ebs.Snapshot{
			{ID: "snap-1", VolumeID: "vol-1", State: ebs.Pending, StartTime: start, SizeGiB: 8, Tags: map[string]string{"Name": "web"}},
			{ID: "snap-2", VolumeID: "vol-2", State: ebs.Pending, StartTime: start, SizeGiB: 20, Tags: map[string]string{}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
		wire := url.Values{
			"Action": {"CreateSnapshots"}, "Version": {"2016-11-15"}, "Description": {"description"},
			"InstanceSpecification.InstanceId": {"i-1"}, "InstanceSpecification.ExcludeBootVolume": {strconv.FormatBool(boot)},
			"InstanceSpecification.ExcludeDataVolumeId.1": {"vol-3"}, "InstanceSpecification.ExcludeDataVolumeId.2": {"vol-4"},
			"TagSpecification.1.ResourceType": {"snapshot"}, "TagSpecification.1.Tag.1.Key": {"Name"}, "TagSpecification.1.Tag.1.Value": {"web"},
		}
		if diff := cmp.Diff(wire, asked); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
	}
}

// seen keeps the form of a request.
type seen struct {
	*replies
	form *url.Values
}

func (s seen) Do(req *http.Request) (*http.Response, error) {
	answer, err := s.replies.Do(req)
	*s.form = req.PostForm
	return answer, err
}

// text gives an error as its receiver sees it: a refusal, or else what Step Functions sees.
func text(err error) string {
	if refused, ok := errors.AsType[*ebs.RefusedError](err); ok {
		return "*ebs.RefusedError: " + refused.Error()
	}
	if refused, ok := errors.AsType[*ebs.TagsRefusedError](err); ok {
		return fmt.Sprintf("*ebs.TagsRefusedError: %v, gone: %t", err, refused.Gone)
	}
	if err == nil {
		return ""
	}
	return outermost(err)
}
