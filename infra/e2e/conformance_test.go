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

// theSimulatedEC2Agrees runs the suite of EC2's behaviour against moto's EC2, which is not written by this project. The simulated EC2
// passes the same suite. The suite lists the known differences, with the reference to AWS's documentation. That list must be correct:
// if moto behaves correctly now, the difference must be removed from it.
func (d *deployed) theSimulatedEC2Agrees(t *testing.T) {
	agreed := d.conformance(t)
	if len(agreed["fail"]) > 0 || len(agreed["pass"]) < 15 {
		t.Errorf("%d cases agree. These do not agree and are not listed: %q\n%s", len(agreed["pass"]), agreed["fail"], agreed["output"])
	}
	listed := agreed["skip"]
	if len(listed) == 0 {
		t.Fatal("no difference is listed: did the suite run against moto?")
	}
	same(t, "the listed differences and the real ones", d.conformance(t, "EC2_CONFORMANCE_DIFFERENCES=1")["fail"], listed)
	d.bed.Say("         %d cases of EC2's behaviour agree, %d have a known difference", len(agreed["pass"]), len(listed))
}

// conformance returns the names of the cases by their result.
func (d *deployed) conformance(t *testing.T, environment ...string) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-json", "-count", "1", "-timeout", "5m", "-run", "^TestConformance$", "./functions/internal/sim/ec2sim")
	cmd.Dir = "../.."
	cmd.Env = slices.Concat(os.Environ(), []string{"EC2_CONFORMANCE_ENDPOINT=" + d.bed.MotoURL(), "EC2_CONFORMANCE_PAUSE=20ms"}, environment)
	out, _ := cmd.Output() // the results of the cases say more than the exit status
	results := map[string][]string{}
	for line := range bytes.Lines(out) {
		var e struct{ Action, Test, Output string }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("the suite did not run: %s", out)
		}
		if name, ok := strings.CutPrefix(e.Test, "TestConformance/"); ok {
			if e.Action == "output" {
				results["output"] = append(results["output"], e.Output)
				continue
			}
			results[e.Action] = append(results[e.Action], name)
		}
	}
	for _, result := range []string{"pass", "fail", "skip"} {
		slices.Sort(results[result])
	}
	return results
}
