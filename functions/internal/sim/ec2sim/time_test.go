package ec2sim_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestEachResponseHasTheAccountsTime(t *testing.T) {
	const want = "Sun, 22 Nov 2026 00:00:07 GMT"
	a := ec2sim.New(ec2sim.Config{Now: func() time.Time { return time.Date(2026, 11, 22, 8, 0, 7, 9e8, time.FixedZone("", 8*3600)) }})
	server := httptest.NewServer(a)
	defer server.Close()
	for _, action := range []string{"DescribeSnapshots", "Nonsense"} {
		for name, client := range map[string]interface {
			Do(r *http.Request) (*http.Response, error)
		}{"in process": a, "over HTTP": http.DefaultClient} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/?Action="+action, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if got := answer.Header.Get("Date"); got != want {
				t.Errorf("%s, %s: %q, want %q", action, name, got, want)
			}
		}
	}
}

func TestCallsWaitForTheirLatencyInParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := ec2sim.New(ec2sim.Config{Now: time.Now, Sleep: sleep, Latency: time.Second})
		client := newClient(a, "https://ec2.test")
		begin := time.Now()
		var wg sync.WaitGroup
		for range 100 {
			id := a.AddVolume(ec2sim.BlockDevice{})
			wg.Go(func() {
				if _, err := client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &id}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := time.Since(begin); got != time.Second {
			t.Errorf("100 calls at once took %v, want 1 s", got)
		}
		if got := a.Snapshots()[0].StartTime; !got.Equal(begin.Add(time.Second / 2)) {
			t.Errorf("EC2 acted at %v, want half-way", got)
		}
	})
}

func TestACallerMayCancelBeforeOrAfterEC2Acted(t *testing.T) {
	for _, c := range []struct {
		patience time.Duration
		made     int
	}{{400 * time.Millisecond, 0}, {600 * time.Millisecond, 1}} {
		synctest.Test(t, func(t *testing.T) {
			a := ec2sim.New(ec2sim.Config{Now: time.Now, Sleep: sleep, Latency: time.Second})
			id := a.AddVolume(ec2sim.BlockDevice{})
			ctx, cancel := context.WithTimeout(t.Context(), c.patience)
			defer cancel()
			_, err := newClient(a, "https://ec2.test").CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: &id})
			if err == nil || len(a.Snapshots()) != c.made {
				t.Errorf("after %v: %d made, want %d; error %v", c.patience, len(a.Snapshots()), c.made, err)
			}
		})
	}
}

func TestARunCanBeRepeatedExactly(t *testing.T) {
	run := func() ([]ec2sim.Call, []ec2sim.Snapshot) {
		f := newFixture(t, withBuckets, func(c *ec2sim.Config) { c.PageSize = 3 })
		for n := range 20 {
			in := f.AddInstance(ec2sim.Instance{Tags: map[string]string{"SnapshotDaily": fmt.Sprint(n)}, Volumes: []ec2sim.BlockDevice{{Device: "/dev/xvda"}}})
			f.create(t, in.Volumes[0].ID, in.Tags)
		}
		f.list(t, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}})
		return f.Log(), f.Snapshots()
	}
	calls, snapshots := run()
	againCalls, againSnapshots := run()
	if diff := cmp.Diff(calls, againCalls); diff != "" {
		t.Errorf("calls (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(snapshots, againSnapshots); diff != "" {
		t.Errorf("snapshots (-first +second):\n%s", diff)
	}
}

func TestTheAccountCanBeUsedConcurrently(t *testing.T) {
	a := ec2sim.New(ec2sim.Config{Now: time.Now, ListLag: time.Millisecond, Buckets: ec2sim.DefaultBuckets()})
	server := httptest.NewServer(a)
	defer server.Close()
	overHTTP, inProcess := newClient(http.DefaultClient, server.URL), newClient(a, "https://ec2.test")
	var wg sync.WaitGroup
	for n := range 40 {
		client := inProcess
		if n%2 == 0 {
			client = overHTTP
		}
		wg.Go(func() {
			in := a.AddInstance(ec2sim.Instance{Volumes: []ec2sim.BlockDevice{{Device: "/dev/xvda"}}})
			out, err := client.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: &in.Volumes[0].ID})
			if err != nil {
				t.Error(err)
				return
			}
			a.TagSnapshot(*out.SnapshotId, "k", "v")
			a.Inject(ec2sim.Fault{Match: func(ec2sim.Request) bool { return a.Stats().Total < 0 }})()
			if _, err := client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}}); err != nil {
				t.Error(err)
			}
			if _, err := client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: out.SnapshotId}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(a.Deleted()); got != 40 || len(a.Snapshots()) != 0 {
		t.Errorf("%d deletions, %d left", got, len(a.Snapshots()))
	}
}
