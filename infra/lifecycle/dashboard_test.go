package lifecycle_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// widgets returns the dashboard's widgets, with texts instead of CloudFormation's functions.
func (t *template) widgets() []map[string]any {
	t.t.Helper()
	board := t.one("AWS::CloudWatch::Dashboard", "Dashboard")
	var body struct{ Widgets []map[string]any }
	if err := json.Unmarshal([]byte(board.at("DashboardBody").(string)), &body); err != nil {
		t.t.Fatal(err)
	}
	if len(body.Widgets) == 0 {
		t.t.Fatal("the dashboard is empty")
	}
	return body.Widgets
}

func TestTheDashboardHasTheseTitlesAndAllAlarms(t *testing.T) {
	tp := standardTemplate(t)
	var titles []string
	for _, w := range tp.widgets() {
		p := w["properties"].(map[string]any)
		titles = append(titles, p["title"].(string))
		if region := p["region"]; w["type"] != "alarm" && region != "${AWS::Region}" {
			t.Errorf("%s shows the Region %v", p["title"], region)
		}
	}
	same(t, "titles", titles, []string{
		"Is anything wrong?",
		"Did the last runs work? How many volumes, and how long from the scheduled time to the report?",
		"How old is the newest good snapshot?",
		"How many snapshots were pruned?", "What was pruned last, and why?",
		"Runs", "Duration of the longest run", "Invocations of the functions",
	})
	shown := tp.widgets()[0]["properties"].(map[string]any)["alarms"]
	var want []string
	for _, a := range tp.resources("AWS::CloudWatch::Alarm") {
		want = append(want, "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:"+a.at("AlarmName").(string))
	}
	got := texts(shown)
	slices.Sort(got)
	slices.Sort(want)
	same(t, "alarms on the dashboard", got, want)
}

// CloudWatch refuses a dashboard with more than 100 alarms in one widget.
func TestNoWidgetHasTooManyAlarms(t *testing.T) {
	var schedules []string
	for i := range 100 {
		schedules = append(schedules, fmt.Sprintf(`{"keyword": "K%d", "expression": "rate(1 day)"}`, i))
	}
	tp := templateOf(t, read(t, `{"schedules": [`+strings.Join(schedules, ",")+`]}`), config.Target{})
	shown := 0
	for _, w := range tp.widgets() {
		if w["type"] != "alarm" {
			continue
		}
		n := len(texts(w["properties"].(map[string]any)["alarms"]))
		if n < 1 || n > 100 {
			t.Errorf("a widget has %d alarms", n)
		}
		shown += n
	}
	same(t, "alarms on the dashboard", shown, len(tp.resources("AWS::CloudWatch::Alarm")))
}

// Dashboards belong to the account. All other named resources belong to a Region.
func TestTheDashboardsOfTwoRegionsHaveDifferentNames(t *testing.T) {
	names := map[any]bool{}
	for _, region := range []string{"eu-central-1", "us-east-1"} {
		tp := templateOf(t, config.Default(), config.Target{Region: region, Account: "123456789012"})
		name := tp.one("AWS::CloudWatch::Dashboard", "Dashboard").at("DashboardName")
		names[name] = true
		link := fmt.Sprint(resolve(tp.body["Outputs"].(map[string]any)["DashboardConsole"].(map[string]any)["Value"]))
		if !strings.HasSuffix(link, fmt.Sprintf("#dashboards:name=%v", name)) {
			t.Errorf("the link to %v is %s", name, link)
		}
	}
	same(t, "names", names, map[any]bool{"EbsSnapshotLifecycle-eu-central-1": true, "EbsSnapshotLifecycle-us-east-1": true})
	name := standardTemplate(t).one("AWS::CloudWatch::Dashboard", "Dashboard").at("DashboardName")
	same(t, "the name if the Region is not known yet", name, any("EbsSnapshotLifecycle-${AWS::Region}"))
}

func TestSavedQueriesReadTheRightLogs(t *testing.T) {
	tp := standardTemplate(t)
	got := map[string][]string{}
	for _, q := range tp.resources("AWS::Logs::QueryDefinition") {
		var groups []string
		for _, g := range texts(q.properties["LogGroupNames"]) {
			groups = append(groups, strings.TrimSuffix(strings.TrimPrefix(g, "${")[:len(g)-11], "Logs"))
		}
		slices.Sort(groups)
		got[q.at("Name").(string)] = groups
	}
	ofWorkflow := []string{"DiscoverInstances", "PruneVolume", "ReportRun", "SnapshotVolume"}
	all := append(append([]string{"CheckFreshness"}, ofWorkflow...), "TidyOrphans")
	same(t, "queries", got, map[string][]string{
		"EbsSnapshotLifecycle/What happened to a volume":      all,
		"EbsSnapshotLifecycle/What happened in a run":         ofWorkflow,
		"EbsSnapshotLifecycle/Which errors the functions met": all,
		"EbsSnapshotLifecycle/How the runs ended":             {"ReportRun"},
		"EbsSnapshotLifecycle/What was deleted, and why":      {"PruneVolume", "TidyOrphans"},
	})
}

func TestEachOutputHasADescriptionAndFitsThePartition(t *testing.T) {
	outputs := standardTemplate(t).body["Outputs"].(map[string]any)
	same(t, "outputs", sortedKeys(outputs), []string{
		"AlertTopicArn", "DashboardConsole", "QueriesConsole", "RunsBucket", "RunsConsole", "StartRun", "StateMachineArn", "SubscribeToAlerts",
	})
	for id, o := range outputs {
		o := o.(map[string]any)
		if o["Description"] == "" {
			t.Errorf("%s has no description", id)
		}
		value := fmt.Sprint(resolve(o["Value"]))
		if strings.HasSuffix(id, "Console") && !strings.HasPrefix(value, "https://${Consoles/${AWS::Partition}/Domain}/") {
			t.Errorf("%s is the same in each partition: %s", id, value)
		}
	}
}

// The template must work in any partition, so it contains none, whatever its Region.
func TestTheTemplateContainsNoPartition(t *testing.T) {
	for _, target := range []config.Target{
		{}, {Region: "us-east-1"}, {Region: "eu-central-1", Account: "123456789012"},
		{Region: "cn-north-1"}, {Region: "cn-northwest-1", Account: "123456789012"}, {Region: "eusc-de-east-1"},
	} {
		tp := templateOf(t, config.Default(), target)
		text := tp.text()
		for _, bad := range []string{"arn:aws", "amazonaws.com.cn", "amazonaws.com/", "amazonaws.eu"} {
			if strings.Contains(text, bad) {
				i := strings.Index(text, bad)
				t.Errorf("%v: the template has %s: …%s…", target, bad, text[max(0, i-60):min(len(text), i+60)])
			}
		}
		same(t, "consoles", tp.body["Mappings"].(map[string]any)["Consoles"], any(map[string]any{
			"aws": map[string]any{"Domain": "console.aws.amazon.com"}, "aws-cn": map[string]any{"Domain": "console.amazonaws.cn"},
			"aws-us-gov": map[string]any{"Domain": "console.amazonaws-us-gov.com"}, "aws-eusc": map[string]any{"Domain": "console.amazonaws-eusc.eu"},
		}))
	}
}
