package lifecycle_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/lifecycle"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine"
)

// definition returns the definition as Step Functions gets it, except for the references that CloudFormation resolves.
func (t *template) definition() string {
	t.t.Helper()
	text, ok := t.one("AWS::StepFunctions::StateMachine", "Workflow").at("DefinitionString").(string)
	if !ok {
		t.t.Fatal("the definition is not a text")
	}
	return text
}

func (t *template) deployed() map[string]any {
	t.t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(t.definition()), &out); err != nil {
		t.t.Fatal(err)
	}
	return out
}

func TestTheDeployedDefinitionIsTheOneOfTheRepositoryWithTheStacksValues(t *testing.T) {
	tp := standardTemplate(t)
	function := func(id string) string {
		return "${" + tp.one("AWS::Lambda::Function", id+"Function").id + ".Arn}"
	}
	values := statemachine.Values{
		"DiscoverInstancesFunction": function("DiscoverInstances"), "SnapshotVolumeFunction": function("SnapshotVolume"),
		"PruneVolumeFunction": function("PruneVolume"), "ReportRunFunction": function("ReportRun"),
		"Bucket":         "${" + tp.one("AWS::S3::Bucket", "Runs").id + "}",
		"TopicArn":       "${" + tp.one("AWS::SNS::Topic", "Alerts").id + "}",
		"LambdaInvoke":   "arn:${AWS::Partition}:states:::lambda:invoke",
		"S3GetObject":    "arn:${AWS::Partition}:states:::s3:getObject",
		"S3PutObject":    "arn:${AWS::Partition}:states:::s3:putObject",
		"S3PutObjectSdk": "arn:${AWS::Partition}:states:::aws-sdk:s3:putObject",
		"SnsPublish":     "arn:${AWS::Partition}:states:::sns:publish",
		"MaxConcurrency": 10_000,
	}
	want, err := statemachine.Render(statemachine.Definition, values)
	if err != nil {
		t.Fatal(err)
	}
	var wanted map[string]any
	if err := json.Unmarshal(want, &wanted); err != nil {
		t.Fatal(err)
	}
	same(t, "the definition", tp.deployed(), wanted)
}

func TestNumbersOfTheConfigurationReachTheDefinitionAndDiscovery(t *testing.T) {
	c := config.Default()
	c.MaxConcurrency, c.SettleSeconds, c.CreateBurst, c.CreateRate = 50, 7, 60, 2.5
	tp := templateOf(t, c, config.Target{})
	if want := `"MaxConcurrency": 50,`; !strings.Contains(tp.definition(), want) {
		t.Errorf("the definition does not have %s", want)
	}
	environment := tp.one("AWS::Lambda::Function", "DiscoverInstances").at("Environment", "Variables").(map[string]any)
	for name, want := range map[string]string{"SETTLE_SECONDS": "7", "CREATE_BURST": "60", "CREATE_RATE": "2.5"} {
		same(t, name, environment[name], any(want))
	}
}

// The ARNs in the state machine's role contain the map's label.
func TestTheRoleHasTheLabelOfTheMap(t *testing.T) {
	tp := standardTemplate(t)
	states := tp.deployed()["States"].(map[string]any)
	label := states["SnapshotInstances"].(map[string]any)["Label"].(string)
	child := "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:" + lifecycle.Name + "/" + label + ":1"
	for _, action := range []string{"states:RedriveExecution", "states:StopExecution", "states:DescribeExecution"} {
		if !allowed(t, tp.roleStatements("WorkflowRole"), request{"", action, child, nil}) {
			t.Errorf("the role is not allowed %s on %s", action, child)
		}
	}
	name := tp.one("AWS::StepFunctions::StateMachine", "Workflow").at("StateMachineName").(string)
	start := "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:" + name
	if !allowed(t, tp.roleStatements("WorkflowRole"), request{"", "states:StartExecution", start, nil}) {
		t.Errorf("the role is not allowed to start %s", start)
	}
}

func TestTheStateMachineIsTracedAndLogged(t *testing.T) {
	tp := standardTemplate(t)
	machine := tp.one("AWS::StepFunctions::StateMachine", "Workflow")
	same(t, "tracing", machine.at("TracingConfiguration", "Enabled"), any(true))
	same(t, "logging", machine.at("LoggingConfiguration"), any(map[string]any{
		"Destinations": []any{map[string]any{"CloudWatchLogsLogGroup": map[string]any{
			"LogGroupArn": "${" + tp.one("AWS::Logs::LogGroup", "WorkflowLogs").id + ".Arn}",
		}}},
		"IncludeExecutionData": false, "Level": "ALL",
	}))
}

var (
	setting  = regexp.MustCompile(`contract\.(Env\w+)`)
	constant = regexp.MustCompile(`(Env\w+) += "([A-Z_]+)"`)
)

func TestFunctionsFitTheirStatesAndTheirPrograms(t *testing.T) {
	tp := standardTemplate(t)
	variable := map[string]string{}
	for _, m := range constant.FindAllStringSubmatch(readFile(t, "statemachine", "contract", "environment.go"), -1) {
		variable[m[1]] = m[2]
	}
	for holder, role := range roles {
		if holder == "state-machine" {
			continue
		}
		f := tp.one("AWS::Lambda::Function", strings.TrimSuffix(role, "Role"))
		state := strings.TrimSuffix(role, "Role")
		if !slices.Contains(ownSchedule, holder) {
			same(t, holder+"'s timeout is its state's", f.at("Timeout"), any(float64(timeoutOf(t, state))))
		}
		same(t, holder+"'s runtime", []any{f.at("Runtime"), f.at("Handler"), f.at("Architectures")},
			[]any{"provided.al2023", "bootstrap", []any{"arm64"}})
		same(t, holder+"'s tracing", f.at("TracingConfig", "Mode"), any("${InChina ? PassThrough : Active}"))
		same(t, holder+"'s role", f.at("Role"), any("${"+tp.one("AWS::IAM::Role", role).id+".Arn}"))
		logs := tp.one("AWS::Logs::LogGroup", state+"Logs")
		same(t, holder+"'s logs", f.at("LoggingConfig"), any(map[string]any{
			"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN", "LogGroup": "${" + logs.id + "}",
		}))
		wanted := map[string]bool{}
		for _, m := range setting.FindAllStringSubmatch(readFile(t, "functions", holder, "main.go"), -1) {
			wanted[variable[m[1]]] = true
		}
		variables, _ := f.at("Environment", "Variables").(map[string]any)
		delete(variables, "GOMEMLIMIT") // Go's own
		same(t, holder+"'s settings", sortedKeys(variables), sortedKeys(wanted))
	}
}

// timeoutOf returns the timeout of a state in the definition, at whatever depth.
func timeoutOf(t *testing.T, state string) int {
	t.Helper()
	m := regexp.MustCompile(`(?s)"` + state + `": \{\s*"Type": "Task".*?"TimeoutSeconds": (\d+)`).FindSubmatch(statemachine.Definition)
	if m == nil {
		t.Fatalf("the definition has no state %s with a timeout", state)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSettingsOfTheFunctionsFollowTheConfiguration(t *testing.T) {
	c := read(t, `{"createBurst": 10, "createRate": 0.5, "architecture": "x86_64", "logRetentionDays": 14, "schedules": [
		{"keyword": "A", "expression": "rate(1 day)", "timeZone": "Asia/Shanghai"}, {"keyword": "B", "expression": "rate(1 day)", "excludeBootVolumes": true}]}`)
	tp := templateOf(t, c, config.Target{})
	variables := tp.one("AWS::Lambda::Function", "DiscoverInstances").at("Environment", "Variables").(map[string]any)
	same(t, "burst, rate and zones", []any{variables["CREATE_BURST"], variables["CREATE_RATE"], variables["TIME_ZONES"]},
		[]any{"10", "0.5", `{"A":"Asia/Shanghai","B":"UTC"}`})
	for _, f := range []string{"DiscoverInstances", "CheckFreshness"} {
		same(t, f+" excludes boot volumes of", tp.one("AWS::Lambda::Function", f).at("Environment", "Variables", "EXCLUDE_BOOT"), any(`["B"]`))
	}
	for _, f := range tp.resources("AWS::Lambda::Function") {
		same(t, f.id+"'s architecture", f.at("Architectures"), any([]any{"x86_64"}))
	}
	for _, l := range tp.resources("AWS::Logs::LogGroup") {
		same(t, l.id+"'s retention", l.at("RetentionInDays"), any(14.0))
	}
}

// Each function runs the program of its own folder: if one program changes, only that function's code changes.
func TestEachFunctionRunsItsOwnProgram(t *testing.T) {
	code := func(build string) map[string]any {
		stack, err := lifecycle.New(newApp(t), "S", lifecycle.Props{Config: config.Default(), Build: build})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]any{}
		tp := template{t, *assertions.Template_FromStack(stack, nil).ToJSON()}
		for holder, role := range roles {
			if holder != "state-machine" {
				out[holder] = tp.one("AWS::Lambda::Function", strings.TrimSuffix(role, "Role")).at("Code", "S3Key")
			}
		}
		return out
	}
	before := code(build())
	for _, changed := range config.Functions() {
		other := t.TempDir()
		if err := os.CopyFS(other, os.DirFS(build())); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(other, changed, "bootstrap"), []byte("another"), 0o755); err != nil {
			t.Fatal(err)
		}
		for f, key := range code(other) {
			if (key != before[f]) != (f == changed) {
				t.Errorf("%s changed: the code of %s was %v and is %v", changed, f, before[f], key)
			}
		}
	}
}

func TestPropsSayWhatToDo(t *testing.T) {
	_, err := lifecycle.New(newApp(t), "S", lifecycle.Props{Build: t.TempDir()})
	if err == nil {
		t.Fatal("a stack was made from empty Props")
	}
	for _, want := range []string{"Props.Config is empty: use the result of config.Read", "run `make build`, and use the folder build"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
}
