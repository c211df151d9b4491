package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// Each case has one fault: the place that the message must name, and a part of the message.
func TestBadConfigurationsAreRefused(t *testing.T) {
	schedule := func(rest string) string {
		return `{"schedules": [{"keyword": "K", "expression": "rate(1 day)"` + rest + `}]}`
	}
	expression := func(e string) string {
		return fmt.Sprintf(`{"schedules": [{"keyword": "K", "expression": %q}]}`, e)
	}
	const topic = `"alertTopicArn": "arn:aws:sns:eu-central-1:123456789012:alerts"`
	for _, c := range []struct{ context, where, message string }{
		{`{"schedule": []}`, "schedule", "Did you mean schedules?"},
		{`{"Schedules": []}`, "Schedules", "Did you mean schedules?"},
		{`{"alertEmail": "ops@example.com"}`, "alertEmail", "Did you mean alertEmails?"},
		{`{"zzz": 1}`, "zzz", "The keys are schedules, alertEmails"},

		{`{"schedules": {}}`, "schedules", "{} is not a list"},
		{`{"schedules": "cron(0 8 * * ? *)"}`, "schedules", "is not a list"},
		{`{"schedules": "[{"}`, "schedules", "is not a list"},
		{`{"schedules": [3]}`, "schedules[0]", "3 is not an object"},
		{`{"schedules": [{}]}`, "schedules[0].keyword", "it is missing"},
		{`{"schedules": [{"keyword": "K"}]}`, "schedules[0].expression", "it is missing"},
		{`{"schedules": [{"keyword": 7, "expression": "rate(1 day)"}]}`, "schedules[0].keyword", "7 is not a text"},
		{`{"schedules": [{"keyword": "", "expression": "rate(1 day)"}]}`, "schedules[0].keyword", "it is empty"},
		{`{"schedules": [{"keyword": "aws:x", "expression": "rate(1 day)"}]}`, "schedules[0].keyword", "reserved for AWS"},
		{`{"schedules": [{"keyword": "Name", "expression": "rate(1 day)"}]}`, "schedules[0].keyword", "the name of an instance"},
		{`{"schedules": [{"keyword": "K", "expression": 7}]}`, "schedules[0].expression", "7 is not a text"},
		{schedule(`, "cron": "x"`), "schedules[0].cron", "there is no such key"},
		{schedule(`, "timezone": "UTC"`), "schedules[0].timezone", "Did you mean timeZone?"},
		{schedule(`, "timeZone": "CST"`), "schedules[0].timeZone", "IANA"},
		{schedule(`, "timeZone": "Local"`), "schedules[0].timeZone", "IANA"},
		{schedule(`, "timeZone": ""`), "schedules[0].timeZone", "IANA"},
		{schedule(`, "timeZone": 8`), "schedules[0].timeZone", "8 is not a time zone"},
		{schedule(`, "timeZone": "+08:00"`), "schedules[0].timeZone", "IANA"},
		{schedule(`, "flexibleWindowMinutes": 1441`), "schedules[0].flexibleWindowMinutes", "0 to 1440"},
		{schedule(`, "flexibleWindowMinutes": -1`), "schedules[0].flexibleWindowMinutes", "0 to 1440"},
		{schedule(`, "flexibleWindowMinutes": 1.5`), "schedules[0].flexibleWindowMinutes", "whole number"},
		{schedule(`, "enabled": "false"`), "schedules[0].enabled", "without quotes"},
		{schedule(`, "enabled": 0`), "schedules[0].enabled", "true or false"},
		{schedule(`}, {"keyword": "K", "expression": "rate(1 day)"`), "schedules[1]", "the same as schedules[0]"},
		{schedule(`}, {"keyword": "K", "expression": "rate(2 days)", "timeZone": "Asia/Shanghai"`), "schedules[1].timeZone", "the same time zone"},
		{schedule(`}, {"keyword": "K", "expression": "rate(2 days)", "excludeBootVolumes": true`), "schedules[1].excludeBootVolumes", "the same value"},
		{schedule(`, "excludeBootVolumes": "yes"`), "schedules[0].excludeBootVolumes", "true or false"},

		{expression("0 8 * * ? *"), "schedules[0].expression", "not a schedule expression"},
		{expression("every day"), "schedules[0].expression", "not a schedule expression"},
		{expression("CRON(0 8 * * ? *)"), "schedules[0].expression", "not a schedule expression"},
		{expression("cron(0 8 * * ? *"), "schedules[0].expression", "no closing bracket"},
		{expression("cron(0 8 * * ?)"), "schedules[0].expression", "5 fields"},
		{expression("cron(0 8 * * ? * *)"), "schedules[0].expression", "7 fields"},
		{expression("cron(0  8 * * ? *)"), "schedules[0].expression", "too many spaces"},
		{expression("cron(0 8 * * * *)"), "schedules[0].expression", "exactly one must be ?"},
		{expression("cron(0 8 ? * ? *)"), "schedules[0].expression", "exactly one must be ?"},
		{expression("cron(60 8 * * ? *)"), "schedules[0].expression", "the minutes \"60\""},
		{expression("cron(0 24 * * ? *)"), "schedules[0].expression", "the hours \"24\""},
		{expression("cron(0 8 32 * ? *)"), "schedules[0].expression", "the day-of-month \"32\""},
		{expression("cron(0 8 0 * ? *)"), "schedules[0].expression", "the day-of-month \"0\""},
		{expression("cron(0 8 32W * ? *)"), "schedules[0].expression", "the day-of-month \"32W\""},
		{expression("cron(0 8 1 13 ? *)"), "schedules[0].expression", "the month \"13\""},
		{expression("cron(0 8 1 JANUARY ? *)"), "schedules[0].expression", "JAN to DEC"},
		{expression("cron(0 8 ? * 8 *)"), "schedules[0].expression", "SUN to SAT"},
		{expression("cron(0 8 ? * 0 *)"), "schedules[0].expression", "the day-of-week \"0\""},
		{expression("cron(0 8 ? * MON#6 *)"), "schedules[0].expression", "the day-of-week"},
		{expression("cron(0 8 ? * XYZL *)"), "schedules[0].expression", "the day-of-week"},
		{expression("cron(0 8 ? * SAT-SUN *)"), "schedules[0].expression", "ranges from low to high"},
		{expression("cron(0 8 * * ? 1969)"), "schedules[0].expression", "the year \"1969\""},
		{expression("cron(*/0 8 * * ? *)"), "schedules[0].expression", "the minutes \"*/0\""},
		{expression("cron(a 8 * * ? *)"), "schedules[0].expression", "the minutes \"a\""},
		{expression("cron(,0 8 * * ? *)"), "schedules[0].expression", "the minutes \"\""},
		{expression("cron(0 8 31 2 ? *)"), "schedules[0].expression", "never triggers a run"},
		{expression("cron(0 8 29 2 ? 2027)"), "schedules[0].expression", "never triggers a run"},
		{expression("rate(0 hours)"), "schedules[0].expression", "a whole number of at least 1"},
		{expression("rate(1 hours)"), "schedules[0].expression", "the singular"},
		{expression("rate(2 hour)"), "schedules[0].expression", "the plural"},
		{expression("rate(2 weeks)"), "schedules[0].expression", "can't be read"},
		{expression("rate(1.5 hours)"), "schedules[0].expression", "can't be read"},
		{expression("rate(99999999999999999999 days)"), "schedules[0].expression", "more than a year"},
		{expression("rate(366 days)"), "schedules[0].expression", "more than a year"},
		{expression("at(2026-02-30T00:00:00)"), "schedules[0].expression", "not a date and time"},
		{expression("at(2026-11-22)"), "schedules[0].expression", "not a date and time"},
		{expression("at(2026-11-22T08:00:00Z)"), "schedules[0].expression", "not a date and time"},

		{`{"alertEmails": 7}`, "alertEmails", "7 is not a list"},
		{`{"alertEmails": ["ops"]}`, "alertEmails[0]", "not an e-mail address"},
		{`{"alertEmails": ["ops@localhost"]}`, "alertEmails[0]", "not an e-mail address"},
		{`{"alertEmails": ["Ops <ops@example.com>"]}`, "alertEmails[0]", "not an e-mail address"},
		{`{"alertEmails": ["a@example.com", 3]}`, "alertEmails[1]", "3 is not an e-mail address"},
		{`{"alertEmails": ["a@example.com", "A@example.com"]}`, "alertEmails[1]", "already has"},
		{`{"alertTopicArn": "alerts"}`, "alertTopicArn", "is not the ARN of a standard SNS topic"},
		{`{"alertTopicArn": "arn:aws:sns:eu-central-1:123456789012:alerts.fifo"}`, "alertTopicArn", "standard SNS topic"},
		{`{"alertTopicArn": "arn:aws:sqs:eu-central-1:123456789012:alerts"}`, "alertTopicArn", "is not the ARN of a standard SNS topic"},
		{`{"alertTopicArn": ["x"]}`, "alertTopicArn", "is not the ARN of a standard SNS topic"},
		{`{` + topic + `, "alertEmails": ["a@example.com"]}`, "alertEmails", "only one of the two"},
		{`{"alertTopicKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1-2"}`, "alertTopicKeyArn", "alertTopicArn is not given"},
		{`{` + topic + `, "alertTopicKeyArn": "arn:aws:kms:eu-central-1:123456789012:alias/x"}`, "alertTopicKeyArn", "is not the ARN of a KMS key"},
		{`{` + topic + `, "alertTopicKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1-2"}`, "alertTopicKeyArn", "the key is in us-east-1"},
		{`{` + topic + `, "targets": [{"region": "us-east-1"}]}`, "targets[0]", "the stack is in us-east-1"},
		{`{` + topic + `, "targets": [{"region": "eu-central-1", "account": "999999999999"}]}`, "targets[0]",
			"the stack is in account 999999999999"},

		{`{"maxConcurrency": 0}`, "maxConcurrency", "1 to 10000"},
		{`{"maxConcurrency": 10001}`, "maxConcurrency", "1 to 10000"},
		{`{"maxConcurrency": 1.5}`, "maxConcurrency", "whole number"},
		{`{"maxConcurrency": "many"}`, "maxConcurrency", "whole number"},
		{`{"maxConcurrency": true}`, "maxConcurrency", "whole number"},
		{`{"createBurst": 0}`, "createBurst", "1 to 1000"},
		{`{"createRate": 0}`, "createRate", "0.01 to 1000"},
		{`{"createRate": "NaN"}`, "createRate", "0.01 to 1000"},
		{`{"freshnessPeriods": 0.5}`, "freshnessPeriods", "Give a number from 1 to 100"},
		{`{"orphans": "keep"}`, "orphans", "last=1"},
		{`{"orphans": 3}`, "orphans", "last=1"},
		{`{"orphans": "last=1", "orphansExpireDays": 29}`, "orphansExpireDays", "30 to 36500"},
		{`{"orphansExpireDays": 90}`, "orphansExpireDays", "orphans is report, so nothing is deleted"},
		{`{"settleSeconds": -1}`, "settleSeconds", "0 to 3600"},
		{`{"logRetentionDays": 45}`, "logRetentionDays", "1, 3, 5, 7, 14"},
		{`{"logRetentionDays": "forever"}`, "logRetentionDays", "1, 3, 5, 7, 14"},
		{`{"architecture": "amd64"}`, "architecture", "arm64 or x86_64"},
		{`{"tags": ["a"]}`, "tags", "not an object"},
		{`{"tags": {"a": 1}}`, "tags.a", "1 is not a text"},
		{`{"tags": {"aws:a": "b"}}`, "tags.aws:a", "can't be the key"},
		{`{"tags": {"a*": "b"}}`, "tags.a*", "can't be the key"},
		{`{"tags": {"a": "<b>"}}`, "tags.a", "can't be the value"},
		{`{"targets": [{"account": "123456789012"}]}`, "targets[0].region", "not a Region"},
		{`{"targets": [{"region": "Frankfurt"}]}`, "targets[0].region", "not a Region"},
		{`{"targets": [{"region": "eu-central-1", "account": 123456789012}]}`, "targets[0].account", "in quotes"},
		{`{"targets": [{"region": "eu-central-1", "zone": "a"}]}`, "targets[0].zone", "there is no such key"},
		{`{"targets": [{"region": "eu-central-1"}, {"region": "eu-central-1"}]}`, "targets[1]", "already has"},
		{`{"targets": "eu-central-1"}`, "targets", "not a list"},
	} {
		_, err := config.Read(decode(t, c.context), config.Target{})
		var faults config.FaultErrors
		if !errors.As(err, &faults) {
			t.Errorf("%s is accepted", c.context)
			continue
		}
		reported := false
		for _, f := range faults {
			reported = reported || f.Where == c.where && strings.Contains(f.String(), c.message)
			if f.Wrong == "" || f.Right == "" || strings.HasSuffix(f.Right, ".") || strings.HasSuffix(f.Wrong, ".") {
				t.Errorf("%s: a part of the fault is empty or ends with a full stop: %+v", c.context, f)
			}
		}
		if !reported {
			t.Errorf("%s: no fault at %s says %q:\n%v", c.context, c.where, c.message, err)
		}
	}
}

func TestAnExistingTopicMustBeInTheAccountAndRegionOfTheStack(t *testing.T) {
	context := decode(t, `{"alertTopicArn": "arn:aws:sns:eu-central-1:123456789012:alerts"}`)
	for cli, want := range map[config.Target]bool{
		{}:                       true, // not known here: the deployment would fail
		{Region: "eu-central-1"}: true,
		{Region: "eu-central-1", Account: "123456789012"}: true,
		{Region: "eu-west-1"}:                             false,
		{Region: "eu-central-1", Account: "999999999999"}: false,
	} {
		if _, err := config.Read(context, cli); (err == nil) != want {
			t.Errorf("the CLI points to %v: %v", cli, err)
		}
	}
}

func TestTooManySchedulesAreRefused(t *testing.T) {
	var many, long []string
	for i := range 101 {
		many = append(many, fmt.Sprintf(`{"keyword": "K%d", "expression": "rate(1 day)"}`, i))
	}
	for i := range 30 {
		long = append(long, fmt.Sprintf(`{"keyword": "%0100d", "expression": "rate(1 day)"}`, i))
	}
	for list, message := range map[string]string{strings.Join(many, ","): "there are 101", strings.Join(long, ","): "environment"} {
		_, err := config.Read(decode(t, `{"schedules": [`+list+`]}`), config.Target{})
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("it does not say %q: %v", message, err)
		}
	}
}
