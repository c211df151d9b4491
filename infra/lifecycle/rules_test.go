package lifecycle_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine"
)

// matches does EventBridge's matching (EventBridge User Guide, "Event patterns"), as far as the patterns here need it. It refuses the rest.
func matches(t *testing.T, pattern, event map[string]any) bool {
	t.Helper()
	for key, wanted := range pattern {
		switch wanted := wanted.(type) {
		case map[string]any:
			inner, ok := event[key].(map[string]any)
			if !ok || !matches(t, wanted, inner) {
				return false
			}
		case []any:
			if key == "$or" {
				if !slices.ContainsFunc(wanted, func(one any) bool { return matches(t, one.(map[string]any), event) }) {
					return false
				}
				continue
			}
			value, there := event[key]
			if !slices.ContainsFunc(wanted, func(one any) bool { return matchesOne(t, one, value, there) }) {
				return false
			}
		default:
			t.Fatalf("a pattern's %s is a %T", key, wanted)
		}
	}
	return true
}

func matchesOne(t *testing.T, wanted, value any, there bool) bool {
	t.Helper()
	special, ok := wanted.(map[string]any)
	if !ok {
		return there && wanted == value
	}
	if exists, ok := special["exists"].(bool); ok && len(special) == 1 {
		return there == exists
	}
	if but, ok := special["anything-but"].([]any); ok && len(special) == 1 {
		return there && !slices.Contains(but, value)
	}
	t.Fatalf("the test does not know %v", special)
	return false
}

// matchingRules returns the rules that match an event.
func (t *template) matchingRules(event map[string]any) []string {
	t.t.Helper()
	var out []string
	for _, r := range t.resources("AWS::Events::Rule") {
		same(t.t, r.id+"'s state", r.at("State"), any("ENABLED"))
		if matches(t.t, r.at("EventPattern").(map[string]any), event) {
			out = append(out, strings.TrimRight(r.id, "0123456789ABCDEF"))
		}
	}
	return out
}

func TestRulesReportWhatNothingElseReports(t *testing.T) {
	tp := standardTemplate(t)
	machine := "${" + tp.one("AWS::StepFunctions::StateMachine", "Workflow").id + "}"
	run := func(machine, status string, err any) map[string]any {
		detail := map[string]any{"stateMachineArn": machine, "status": status, "executionArn": "arn"}
		if err != "(none)" {
			detail["error"] = err
		}
		return map[string]any{"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}
	}
	snapshot := func(event, result string) map[string]any {
		return map[string]any{"source": "aws.ec2", "detail-type": "EBS Snapshot Notification",
			"detail": map[string]any{"event": event, "result": result}}
	}
	ended, failed := []string{"RulesRunEnded"}, []string{"RulesSnapshotFailed"}
	for _, c := range []struct {
		name  string
		event map[string]any
		want  []string
	}{
		{"a run that reported failed volumes", run(machine, "FAILED", "VolumesFailed"), nil},
		{"a run that broke off and sent an alert", run(machine, "FAILED", "RunBroken"), nil},
		{"a run that ended because of a mistake in the definition", run(machine, "FAILED", "States.Runtime"), ended},
		{"a run that failed without an error's name", run(machine, "FAILED", nil), ended},
		{"a run that failed, in an event that has no error", run(machine, "FAILED", "(none)"), ended},
		{"a run that took too long", run(machine, "TIMED_OUT", "States.Timeout"), ended},
		{"a run that a person stopped", run(machine, "ABORTED", nil), ended},
		{"a run that a person stopped, in an event that has no error", run(machine, "ABORTED", "(none)"), ended},
		{"a run that is under way", run(machine, "RUNNING", nil), nil},
		{"a run that succeeded", run(machine, "SUCCEEDED", nil), nil},
		{"a child execution that failed", run(machine+"/SnapshotInstances", "FAILED", "States.Runtime"), nil},
		{"a child execution that was stopped", run(machine+"/SnapshotInstances", "ABORTED", nil), nil},
		{"another state machine's execution", run("arn:other", "FAILED", "States.Runtime"), nil},
		{"a snapshot that failed", snapshot("createSnapshot", "failed"), failed},
		{"a snapshot that was created", snapshot("createSnapshot", "succeeded"), nil},
		{"a copy that failed", snapshot("copySnapshot", "failed"), nil},
	} {
		same(t, c.name, tp.matchingRules(c.event), c.want)
	}
}

// The definition ends a run with these errors after it has sent an alert, so the rule must exclude exactly these.
func TestTheRuleExcludesTheErrorsWithWhichTheDefinitionEnds(t *testing.T) {
	var definition struct {
		States map[string]struct{ Type, Error string }
	}
	if err := json.Unmarshal(statemachine.Definition, &definition); err != nil {
		t.Fatal(err)
	}
	ends := map[string]bool{}
	for _, s := range definition.States {
		if s.Type == "Fail" {
			ends[s.Error] = true
		}
	}
	pattern := standardTemplate(t).one("AWS::Events::Rule", "RulesRunEnded").at("EventPattern", "detail").(map[string]any)
	excluded := pattern["$or"].([]any)[1].(map[string]any)["error"].([]any)[0].(map[string]any)["anything-but"]
	got := texts(excluded)
	slices.Sort(got)
	same(t, "errors", got, sortedKeys(ends))
}

// rendered returns the lines of the message that EventBridge makes from a template. Each line of the template is a quoted string. It
// must have no backslash, because a reader would see it.
func rendered(t *testing.T, template string) []string {
	t.Helper()
	var out []string
	for line := range strings.SplitSeq(template, "\n") {
		inner, ok := strings.CutPrefix(line, `"`)
		inner, closed := strings.CutSuffix(inner, `"`)
		if !ok || !closed || inner == "" || strings.ContainsAny(inner, `"\`) {
			t.Errorf("EventBridge can't read this line of the template: %s", line)
		}
		out = append(out, inner)
	}
	return out
}

func TestMessagesOfRulesSayWhatToDo(t *testing.T) {
	tp := standardTemplate(t)
	for _, r := range tp.resources("AWS::Events::Rule") {
		for _, target := range r.at("Targets").([]any) {
			target := target.(map[string]any)
			same(t, r.id+"'s target", target["Arn"], any("${"+tp.one("AWS::SNS::Topic", "Alerts").id+"}"))
			transformer := target["InputTransformer"].(map[string]any)
			message := fmt.Sprint(transformer["InputTemplate"])
			text := strings.Join(rendered(t, message), "\n")
			if !strings.Contains(text, "\nWhat to do:") || !strings.Contains(text, "\n1. ") || !strings.Contains(text, "\n2. ") {
				t.Errorf("%s does not say what to do in numbered lines:\n%s", r.id, text)
			}
			for name := range transformer["InputPathsMap"].(map[string]any) {
				if !strings.Contains(text, "<"+name+">") {
					t.Errorf("%s does not use <%s>", r.id, name)
				}
				text = strings.ReplaceAll(text, "<"+name+">", "")
			}
			// If the ResultWriter is not allowed to write, the run ends like this before any child starts, and no Catch handles it
			// (statemachine/asl).
			if strings.Contains(r.id, "RunEnded") && (!strings.Contains(text, "States.Runtime") || !strings.Contains(text, "Failed to write a test manifest")) {
				t.Errorf("%s does not explain that the ResultWriter was refused:\n%s", r.id, text)
			}
			if strings.ContainsAny(text, "<>") {
				t.Errorf("%s uses a variable that does not exist: %s", r.id, text)
			}
		}
	}
}
