package workflow_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// large adds n instances with a volume each.
func (f *fixture) large(n int, tags ...string) {
	for i := range n {
		f.instance(fmt.Sprintf("%04d", i), 1, append(tags, fmt.Sprintf("Name=node-%04d", i))...)
	}
}

// creating says when EC2 created the first and the last snapshot after a time, and how many.
func (f *fixture) creating(since time.Time) (first, last time.Time, n int) {
	for _, s := range f.account.Snapshots() {
		if s.StartTime.Before(since) {
			continue
		}
		if n == 0 {
			first = s.StartTime
		}
		last = s.StartTime
		n++
	}
	return first, last, n
}

// throttledShare is the percentage of throttled calls.
func throttledShare(s ec2sim.Stats) float64 {
	n := 0
	for _, t := range s.Throttled {
		n += t
	}
	return 100 * float64(n) / float64(s.Total)
}

func TestALargeFleetIsSnapshottedCompletelyAndAsFastAsEC2Allows(t *testing.T) {
	const n = 1050
	bound := time.Duration(float64(n-100) / 5 * float64(time.Second)) // 100 at once, 5 a second
	f := newFixture(t, func(s *setup) { s.unguarded, s.EmptyPages = true, false })
	f.large(n, "SnapshotDaily=1")
	for day := range 2 {
		f.until(time.Duration(day) * 24 * time.Hour)
		f.account.ResetLog()
		before := f.world.Now()
		r := f.succeed("SnapshotDaily")

		first, last, created := f.creating(before)
		if took := last.Sub(first); took > bound*11/10 {
			t.Errorf("day %d: creating took %v; EC2 allows %v", day, took, bound)
		}
		if took := r.Stop.Sub(r.Start); took > bound+5*time.Minute {
			t.Errorf("day %d: the run took %v", day, took)
		}
		stats := f.account.Stats()
		if created != n || stats.Calls["CreateSnapshot"] != n || r.Children != n {
			t.Errorf("day %d: %d snapshots, %d creates, %d children; want %d of each", day, created, stats.Calls["CreateSnapshot"], r.Children, n)
		}
		// A create, a listing, and from the second day on a delete.
		if perVolume, most := float64(stats.Total)/n, float64(2+day)+0.1; perVolume > most {
			t.Errorf("day %d: %.2f calls a volume, want %.1f at most", day, perVolume, most)
		}
		if s := throttledShare(stats); s > 2 {
			t.Errorf("day %d: %.2f %% of the calls were throttled: %v", day, s, stats.Throttled)
		}
		if r.Transitions > 10 || r.Events > 100 {
			t.Errorf("day %d: the run itself made %d transitions and %d events; they must not grow with the fleet", day, r.Transitions, r.Events)
		}
	}
	f.eachHoldsOnly(n, "23")
	f.noMail()
}

// eachHoldsOnly requires that each volume of a large fleet has exactly one snapshot, of that day.
func (f *fixture) eachHoldsOnly(n int, day string) {
	f.t.Helper()
	days := map[string][]string{}
	for _, s := range f.account.Snapshots() {
		days[s.VolumeID] = append(days[s.VolumeID], s.StartTime.Format("02"))
	}
	for i := range n {
		v := fmt.Sprintf("vol-%04d-0", i)
		if len(days[v]) != 1 || days[v][0] != day {
			f.t.Errorf("%s has snapshots of the days %v", v, days[v])
		}
	}
}

func TestNoPageIsMissedEvenIfPagesAreSmallOrEmpty(t *testing.T) {
	const n = 1050
	f := newFixture(t, func(s *setup) { s.unguarded, s.Buckets, s.PageSize, s.EmptyPages = true, nil, 7, true })
	f.large(n, "SnapshotDaily=1")
	for i := 0; i < n; i += 3 {
		f.account.TagVolume(fmt.Sprintf("vol-%04d-0", i), "SnapshotDaily", "last=1") // so that the volumes' own tags fill pages
	}
	for day := 40; day > 0; day-- {
		f.old("vol-0007-0", day)
	}
	f.succeed("SnapshotDaily")
	f.eachHoldsOnly(n, "22")
	f.noMail()
}

func TestALowerRetentionOfAWholeFleetIsAppliedWithinTheLimits(t *testing.T) {
	const n, days = 120, 12
	f := newFixture(t, func(s *setup) { s.unguarded, s.EmptyPages = true, false })
	f.large(n, "SnapshotDaily=1")
	for i := range n {
		for day := days; day > 0; day-- {
			f.old(fmt.Sprintf("vol-%04d-0", i), day)
		}
	}
	r := f.succeed("SnapshotDaily") // 1,440 deletes, of which EC2 takes 5 a second
	f.eachHoldsOnly(n, "22")
	if took := r.Stop.Sub(r.Start); took > 40*time.Minute {
		t.Errorf("the run took %v", took)
	}
	// A throttled call retries later, without trying each of the other deletions first.
	if calls := f.account.Calls()["DeleteSnapshot"]; calls > 5*n*days {
		t.Errorf("%d snapshots took %d deletes", n*days, calls)
	}
	f.noMail()
}

func TestTwoSchedulesOfTheSameMinuteDoNotThrottleEachOther(t *testing.T) {
	f := newFixture(t, func(s *setup) { s.unguarded, s.EmptyPages = true, false })
	f.large(250, "SnapshotDaily=2", "SnapshotHourly=2")
	f.inParallel(func() { f.succeed("SnapshotDaily") }, func() { f.wait(3 * time.Second); f.succeed("SnapshotHourly") })
	stats := f.account.Stats()
	if s := throttledShare(stats); s > 2 {
		t.Errorf("%.2f %% of the calls were throttled: %v", s, stats.Throttled)
	}
	same(t, "creates", stats.Calls["CreateSnapshot"]-stats.Throttled["CreateSnapshot"], 500)
	same(t, "refusals for two snapshots of a volume within 15 seconds", stats.Errors["SnapshotCreationPerVolumeRateExceeded"], 0)
	if first, last, _ := f.creating(start); last.Sub(first) > 100*time.Second { // (500 - 100) / 5 is 80
		t.Errorf("creating took %v", last.Sub(first))
	}
	f.noMail()
}

// cloud-custodian#3454: retries made 4,000 snapshots of 1,000 volumes. c7n#1390: bulk snapshots are unusable under rate limits.
func TestRetriesUnderRateLimitsCreateOneSnapshotPerVolume(t *testing.T) {
	const n = 300
	f := newFixture(t, func(s *setup) { s.unguarded, s.MinSnapshotInterval, s.EmptyPages = true, -1, false })
	f.large(n, "SnapshotDaily=1")
	random := rand.New(rand.NewPCG(3, 454))
	rarely := func(ec2sim.Request) bool { return random.Float64() < 0.03 }
	f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", After: true, Match: rarely})
	f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "InternalError", Match: rarely})
	// Another tool uses most of the tokens for a while.
	thief := func(ec2sim.Request) bool {
		return f.world.Now().Before(start.Add(3*time.Minute)) && random.Float64() < 0.8
	}
	f.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "RequestLimitExceeded", Match: thief})
	r := f.succeed("SnapshotDaily")
	same(t, "snapshots", len(f.account.Snapshots()), n)
	if took := r.Stop.Sub(r.Start); took > time.Hour {
		t.Errorf("the run took %v", took)
	}
	f.noMail()
}

func TestARunWaitsForTheQuotaOfPendingSnapshots(t *testing.T) {
	t.Run("of the account", func(t *testing.T) {
		f := newFixture(t, slow(40*time.Minute), func(s *setup) { s.PendingPerAccount, s.EmptyPages = 4, false })
		f.large(16, "SnapshotDaily=1")
		r := f.succeed("SnapshotDaily")
		same(t, "snapshots", len(f.account.Snapshots()), 16)
		if took := r.Stop.Sub(r.Start); took < 2*time.Hour || took > 9*time.Hour { // 16/4 × 40 minutes at best
			t.Errorf("the run took %v", took)
		}
		if f.retries("SnapshotVolume", "SnapshotQuotaError") == 0 {
			t.Error("no quota was met")
		}
		f.noMail()
	})

	t.Run("of a volume, whose snapshots take longer than its schedule's interval", func(t *testing.T) {
		f := newFixture(t, slow(6*time.Hour+10*time.Minute))
		f.instance("web", 1, "SnapshotHourly=9")
		var runs []func()
		for hour := range 8 {
			runs = append(runs, func() {
				f.until(time.Duration(hour) * time.Hour)
				f.succeed("SnapshotHourly")
			})
		}
		f.inParallel(runs...)
		same(t, "snapshots", len(f.of("vol-web-0", "SnapshotHourly")), 8)
		if f.retries("SnapshotVolume", "SnapshotQuotaError") == 0 {
			t.Error("no quota was met")
		}
		f.noMail()
	})
}

func TestNoSnapshotIsTaggedAfterItsCreation(t *testing.T) {
	// aws-lambda-ebs-backups#13: it tagged in a second call, and a failure in between left untagged snapshots.
	f := newFixture(t)
	f.fleet()
	f.days(0, 5, nil)
	for action := range f.account.Calls() {
		switch action {
		case "DescribeInstances", "DescribeVolumes", "DescribeSnapshots", "CreateSnapshot", "DeleteSnapshot":
		default:
			t.Errorf("the product calls %s", action)
		}
	}
	for _, e := range f.events {
		if e.Kind == asl.StateRetried {
			t.Errorf("%v", e)
		}
	}
}
