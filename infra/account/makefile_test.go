package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// dryRun returns the commands that make would run, one in each line.
func dryRun(t *testing.T, args ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil && os.Getenv("CI") == "" {
		t.Skip("this needs make")
	}
	cmd := exec.CommandContext(t.Context(), "make", append([]string{"-C", "../..", "--no-print-directory", "-n"}, args...)...)
	// make exports the variables of its command line: with `make test ARGS=-v`, ARGS would be set here too.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "MAKE") || slices.Contains([]string{"ARGS", "ARCH", "STACKS", "APPROVAL", "YES", "BUILD"}, name)
	})
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.Split(string(out), "\n")
}

func lineWith(lines []string, text string) int {
	return slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, text) })
}

func TestTheDestinationIsCheckedBeforeAnythingIsBuilt(t *testing.T) {
	for goal, verb := range map[string]string{"deploy": "check", "diff": "check", "destroy": "confirm", "bootstrap": "check"} {
		lines := dryRun(t, goal)
		checked, built, done := lineWith(lines, "infra/account "+verb), lineWith(lines, "go build"), lineWith(lines, "bin/cdk "+goal)
		if goal == "bootstrap" && !strings.Contains(lines[done], "cd infra ") { // in another folder it would run the app, which is not built yet
			t.Errorf("make bootstrap runs the app: %s", lines[done])
		}
		if checked < 0 || done < checked || built >= 0 && built < checked || goal != "bootstrap" && built < 0 {
			t.Errorf("make %s checks in line %d, builds in line %d, runs the CDK in line %d:\n%s", goal, checked, built, done, strings.Join(lines, "\n"))
		}
	}
}

func TestMakeCallsTheCDKWithArgumentsThatItAccepts(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // after "cdk "
	}{
		{[]string{"deploy"}, "deploy --all --require-approval broadening"},
		{[]string{"deploy", "APPROVAL=never"}, "deploy --all --require-approval never"},
		{[]string{"deploy", "ARGS=--require-approval never"}, "deploy --all --require-approval never"}, // the CDK refuses the option if it is there twice
		{[]string{"deploy", "STACKS=EbsSnapshotLifecycle-eu-central-1"}, "deploy EbsSnapshotLifecycle-eu-central-1 --require-approval broadening"},
		{[]string{"diff"}, "diff"}, // cdk diff has no --all
		{[]string{"diff", "STACKS=EbsSnapshotLifecycle-eu-central-1", "ARGS=-c a=b"}, "diff EbsSnapshotLifecycle-eu-central-1 -c a=b"},
		{[]string{"destroy", "YES=1"}, "destroy --all --force"},
	} {
		lines := dryRun(t, c.args...)
		i := lineWith(lines, "bin/cdk ")
		if i < 0 {
			t.Fatalf("make %v does not call the CDK", c.args)
		}
		_, got, _ := strings.Cut(lines[i], "bin/cdk ")
		if got = strings.Join(strings.Fields(got), " "); got != c.want {
			t.Errorf("make %v: cdk %s, want %s", c.args, got, c.want)
		}
	}
}

func TestDestroyStopsExecutionsBeforeAndAfter(t *testing.T) {
	lines := dryRun(t, "destroy", "YES=1", "STACKS=EbsSnapshotLifecycle-eu-central-1")
	first, done := lineWith(lines, "infra/account stop"), lineWith(lines, "bin/cdk destroy")
	if first < 0 || done < first || lineWith(lines[done:], "infra/account stop") < 0 {
		t.Errorf("it does not stop before and after:\n%s", strings.Join(lines, "\n"))
	}
	for _, l := range lines {
		if strings.Contains(l, "infra/account") && (!strings.Contains(l, "STACKS='EbsSnapshotLifecycle-eu-central-1'") || !strings.Contains(l, "YES='1'")) {
			t.Errorf("it does not get STACKS and YES: %s", l)
		}
	}
}
