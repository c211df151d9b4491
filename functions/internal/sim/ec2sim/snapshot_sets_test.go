package ec2sim_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// withServer adds an instance with a root and two data volumes.
func withServer(f fixture) fixture {
	f.AddInstance(ec2sim.Instance{ID: "i-1", Volumes: []ec2sim.BlockDevice{
		{ID: "vol-root", Device: "/dev/xvda"}, {ID: "vol-data", Device: "/dev/sdf"}, {ID: "vol-log", Device: "/dev/sdg", SizeGiB: 20},
		{Device: "/dev/sdh", InstanceStore: true},
	}})
	return f
}

// set snapshots the volumes of an instance, and gives the snapshots' IDs by volume.
func (f fixture) set(ctx context.Context, instanceID string) (map[string]string, error) {
	out, err := f.client.CreateSnapshots(ctx, &ec2.CreateSnapshotsInput{InstanceSpecification: &types.InstanceSpecification{InstanceId: &instanceID}})
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, s := range out.Snapshots {
		ids[*s.VolumeId] = *s.SnapshotId
	}
	return ids, nil
}

func (f fixture) mustSet(t *testing.T) map[string]string {
	t.Helper()
	set, err := f.set(t.Context(), "i-1")
	if err != nil {
		t.Fatalf("a set: %v", err)
	}
	return set
}

// trySet gives the code of the refusal of a set, and how many snapshots the account has then.
func (f fixture) trySet(t *testing.T) (code string, snapshots int) {
	t.Helper()
	_, err := f.set(t.Context(), "i-1")
	return codeOf(err), len(f.Snapshots())
}

// states gives the states of a set's snapshots by volume.
func (f fixture) states(t *testing.T, set map[string]string) map[string]ebs.State {
	t.Helper()
	out := map[string]ebs.State{}
	for volumeID, id := range set {
		out[volumeID] = f.stateOf(t, id)
	}
	return out
}

func TestASetHasEC2sFormat(t *testing.T) {
	f := newFixture(t)
	f.AddInstance(ec2sim.Instance{ID: "i-1", Volumes: []ec2sim.BlockDevice{{ID: "vol-1", Device: "/dev/xvda"}}})
	_, body := post(t, f.Account, "Action=CreateSnapshots&InstanceSpecification.InstanceId=i-1&Description=text&TagSpecification.1.ResourceType=snapshot"+
		"&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v")
	want := `<?xml version="1.0" encoding="UTF-8"?>
<CreateSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>00000000-0000-4000-8000-000000000001</requestId>` +
		`<snapshotSet><item><description>text</description><tagSet><item><key>k</key><value>v</value></item></tagSet><encrypted>false</encrypted>` +
		`<volumeId>vol-1</volumeId><state>pending</state><volumeSize>8</volumeSize><startTime>2026-11-22T00:00:00.000Z</startTime><progress></progress>` +
		`<ownerId>123456789012</ownerId><snapshotId>snap-00000000000000003</snapshotId></item></snapshotSet></CreateSnapshotsResponse>`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestASetIsRefusedAsAWhole(t *testing.T) {
	many := func(f fixture) {
		in := ec2sim.Instance{ID: "i-many"}
		for n := range 129 {
			in.Volumes = append(in.Volumes, ec2sim.BlockDevice{Device: fmt.Sprint("/dev/", n)})
		}
		f.AddInstance(in)
	}
	state := func(name string) func(fixture) { return func(f fixture) { f.SetInstanceState("i-1", name) } }
	nothing := func(fixture) {}
	spec := "&InstanceSpecification."
	cases := []struct {
		what  string
		setUp func(fixture)
		form  string // after the action
		code  string
		names string // in the message
	}{
		{"no instance specification", nothing, "", "MissingParameter", "InstanceSpecification.InstanceId"},
		{"an instance that is not there", nothing, spec + "InstanceId=i-2", "InvalidInstanceID.NotFound", "i-2"},
		{"an ID of something else", nothing, spec + "InstanceId=vol-root", "InvalidInstanceID.Malformed", "vol-root"},
		{"an instance that does not run yet", state(ec2sim.InstancePending), spec + "InstanceId=i-1", "IncorrectState", "pending"},
		{"an instance that is being terminated", state(ec2sim.InstanceShuttingDown), spec + "InstanceId=i-1", "IncorrectState", "shutting-down"},
		{"an instance that is terminated", state(ec2sim.InstanceTerminated), spec + "InstanceId=i-1", "IncorrectState", "terminated"},
		{"more than 128 volumes", many, spec + "InstanceId=i-many", "InvalidParameterValue", "more than 128"},
		{"more than 128 volumes without the root", many, spec + "InstanceId=i-many" + spec + "ExcludeBootVolume=true", "InvalidParameterValue", "more than 128"},
		{"no volume", func(f fixture) {
			f.AddInstance(ec2sim.Instance{ID: "i-none", Volumes: []ec2sim.BlockDevice{{Device: "/dev/sdb", InstanceStore: true}}})
		},
			spec + "InstanceId=i-none", "InvalidParameterValue", "no attached EBS-backed volumes"},
		{"no volume left", nothing, spec + "InstanceId=i-1" + spec + "ExcludeBootVolume=true" + spec + "ExcludeDataVolumeId.1=vol-data" + spec + "ExcludeDataVolumeId.2=vol-log",
			"InvalidParameterValue", "no attached EBS-backed volumes"},
		{"the root among the data volumes", nothing, spec + "InstanceId=i-1" + spec + "ExcludeDataVolumeId.1=vol-root", "InvalidParameterValue", "use ExcludeBootVolume"},
		{"the root twice", nothing, spec + "InstanceId=i-1" + spec + "ExcludeBootVolume=true" + spec + "ExcludeDataVolumeId.1=vol-root", "InvalidParameterValue", "use ExcludeBootVolume"},
		{"a volume that is not attached", func(f fixture) { f.AddVolume(ec2sim.BlockDevice{ID: "vol-loose"}) },
			spec + "InstanceId=i-1" + spec + "ExcludeDataVolumeId.1=vol-loose", "InvalidParameterValue", "vol-loose' is not attached"},
		{"a volume that is not there", nothing, spec + "InstanceId=i-1" + spec + "ExcludeDataVolumeId.1=vol-gone", "InvalidVolume.NotFound", "vol-gone"},
		{"a volume's ID that is none", nothing, spec + "InstanceId=i-1" + spec + "ExcludeDataVolumeId.1=snap-1", "InvalidParameterValue", "snap-1"},
		{"a description beyond ASCII", nothing, spec + "InstanceId=i-1&Description=%E5%BA%93", "InvalidParameterValue", "beyond ASCII"},
		{"a reserved tag", nothing, spec + "InstanceId=i-1&TagSpecification.1.ResourceType=snapshot&TagSpecification.1.Tag.1.Key=aws:x", "InvalidParameterValue", "reserved"},
		{"tags of another type", nothing, spec + "InstanceId=i-1&TagSpecification.1.ResourceType=volume", "InvalidParameterValue", "volume"},
		{"a client token, which it does not have", nothing, spec + "InstanceId=i-1&ClientToken=x", "UnknownParameter", "ClientToken"},
		{"tags of the volumes", nothing, spec + "InstanceId=i-1&CopyTagsFromSource=volume", "UnknownParameter", "CopyTagsFromSource"},
		{"an outpost", nothing, spec + "InstanceId=i-1&OutpostArn=arn", "UnknownParameter", "OutpostArn"},
		{"a second instance", nothing, spec + "InstanceId=i-1" + spec + "InstanceId.2=i-2", "UnknownParameter", "InstanceSpecification.InstanceId.2"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			f := withServer(newFixture(t))
			c.setUp(f)
			status, body := post(t, f.Account, "Action=CreateSnapshots"+c.form)
			if status != 400 || firstCode(status, body) != c.code || !strings.Contains(strings.ReplaceAll(body, "&#39;", "'"), c.names) {
				t.Errorf("want %s and %q, got %d:\n%s", c.code, c.names, status, body)
			}
			if got := f.Snapshots(); len(got) > 0 {
				t.Errorf("it created %d snapshots", len(got))
			}
		})
	}
}

func TestAnInstanceMayHave128VolumesAndTheAnswerHasNoOrder(t *testing.T) {
	f := newFixture(t)
	in := ec2sim.Instance{ID: "i-1"}
	for n := range 128 {
		in.Volumes = append(in.Volumes, ec2sim.BlockDevice{Device: fmt.Sprint("/dev/", n)})
	}
	f.AddInstance(in)
	out, err := f.client.CreateSnapshots(t.Context(), &ec2.CreateSnapshotsInput{InstanceSpecification: &types.InstanceSpecification{InstanceId: &in.ID}})
	if err != nil || len(out.Snapshots) != 128 {
		t.Fatalf("%+v, %v", out, err)
	}
	if slices.IsSortedFunc(out.Snapshots, func(a, b types.SnapshotInfo) int { return strings.Compare(*a.SnapshotId, *b.SnapshotId) }) {
		t.Error("a caller may rely on the order of the devices")
	}
}

func TestAStoppedInstanceHasASet(t *testing.T) {
	for _, state := range []string{ec2sim.InstanceStopping, ec2sim.InstanceStopped} {
		f := withServer(newFixture(t))
		f.SetInstanceState("i-1", state)
		if got := len(f.mustSet(t)); got != 3 {
			t.Errorf("%s: a set of %d", state, got)
		}
	}
}

func TestALimitOfOneVolumeRefusesTheWholeSet(t *testing.T) {
	f := newFixture(t, func(c *ec2sim.Config) { c.PendingPerVolume = 1 })
	withServer(f)
	f.create(t, "vol-log", nil)
	type result struct {
		Code      string
		Snapshots int
	}
	var got []result
	for _, wait := range []time.Duration{14 * time.Second, time.Second, time.Minute} {
		f.Advance(wait)
		code, n := f.trySet(t)
		got = append(got, result{code, n})
	}
	want := []result{{"SnapshotCreationPerVolumeRateExceeded", 1}, {"ConcurrentSnapshotLimitExceeded", 1}, {"", 4}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after 14 s, 15 s and 75 s (-want +got):\n%s", diff)
	}
}

func TestASetCountsForTheAccountsLimitsWithAllItsSnapshots(t *testing.T) {
	for code, limit := range map[string]func(c *ec2sim.Config, n int){
		"PendingSnapshotLimitExceeded": func(c *ec2sim.Config, n int) { c.PendingPerAccount = n },
		"SnapshotLimitExceeded":        func(c *ec2sim.Config, n int) { c.MaxSnapshots = n },
	} {
		for n, want := range map[int]string{3: code, 4: ""} {
			f := newFixture(t, func(c *ec2sim.Config) { limit(c, n) })
			withServer(f)
			f.create(t, f.AddVolume(ec2sim.BlockDevice{}), nil)
			if got, _ := f.trySet(t); got != want {
				t.Errorf("one snapshot, a set of three and a limit of %d: %q, want %q", n, got, want)
			}
		}
	}
}

func TestCreateSnapshotsHasABucketOfItsOwn(t *testing.T) {
	f := withServer(newFixture(t, withBuckets))
	burst := func(form string) int {
		n := 0
		for firstCode(post(t, f.Account, form)) != "RequestLimitExceeded" {
			n++
		}
		return n
	}
	set := "Action=CreateSnapshots&InstanceSpecification.InstanceId=i-none"
	got := []int{burst(set), burst("Action=CreateSnapshot&VolumeId=vol-none")}
	f.Advance(time.Second)
	if diff := cmp.Diff([]int{100, 100, 5}, append(got, burst(set))); diff != "" {
		t.Errorf("sets, single snapshots and sets a second later (-want +got):\n%s", diff)
	}
	if got := f.Throttled()["CreateSnapshots"]; got != 2 {
		t.Errorf("%d throttled", got)
	}
}

func TestIfOneSnapshotOfASetFailsAllDo(t *testing.T) {
	all := func(s ebs.State) map[string]ebs.State {
		return map[string]ebs.State{"vol-root": s, "vol-data": s, "vol-log": s}
	}
	f := newFixture(t, func(c *ec2sim.Config) {
		c.Completion = func(volumeID string, _ int) time.Duration {
			if volumeID == "vol-root" {
				return 30 * time.Second
			}
			return time.Minute
		}
	})
	withServer(f)
	f.FailNextSnapshotOf("vol-data")
	first := f.mustSet(t)
	f.Advance(time.Minute - time.Second)
	before := f.states(t, first)
	f.Advance(time.Second)
	after := f.states(t, first)
	want := all(ebs.Pending)
	want["vol-root"] = ebs.Completed
	if diff := cmp.Diff([]map[string]ebs.State{want, all(ebs.Error)}, []map[string]ebs.State{before, after}); diff != "" {
		t.Errorf("before one fails, and then (-want +got):\n%s", diff)
	}

	second := f.mustSet(t)
	f.FailSnapshot(second["vol-log"])
	if diff := cmp.Diff(all(ebs.Error), f.states(t, second)); diff != "" {
		t.Errorf("when one is made to fail (-want +got):\n%s", diff)
	}

	f.Advance(time.Minute)
	f.FailNextSnapshotOf("vol-root")
	f.FailNextSnapshotOf("vol-log")
	both := f.mustSet(t)
	f.Advance(30 * time.Second)
	if diff := cmp.Diff(all(ebs.Error), f.states(t, both)); diff != "" {
		t.Errorf("when the first of two fails (-want +got):\n%s", diff)
	}

	f.Advance(time.Minute)
	third := f.mustSet(t)
	f.Advance(time.Minute)
	if diff := cmp.Diff(all(ebs.Completed), f.states(t, third)); diff != "" {
		t.Errorf("the next set (-want +got):\n%s", diff)
	}
}

func TestListsShowASetLate(t *testing.T) {
	f := newFixture(t, func(c *ec2sim.Config) { c.ListLag = 5 * time.Second })
	withServer(f)
	f.mustSet(t)
	self := &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}}
	if got := f.list(t, self); got != nil {
		t.Errorf("just created: %v", got)
	}
	f.Advance(5 * time.Second)
	if got := len(f.list(t, self)); got != 3 {
		t.Errorf("after 5 s: %d of 3", got)
	}
}

func TestFaultsHitASetAsASingleSnapshot(t *testing.T) {
	for what, c := range map[string]struct {
		fault ec2sim.Fault
		made  int
		log   string
		is    func(error) bool
	}{
		"a denial":           {ec2sim.Fault{Code: "UnauthorizedOperation"}, 0, "UnauthorizedOperation", func(err error) bool { return codeOf(err) == "UnauthorizedOperation" }},
		"a cut before it":    {ec2sim.Fault{Before: true}, 0, ec2sim.OutcomeCut, func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		"a lost answer":      {ec2sim.Fault{After: true}, 3, ec2sim.OutcomeLost, func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		"a broken page":      {ec2sim.Fault{Garbage: ec2sim.BrokenPage}, 3, ec2sim.OutcomeGarbage, func(err error) bool { return err != nil }},
		"an empty answer":    {ec2sim.Fault{Garbage: ec2sim.NoBody}, 3, ec2sim.OutcomeGarbage, func(err error) bool { return err == nil }},
		"a delay":            {ec2sim.Fault{Delay: time.Minute}, 3, "", func(err error) bool { return err == nil }},
		"a fault of another": {ec2sim.Fault{Code: "Odd", Match: func(r ec2sim.Request) bool { return r.Get("InstanceSpecification.InstanceId") != "i-1" }}, 3, "", func(err error) bool { return err == nil }},
	} {
		t.Run(what, func(t *testing.T) {
			f := withServer(newFixture(t))
			c.fault.Action = "CreateSnapshots"
			f.Inject(c.fault)
			_, err := f.set(t.Context(), "i-1")
			if got := len(f.Snapshots()); !c.is(err) || got != c.made {
				t.Errorf("%d snapshots, want %d; error %v", got, c.made, err)
			}
			want := []ec2sim.Call{{At: begin, Action: "CreateSnapshots", Params: map[string]string{"InstanceSpecification.InstanceId": "i-1"}, Code: c.log, Injected: c.log != ""}}
			if diff := cmp.Diff(want, f.Log()); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheSnapshotsOfASetAreSingleOnesAfterwards(t *testing.T) {
	f := withServer(newFixture(t))
	set := f.mustSet(t)
	if got := f.tryDelete(t, set["vol-data"]); got != "" {
		t.Errorf("deleting one: %q", got)
	}
	f.TagSnapshot(set["vol-log"], "claimed", "yes")
	f.Advance(time.Minute)
	delete(set, "vol-data")
	if diff := cmp.Diff(map[string]ebs.State{"vol-root": ebs.Completed, "vol-log": ebs.Completed}, f.states(t, set)); diff != "" {
		t.Errorf("the others (-want +got):\n%s", diff)
	}
	if s, _ := f.Snapshot(set["vol-root"]); len(s.Tags) > 0 {
		t.Errorf("another's tag: %v", s.Tags)
	}
	_, err := f.client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: aws.String(set["vol-root"])})
	refused(t, "deleting another later", "", err)
}
