package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

func read(t *testing.T, text string) config.Config {
	t.Helper()
	c, err := config.Read(decode(t, text), config.Target{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestAnEmptyConfigurationIsTheDefault(t *testing.T) {
	same(t, "the default", read(t, `{}`), config.Default())
	var schedules []string
	for _, s := range config.Default().Schedules {
		schedules = append(schedules, s.Keyword+" "+s.Expression.Text+" "+s.TimeZone)
	}
	same(t, "schedules", schedules, []string{"SnapshotHourly cron(0 * * * ? *) UTC", "SnapshotDaily cron(0 8 * * ? *) Asia/Shanghai"})
}

func TestCDKJSONHasTheDefaults(t *testing.T) {
	var file struct{ Context map[string]any }
	if err := json.Unmarshal(readFile(t, "../../cdk.json"), &file); err != nil {
		t.Fatal(err)
	}
	got, err := config.Read(file.Context, config.Target{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "cdk.json", got, config.Default())
}

func TestAllKeysAreRead(t *testing.T) {
	got := read(t, `{
		"schedules": [{"keyword": "K", "expression": "rate(2 hours)", "timeZone": "Europe/Berlin",
			"flexibleWindowMinutes": 5, "enabled": false, "excludeBootVolumes": true}],
		"alertTopicArn": "arn:aws:sns:eu-central-1:123456789012:alerts",
		"alertTopicKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1-2", "maxConcurrency": 7, "createBurst": 8, "createRate": 0.25,
		"settleSeconds": 0, "freshnessPeriods": 1.5, "orphans": "90d", "orphansExpireDays": 365, "logRetentionDays": 30, "architecture": "x86_64", "tags": {"a": "b"},
		"targets": [{"region": "eu-central-1"}, {"region": "eu-central-1", "account": "123456789012"}],
		"@aws-cdk/core:anything": true, "aws:cdk:anything": 1, "availability-zones:account=1:region=2": [], "alertEmails": null
	}`)
	same(t, "configuration", got, config.Config{
		Schedules: []config.Schedule{{
			Keyword: "K", Expression: config.Expression{Text: "rate(2 hours)", Longest: 2 * time.Hour},
			TimeZone: "Europe/Berlin", WindowMinutes: 5, ExcludeBoot: true,
		}},
		AlertTopicARN: "arn:aws:sns:eu-central-1:123456789012:alerts", AlertTopicKeyARN: "arn:aws:kms:eu-central-1:123456789012:key/1-2",
		MaxConcurrency: 7, CreateBurst: 8, CreateRate: 0.25, SettleSeconds: 0, FreshnessPeriods: 1.5, Orphans: "90d", OrphansExpire: 365, LogRetentionDays: 30, Architecture: config.X8664,
		Tags: map[string]string{"a": "b"}, Targets: []config.Target{{Region: "eu-central-1"}, {Region: "eu-central-1", Account: "123456789012"}},
	})
}

// cdk -c key=value gives strings, whatever type the key needs.
func TestValuesOfTheCommandLineAreDecoded(t *testing.T) {
	got := read(t, `{
		"schedules": "[{\"keyword\": \"K\", \"expression\": \"rate(1 day)\"}]", "alertEmails": "ops@example.com, dba@example.com",
		"maxConcurrency": "50", "createRate": "2.5", "tags": "{\"a\": \"b\"}", "architecture": "x86_64",
		"targets": "[{\"region\": \"cn-north-1\"}]"
	}`)
	want := config.Default()
	daily := config.Expression{Text: "rate(1 day)", Longest: 24 * time.Hour}
	want.Schedules = []config.Schedule{{Keyword: "K", Expression: daily, TimeZone: "UTC", Enabled: true}}
	want.AlertEmails, want.MaxConcurrency, want.CreateRate = []string{"ops@example.com", "dba@example.com"}, 50, 2.5
	want.Tags, want.Architecture, want.Targets = map[string]string{"a": "b"}, config.X8664, []config.Target{{Region: "cn-north-1"}}
	same(t, "configuration", got, want)
	same(t, "one address", read(t, `{"alertEmails": "ops@example.com"}`).AlertEmails, []string{"ops@example.com"})
	same(t, "a JSON list", read(t, `{"alertEmails": "[\"ops@example.com\"]"}`).AlertEmails, []string{"ops@example.com"})
	same(t, "none", read(t, `{"alertEmails": ""}`).AlertEmails, []string(nil))
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	_, err := config.Read(decode(t, `{
		"shedules": [], "maxConcurrency": 0, "architecture": "arm",
		"schedules": [
			{"keyword": "Snapshot*", "expression": "cron(0 8 * * *)", "timeZone": "Asia/Beijing"},
			{"keyword": "SnapshotDaily", "expresion": "rate(1 day)"}
		]
	}`), config.Target{})
	if err == nil {
		t.Fatal("it is accepted")
	}
	for _, want := range []string{
		"The configuration has 8 faults. No template was made.",
		"  shedules: there is no such key. Did you mean schedules?",
		"  maxConcurrency: 0 is out of range. Give a whole number from 1 to 10000.",
		`  architecture: "arm" is not an allowed value. Give arm64 or x86_64.`,
		`  schedules[0].keyword: "Snapshot*" can't be a keyword: it contains '*'; a tag key may contain letters, numbers, spaces and _ . : / = + - @. Give a tag key such as SnapshotDaily.`,
		"  schedules[0].expression: cron(0 8 * * *) has 5 fields",
		`  schedules[0].timeZone: "Asia/Beijing" is not a time zone. Give an IANA name such as Asia/Shanghai`,
		"  schedules[1].expresion: there is no such key. Did you mean expression?",
		"  schedules[1].expression: it is missing.",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q:\n%s", want, err)
		}
	}
}

func TestFreshnessLimitsArePeriodsOfTheSchedule(t *testing.T) {
	const schedules = `"schedules": [
		{"keyword": "Hourly", "expression": "cron(0 * * * ? *)", "flexibleWindowMinutes": 15},
		{"keyword": "Daily", "expression": "cron(0 8 ? * MON-FRI *)"}, {"keyword": "Daily", "expression": "cron(0 8 ? * SAT *)"},
		{"keyword": "Monthly", "expression": "cron(0 3 L * ? *)"},
		{"keyword": "Paused", "expression": "rate(1 day)", "enabled": false}, {"keyword": "Once", "expression": "at(2030-01-01T00:00:00)"}
	]`
	same(t, "by default", read(t, `{`+schedules+`}`).FreshnessLimits(), map[string]time.Duration{
		"Hourly": 150 * time.Minute, "Daily": 144 * time.Hour, "Monthly": 62 * 24 * time.Hour,
	})
	same(t, "three periods", read(t, `{"freshnessPeriods": "3", `+schedules+`}`).FreshnessLimits()["Hourly"], 225*time.Minute)
	for _, none := range []string{`0`, `"0"`} {
		same(t, "switched off", read(t, `{"freshnessPeriods": `+none+`, `+schedules+`}`).FreshnessLimits(), map[string]time.Duration{})
	}
}

// tidy-orphans parses the same policies. Both are tested with this table.
func TestPoliciesForOrphansAreThoseOfTheSharedTable(t *testing.T) {
	var table struct{ Good, Bad []string }
	if err := json.Unmarshal(readFile(t, "../../statemachine/testdata/orphan-policies.json"), &table); err != nil {
		t.Fatal(err)
	}
	if len(table.Good) == 0 || len(table.Bad) == 0 {
		t.Fatal("the table is empty")
	}
	for _, text := range append(table.Good, "off") {
		same(t, text, read(t, fmt.Sprintf(`{"orphans": %q}`, text)).Orphans, text)
	}
	for _, text := range table.Bad {
		if _, err := config.Read(map[string]any{"orphans": text}, config.Target{}); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestOrphansOfPausedSchedulesAreNotLookedFor(t *testing.T) {
	const schedules = `"schedules": [{"keyword": "A", "expression": "rate(1 day)"}, {"keyword": "A", "expression": "rate(2 days)"},
		{"keyword": "Paused", "expression": "rate(1 day)", "enabled": false}]`
	same(t, "keywords", read(t, `{`+schedules+`}`).OrphanKeywords(), []string{"A"})
	same(t, "keywords, switched off", read(t, `{"orphans": "off", `+schedules+`}`).OrphanKeywords(), []string(nil))
}
