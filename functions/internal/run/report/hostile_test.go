package report

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const hostile = "\nFORGED\r\x1b[2J\u009b2K\u202e\u2028\u200b"

// hostileItems gives n instances with as much hostile text as tags can hold.
func hostileItems(n int) []contract.Item {
	var out []contract.Item
	for i := range n {
		tags := map[string]string{"Name": strings.Repeat(hostile, 18), keyword: hostile}
		for k := range 50 {
			tags[fmt.Sprintf("%d%s", k, strings.Repeat(hostile, 8))] = hostile
		}
		out = append(out, contract.Item{
			Instance: contract.Instance{ID: fmt.Sprintf("i-%d", i), Tags: tags},
			Volumes: []contract.Volume{
				{ID: fmt.Sprintf("vol-%d-a", i), Device: hostile, Retention: hostile}, {ID: fmt.Sprintf("vol-%d-b", i), Device: hostile, Retention: "3"},
			},
		})
	}
	return out
}

func TestAMailWithHostileTagsIsHarmlessAndNotTooLarge(t *testing.T) {
	w := newWorld(t, hostileItems(3*maxListed)...)
	for i := range 3 * maxListed {
		a := fmt.Sprintf("vol-%d-a", i)
		w.state(a, "")
		switch {
		case i < maxListed:
			w.deleted = append(w.deleted, a)
		case i < 2*maxListed:
			w.record(a, "AccessDeniedError", strings.Repeat("Not you,"+hostile, 100))
		default:
			w.put(w.discovery.FailurePrefix+a+".json", contract.Failure{Error: "Odd" + hostile, Cause: strings.Repeat(hostile, 100)})
		}
	}
	w.discovery.Map = []byte(`{"Error": "States.Odd\n\u009b", "Cause": "\nFORGED\u202e"}`)
	w.report()
	subject, message := w.topic.one(t) // the topic refuses what SNS refuses, such as more than 256 KiB
	body, _, err := w.bucket.Get(t.Context(), prefix+"report.json")
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"subject": subject, "message": message, "report.json": string(body)} {
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(strings.TrimSpace(line), "FORGED") {
				t.Errorf("%s: a forged line: %q", what, line)
			}
			if strings.ContainsFunc(line, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
				t.Errorf("%s: hidden characters: %.200q", what, line)
			}
		}
	}
	for _, text := range []string{`1. the run as a whole`, `\nFORGED\r\u001b[2J\u009b2K\u202e\u2028\u200b`, "\nNEEDS ATTENTION", "\nVOLUMES THAT", "\n… and ", "\nFull report: s3://backups/"} {
		if !strings.Contains(message, text) {
			t.Errorf("the message does not say %q", text)
		}
	}
}

func TestAMailNamesInstancesAndSchedulesAsTheyAre(t *testing.T) {
	r := Report{Run: contract.Run{ID: ebs.RunID("每日快照", midnight), SnapshotKeyWord: "每日快照", ScheduledTime: midnight, TimeZone: "Asia/Shanghai"}, Volumes: 3}
	for _, name := range []string{"数据库", "café", "🙂 web"} {
		r.Failures = append(r.Failures, Failure{Place: ebs.Place{InstanceID: "i-1", Name: name, VolumeID: "vol-1"}, Error: "NoSnapshot", Reason: "why"})
	}
	got := message(&r, "s3://backups/report.json")
	for _, text := range []string{
		"run 每日快照/2026", "1. 数据库 (i-1)", "2. café (i-1)", "3. 🙂 web (i-1)", `{"SnapshotKeyWord": "每日快照", "ScheduledTime": "2026-11-22T00:00:00Z", "TimeZone": "Asia/Shanghai"}`,
	} {
		if !strings.Contains(got, text) {
			t.Errorf("it does not say %q:\n%s", text, got)
		}
	}
}
