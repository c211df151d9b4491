package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// hostile is what a person may write in a tag so that others read something else: a line of its own, a command to the terminal, a text
// that runs backwards.
const hostile = "\n  FORGED keep\r\x1b[2J\u009b2K\u202e\u2028\u2029\u200b\U000e0041"

// harmless insists that nothing of the hostile text acts in an output.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(strings.TrimSpace(line), "FORGED") {
			t.Errorf("%s has a forged line: %q", what, line)
		}
		if strings.ContainsFunc(line, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) || !utf8.ValidString(line) {
			t.Errorf("%s has a line with hidden characters: %q", what, line)
		}
	}
}

// hostileAccount has hostile text wherever people, or EC2, write text.
func hostileAccount(t *testing.T) *ec2sim.Account {
	account := server(t)
	for _, id := range []string{"1", "2"} {
		tags := map[string]string{"Name": "web-" + id + hostile, "SnapshotDaily": "1"}
		if id == "2" {
			tags["SnapshotDaily"] = "3" + hostile
		}
		for n := range 48 {
			tags[fmt.Sprintf("key %02d%s", n, hostile)] = "value" + hostile
		}
		account.AddInstance(ec2sim.Instance{ID: "i-" + id, State: "running", Tags: tags, Volumes: []ec2sim.BlockDevice{
			{ID: "vol-" + id, Device: "/dev/xvda" + hostile, SizeGiB: 8},
			{ID: "vol-off-" + id, Device: "/dev/sdf" + hostile, Tags: map[string]string{"SnapshotDaily": "off"}},
			{ID: "vol-own-" + id, Device: "/dev/sdg" + hostile, Tags: map[string]string{"SnapshotDaily": "own" + hostile, "Name": hostile}},
		}})
	}
	for n := range 3 {
		ofHostileRun(account, 24*(n+1))
	}
	// What the Lambda left, one of them with its instance's own value; claimed ones of ours; and strangers.
	account.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Snapshot{
		VolumeID: "vol-2", StartTime: time.Now().AddDate(0, 0, -30), Description: "AutoSnapshot web-2" + hostile + " - vol-2 (/dev/xvda)",
		Tags: map[string]string{"SnapshotDaily": "3" + hostile, "Name": "web-2" + hostile},
	}})
	for n := range 4 {
		name := "web-1" + hostile
		s := ec2sim.Snapshot{Snapshot: ebs.Snapshot{
			ID: fmt.Sprintf("snap-left-%d", n), VolumeID: "vol-1", StartTime: time.Now().AddDate(0, 0, -30-n), Description: "AutoSnapshot " + name + " - vol-1 (/dev/xvda" + hostile + ")",
			Tags: map[string]string{"SnapshotDaily": "1", "Name": name},
		}}
		if n == 3 {
			s.Tags["SnapshotDaily"] = "hers" + hostile
		}
		account.AddSnapshot(s)
	}
	account.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Snapshot{
		VolumeID: "vol-1", StartTime: time.Now().AddDate(0, 0, -9), Description: hostile,
		Tags: map[string]string{ebs.TagSchedule: "Other" + hostile, ebs.TagRun: hostile, ebs.TagRetention: hostile, "Other" + hostile: "3", "SnapshotDaily": hostile},
	}})
	return account
}

// ofHostileRun adds a snapshot by a run, which a person claimed in a hostile way if it is two days old.
func ofHostileRun(a *ec2sim.Account, hours int) {
	at := time.Now().Add(-time.Duration(hours) * time.Hour)
	id := a.AddSnapshot(ec2sim.Snapshot{Snapshot: ebs.Made(
		ebs.Stamp{Keyword: "SnapshotDaily", Retention: "1", RunID: ebs.RunID("SnapshotDaily", at), InstanceID: "i-1"},
		ebs.Snapshot{VolumeID: "vol-1", StartTime: at, SizeGiB: 8}, nil)})
	if hours == 48 {
		a.TagSnapshot(id, "SnapshotDaily", "mine"+hostile)
	}
}

func TestWhatPeopleWriteInTagsActsInNoOutput(t *testing.T) {
	for name, c := range map[string]struct{ args, says string }{
		"a plan":                     {"plan SnapshotDaily --all --only delete", `web-1\n  FORGED keep\r`},
		"a plan of all":              {"plan --all", `\u009b2K\u202e\u2028\u2029\u200b\U000e0041`},
		"a plan as JSON":             {"plan --output json", `\u009b2K\u202e\u2028\u2029\u200b\udb40\udc41`},
		"an explanation":             {"explain vol-1", `web-1\n  FORGED keep`},
		"one of an unread retention": {"explain vol-own-1", "FORGED"},
		"an explanation as JSON":     {"explain vol-1 --output json", `\u009b`},
		"an adoption's list":         {"adopt SnapshotDaily --dry-run", `SnapshotDaily=3\n  FORGED keep`},
		"an adoption as JSON":        {"adopt SnapshotDaily --dry-run --output json", `\u009b`},
		"an adoption without yes":    {"adopt SnapshotDaily", `web-1\n  FORGED keep`},
		"an adoption":                {"adopt SnapshotDaily --yes --debug", "Adopted"},
		"an undo's list":             {"adopt SnapshotDaily --undo --dry-run", "to give back"},
	} {
		t.Run(name, func(t *testing.T) {
			hostileAccount(t)
			cmd := newCommand(t)
			cmd.config = deployed(t)
			cmd.run(t.Context(), strings.Fields(c.args)...)
			out := cmd.stdout.String() + cmd.stderr.String()
			if !strings.Contains(out, c.says) {
				t.Errorf("the output does not say %q:\n%s", c.says, out)
			}
			harmless(t, "the output", out)
		})
	}
}

func TestWhatEC2SaysActsInNoOutput(t *testing.T) {
	for action, args := range map[string][]string{
		"DescribeInstances": {"plan"},
		"DescribeSnapshots": {"explain", "vol-1"},
		"CreateTags":        {"adopt", "SnapshotDaily", "--yes", "--debug"},
	} {
		t.Run(action, func(t *testing.T) {
			hostileAccount(t).Inject(ec2sim.Fault{Action: action, Code: "UnauthorizedOperation", Message: "Not you," + hostile, Status: 403})
			cmd := newCommand(t)
			if got := cmd.run(t.Context(), args...); got != exitFailed {
				t.Errorf("exit status %d", got)
			}
			if out := cmd.stderr.String(); !strings.Contains(out, `Not you,\n  FORGED`) {
				t.Errorf("EC2's message is not there:\n%s", out)
			}
			harmless(t, "the output", cmd.stdout.String()+cmd.stderr.String())
		})
	}
}

func TestARunOverAHostileAccountPrintsAndMailsHarmlessText(t *testing.T) {
	account := hostileAccount(t)
	account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Code: "UnauthorizedOperation", Message: "Not you," + hostile, Status: 403,
		Match: func(r ec2sim.Request) bool { return r.Params.Get("VolumeId") == "vol-2" }})
	account.Inject(ec2sim.Fault{Action: "CreateSnapshot", Match: func(r ec2sim.Request) bool {
		if r.Params.Get("VolumeId") == "vol-own-2" {
			account.DeleteVolume("vol-own-2") // since it was discovered
		}
		return false
	}})
	account.Inject(ec2sim.Fault{Action: "DeleteSnapshot", Code: "InvalidSnapshot.InUse", Message: "In use," + hostile, Status: 400, Times: 1})
	c := newCommand(t)
	err := c.daily(t.Context(), "--scheduled-time", at, "--debug")
	if err == nil {
		t.Fatal("the run did not fail")
	}
	out := c.stdout.String() + c.stderr.String()
	harmless(t, "the output", out)
	for _, text := range []string{
		"--- alert: SnapshotDaily ", `FAILED  web-2\n  FORGED keep`, `gone  web-2\n  FORGED keep`, `Not you,\n  FORGED`, `In use,\n  FORGED`, "not copied to its snapshots: key 4", "can't be read: ",
		"ebs-snapshots: the run failed", "\nto try again what failed, and only that:\n  ebs-snapshots run ",
	} {
		if !strings.Contains(out, text) {
			t.Errorf("the output does not say %q:\n%s", text, out)
		}
	}
	reports, err := filepath.Glob(filepath.Join(c.dir, stateFolder, "*", "runs", "*", "*", "*", "report.json"))
	if err != nil || len(reports) != 1 {
		t.Fatalf("%v (%v)", reports, err)
	}
	body, err := os.ReadFile(reports[0])
	if err != nil {
		t.Fatal(err)
	}
	harmless(t, "report.json", string(body))
}

// An alert may come from the state machine itself, which quotes what it got.
func TestAnAlertIsPrintedWithItsLinesAndNothingThatActs(t *testing.T) {
	var out bytes.Buffer
	if err := (&alertPrinter{out: &out}).Publish(t.Context(), "A run broke off"+hostile, "Why: \u009b2J\nWhat to do: nothing\n"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\nWhy: \\u009b2J\nWhat to do: nothing\n---\n") {
		t.Errorf("it prints %q", out.String())
	}
	harmless(t, "the alert", out.String())
}

func TestProgressOnATerminalShowsTextOfOthers(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&console{err: &out, errWidth: 200})
	p.trouble("vol-1", "UnexpectedError", "Not you,"+hostile)
	p.show(1, 0, 0, map[string]string{"vol-1": "Odd" + hostile})
	p.close()
	if !strings.Contains(out.String(), `in trouble (Odd\n  FORGED`) {
		t.Errorf("it shows %q", out.String())
	}
	harmless(t, "the progress", strings.ReplaceAll(out.String(), "\r\x1b[K", ""))
}
