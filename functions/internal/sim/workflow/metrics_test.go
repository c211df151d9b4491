package workflow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/lambda/boundary"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/freshness"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// metricFilter is a metric filter of the deployed stack.
type metricFilter struct {
	matches    logFilter
	value      string
	dimensions map[string]string
}

// filterOf reads a metric filter from the golden template of the CDK app's tests.
func filterOf(t *testing.T, id string) metricFilter {
	t.Helper()
	body, err := os.ReadFile("../../../../infra/lifecycle/testdata/standard.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &template); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for key, r := range template.Resources {
		if r.Type != "AWS::Logs::MetricFilter" {
			continue
		}
		ids = append(ids, strings.TrimRight(strings.TrimPrefix(key, "Metrics"), "0123456789ABCDEF"))
		if ids[len(ids)-1] != id {
			continue
		}
		var p struct {
			FilterPattern         string
			MetricTransformations []struct {
				MetricValue string
				Dimensions  []struct{ Key, Value string }
			}
		}
		if err := json.Unmarshal(r.Properties, &p); err != nil || len(p.MetricTransformations) != 1 {
			t.Fatalf("%s: %v: %s", key, err, r.Properties)
		}
		matches, err := parseLogFilter(p.FilterPattern)
		if err != nil {
			t.Fatal(err)
		}
		f := metricFilter{matches, p.MetricTransformations[0].MetricValue, map[string]string{}}
		for _, d := range p.MetricTransformations[0].Dimensions {
			f.dimensions[d.Key] = d.Value
		}
		return f
	}
	slices.Sort(ids)
	t.Fatalf("there is no metric filter %s; there are %v", id, ids)
	return metricFilter{}
}

// lambdaLog is the log of a function in Lambda.
type lambdaLog struct{ bytes.Buffer }

func (l *lambdaLog) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(&l.Buffer, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr}))
}

// matched gives the lines that match a filter.
func (l *lambdaLog) matched(t *testing.T, f metricFilter) []map[string]any {
	t.Helper()
	var out []map[string]any
	lines := bytes.Split(bytes.TrimSpace(l.Bytes()), []byte("\n"))
	for _, text := range lines {
		var line map[string]any
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatalf("%v: %q", err, text)
		}
		if f.matches(line) {
			out = append(out, line)
		}
	}
	return out
}

func TestEachSuccessOfARunCountsForItsKeyword(t *testing.T) {
	for _, keyword := range []string{"SnapshotDaily", "每日快照"} {
		f, log := filterOf(t, "RunsSucceeded"), &lambdaLog{}
		l := newFixture(t, func(s *setup) { s.log = log.logger() })
		l.instance("web", 1, keyword+"=3", "Name=web-1")
		if r := l.fire(keyword); r.Status != asl.Succeeded {
			t.Fatalf("the run ended %s: %s", r.Status, r.Cause)
		}
		counted := log.matched(t, f)
		if len(counted) != 1 || f.value != "1" {
			t.Fatalf("%s: the metric counts %s of %v", keyword, f.value, counted)
		}
		same(t, "dimension", selected(counted[0], f.dimensions["Keyword"]), any(contract.KeywordASCII(keyword)))

		l.account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation"})
		l.wait(24 * time.Hour)
		if r := l.fire(keyword); r.Status == asl.Succeeded {
			t.Fatal("the run succeeded without a snapshot")
		}
		same(t, "runs that succeeded, after one that failed", len(log.matched(t, f)), 1)
	}
}

// Lambda's own lines have the format of its Telemetry API.
func TestCrashesAndUnexpectedErrorsCountAndPlannedErrorsDoNot(t *testing.T) {
	const report = `{"time": "2026-11-22T00:00:00.000Z", "type": "platform.report", "record": {"requestId": "1", "metrics": {"durationMs": 2.5}, "status": %q%s}}`
	for _, id := range []string{"SnapshotVolumeUnexpected", "PruneVolumeUnexpected"} {
		f := filterOf(t, id)
		for _, err := range append([]error{errors.New("a bug"), context.DeadlineExceeded}, listed()...) {
			log := &lambdaLog{}
			handler := boundary.Handle(log.logger(), func(context.Context, contract.SnapshotRequest) (contract.SnapshotResult, error) {
				return contract.SnapshotResult{}, fmt.Errorf("snapshot vol-1: %w", err)
			})
			_, returned := handler(t.Context(), json.RawMessage(`{}`))
			_, want := returned.(*contract.UnexpectedError) //nolint:errorlint // the boundary returns it unwrapped
			if got := len(log.matched(t, f)) == 1; got != want {
				t.Errorf("%s counts a %T: %t\n%s", id, err, got, log)
			}
		}
		for line, want := range map[string]bool{
			fmt.Sprintf(report, "success", ""):                                              false,
			fmt.Sprintf(report, "timeout", ""):                                              true,
			fmt.Sprintf(report, "failure", ""):                                              true,
			fmt.Sprintf(report, "error", `, "errorType": "Runtime.ExitError"`):              true,
			fmt.Sprintf(report, "error", `, "errorType": "Runtime.OutOfMemory"`):            true,
			fmt.Sprintf(report, "error", `, "errorType": "SnapshotPendingError"`):           false,
			fmt.Sprintf(report, "error", `, "errorType": "ThrottledError"`):                 false,
			fmt.Sprintf(report, "error", ""):                                                false,
			`{"type": "platform.start", "record": {"requestId": "1", "status": "timeout"}}`: false,
		} {
			log := &lambdaLog{}
			log.WriteString(line)
			if got := len(log.matched(t, f)) == 1; got != want {
				t.Errorf("%s counts %s: %t", id, line, got)
			}
		}
	}
}

func listed() []error {
	var out []error
	for _, e := range contract.Errors() {
		out = append(out, e)
	}
	return out
}

func TestTheFreshnessCheckIsCountedWithItsStaleVolumes(t *testing.T) {
	f, log := filterOf(t, "Stale"), &lambdaLog{}
	l := newFixture(t)
	l.fleet()
	check := &freshness.Service{
		EC2: l.gateway(), Objects: l.objects, Topic: l.topic, Limits: map[string]time.Duration{"SnapshotDaily": 48 * time.Hour},
		Base: "s3://bucket/", Now: l.world.Now, Log: log.logger(),
	}
	for _, want := range []float64{0, 3} {
		log.Reset()
		for range 72 {
			log.Reset()
			if _, err := check.Check(context.Background(), freshness.Request{}); err != nil {
				t.Fatal(err)
			}
			if want == 0 {
				break
			}
			l.wait(time.Hour)
		}
		counted := log.matched(t, f)
		if len(counted) != 1 {
			t.Fatalf("the check is counted %d times:\n%s", len(counted), log)
		}
		same(t, "volumes", selected(counted[0], f.value), any(want))
	}
}

func TestAPatternThatIsNotModelledIsRefused(t *testing.T) {
	for _, pattern := range []string{
		`ERROR`, `{ $.a != "b" }`, `{ $.a = b }`, `{ $.a = 1 }`, `{ $.a = "b" && }`, `{ ($.a = "b" }`, `{ $.a = "b" $.c = "d" }`, `{ $.a IS NULL }`, `{ $.a[0] = "b" }`, `{ }`,
	} {
		if _, err := parseLogFilter(pattern); err == nil {
			t.Errorf("%s is taken", pattern)
		}
	}
	f, err := parseLogFilter(`{ $.a = "x*" || $.a = "b" && $.c.d = "e.f" }`)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`{"a": "xyz"}`: true, `{"a": "b"}`: false, `{"a": "b", "c": {"d": "e.f"}}`: true, `{"a": "b", "c": {"d": "e-f"}}`: false, `{"a": 1}`: false, `{}`: false,
	} {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if f(line) != want {
			t.Errorf("%s matches: %t", text, !want)
		}
	}
}
