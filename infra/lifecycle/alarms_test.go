package lifecycle_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// alarmOf says what an alarm is about, in a line.
func (r resource) alarm() string {
	dimensions := ""
	all, _ := r.at("Dimensions").([]any)
	for _, d := range all {
		dimensions += fmt.Sprintf(" %v", d.(map[string]any)["Value"])
	}
	// A resource's ID ends in a hash that says nothing here.
	dimensions = regexp.MustCompile(`[0-9A-F]{8}(\.\w+)?}`).ReplaceAllString(dimensions, "}")
	return fmt.Sprintf("%v %v%s: %v of %v s %v %v %v", r.at("Namespace"), r.at("MetricName"), dimensions, r.at("EvaluationPeriods"),
		r.at("Period"), r.at("Statistic"), operators[r.at("ComparisonOperator").(string)], r.at("Threshold"))
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
		"FreshnessUnchecked":         "EbsSnapshotLifecycle StaleVolumes: 3 of 3600 s SampleCount < 1",
		"CheckFreshnessErrors":       "AWS/Lambda Errors ${CheckFreshnessFunction}" + once,
		"TidyOrphansErrors":          "AWS/Lambda Errors ${TidyOrphansFunction}" + once,
		"NoSuccess-SnapshotHourly":   "EbsSnapshotLifecycle RunsSucceeded SnapshotHourly: 2 of 3600 s Sum < 1",
		"NoSuccess-SnapshotDaily":    "EbsSnapshotLifecycle RunsSucceeded SnapshotDaily: 48 of 3600 s Sum < 1",
	})
}

func TestEveryAlarmReachesAPersonAndSaysWhatToDo(t *testing.T) {
	tp := standardTemplate(t)
	topic := any([]any{"${" + tp.one("AWS::SNS::Topic", "Alerts").id + "}"})
	for _, a := range tp.resources("AWS::CloudWatch::Alarm") {
		same(t, a.id+"'s actions", a.at("AlarmActions"), topic)
		same(t, a.id+"'s actions are enabled", a.at("ActionsEnabled"), nil) // they are, unless it says otherwise
		if d := fmt.Sprint(a.at("AlarmDescription")); !regexp.MustCompile(`^[A-Z].*\. What to do: [A-Z].*\.$`).MatchString(d) || len(d) > 1024 {
			t.Errorf("%s does not say what happened and what to do: %s", a.id, d)
		}
		missing, want := a.at("TreatMissingData"), any("notBreaching")
		switch {
		case strings.HasPrefix(a.id, "AlarmsNoSuccess"), strings.HasPrefix(a.id, "AlarmsFreshnessUnchecked"):
			want = "breaching" // no data is what it is about
		case strings.HasPrefix(a.id, "AlarmsStaleVolumes"):
			want = "ignore" // what was stale is, until a check says otherwise
		}
		if want != "notBreaching" {
			same(t, a.id+" tells, too, when it is over", a.at("OKActions"), topic)
		}
		same(t, a.id+" takes missing data as", missing, want)
	}
}

func TestASuccessIsOverdueAfterTwoPeriods(t *testing.T) {
	for expression, want := range map[string]string{
		"rate(15 minutes)":          "2 of 900 s",
		"rate(1 hour)":              "2 of 3600 s",
		"cron(0 */6 * * ? *)":       "12 of 3600 s",
		"cron(0 8 * * ? *)":         "48 of 3600 s",
		"cron(0 8 ? * MON-FRI *)":   "144 of 3600 s", // from Friday to Monday, twice
		"rate(84 hours)":            "168 of 3600 s",
		"rate(85 hours)":            "", // CloudWatch looks back seven days
		"cron(0 8 ? * SUN *)":       "",
		"at(2030-01-01T00:00:00)":   "",
		"cron(0 8 1 1 ? 2030)":      "",
		"cron(0 8 1 1 ? 2030-2031)": "",
	} {
		c := read(t, fmt.Sprintf(`{"schedules": [{"keyword": "K", "expression": %q}]}`, expression))
		tp := templateOf(t, c, config.Target{})
		got := ""
		for _, a := range tp.resources("AWS::CloudWatch::Alarm") {
			if a.at("MetricName") == "RunsSucceeded" {
				got = fmt.Sprintf("%v of %v s", a.at("EvaluationPeriods"), a.at("Period"))
			}
		}
		if got != want {
			t.Errorf("%s: the alarm looks at %q, want %q", expression, got, want)
		}
		outputs := tp.body["Outputs"].(map[string]any)
		if _, told := outputs["NotWatched"]; told != (want == "") {
			t.Errorf("%s: the outputs say that it is not watched: %t", expression, told)
		}
	}
}

// A metric filter and a query name fields of the functions' log lines. If the two part, an alarm is silent for ever.
func TestWhatMetricsAndQueriesReadIsLogged(t *testing.T) {
	tp := standardTemplate(t)
	logged := map[string]string{
		"message": "", "level": "", "timestamp": "", "@timestamp": "", "@message": "", "@log": "", // the logger's, and CloudWatch's
		"type": "", "record.status": "", // Lambda's
	}
	for _, file := range []string{
		"internal/discover/discover.go", "internal/snapshot/snapshot.go", "internal/prune/prune.go", "internal/report/report.go",
		"internal/freshness/freshness.go", "internal/orphans/orphans.go", "internal/boundary/boundary.go",
	} {
		source := readFile(t, "functions", file)
		for _, m := range regexp.MustCompile(`(?s)\.(?:Info|Warn|Error)Context\(ctx, ("[^"]+"|Log[A-Z]\w+)(.*?)\)\n`).FindAllStringSubmatch(source, -1) {
			message := m[1]
			if constant := regexp.MustCompile(`\b` + message + ` += ("[^"]+")`).FindStringSubmatch(source); constant != nil {
				message = constant[1]
			}
			logged[message] = file
			for _, key := range regexp.MustCompile(`"([a-z_]+)", `).FindAllStringSubmatch(m[2], -1) {
				logged[key[1]] = file
			}
		}
	}
	for _, f := range tp.resources("AWS::Logs::MetricFilter") {
		pattern := f.at("FilterPattern").(string)
		for _, m := range regexp.MustCompile(`\$\.([a-z_.]+)`).FindAllStringSubmatch(pattern+fmt.Sprint(f.at("MetricTransformations")), -1) {
			if _, ok := logged[m[1]]; !ok {
				t.Errorf("%s reads %s, which no function logs", f.id, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`\$\.message = ("[^"]+")`).FindAllStringSubmatch(pattern, -1) {
			if _, ok := logged[m[1]]; !ok {
				t.Errorf("%s looks for the message %s, which no function logs", f.id, m[1])
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

// fieldsOf gives the fields that a query reads, leaving out what it makes itself.
func fieldsOf(query string) []string {
	made := map[string]bool{}
	for _, m := range regexp.MustCompile(` as (\w+)`).FindAllStringSubmatch(query, -1) {
		made[m[1]] = true
	}
	text := regexp.MustCompile(`#.*|"[^"]*"|/[^/\n]*/|SOURCE '[^']*'| as \w+|\b\d+\b`).ReplaceAllString(query, "")
	words := map[string]bool{
		"fields": true, "filter": true, "sort": true, "desc": true, "limit": true, "stats": true, "by": true, "like": true, "in": true,
		"and": true, "latest": true, "max": true, "sum": true, "count": true, "now": true, "toMillis": true, "strcontains": true,
	}
	var out []string
	for _, m := range regexp.MustCompile(`@?[A-Za-z_]+`).FindAllString(text, -1) {
		if !words[m] && !made[m] {
			out = append(out, m)
		}
	}
	return out
}
