package lifecycle_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// app is the CDK app as a program, and a folder to run it in.
type app struct{ program, folder string }

func newProgram(t *testing.T) app {
	t.Helper()
	needNode(t)
	a := app{filepath.Join(t.TempDir(), "infra"), t.TempDir()}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", a.program, repository+"/infra").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return a
}

// built writes programs for a machine to the folder of `make build`. Each is only the head of an ELF file: nothing else is checked.
func (a app) built(t *testing.T, machine uint16) {
	t.Helper()
	head := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
	binary.LittleEndian.PutUint16(head[16:], 2) // a program
	binary.LittleEndian.PutUint16(head[18:], machine)
	binary.LittleEndian.PutUint32(head[20:], 1)
	binary.LittleEndian.PutUint16(head[52:], 64)
	for _, f := range config.Functions() {
		folder := filepath.Join(a.folder, "build", f)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "bootstrap"), head, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func (a app) run(t *testing.T, context string) (code int, said string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), a.program)
	cmd.Dir = a.folder
	cmd.Env = append(os.Environ(), "CDK_CONTEXT_JSON="+context, "CDK_OUTDIR="+filepath.Join(a.folder, "out"),
		"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // the test checks the exit status
	return cmd.ProcessState.ExitCode(), out.String()
}

func TestTheAppPrintsFaultsWithoutStackTraces(t *testing.T) {
	a := newProgram(t)
	refused := func(what, context string, says ...string) {
		t.Helper()
		code, said := a.run(t, context)
		if code != 1 {
			t.Errorf("%s: exit status %d", what, code)
		}
		for _, s := range says {
			if !strings.Contains(said, s) {
				t.Errorf("%s: it does not say %q:\n%s", what, s, said)
			}
		}
		for _, s := range []string{"goroutine", "panic", ".go:", "    at "} {
			if strings.Contains(said, s) {
				t.Errorf("%s: it says %q:\n%s", what, s, said)
			}
		}
		if _, err := os.Stat(filepath.Join(a.folder, "out", "EbsSnapshotLifecycle.template.json")); err == nil {
			t.Errorf("%s: a template was made", what)
		}
	}
	refused("a bad configuration", `{"maxConcurrency": 0, "tags": 3}`, "2 faults", "maxConcurrency: 0", "tags: 3")
	refused("nothing was built", `{}`, "6 faults", "build/report-run/bootstrap: there is no program here. Run `make build`")
	const x86, arm = 62, 183
	a.built(t, x86)
	refused("built for another architecture", `{}`,
		"build/prune-volume/bootstrap: it is built for EM_X86_64. Run `make build`, which builds it for arm64")
	a.built(t, arm)
	refused("built for another architecture", `{"architecture": "x86_64"}`, "it is built for EM_AARCH64. Run `make build ARCH=amd64`")

	code, said := a.run(t, `{"targets": [{"region": "eu-central-1"}, {"region": "cn-north-1", "account": "123456789012"}]}`)
	if code != 0 || said != "" {
		t.Errorf("exit status %d: %s", code, said)
	}
	made, err := filepath.Glob(filepath.Join(a.folder, "out", "*.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range made {
		made[i] = filepath.Base(made[i])
	}
	same(t, "templates", made, []string{
		"EbsSnapshotLifecycle-123456789012-cn-north-1.template.json", "EbsSnapshotLifecycle-eu-central-1.template.json",
	})
}
