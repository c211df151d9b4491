package ec2sim_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// tryCreate creates a snapshot of vol-1, and gives the error and how many snapshots there are then.
func tryCreate(ctx context.Context, f fixture) (int, error) {
	volumeID := "vol-1"
	_, err := f.client.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: &volumeID})
	return len(f.Snapshots()), err
}

func faultFixture(t *testing.T, fault ec2sim.Fault) fixture {
	f := newFixture(t)
	f.AddVolume(ec2sim.BlockDevice{ID: "vol-1"})
	fault.Action = "CreateSnapshot"
	f.Inject(fault)
	return f
}

func TestAnInjectedCodeIsReturnedWithItsStatusAndEC2DoesNotAct(t *testing.T) {
	for code, status := range map[string]int{
		"RequestLimitExceeded":  503,
		"InternalError":         500,
		"UnauthorizedOperation": 403,
		"SnapshotLimitExceeded": 400,
	} {
		f := faultFixture(t, ec2sim.Fault{Code: code})
		made, err := tryCreate(t.Context(), f)
		refused(t, "the create", code, err)
		if r, ok := errors.AsType[*awshttp.ResponseError](err); !ok || r.HTTPStatusCode() != status {
			t.Errorf("%s: want the status %d, got %v", code, status, err)
		}
		if made != 0 {
			t.Errorf("%s: %d snapshots were made", code, made)
		}
	}
	f := faultFixture(t, ec2sim.Fault{Code: "Odd", Status: 418, Message: "of its own"})
	_, err := tryCreate(t.Context(), f)
	if r, ok := errors.AsType[*awshttp.ResponseError](err); !ok || r.HTTPStatusCode() != 418 || codeOf(err) != "Odd" {
		t.Errorf("a status of one's own: %v", err)
	}
}

func TestACutConnectionLooksTheSameBeforeAndAfterEC2Acted(t *testing.T) {
	for name, c := range map[string]struct {
		fault ec2sim.Fault
		made  int
		log   string
	}{
		"before": {ec2sim.Fault{Before: true}, 0, ec2sim.OutcomeCut},
		"after":  {ec2sim.Fault{After: true}, 1, ec2sim.OutcomeLost},
	} {
		t.Run(name, func(t *testing.T) {
			f := faultFixture(t, c.fault)
			made, err := tryCreate(t.Context(), f)
			if !errors.Is(err, syscall.ECONNRESET) || made != c.made {
				t.Errorf("%d snapshots made, error %v", made, err)
			}
			if got := f.Log(); len(got) != 1 || got[0].Code != c.log || !got[0].Injected {
				t.Errorf("log: %+v", got)
			}
		})
	}
}

func TestGarbageIsReturnedAfterEC2Acted(t *testing.T) {
	// Only the first is an error for the SDK. The gateway must detect the other two.
	for kind, isError := range map[ec2sim.Garbage]bool{ec2sim.BrokenPage: true, ec2sim.NoBody: false, ec2sim.AnotherDocument: false} {
		f := faultFixture(t, ec2sim.Fault{Garbage: kind})
		made, err := tryCreate(t.Context(), f)
		if (err != nil) != isError || made != 1 {
			t.Errorf("%s: %d snapshots made, error %v", kind, made, err)
		}
	}
	f := faultFixture(t, ec2sim.Fault{Garbage: ec2sim.BrokenPage, Status: 502})
	if _, err := tryCreate(t.Context(), f); err == nil {
		t.Error("no error with the status 502")
	}
}

func TestACallerThatTimesOutLosesALateResponseAlthoughEC2Acted(t *testing.T) {
	ctx, giveUp := context.WithCancel(t.Context())
	c := newClock()
	a := ec2sim.New(ec2sim.Config{Now: c.Now, Sleep: func(ctx context.Context, d time.Duration) error {
		giveUp()
		return ctx.Err()
	}})
	a.AddVolume(ec2sim.BlockDevice{ID: "vol-1"})
	a.Inject(ec2sim.Fault{Delay: time.Minute})
	made, err := tryCreate(ctx, fixture{a, c, newClient(a, "https://ec2.test")})
	if !errors.Is(err, context.Canceled) || made != 1 {
		t.Errorf("%d snapshots made, error %v", made, err)
	}
}

func TestAPatientCallerGetsALateAnswer(t *testing.T) {
	f := faultFixture(t, ec2sim.Fault{Delay: time.Minute})
	made, err := tryCreate(t.Context(), f)
	if err != nil || made != 1 || !f.Now().Equal(begin.Add(time.Minute)) {
		t.Errorf("%d made, error %v, at %v", made, err, f.Now())
	}
}

func TestAFaultHitsTheGivenNumberOfMatchingCallsAndCanBeRemoved(t *testing.T) {
	f := newFixture(t)
	remove := f.Inject(ec2sim.Fault{Action: "DescribeVolumes", Code: "First", Times: 2, Match: func(r ec2sim.Request) bool { return r.Params.Has("Filter.1.Name") }})
	f.Inject(ec2sim.Fault{Code: "Second", Times: 1})
	ask := func(form string) string {
		t.Helper()
		return firstCode(post(t, f.Account, form))
	}
	filtered := "Action=DescribeVolumes&Filter.1.Name=tag-key&Filter.1.Value.1=x"
	got := []string{ask(filtered), ask("Action=DescribeInstances"), ask("Action=DescribeVolumes"), ask(filtered), ask(filtered)}
	if diff := cmp.Diff([]string{"First", "Second", "", "First", ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	remove()
	f.Inject(ec2sim.Fault{Code: "Third"})
	f.ClearFaults()
	if got := ask(filtered); got != "" {
		t.Errorf("after clearing: %s", got)
	}
}

func TestAThrottledCallDoesNotUseUpAFault(t *testing.T) {
	f := newFixture(t, func(c *ec2sim.Config) {
		c.Buckets = map[string]ec2sim.Bucket{"DescribeVolumes": {Capacity: 1, Refill: 1}}
	})
	f.Inject(ec2sim.Fault{Action: "DescribeVolumes", Code: "Injected", Times: 1, Match: func(ec2sim.Request) bool { return f.Stats().Total > 0 }})
	var got []string
	for range 2 {
		got = append(got, firstCode(post(t, f.Account, "Action=DescribeVolumes")))
	}
	f.Advance(time.Second)
	got = append(got, firstCode(post(t, f.Account, "Action=DescribeVolumes")))
	if diff := cmp.Diff([]string{"", "RequestLimitExceeded", "Injected"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAMatchMayChangeTheAccountLikeAPerson(t *testing.T) {
	f := newFixture(t)
	id := f.AddSnapshot(ec2sim.Snapshot{})
	f.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Match: func(r ec2sim.Request) bool {
		f.DeleteSnapshotByPerson(r.Get("SnapshotId"))
		return false
	}})
	_, err := f.client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &id})
	refused(t, "deleting what a person has just deleted", "InvalidSnapshot.NotFound", err)
}

func TestAFaultHasOnlyOneEffect(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Inject took a fault with two effects")
		}
	}()
	newFixture(t).Inject(ec2sim.Fault{Before: true, Code: "X"})
}

func TestOverHTTPALostAnswerMakesARetryingClientActTwice(t *testing.T) {
	c := newClock()
	a := ec2sim.New(ec2sim.Config{Now: c.Now, Sleep: c.Sleep, MinSnapshotInterval: -1})
	server := httptest.NewServer(a)
	defer server.Close()
	a.AddVolume(ec2sim.BlockDevice{ID: "vol-1"})
	once := newClient(http.DefaultClient, server.URL)
	volumeID := "vol-1"

	a.Inject(ec2sim.Fault{Action: "CreateSnapshot", After: true, Times: 1})
	_, err := once.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID})
	if err == nil || len(a.Snapshots()) != 1 {
		t.Errorf("a lost answer: %d made, %v", len(a.Snapshots()), err)
	}

	a.Inject(ec2sim.Fault{Action: "CreateSnapshot", After: true, Times: 1})
	retrying := ec2.New(once.Options(), func(o *ec2.Options) {
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	})
	if _, err := retrying.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID}); err != nil {
		t.Errorf("the retry: %v", err)
	}
	if got := len(a.Snapshots()); got != 3 {
		t.Errorf("%d snapshots, want 3: EC2 has no client token for CreateSnapshot", got)
	}

	a.Inject(ec2sim.Fault{Action: "CreateSnapshot", Before: true, Times: 1})
	if _, err := once.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &volumeID}); err == nil || len(a.Snapshots()) != 3 {
		t.Errorf("a cut connection: %d snapshots, %v", len(a.Snapshots()), err)
	}
}
