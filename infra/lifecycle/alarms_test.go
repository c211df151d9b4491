package lifecycle_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// alarm describes an alarm in one line.
func (r resource) alarm() string {
	if all, ok := r.at("Metrics").([]any); ok {
		metric := metricOf(all)
		return fmt.Sprintf("%s of %v", resource{properties: map[string]any{
			"Namespace": metric["Metric"].(map[string]any)["Namespace"], "MetricName": metric["Metric"].(map[string]any)["MetricName"],
			"Dimensions": metric["Metric"].(map[string]any)["Dimensions"], "Period": metric["Period"], "Statistic": metric["Stat"],
			"EvaluationPeriods": r.at("EvaluationPeriods"), "ComparisonOperator": r.at("ComparisonOperator"), "Threshold": r.at("Threshold"),
		}}.alarm(), all[0].(map[string]any)["Expression"])
	}
	dimensions := ""
	all, _ := r.at("Dimensions").([]any)
	for _, d := range all {
		dimensions += fmt.Sprintf(" %v", d.(map[string]any)["Value"])
	}
	// A resource's ID ends with a hash, which the test ignores.
	dimensions = regexp.MustCompile(`[0-9A-F]{8}(\.\w+)?}`).ReplaceAllString(dimensions, "}")
	return fmt.Sprintf("%v %v%s: %v of %v s %v %v %v", r.at("Namespace"), r.at("MetricName"), dimensions, r.at("EvaluationPeriods"),
		r.at("Period"), r.at("Statistic"), operators[r.at("ComparisonOperator").(string)], r.at("Threshold"))
}

// metricOf returns the metric of an alarm on an expression.
func metricOf(all []any) map[string]any {
	for _, one := range all {
		if stat, ok := one.(map[string]any)["MetricStat"].(map[string]any); ok && len(all) == 2 {
			return stat
		}
	}
	panic("the expression of an alarm does not have exactly one metric")
}

var operators = map[string]string{"GreaterThanOrEqualToThreshold": ">=", "LessThanThreshold": "<"}

func TestAlarms(t *testing.T) {
	tp := standardTemplate(t)
	got := map[string]string{}
	for _, a := range tp.resources("AWS::CloudWatch::Alarm") {
		got[strings.TrimPrefix(a.at("AlarmName").(string), "EbsSnapshotLifecycle-")] = a.alarm()
	}
	const once = ": 1 of 300 s Sum >= 1"
	same(t, "alarms", got, map[string]string{
		"RunFailed":                  "AWS/States ExecutionsFailed ${WorkflowStateMachine}" + once,
		"RunThrottled":               "AWS/States ExecutionThrottled ${WorkflowStateMachine}" + once,
		"FiringUndelivered":          "AWS/SQS ApproximateNumberOfMessagesVisible ${SchedulesUndelivered}: 1 of 300 s Maximum >= 1",
		"DiscoverInstancesErrors":    "AWS/Lambda Errors ${DiscoverInstancesFunction}" + once,
		"DiscoverInstancesThrottled": "AWS/Lambda Throttles ${DiscoverInstancesFunction}: 3 of 300 s Sum >= 1",
		"SnapshotVolumeErrors":       "EbsSnapshotLifecycle UnexpectedErrors-snapshot-volume" + once,
		"SnapshotVolumeThrottled":    "AWS/Lambda Throttles ${SnapshotVolumeFunction}: 3 of 300 s Sum >= 1",
		"PruneVolumeErrors":          "EbsSnapshotLifecycle UnexpectedErrors-prune-volume" + once,
		"PruneVolumeThrottled":       "AWS/Lambda Throttles ${PruneVolumeFunction}: 3 of 300 s Sum >= 1",
		"ReportRunErrors":            "AWS/Lambda Errors ${ReportRunFunction}" + once,
		"ReportRunThrottled":         "AWS/Lambda Throttles ${ReportRunFunction}: 3 of 300 s Sum >= 1",
		"RunEndedUntold":             "AWS/Events FailedInvocations ${RulesRunEnded}" + once,
		"SnapshotFailedUntold":       "AWS/Events FailedInvocations ${RulesSnapshotFailed}" + once,
		"StaleVolumes":               "EbsSnapshotLifecycle StaleVolumes: 1 of 3600 s Maximum >= 1",
		"FreshnessUnchecked":         "EbsSnapshotLifecycle StaleVolumes: 37 of 300 s SampleCount < 1 of FILL(m, 0)",
		"CheckFreshnessErrors":       "AWS/Lambda Errors ${CheckFreshnessFunction}" + once,
		"TidyOrphansErrors":          "AWS/Lambda Errors ${TidyOrphansFunction}" + once,
		"NoSuccess-SnapshotHourly":   "EbsSnapshotLifecycle RunsSucceeded SnapshotHourly: 25 of 300 s Sum < 1 of FILL(m, 0)",
		"NoSuccess-SnapshotDaily":    "EbsSnapshotLifecycle RunsSucceeded SnapshotDaily: 49 of 3600 s Sum < 1 of FILL(m, 0)",
	})
}

func TestEveryAlarmIsSentToTheTopicAndSaysWhatToDo(t *testing.T) {
	tp := standardTemplate(t)
	topic := any([]any{"${" + tp.one("AWS::SNS::Topic", "Alerts").id + "}"})
	for _, a := range tp.resources("AWS::CloudWatch::Alarm") {
		same(t, a.id+"'s actions", a.at("AlarmActions"), topic)
		same(t, a.id+"'s actions are enabled", a.at("ActionsEnabled"), nil) // the default is true
		if d := fmt.Sprint(a.at("AlarmDescription")); !regexp.MustCompile(`^[A-Z].*\. What to do: [A-Z1].*\.$`).MatchString(d) || len(realLength(d)) > 1024 {
			t.Errorf("%s does not say what happened and what to do: %s", a.id, d)
		}
		missing, want := a.at("TreatMissingData"), any("notBreaching")
		switch {
		case strings.HasPrefix(a.id, "AlarmsNoSuccess"), strings.HasPrefix(a.id, "AlarmsFreshnessUnchecked"):
			want = "breaching" // it is an alarm for missing data
		case strings.HasPrefix(a.id, "AlarmsStaleVolumes"):
			want = "ignore" // a stale volume stays stale until a check says otherwise
		}
		if want != "notBreaching" {
			same(t, a.id+" also reports that it is over", a.at("OKActions"), topic)
		}
		same(t, a.id+" takes missing data as", missing, want)
	}
}

// realLength replaces CloudFormation's functions by texts about as long as the deployed ones.
func realLength(text string) string {
	return regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(text, strings.Repeat("x", 120))
}

// The body of a dead letter of EventBridge Scheduler is the API request, which contains the input as a text.
func TestTheAdviceOnAnUndeliveredRunFitsTheMessage(t *testing.T) {
	const body = `{"StateMachineArn": "arn:aws:states:eu-central-1:123456789012:stateMachine:EbsSnapshotLifecycle",
		"Input": "{\"SnapshotKeyWord\": \"SnapshotDaily\", \"ScheduledTime\": \"2026-11-22T00:00:00Z\", \"TimeZone\": \"Asia/Shanghai\"}"}`
	attributes := map[string]string{
		"ERROR_CODE": "AWS.Scheduler.InternalServerError", "ERROR_MESSAGE": "…", "EXECUTION_ID": "1", "EXHAUSTED_RETRY_CONDITION": "…",
		"IS_PAYLOAD_TRUNCATED": "false", "RETRY_ATTEMPTS": "185", "SCHEDULED_TIME": "2026-11-22T00:00:00Z", "SCHEDULE_ARN": "arn", "TARGET_ARN": "arn",
	}
	var request struct{ Input string }
	if err := json.Unmarshal([]byte(body), &request); err != nil {
		t.Fatal(err)
	}
	var want, got contract.Input
	if err := json.Unmarshal([]byte(request.Input), &want); err != nil {
		t.Fatal(err)
	}
	advice := fmt.Sprint(standardTemplate(t).one("AWS::CloudWatch::Alarm", "AlarmsFiringUndelivered").at("AlarmDescription"))
	for _, name := range regexp.MustCompile(`\b[A-Z]+_[A-Z]+\b`).FindAllString(advice, -1) {
		if attributes[name] == "" {
			t.Errorf("the message has no attribute %s", name)
		}
	}
	_, command, _ := strings.Cut(advice, "aws stepfunctions start-execution ")
	_, input, found := strings.Cut(command, "--input '")
	input, _, closed := strings.Cut(input, "'")
	if !found || !closed || !strings.Contains(command, "--state-machine-arn ${WorkflowStateMachine") {
		t.Fatalf("there is no command that starts the run: %s", advice)
	}
	input = strings.NewReplacer("<keyword>", want.SnapshotKeyWord, "<SCHEDULED_TIME>", attributes["SCHEDULED_TIME"]).Replace(input)
	if err := json.Unmarshal([]byte(input), &got); err != nil {
		t.Fatalf("%v: %s", err, input)
	}
	want.TimeZone = "" // discover-instances takes it from the keyword's schedule
	same(t, "the input", got, want)
}

// If an alarm treats missing data as breaching, CloudWatch looks for older data first: an alarm for two hours comes after four or five.
func TestAlarmsForMissingDataDoNotWaitForOlderData(t *testing.T) {
	n := 0
	for _, a := range standardTemplate(t).resources("AWS::CloudWatch::Alarm") {
		if a.at("ComparisonOperator") != "LessThanThreshold" && a.at("TreatMissingData") != "breaching" {
			continue
		}
		n++
		all, _ := a.at("Metrics").([]any)
		if len(all) != 2 || all[0].(map[string]any)["Expression"] != "FILL(m, 0)" || all[1].(map[string]any)["Id"] != "m" {
			t.Errorf("%s does not fill in missing data: %v", a.id, all)
		}
	}
	same(t, "alarms for missing data", n, 3)
}

func TestASuccessIsOverdueAfterTwoPeriods(t *testing.T) {
	for expression, want := range map[string]string{
		"rate(1 minute)":            "3 of 60 s",
		"rate(15 minutes)":          "31 of 60 s",
		"rate(1 hour)":              "25 of 300 s",
		"cron(0 */6 * * ? *)":       "145 of 300 s",
		"rate(719 minutes)":         "288 of 300 s", // with such periods CloudWatch evaluates at most a day
		"rate(12 hours)":            "25 of 3600 s",
		"cron(0 8 * * ? *)":         "49 of 3600 s",
		"cron(0 8 ? * MON-FRI *)":   "145 of 3600 s", // from Friday to Monday, twice
		"rate(84 hours)":            "168 of 3600 s",
		"rate(85 hours)":            "", // CloudWatch evaluates at most seven days
		"cron(0 8 ? * SUN *)":       "",
		"at(2030-01-01T00:00:00)":   "",
		"cron(0 8 1 1 ? 2030)":      "",
		"cron(0 8 1 1 ? 2030-2031)": "",
	} {
		c := read(t, fmt.Sprintf(`{"schedules": [{"keyword": "K", "expression": %q}]}`, expression))
		tp := templateOf(t, c, config.Target{})
		got := ""
		for _, a := range tp.resources("AWS::CloudWatch::Alarm") {
			if strings.Contains(a.alarm(), "RunsSucceeded") {
				got = regexp.MustCompile(`\d+ of \d+ s`).FindString(a.alarm())
			}
		}
		if got != want {
			t.Errorf("%s: the alarm looks at %q, want %q", expression, got, want)
		}
		outputs := tp.body["Outputs"].(map[string]any)
		if _, listed := outputs["NotWatched"]; listed != (want == "") {
			t.Errorf("%s: the output NotWatched lists it: %t", expression, listed)
		}
	}
}

// A query uses fields of the functions' log lines. (functions/internal/sim/workflow tests the metric filters with real lines.)
func TestTheFunctionsLogWhatTheQueriesRead(t *testing.T) {
	tp := standardTemplate(t)
	logged := map[string]string{
		"message": "", "level": "", "timestamp": "", "@timestamp": "", "@message": "", "@log": "", // the logger's, and CloudWatch's
	}
	for _, file := range []string{
		"internal/run/discover/discover.go", "internal/run/snapshot/snapshot.go", "internal/run/prune/prune.go", "internal/run/report/report.go",
		"internal/watch/freshness/freshness.go", "internal/watch/orphans/orphans.go", "internal/lambda/boundary/boundary.go",
	} {
		source := readFile(t, "functions", file)
		for _, m := range regexp.MustCompile(`(?s)\.(?:Info|Warn|Error)Context\(ctx, ("[^"]+"|log[A-Z]\w+)(.*?)\)\n`).FindAllStringSubmatch(source, -1) {
			message := m[1]
			if constant, ok := map[string]string{"logDeleted": contract.LogDeleted, "logKept": contract.LogKept}[message]; ok {
				message = strconv.Quote(constant)
			}
			logged[message] = file
			for _, key := range regexp.MustCompile(`"([a-z_]+)", `).FindAllStringSubmatch(m[2], -1) {
				logged[key[1]] = file
			}
		}
	}
	for name, lines := range queriesOf(t, tp) {
		for _, m := range regexp.MustCompile(`"[a-z]+ [a-z]+"`).FindAllString(lines, -1) {
			if _, ok := logged[m]; !ok {
				t.Errorf("%s looks for the message %s, which no function logs", name, m)
			}
		}
		for _, field := range fieldsOf(lines) {
			if _, ok := logged[field]; !ok {
				t.Errorf("%s reads %s, which no function logs:\n%s", name, field, lines)
			}
		}
	}
}

func queriesOf(t *testing.T, tp *template) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, q := range tp.resources("AWS::Logs::QueryDefinition") {
		out[q.id] = q.at("QueryString").(string)
	}
	for i, w := range tp.widgets() {
		if q, ok := w["properties"].(map[string]any)["query"].(string); ok {
			out[fmt.Sprintf("widget %d", i)] = q
		}
	}
	return out
}

// fieldsOf returns the fields that a query reads, without those that it defines itself.
func fieldsOf(query string) []string {
	defined := map[string]bool{}
	for _, m := range regexp.MustCompile(` as (\w+)`).FindAllStringSubmatch(query, -1) {
		defined[m[1]] = true
	}
	text := regexp.MustCompile(`#.*|"[^"]*"|/[^/\n]*/|SOURCE '[^']*'| as \w+|\b\d+\b`).ReplaceAllString(query, "")
	words := map[string]bool{
		"fields": true, "filter": true, "sort": true, "desc": true, "limit": true, "stats": true, "by": true, "like": true, "in": true,
		"and": true, "latest": true, "max": true, "sum": true, "count": true, "now": true, "toMillis": true, "strcontains": true,
	}
	var out []string
	for _, m := range regexp.MustCompile(`@?[A-Za-z_]+`).FindAllString(text, -1) {
		if !words[m] && !defined[m] {
			out = append(out, m)
		}
	}
	return out
}
