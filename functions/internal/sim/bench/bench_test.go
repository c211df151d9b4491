package bench_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/bench"
)

var update = flag.Bool("update", false, "write the tables into the documents that quote them; make bench measures first")

const repository = "../../../.."

// recorded reads what `make bench` measured last.
func recorded(t *testing.T) []bench.Result {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "bench.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out []bench.Result
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func resultOf(t *testing.T, s bench.Scenario) bench.Result {
	t.Helper()
	all := recorded(t)
	i := slices.IndexFunc(all, func(r bench.Result) bool { return r.Scenario == s.Name })
	if i < 0 {
		t.Fatalf("nothing is recorded of the scenario %q; `make bench` measures it", s.Name)
	}
	return all[i]
}

func TestNoSmallRunUsesMoreThanWasRecorded(t *testing.T) {
	measured := 0
	for _, s := range slices.Concat(bench.Sizes(), bench.Troubles()) {
		if !s.Quick() {
			continue
		}
		measured++
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			fresh, err := bench.Measure(t.Context(), s, bench.Machine{Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			if worse := bench.Worse(resultOf(t, s), fresh); len(worse) > 0 {
				t.Errorf("worse than what is recorded; if that is meant, `make bench` records it:\n%s", strings.Join(worse, "\n"))
			}
		})
	}
	if measured < 5 {
		t.Errorf("%d scenarios were measured", measured)
	}
}

// The targets, for what is recorded: TestNoSmallRunUsesMoreThanWasRecorded holds what is recorded for what the code does.
func TestRunsComeNearToWhatEC2AllowsAndLoseNothing(t *testing.T) {
	for _, s := range bench.Sizes() {
		r := resultOf(t, s)
		if r.Missing+r.Duplicated+r.Surplus+r.Mails > 0 {
			t.Errorf("%s: missing %d, duplicated %d, surplus %d, mails %d", s.Name, r.Missing, r.Duplicated, r.Surplus, r.Mails)
		}
		if r.Ratio() > 1.05 || s.Volumes >= 1000 && r.WholeRatio() > 1.05 {
			t.Errorf("%s: creating took %.3f × the bound, the run %.3f ×", s.Name, r.Ratio(), r.WholeRatio())
		}
		// Three for each volume, a fourth where its prune comes ten minutes after the manifest and looks at the tag once more, and for each thousand a page of each list, and of the schedule's snapshots, of which a volume has three.
		if calls, most := r.PerVolume()*float64(s.Volumes), 3*s.Volumes+max(0, s.Volumes-2000)+7*(s.Volumes/1000+2); calls > float64(most) {
			t.Errorf("%s: %.0f calls of EC2, more than %d", s.Name, calls, most)
		}
		if r.ThrottledShare() > 2 {
			t.Errorf("%s: %.1f %% of the calls were throttled", s.Name, r.ThrottledShare())
		}
		// Five for each volume, and six for the run.
		if r.Transitions > 5*s.Volumes+6 {
			t.Errorf("%s: %d state transitions", s.Name, r.Transitions)
		}
	}
}

func TestTroublesCostTimeAndNoSnapshot(t *testing.T) {
	most := map[string]struct{ ratio, throttled float64 }{
		"cold starts":                  {1.05, 2},
		"ten volumes an instance":      {1.05, 2},
		"two schedules":                {1.1, 10},
		"half of the bucket, told so":  {1.05, 2},
		"8 hours for some":             {1.05, 2},
		"8 hours for some of many":     {1.05, 2},
		"5 minutes for all":            {1.05, 2},
		"half an hour for all of many": {1.05, 2},
		"1 hour for all, on few":       {1.05, 2},
	}
	for _, s := range bench.Troubles() {
		r := resultOf(t, s)
		if r.Missing+r.Duplicated+r.Surplus > 0 {
			t.Errorf("%s: missing %d, duplicated %d, surplus %d", s.Name, r.Missing, r.Duplicated, r.Surplus)
		}
		limit, ok := most[s.Name]
		if ok && (r.Ratio() > limit.ratio || r.ThrottledShare() > limit.throttled) {
			t.Errorf("%s: creating took %.3f × the bound, and %.1f %% of the calls were throttled", s.Name, r.Ratio(), r.ThrottledShare())
		}
		delete(most, s.Name)
		if s.SlowEvery > 0 && r.OthersTook > 1.05*(r.Bound+s.Snapshot.Seconds()) {
			t.Errorf("%s: the others took %.0f s", s.Name, r.OthersTook)
		}
	}
	for name := range most {
		t.Errorf("there is no scenario %q", name)
	}
}

func TestTheDocumentsQuoteWhatWasMeasured(t *testing.T) {
	tables := bench.Tables(recorded(t))
	for _, path := range []string{"README.md", "README.zh-CN.md", "functions/SCALING.md"} {
		path = filepath.Join(repository, path)
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := bench.Quote(string(body), tables)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if diff := cmp.Diff(want, string(body)); diff != "" {
			t.Errorf("%s does not quote testdata/bench.json; -update makes it (-want +got):\n%s", path, diff)
		}
	}
}

func TestAWorseResultIsNoticed(t *testing.T) {
	was := bench.Result{
		Calls: map[string]int{"CreateSnapshot": 1000}, Invocations: map[string]int{"prune-volume": 10}, Transitions: 100, RealSeconds: 1,
	}
	is := bench.Result{
		Calls: map[string]int{"CreateSnapshot": 1012, "CreateTags": 2}, Invocations: map[string]int{"prune-volume": 11}, Transitions: 90,
		Missing: 1, RealSeconds: 100,
	}
	want := []string{
		"calls of CreateSnapshot: 1012, recorded 1000", "calls of CreateTags: 2, recorded 0",
		"missing, twice and surplus: 1, 0, 0, recorded 0, 0, 0",
	}
	if diff := cmp.Diff(want, bench.Worse(was, is)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if worse := bench.Worse(was, was); len(worse) > 0 {
		t.Errorf("a result is worse than itself: %v", worse)
	}
}

func TestTheCostIsWhatThePricesMakeOfTheUsage(t *testing.T) {
	r := bench.Result{
		Transitions: 1000, Invocations: map[string]int{"prune-volume": 999_999, "report-run": 1},
		BilledMillis: map[string]int{"prune-volume": 4000, "report-run": 1000}, S3Writes: 1000, S3Reads: 1000,
	}
	got := r.Cost(bench.Prices{Transition: 1, GBSecond: 10, Request: 0.001, S3Write: 0.5, S3Read: 0.25})
	if want := 1000 + 1000 + 20 + 500 + 250.0; got != want {
		t.Errorf("cost %v, want %v", got, want)
	}
}

func TestADocumentThatQuotesNothingIsRefused(t *testing.T) {
	for document, want := range map[string]string{
		"no table": "it quotes none of [speed]", "<!-- bench:speed -->\n and no end": "there is no <!-- /bench:speed -->",
	} {
		if _, err := bench.Quote(document, map[string]string{"speed": "| |\n"}); err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", document, err, want)
		}
	}
}
