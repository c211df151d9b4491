package lifecycle_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// chinese is a configuration with Chinese texts wherever they are allowed.
const chinese = `{
	"schedules": [
		{"keyword": "每日快照", "expression": "cron(0 8 * * ? *)", "timeZone": "Asia/Shanghai", "excludeBootVolumes": true},
		{"keyword": "每小时快照", "expression": "rate(1 hour)"},
		{"keyword": "每周 1/备份", "expression": "cron(0 8 ? * SUN *)"},
		{"keyword": "𠮷", "expression": "at(2030-01-01T00:00:00)"},
		{"keyword": "Café", "expression": "rate(1 day)"}
	],
	"orphans": "last=1", "orphansExpireDays": 365
}`

// CloudFormation returns a character that is not ASCII as a question mark, in templates and in outputs. A person would read the
// question mark, and `cdk diff` would compare with it.
func TestTheTemplateIsASCIIWhateverTheKeywordsAre(t *testing.T) {
	for name, tp := range map[string]*template{
		"standard": standardTemplate(t), "deleting": deletingTemplate(t), "Chinese": templateOf(t, read(t, chinese), config.Target{}),
		"Chinese, in China": templateOf(t, read(t, chinese), config.Target{Region: "cn-north-1", Account: "123456789012"}),
	} {
		text := tp.text()
		if i := strings.IndexFunc(text, func(c rune) bool { return c >= 0x80 }); i >= 0 {
			t.Errorf("%s: %s", name, text[max(0, i-100):min(len(text), i+100)])
		}
	}
}

func TestChineseKeywordsArriveUnchanged(t *testing.T) {
	tp := templateOf(t, read(t, chinese), config.Target{})
	var started []string
	for _, s := range tp.runSchedules() {
		var in contract.Input
		text := s.at("Target", "Input").(string)
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, "<aws.scheduler.scheduled-time>") {
			t.Errorf("EventBridge Scheduler does not find its placeholder in %s", text)
		}
		started = append(started, in.SnapshotKeyWord)
	}
	want := map[string]bool{"每日快照": true, "每小时快照": true, "每周 1/备份": true, "𠮷": true, "Café": true}
	got := map[string]bool{}
	for _, k := range started {
		got[k] = true
	}
	same(t, "keywords of the schedules", got, want)

	var zones map[string]string
	variables := tp.one("AWS::Lambda::Function", "DiscoverInstances").at("Environment", "Variables").(map[string]any)
	if err := json.Unmarshal([]byte(variables["TIME_ZONES"].(string)), &zones); err != nil {
		t.Fatal(err)
	}
	same(t, "time zones", zones, map[string]string{
		"每日快照": "Asia/Shanghai", "每小时快照": "UTC", "每周 1/备份": "UTC", "𠮷": "UTC", "Café": "UTC",
	})

	command := fmt.Sprint(resolve(tp.body["Outputs"].(map[string]any)["StartRun"].(map[string]any)["Value"]))
	_, input, _ := strings.Cut(command, "--input '")
	var in contract.Input
	if err := json.Unmarshal([]byte(strings.TrimSuffix(input, "'")), &in); err != nil || in.SnapshotKeyWord != "每日快照" {
		t.Errorf("the command in the output starts a run of %q, %v: %s", in.SnapshotKeyWord, err, command)
	}
}

func TestAChineseKeywordHasAnAlarmOnItsOwnMetric(t *testing.T) {
	tp := templateOf(t, read(t, chinese), config.Target{})
	got := map[string]bool{}
	for _, a := range tp.resources("AWS::CloudWatch::Alarm") {
		if all, ok := a.at("Metrics").([]any); ok {
			if d, ok := metricOf(all)["Metric"].(map[string]any)["Dimensions"].([]any); ok {
				got[d[0].(map[string]any)["Value"].(string)] = true
			}
		}
	}
	same(t, "keywords that are watched", got, map[string]bool{
		contract.KeywordASCII("每日快照"): true, contract.KeywordASCII("每小时快照"): true, contract.KeywordASCII("Café"): true,
	})
	filter := tp.one("AWS::Logs::MetricFilter", "MetricsRunsSucceeded").at("MetricTransformations").([]any)[0].(map[string]any)
	same(t, "the metric's dimensions", filter["Dimensions"], any([]any{map[string]any{"Key": "Keyword", "Value": "$.keyword_ascii"}}))
}

// sameHash are two keywords with the same 32-bit FNV-1a hash.
var sameHash = [2]string{"专交", "举中一"}

// If a keyword can't be a name, its schedule and alarm have its hash in their names, and two keywords may have the same hash.
func TestKeywordsWithTheSameHashGetDifferentNames(t *testing.T) {
	tp := templateOf(t, read(t, `{"schedules": [
		{"keyword": "`+sameHash[0]+`", "expression": "rate(1 day)"}, {"keyword": "`+sameHash[1]+`", "expression": "rate(1 day)"}]}`), config.Target{})
	names := map[string]bool{}
	for _, s := range tp.runSchedules() {
		names[s.at("Name").(string)] = true
	}
	alarms := map[string]bool{}
	for _, a := range tp.resources("AWS::CloudWatch::Alarm") {
		if name := a.at("AlarmName").(string); strings.Contains(name, "NoSuccess") {
			alarms[strings.TrimPrefix(name, "EbsSnapshotLifecycle-NoSuccess-")] = true
		}
	}
	if len(names) != 2 || len(alarms) != 2 {
		t.Errorf("schedules %v, alarms %v", names, alarms)
	}
	same(t, "the alarms' names", alarms, names)
	shared := 0
	for name := range names {
		if strings.HasSuffix(name, ".2") && names[strings.TrimSuffix(name, ".2")] {
			shared++
		}
	}
	same(t, "names with the same hash; without any, the test shows nothing", shared, 1)
}
