package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// dryRun gives the commands that make would run, one a line.
func dryRun(t *testing.T, args ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil && os.Getenv("CI") == "" {
		t.Skip("this needs make")
	}
	cmd := exec.CommandContext(t.Context(), "make", append([]string{"-C", "../..", "--no-print-directory", "-n"}, args...)...)
	// make exports what its command line gives: `make test ARGS=-v` would have ARGS here, too.
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

func at(lines []string, text string) int {
	return slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, text) })
}

func TestWhereADeploymentGoesIsAskedBeforeAnythingIsBuilt(t *testing.T) {
	for goal, verb := range map[string]string{"deploy": "check", "diff": "check", "destroy": "confirm", "bootstrap": "check"} {
		lines := dryRun(t, goal)
		asked, built, done := at(lines, "infra/account "+verb), at(lines, "go build"), at(lines, "bin/cdk "+goal)
		if goal == "bootstrap" && !strings.Contains(lines[done], "cd infra ") { // elsewhere it runs the app, which was not built
			t.Errorf("make bootstrap runs the app: %s", lines[done])
		}
		if asked < 0 || done < asked || built >= 0 && built < asked || goal != "bootstrap" && built < 0 {
			t.Errorf("make %s asks in line %d, builds in %d, does it in %d:\n%s", goal, asked, built, done, strings.Join(lines, "\n"))
		}
	}
}

func TestTheCommandsOfTheCDKAreOnesThatItTakes(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // behind "cdk "
	}{
		{[]string{"deploy"}, "deploy --all --require-approval broadening"},
		{[]string{"deploy", "APPROVAL=never"}, "deploy --all --require-approval never"},
		{[]string{"deploy", "ARGS=--require-approval never"}, "deploy --all --require-approval never"}, // twice, it is refused
		{[]string{"deploy", "STACKS=EbsSnapshotLifecycle-eu-central-1"}, "deploy EbsSnapshotLifecycle-eu-central-1 --require-approval broadening"},
		{[]string{"diff"}, "diff"}, // it knows no --all
		{[]string{"diff", "STACKS=EbsSnapshotLifecycle-eu-central-1", "ARGS=-c a=b"}, "diff EbsSnapshotLifecycle-eu-central-1 -c a=b"},
		{[]string{"destroy", "YES=1"}, "destroy --all --force"},
	} {
		lines := dryRun(t, c.args...)
		i := at(lines, "bin/cdk ")
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
	first, done := at(lines, "infra/account stop"), at(lines, "bin/cdk destroy")
	if first < 0 || done < first || at(lines[done:], "infra/account stop") < 0 {
		t.Errorf("in this order:\n%s", strings.Join(lines, "\n"))
	}
	for _, l := range lines {
		if strings.Contains(l, "infra/account") && (!strings.Contains(l, "STACKS='EbsSnapshotLifecycle-eu-central-1'") || !strings.Contains(l, "YES='1'")) {
			t.Errorf("it is not told what is destroyed: %s", l)
		}
	}
}
