// Package internal_test checks the floor plan of the whole module: which package may import which.
package internal_test

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// floorPlan is the architecture. A room is a package or, with a star, each package of a wing. It may import what stands in its row, of
// this module and of others, and the standard library. Dependencies point upward: a row names only rows above it, its own wing's exceptions
// aside. Tests may import more.
var floorPlan = []room{
	// What the state machine and its functions say to each other.
	{"statemachine/contract", "", ""},
	{"statemachine", "", ""},
	{"statemachine/asl", "", ""},

	// The ground: what EBS is, what to keep, what is remembered.
	{"functions/internal/ebs", "contract", ""},
	{"functions/internal/retention", "ebs", ""},
	{"functions/internal/store", "ebs", ""},

	// A run: what each of its functions does. None knows another.
	{"functions/internal/run/*", "contract ebs retention store", ""},
	// What watches without a run, and what a person asks for.
	{"functions/internal/watch/*", "contract ebs retention store run/discover", ""},
	{"functions/internal/operator/*", "contract ebs retention run/discover watch/orphans", ""},

	// The only packages that import an AWS service's SDK, and what stands around each Lambda.
	{"functions/internal/aws/*", "contract ebs store", awsSDK},
	{"functions/internal/lambda/*", "contract", awsSDK + " github.com/aws/aws-lambda-go"},

	// The product on this machine. No product package imports it.
	{"functions/internal/sim/*", "statemachine asl contract ebs retention store aws/ec2gw lambda/boundary run/* watch/* sim/*",
		awsSDK + " github.com/aws/aws-lambda-go github.com/gofrs/flock"},

	// Main packages: a Lambda each, and the command.
	{"functions/ebs-snapshots", "*", awsSDK + " github.com/spf13/cobra charm.land/lipgloss/v2 github.com/gofrs/flock golang.org/x/term"},
	{"functions/*", "contract aws/* lambda/* run/* watch/*", awsSDK},

	// The CDK app. It shares the state machine and its contract with the functions, and deploys what `make build` made of them.
	{"infra/config", "contract", ""},
	{"infra/lifecycle", "contract statemachine infra/config", cdk},
	{"infra/account", "infra/config", awsSDK + " github.com/aws/aws-sdk-go-v2/service/sfn github.com/aws/aws-sdk-go-v2/service/sts golang.org/x/term"},
	{"infra/e2e", "contract", "github.com/gofrs/flock"},
	{"infra/e2e/*", "infra/e2e", ""},
	{"infra", "infra/config infra/lifecycle", cdk},
}

const (
	awsSDK = "github.com/aws/aws-sdk-go-v2/aws github.com/aws/aws-sdk-go-v2/config github.com/aws/aws-sdk-go-v2/credentials github.com/aws/smithy-go"
	cdk    = "github.com/aws/aws-cdk-go github.com/aws/constructs-go github.com/aws/jsii-runtime-go"
)

// services are the SDKs of AWS's services: each has one gateway. That of EC2 costs minutes to compile.
var services = map[string]string{
	"ec2": "functions/internal/aws/ec2gw",
	"s3":  "functions/internal/aws/s3store",
	"sfn": "functions/internal/aws/sfngw",
	"sns": "functions/internal/aws/snsgw",
	"sts": "functions/internal/aws/stsgw",
}

// notInALambda are packages that no Lambda may be linked with, also not by what it imports. The templates and net/rpc make the linker
// keep all of the EC2 client (.ci/check-size).
var notInALambda = []string{
	"html/template", "text/template", "net/rpc", "testing", "github.com/gofrs/flock",
	module + "functions/internal/sim/", module + "statemachine/asl", module + "infra/",
}

const module = "github.com/ebs-lifecycle/ebs-snapshot-lifecycle/"

type room struct{ name, ours, others string }

// found is what `go list` says of a package.
type found struct {
	ImportPath, Name                         string
	Imports, TestImports, XTestImports, Deps []string
}

// list asks for all packages, as they are linked into Lambdas, and with the end-to-end tests.
func list(t *testing.T) map[string]found {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-tags", "lambda.norpc,e2e", "-json=ImportPath,Name,Imports,TestImports,XTestImports,Deps", module+"...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string]found{}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p found
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(p.ImportPath, module)] = p
	}
	return all
}

func TestEachPackageImportsOnlyWhatTheFloorPlanAllows(t *testing.T) {
	used := map[string]bool{}
	packages := list(t)
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		if name == "functions/internal" { // this test
			continue
		}
		r, ok := roomOf(name)
		if !ok {
			t.Errorf("%s has no room in the floor plan", name)
		}
		used[r.name] = true
		for _, imported := range packages[name].Imports {
			if !r.allows(imported) && !isGatewayTo(name, imported) {
				t.Errorf("%s (room %s) imports %s", name, r.name, strings.TrimPrefix(imported, module))
			}
		}
	}
	for _, r := range floorPlan {
		if !used[r.name] {
			t.Errorf("the room %s is empty", r.name)
		}
	}
}

func TestOnlyOnePackageImportsTheEC2Client(t *testing.T) {
	for name, p := range list(t) {
		tests := slices.Concat(p.TestImports, p.XTestImports)
		if name == "functions/internal/sim/ec2sim" { // held against the real client
			tests = nil
		}
		for _, imported := range slices.Concat(p.Imports, tests) {
			if strings.HasPrefix(imported, serviceSDK+"ec2") && name != services["ec2"] {
				t.Errorf("%s imports %s", name, imported)
			}
		}
	}
}

func TestNoLambdaIsLinkedWithWhatMakesItLarge(t *testing.T) {
	lambdas := 0
	for name, p := range list(t) {
		if p.Name != "main" || !strings.HasPrefix(name, "functions/") || slices.Contains(p.Imports, module+"functions/internal/sim/workflow") {
			continue
		}
		lambdas++
		for _, dep := range p.Deps {
			for _, bad := range notInALambda {
				if dep == bad || strings.HasSuffix(bad, "/") && strings.HasPrefix(dep, bad) {
					t.Errorf("%s is linked with %s", name, strings.TrimPrefix(dep, module))
				}
			}
		}
	}
	if lambdas < 6 {
		t.Errorf("only %d Lambdas were found", lambdas)
	}
}

// roomOf gives the first row that is about the package.
func roomOf(name string) (room, bool) {
	for _, r := range floorPlan {
		if matches(r.name, name) {
			return r, true
		}
	}
	return room{}, false
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

func (r room) allows(imported string) bool {
	if ours, ok := strings.CutPrefix(imported, module); ok {
		for _, pattern := range strings.Fields(r.ours) {
			if pattern == "*" || matches(pattern, ours) || matches("functions/internal/"+pattern, ours) || matches("statemachine/"+pattern, ours) {
				return true
			}
		}
		return false
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	for _, other := range strings.Fields(r.others) {
		if imported == other || strings.HasPrefix(imported, other+"/") {
			return true
		}
	}
	return false
}

const serviceSDK = "github.com/aws/aws-sdk-go-v2/service/"

func isGatewayTo(name, imported string) bool {
	service, _, _ := strings.Cut(strings.TrimPrefix(imported, serviceSDK), "/")
	return strings.HasPrefix(imported, serviceSDK) && services[service] == name
}
