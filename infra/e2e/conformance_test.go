//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// theSimulatedEC2Agrees runs the suite that says what EC2 does, which the simulated account passes, against moto's EC2, which
// this project did not write. Where the two are known to disagree, the suite says who is right and where AWS says so; that
// list has to be true as well: what moto does right by now is to be taken off it.
func (d *deployed) theSimulatedEC2Agrees(t *testing.T) {
	agreed := d.conformance(t)
	if len(agreed["fail"]) > 0 || len(agreed["pass"]) < 15 {
		t.Errorf("%d cases agree; these don't, and are not listed: %q\n%s", len(agreed["pass"]), agreed["fail"], agreed["output"])
	}
	listed := agreed["skip"]
	if len(listed) == 0 {
		t.Fatal("no difference is listed: has the suite seen moto?")
	}
	same(t, "the differences that are listed, and those that there are", d.conformance(t, "EC2_CONFORMANCE_DIFFERENCES=1")["fail"], listed)
	d.lab.Say("         %d cases of EC2's behaviour agree, %d differ as they are known to", len(agreed["pass"]), len(listed))
}

// conformance gives the names of the cases by how they ended.
func (d *deployed) conformance(t *testing.T, environment ...string) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-json", "-count", "1", "-timeout", "5m", "-run", "^TestConformance$", "./functions/internal/sim/ec2sim")
	cmd.Dir = "../.."
	cmd.Env = slices.Concat(os.Environ(), []string{"EC2_CONFORMANCE_ENDPOINT=" + d.lab.MotoURL(), "EC2_CONFORMANCE_PAUSE=20ms"}, environment)
	out, _ := cmd.Output() // how the cases ended says more than whether all went well
	ended := map[string][]string{}
	for line := range bytes.Lines(out) {
		var e struct{ Action, Test, Output string }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("the suite did not run: %s", out)
		}
		if name, ok := strings.CutPrefix(e.Test, "TestConformance/"); ok {
			if e.Action == "output" {
				ended["output"] = append(ended["output"], e.Output)
				continue
			}
			ended[e.Action] = append(ended[e.Action], name)
		}
	}
	for _, how := range []string{"pass", "fail", "skip"} {
		slices.Sort(ended[how])
	}
	return ended
}
