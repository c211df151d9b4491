package lifecycle_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/lifecycle"
)

// All tests of the stack are in this package, and none is parallel: jsii has one process for each test binary. It takes seconds to
// start, and it handles one call at a time. The tests do not close it, because that triggers the race detector.

const repository = "../.."

// build is a folder with placeholders for the functions, so that the tests need no `make build`.
var build = sync.OnceValue(func() string {
	folder, err := os.MkdirTemp("", "build")
	if err != nil {
		panic(err)
	}
	for _, f := range config.Functions() {
		if err := os.MkdirAll(filepath.Join(folder, f), 0o755); err != nil {
			panic(err)
		}
		if err := os.WriteFile(filepath.Join(folder, f, "bootstrap"), []byte(f), 0o755); err != nil {
			panic(err)
		}
	}
	return folder
})

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(build())
	os.Exit(code)
}

// stackContext is the context of cdk.json. Its feature flags change the template.
func stackContext() map[string]any {
	body, err := os.ReadFile(filepath.Join(repository, "cdk.json"))
	if err != nil {
		panic(err)
	}
	var file struct{ Context map[string]any }
	if err := json.Unmarshal(body, &file); err != nil {
		panic(err)
	}
	return file.Context
}

// needNode skips a test if there is no Node.js, which the CDK needs: `make test` must work without it. In CI the test fails.
func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil && os.Getenv("CI") == "" {
		t.Skip("this needs Node.js, and there is no `node` in the PATH")
	}
}

func newApp(t *testing.T) awscdk.App {
	t.Helper()
	needNode(t)
	context := stackContext()
	return awscdk.NewApp(&awscdk.AppProps{Context: &context, AnalyticsReporting: jsii.Bool(false), StackTraces: jsii.Bool(false)})
}

// synthesize makes a stack from a configuration. If the CDK panics, the test fails.
func synthesize(t *testing.T, c config.Config, target config.Target) (stack awscdk.Stack) {
	t.Helper()
	defer func() {
		t.Helper()
		if r := recover(); r != nil {
			t.Fatalf("the CDK refused: %v", r)
		}
	}()
	stack, err := lifecycle.New(newApp(t), target.StackID(), lifecycle.Props{Config: c, Target: target, Build: build()})
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

// template is a CloudFormation template.
type template struct {
	t    *testing.T
	body map[string]any
}

func templateOf(t *testing.T, c config.Config, target config.Target) *template {
	t.Helper()
	stack := synthesize(t, c, target)
	return &template{t, *assertions.Template_FromStack(stack, nil).ToJSON()}
}

var standard *template

// standardTemplate is the template of the default configuration, with an e-mail address.
func standardTemplate(t *testing.T) *template {
	t.Helper()
	if standard == nil {
		c := config.Default()
		c.AlertEmails = []string{"ops@example.com"}
		standard = templateOf(t, c, config.Target{})
	}
	return &template{t, standard.body}
}

// resource is a resource of a template.
type resource struct {
	id, kind   string
	properties map[string]any
	body       map[string]any
}

// resources returns the resources of a type, in order. If there are none, the test fails.
func (t *template) resources(kind string) []resource {
	t.t.Helper()
	out := t.anyOf(kind)
	if len(out) == 0 {
		t.t.Fatalf("the template has no %s", kind)
	}
	return out
}

func (t *template) anyOf(kind string) []resource {
	all := t.body["Resources"].(map[string]any)
	var out []resource
	for _, id := range slices.Sorted(maps.Keys(all)) {
		body := all[id].(map[string]any)
		if body["Type"] == kind || kind == "" {
			p, _ := body["Properties"].(map[string]any)
			out = append(out, resource{id, body["Type"].(string), p, body})
		}
	}
	return out
}

// one returns the only resource of a type whose ID has the prefix.
func (t *template) one(kind, prefix string) resource {
	t.t.Helper()
	var found []resource
	for _, r := range t.resources(kind) {
		if strings.HasPrefix(r.id, prefix) {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.t.Fatalf("%d %s have an ID that begins with %s", len(found), kind, prefix)
	}
	return found[0]
}

// at returns the value at a path of keys, resolved; nil if there is none.
func (r resource) at(path ...string) any {
	var v any = r.properties
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return resolve(v)
}

// resolve replaces CloudFormation's functions by texts: ${Name} for a Ref, ${Name.Attribute} for a GetAtt.
func resolve(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = resolve(v[i])
		}
		return out
	case map[string]any:
		if s, ok := function(v); ok {
			return s
		}
		out := map[string]any{}
		for k := range v {
			out[k] = resolve(v[k])
		}
		return out
	}
	return v
}

func function(v map[string]any) (string, bool) {
	if ref, ok := v["Ref"].(string); ok {
		return "${" + ref + "}", true
	}
	if get, ok := v["Fn::GetAtt"].([]any); ok {
		return fmt.Sprintf("${%v.%v}", get[0], get[1]), true
	}
	if find, ok := v["Fn::FindInMap"].([]any); ok {
		return fmt.Sprintf("${%v/%v/%v}", find[0], resolve(find[1]), find[2]), true
	}
	if choice, ok := v["Fn::If"].([]any); ok {
		return fmt.Sprintf("${%v ? %v : %v}", choice[0], resolve(choice[1]), resolve(choice[2])), true
	}
	if join, ok := v["Fn::Join"].([]any); ok {
		var parts []string
		for _, p := range join[1].([]any) {
			parts = append(parts, fmt.Sprint(resolve(p)))
		}
		return strings.Join(parts, join[0].(string)), true
	}
	return "", false
}

// texts returns a list. CloudFormation writes a list with one text as a text.
func texts(v any) []string {
	switch v := resolve(v).(type) {
	case nil:
		return nil
	case []any:
		var out []string
		for _, one := range v {
			out = append(out, fmt.Sprint(one))
		}
		return out
	default:
		return []string{fmt.Sprint(v)}
	}
}

// text returns the template as it is deployed.
func (t *template) text() string {
	body, err := json.MarshalIndent(t.body, "", "  ")
	if err != nil {
		t.t.Fatal(err)
	}
	return string(body)
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// readFile reads a file of the repository.
func readFile(t *testing.T, path ...string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(append([]string{repository}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

var (
	str = jsii.String
	no  = jsii.Bool(false)
)
