package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// A tag can be moved to another commit.
func TestActionsArePinnedToCommits(t *testing.T) {
	uses := regexp.MustCompile(`(?m)uses: *(.*)$`).FindAllStringSubmatch(read(t, ".github/workflows/ci.yml"), -1)
	if len(uses) == 0 {
		t.Fatal("the workflow uses no action")
	}
	for _, u := range uses {
		if !regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`).MatchString(u[1]) {
			t.Errorf("%s is not a commit followed by its version", u[1])
		}
	}
}

func TestPythonPackagesArePinnedByHashes(t *testing.T) {
	for file, installer := range map[string]string{"infra/requirements.txt": ".ci/cfn-lint", "infra/e2e/requirements.txt": "infra/e2e/testbed.go"} {
		packages := 0
		for line := range strings.SplitSeq(strings.ReplaceAll(read(t, file), "\\\n", " "), "\n") {
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			packages++
			if !regexp.MustCompile(`^[A-Za-z0-9._-]+==\S+( +--hash=sha256:[0-9a-f]{64})+ *$`).MatchString(line) {
				t.Errorf("%s: %.80s is not pinned by hashes", file, line)
			}
		}
		if packages == 0 || !strings.Contains(read(t, installer), "--require-hashes") {
			t.Errorf("%s installs the %d packages of %s without checking their hashes", installer, packages, file)
		}
	}
}
