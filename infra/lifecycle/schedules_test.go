package lifecycle_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// runSchedules returns the schedules that start runs.
func (t *template) runSchedules() []resource {
	t.t.Helper()
	return slices.DeleteFunc(t.resources("AWS::Scheduler::Schedule"), func(r resource) bool { return strings.HasPrefix(r.id, "Checks") })
}

func TestTheDefaultSchedules(t *testing.T) {
	tp := standardTemplate(t)
	type schedule struct{ Expression, Zone, State, Window, Input string }
	got := map[string]schedule{}
	for _, s := range tp.runSchedules() {
		got[s.at("Name").(string)] = schedule{
			s.at("ScheduleExpression").(string), s.at("ScheduleExpressionTimezone").(string), s.at("State").(string),
			s.at("FlexibleTimeWindow", "Mode").(string), s.at("Target", "Input").(string),
		}
	}
	same(t, "schedules", got, map[string]schedule{
		"SnapshotHourly": {"cron(0 * * * ? *)", "UTC", "ENABLED", "OFF",
			`{"SnapshotKeyWord":"SnapshotHourly","ScheduledTime":"<aws.scheduler.scheduled-time>","TimeZone":"UTC"}`},
		"SnapshotDaily": {"cron(0 8 * * ? *)", "Asia/Shanghai", "ENABLED", "OFF",
			`{"SnapshotKeyWord":"SnapshotDaily","ScheduledTime":"<aws.scheduler.scheduled-time>","TimeZone":"Asia/Shanghai"}`},
	})
}

func TestEachScheduleStartsTheStateMachineAndHasADeadLetterQueue(t *testing.T) {
	tp := standardTemplate(t)
	machine := "${" + tp.one("AWS::StepFunctions::StateMachine", "Workflow").id + "}"
	queue := tp.one("AWS::SQS::Queue", "Schedules")
	group := tp.one("AWS::Scheduler::ScheduleGroup", "Schedules")
	role := tp.one("AWS::IAM::Role", "SchedulesRole")
	for _, s := range tp.runSchedules() {
		same(t, s.id+"'s target", s.at("Target", "Arn"), any(machine))
		same(t, s.id+"'s role", s.at("Target", "RoleArn"), any("${"+role.id+".Arn}"))
		same(t, s.id+"'s queue", s.at("Target", "DeadLetterConfig", "Arn"), any("${"+queue.id+".Arn}"))
		same(t, s.id+"'s group", s.at("GroupName"), any("${"+group.id+"}"))
		same(t, s.id+"'s retries", s.at("Target", "RetryPolicy", "MaximumRetryAttempts"), any(185.0))
		var in contract.Input
		if err := json.Unmarshal([]byte(s.at("Target", "Input").(string)), &in); err != nil {
			t.Error(err)
		}
	}
	same(t, "what the role allows", allowedOn(tp.roleStatements("SchedulesRole")), map[string]string{
		"states:StartExecution": machine, "sqs:SendMessage": "${" + queue.id + ".Arn}",
	})
	same(t, "the queue's encryption", queue.at("SqsManagedSseEnabled"), any(true))
	same(t, "how long it keeps messages", queue.at("MessageRetentionPeriod"), any(14*24*3600.0))
	policy := statements(t, tp.one("AWS::SQS::QueuePolicy", "Schedules").properties["PolicyDocument"], "the queue's policy")
	everything := slices.Concat(policy, tp.roleStatements("SchedulesRole"))
	for secure, want := range map[string]bool{"true": true, "false": false} {
		r := request{"", "sqs:SendMessage", "${" + queue.id + ".Arn}", map[string]string{"aws:SecureTransport": secure}}
		if got := allowed(t, everything, r); got != want {
			t.Errorf("TLS: %s, the queue accepts messages: %t", secure, got)
		}
	}
}

func allowedOn(all []statement) map[string]string {
	out := map[string]string{}
	for _, s := range all {
		for _, a := range s.Actions {
			out[a] = strings.Join(s.Resources, " ")
		}
	}
	return out
}

// read reads a configuration from a context, as main does.
func read(t *testing.T, context string) config.Config {
	t.Helper()
	var values map[string]any
	if err := json.Unmarshal([]byte(context), &values); err != nil {
		t.Fatal(err)
	}
	c, err := config.Read(values, config.Target{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestASchedulesConfigurationReachesTheTemplate(t *testing.T) {
	c := read(t, `{"schedules": [
		{"keyword": "SnapshotDaily", "expression": "cron(30 2 ? * MON-FRI *)", "timeZone": "Europe/Berlin", "flexibleWindowMinutes": 15},
		{"keyword": "SnapshotDaily", "expression": "cron(0 12 ? * SAT *)", "timeZone": "Europe/Berlin", "enabled": false},
		{"keyword": "备份 daily", "expression": "rate(6 hours)"},
		{"keyword": "Once", "expression": "at(2030-01-01T00:00:00)"}
	]}`)
	type schedule struct {
		Expression, State string
		Window            any
		Age               any
	}
	got := map[string]schedule{}
	for _, s := range templateOf(t, c, config.Target{}).runSchedules() {
		got[s.at("Name").(string)] = schedule{
			s.at("ScheduleExpression").(string), s.at("State").(string), s.at("FlexibleTimeWindow", "MaximumWindowInMinutes"),
			s.at("Target", "RetryPolicy", "MaximumEventAgeInSeconds"),
		}
	}
	same(t, "schedules", got, map[string]schedule{
		"SnapshotDaily":   {"cron(30 2 ? * MON-FRI *)", "ENABLED", 15.0, 86400.0},
		"SnapshotDaily.2": {"cron(0 12 ? * SAT *)", "DISABLED", nil, 86400.0},
		"daily-a07706fa":  {"rate(6 hours)", "ENABLED", nil, 21600.0},
		"Once":            {"at(2030-01-01T00:00:00)", "ENABLED", nil, 86400.0},
	})
}
