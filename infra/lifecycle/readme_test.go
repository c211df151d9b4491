package lifecycle_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// The README's tables are generated from the code and from the template; -update writes them.
func TestTheTablesOfTheREADME(t *testing.T) {
	path := filepath.Join(repository, "README.md")
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tp := standardTemplate(t)
	got := string(body)
	for name, table := range map[string]string{
		"configuration": keysTable(config.Keys()), "schedule": keysTable(config.ScheduleKeys()),
		"alarms": tp.alarmsTable(), "permissions": tp.permissionsTable(),
	} {
		begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
		before, rest, ok := strings.Cut(got, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no %s…%s", path, strings.TrimSpace(begin), end)
		}
		got = before + begin + "\n" + table + "\n" + end + after
	}
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	same(t, "the tables in "+path+"; -update writes them", string(body), got)
}

func rows(header []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(header)
	line(slices.Repeat([]string{"---"}, len(header)))
	for _, r := range rows {
		line(r)
	}
	return b.String()
}

func keysTable(keys []config.Key) string {
	var out [][]string
	for _, k := range keys {
		preset := k.Preset
		if preset == "" {
			preset = "(needed)"
		}
		out = append(out, []string{"`" + k.Name + "`", preset, k.Meaning})
	}
	return rows([]string{"key", "default", "meaning"}, out)
}

func (t *template) alarmsTable() string {
	t.t.Helper()
	var out [][]string
	at := map[string]int{}
	for _, a := range t.resources("AWS::CloudWatch::Alarm") {
		name := "`" + strings.TrimPrefix(a.at("AlarmName").(string), "EbsSnapshotLifecycle-") + "`"
		text := withoutNames(a.at("AlarmDescription").(string))
		if i, ok := at[text]; ok { // another function or keyword has the same text
			out[i][0] += ", " + name
			continue
		}
		at[text] = len(out)
		happened, whatToDo, _ := strings.Cut(text, " What to do: ")
		// A < would begin an HTML tag.
		out = append(out, []string{name, happened, strings.ReplaceAll(whatToDo, "<", `\<`)})
	}
	return rows([]string{"alarm `EbsSnapshotLifecycle-…`", "what it means", "what to do"}, out)
}

// withoutNames removes from a text the name of the function or keyword that it is about.
func withoutNames(text string) string {
	for _, f := range config.Functions() {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "The function "+f, "The function"), "calls of "+f, "calls of the function")
	}
	text = regexp.MustCompile(`\$\{SchedulesUndelivered\w+\}`).ReplaceAllString(text, "<the queue's URL>")
	text = regexp.MustCompile(`\$\{WorkflowStateMachine\w+\}`).ReplaceAllString(text, "<the output StateMachineArn>")
	for _, s := range config.Default().Schedules {
		text = strings.ReplaceAll(text, "No run of "+s.Keyword, "No run of the keyword")
	}
	return regexp.MustCompile(`the last \d+ hours \((two periods of its schedule)\)`).ReplaceAllString(text, "the last $1")
}

func (t *template) permissionsTable() string {
	t.t.Helper()
	holders := []struct{ name, role string }{
		{"`discover-instances`", "DiscoverInstancesRole"}, {"`snapshot-volume`", "SnapshotVolumeRole"}, {"`prune-volume`", "PruneVolumeRole"},
		{"`report-run`", "ReportRunRole"}, {"`check-freshness`", "CheckFreshnessRole"}, {"`tidy-orphans`", "TidyOrphansRole"}, {"the state machine", "WorkflowRole"}, {"the schedules", "SchedulesRole"},
		{"the checks' schedules", "ChecksRole"},
	}
	if got := len(t.resources("AWS::IAM::Role")); got != len(holders) {
		t.t.Fatalf("the template has %d roles, the table %d", got, len(holders))
	}
	var out [][]string
	for _, h := range holders {
		for _, s := range t.roleStatements(h.role) {
			var on []string
			for _, r := range s.Resources {
				on = append(on, inWords(r))
			}
			out = append(out, []string{h.name, "`" + strings.Join(s.Actions, "`, `") + "`", strings.Join(on, ", "), conditionInWords(t.t, s)})
		}
	}
	return rows([]string{"who", "may", "on", "if"}, out)
}

// inWords describes a resource's ARN in words, for the table.
func inWords(arn string) string {
	for prefix, words := range map[string]string{
		"${AlertsTopic": "the topic", "${AlertsKey": "the topic's key", "${Runs": "the bucket",
		"${SchedulesUndelivered":      "the dead-letter queue of the schedules",
		"${WorkflowStateMachine":      "the state machine",
		"${DiscoverInstancesFunction": "`discover-instances`", "${SnapshotVolumeFunction": "`snapshot-volume`",
		"${PruneVolumeFunction": "`prune-volume`", "${ReportRunFunction": "`report-run`",
		"${CheckFreshnessFunction": "`check-freshness`", "${TidyOrphansFunction": "`tidy-orphans`",
	} {
		if strings.HasPrefix(arn, prefix) {
			if _, key, ok := strings.Cut(arn, "}/"); ok {
				return "`" + key + "` in " + words
			}
			return words
		}
	}
	if strings.HasPrefix(arn, "${") && strings.Contains(arn, "Logs") {
		return "its log group"
	}
	if strings.Count(arn, ":") > 5 {
		arn = strings.TrimLeft(arn[strings.LastIndex(arn, "}:")+2:], ":")
	}
	return "`" + arn + "`"
}

func conditionInWords(t *testing.T, s statement) string {
	t.Helper()
	var out []string
	for operator, keys := range s.Conditions {
		for key, values := range keys {
			switch {
			case operator == "Null" && slices.Equal(values, []string{"false"}):
				out = append(out, "`"+key+"` is there")
			case operator == "StringEquals" || operator == "StringLike":
				out = append(out, "`"+key+"` is `"+strings.Join(values, "` or `")+"`")
			default:
				t.Fatalf("no words for %s", s)
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
