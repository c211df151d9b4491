package lifecycle_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

func TestTheChecksHaveASchedule(t *testing.T) {
	tp := standardTemplate(t)
	role := tp.one("AWS::IAM::Role", "ChecksRole")
	group := tp.one("AWS::Scheduler::ScheduleGroup", "Schedules")
	var called []string
	for _, c := range []struct{ function, name, expression string }{
		{"CheckFreshness", "check.freshness", "cron(30 * * * ? *)"}, {"TidyOrphans", "tidy.orphans", "cron(15 3 * * ? *)"},
	} {
		function := "${" + tp.one("AWS::Lambda::Function", c.function).id + ".Arn}"
		s := tp.one("AWS::Scheduler::Schedule", "Checks"+c.function)
		same(t, "the schedule", []any{s.at("Name"), s.at("ScheduleExpression"), s.at("State"), s.at("GroupName"), s.at("FlexibleTimeWindow", "Mode")},
			[]any{c.name, c.expression, nil, "${" + group.id + "}", "OFF"}) // enabled is the default
		same(t, "what it calls", []any{s.at("Target", "Arn"), s.at("Target", "RoleArn"), s.at("Target", "Input")},
			[]any{function, "${" + role.id + ".Arn}", "{}"})
		called = append(called, function)
	}
	same(t, "what their role allows", allowedOn(tp.roleStatements("ChecksRole")), map[string]string{"lambda:InvokeFunction": strings.Join(called, " ")})
}

func TestTheFreshnessCheckKnowsTheLimitOfEachSchedule(t *testing.T) {
	c := read(t, `{"freshnessPeriods": 3, "schedules": [
		{"keyword": "A", "expression": "rate(1 day)"}, {"keyword": "备份", "expression": "rate(6 hours)", "flexibleWindowMinutes": 60},
		{"keyword": "Paused", "expression": "rate(1 hour)", "enabled": false}]}`)
	variables := templateOf(t, c, config.Target{}).one("AWS::Lambda::Function", "CheckFreshness").at("Environment", "Variables").(map[string]any)
	var limits map[string]string
	if err := json.Unmarshal([]byte(variables["LIMITS"].(string)), &limits); err != nil {
		t.Fatal(err)
	}
	same(t, "limits", limits, map[string]string{"A": "72h0m0s", "备份": "21h0m0s"})
}

func TestWithoutTheFreshnessCheckTheTemplateHasNoPartOfIt(t *testing.T) {
	for what, context := range map[string]string{
		"switched off": `{"freshnessPeriods": 0}`, "no schedule that could be late": `{"schedules": [{"keyword": "K", "expression": "at(2030-01-01T00:00:00)"}]}`,
	} {
		for _, r := range templateOf(t, read(t, context), config.Target{}).resources("") {
			if strings.Contains(r.id, "Fresh") || strings.Contains(r.id, "Stale") {
				t.Errorf("%s: the template has %s", what, r.id)
			}
		}
	}
}

func TestThePolicyForOrphansReachesTheFunction(t *testing.T) {
	f := deletingTemplate(t).one("AWS::Lambda::Function", "TidyOrphans").at("Environment", "Variables").(map[string]any)
	same(t, "settings", []any{f["POLICY"], f["EXPIRE_DAYS"], f["KEYWORDS"]},
		[]any{"last=1", "365", `["SnapshotHourly","SnapshotDaily"]`})
}

func TestWithoutChecksTheTemplateHasNoPartOfThem(t *testing.T) {
	for _, r := range templateOf(t, read(t, `{"freshnessPeriods": 0, "orphans": "off"}`), config.Target{}).resources("") {
		if strings.Contains(r.id, "Orphan") || strings.HasPrefix(r.id, "Checks") {
			t.Errorf("the template has %s", r.id)
		}
	}
}

// One call may delete only a limited number of snapshots. Repeated calls would delete more.
func TestLambdaDoesNotRepeatACallThatDeletes(t *testing.T) {
	tp := standardTemplate(t)
	c := tp.one("AWS::Lambda::EventInvokeConfig", "TidyOrphans")
	same(t, "the function", c.at("FunctionName"), any("${"+tp.one("AWS::Lambda::Function", "TidyOrphans").id+"}"))
	same(t, "retries", c.at("MaximumRetryAttempts"), any(0.0))
}

// Go does not know the limit of Lambda. Without GOMEMLIMIT it would let the heap double, and Lambda would kill the process.
func TestFunctionsForTheWholeFleetKnowTheirMemory(t *testing.T) {
	got := map[any]string{}
	for _, f := range standardTemplate(t).resources("AWS::Lambda::Function") {
		limit, _ := f.at("Environment", "Variables", "GOMEMLIMIT").(string)
		got[f.at("MemorySize")] += "[" + limit + "]"
	}
	same(t, "limits by memory", got, map[any]string{1024.0: "[900MiB][900MiB][900MiB][900MiB]", 256.0: "[][]"})
}
