package lifecycle_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// `go test ./infra/lifecycle -run Golden -update` writes the golden files. Read the diff.
var update = flag.Bool("update", false, "write testdata/*.golden.json")

// The hashes of the functions' code are the only texts that the golden files don't have.
var hash = regexp.MustCompile(`[0-9a-f]{64}`)

func TestGoldenTemplates(t *testing.T) {
	everything := read(t, `{
		"schedules": [
			{"keyword": "SnapshotDaily", "expression": "cron(30 2 ? * MON-FRI *)", "timeZone": "Europe/Berlin", "flexibleWindowMinutes": 15},
			{"keyword": "SnapshotDaily", "expression": "cron(0 12 ? * SAT *)", "timeZone": "Europe/Berlin", "enabled": false},
			{"keyword": "SnapshotMonthly", "expression": "cron(0 3 L * ? *)", "timeZone": "Asia/Shanghai"},
			{"keyword": "备份", "expression": "rate(6 hours)"}
		],
		"alertTopicArn": "arn:aws-cn:sns:cn-northwest-1:123456789012:alerts",
		"alertTopicKeyArn": "arn:aws-cn:kms:cn-northwest-1:123456789012:key/11111111-2222-3333-4444-555555555555",
		"maxConcurrency": 50, "createBurst": 40, "createRate": 2.5, "settleSeconds": 30, "freshnessPeriods": 3, "orphans": "last=2",
		"orphansExpireDays": 365, "logRetentionDays": 365,
		"architecture": "x86_64", "tags": {"team": "storage", "cost-center": "4711"}
	}`)
	standard := config.Default()
	standard.AlertEmails = []string{"ops@example.com"}
	for name, c := range map[string]struct {
		config config.Config
		target config.Target
	}{
		"standard": {standard, config.Target{}}, "everything": {everything, config.Target{Region: "cn-northwest-1", Account: "123456789012"}},
	} {
		got := hash.ReplaceAllString(templateOf(t, c.config, c.target).text(), "(hash)") + "\n"
		path := filepath.Join("testdata", name+".golden.json")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "the template "+name+"; -update writes it", got, string(want))
	}
}
