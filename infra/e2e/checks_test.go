//go:build e2e

package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runChecks calls the functions that have a schedule of their own, as the schedule does.
func (d *deployed) runChecks(t *testing.T) {
	same(t, "result of the freshness check", d.check(t, "check.freshness"), `{"Volumes":100,"Stale":0}`)
	same(t, "result of the orphans check", d.check(t, "tidy.orphans"), `{"Orphans":0,"Deleted":0}`)
	same(t, "mails of the checks", len(d.bed.Endpoint.Mails("EBS snapshots: ")), 0)

	instance := d.fleet[0].ID
	d.cli(t, nil, "ec2", "delete-tags", "--resources", instance, "--tags", "Key=SnapshotDaily")
	same(t, "result after an instance has lost its tag", d.check(t, "tidy.orphans"), `{"Orphans":2,"Deleted":0}`)
	d.cli(t, nil, "ec2", "create-tags", "--resources", instance, "--tags", "Key=SnapshotDaily,Value=3")
	mails := d.bed.Endpoint.Mails("EBS snapshots: ")
	if len(mails) != 1 || mails[0].Subject != "EBS snapshots: 2 volumes are orphaned" || !strings.Contains(mails[0].Message, d.fleet[0].Volumes[0]) {
		t.Errorf("the mails are %v, want one about the volumes of %s", mails, instance)
	}
	var listed struct{ Contents []struct{ Key string } }
	d.cli(t, &listed, "s3api", "list-objects-v2", "--bucket", d.stack.Outputs["RunsBucket"], "--delimiter", "/")
	var left []string
	for _, o := range listed.Contents {
		left = append(left, o.Key)
	}
	same(t, "objects of the checks and of the pacing in the bucket", left, []string{"freshness.json", "orphans.json", "pacing.json"})
}

// check calls the function of a check's schedule and returns the answer.
func (d *deployed) check(t *testing.T, schedule string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "answer.json")
	d.cli(t, nil, "lambda", "invoke", "--function-name", d.checks[schedule], "--payload", "{}", file)
	answer, err := os.ReadFile(file)
	if err != nil || !json.Valid(answer) {
		t.Fatalf("%s answers %q, %v", schedule, answer, err)
	}
	return string(answer)
}
