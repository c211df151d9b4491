package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
)

// leave adds n snapshots of a volume as the Lambda before this tool left them, a day apart, the youngest a day old.
func leave(a *ec2sim.Account, instance, volume string, n int, more ...string) {
	for i := range n {
		tags := map[string]string{"SnapshotDaily": "5", "Name": "web-" + instance}
		for _, k := range more {
			tags[k] = "24"
		}
		s := ec2sim.Snapshot{Snapshot: ebs.Snapshot{Description: fmt.Sprintf("AutoSnapshot web-%s - %s (/dev/xvda)", instance, volume)}}
		s.ID, s.VolumeID, s.Tags = fmt.Sprintf("snap-%s-%d", volume, i), volume, tags
		s.StartTime = time.Now().AddDate(0, 0, i-n)
		a.AddSnapshot(s)
	}
}

func tagsOf(a *ec2sim.Account) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, s := range a.Snapshots() {
		out[s.ID] = maps.Clone(s.Tags)
	}
	return out
}

// answering runs the command with a person at the terminal, who answers.
func (c *command) answering(ctx context.Context, answer string, args ...string) error {
	c.answers = strings.NewReader(answer)
	if status := c.run(ctx, args...); status != exitOK {
		return fmt.Errorf("exit status %d: %s", status, c.stderr.String())
	}
	return nil
}

func TestAdoptingListsAsksAndStamps(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	leave(account, "i-1", "vol-1", 5)
	leave(account, "i-1", "vol-9", 2) // whose volume is gone
	before := tagsOf(account)
	c := newCommand(t)
	if err := c.answering(t.Context(), "yes\n", "adopt", "SnapshotDaily"); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"  snap-vol-1-0", "the next run DELETES it: beyond last=3 (3 newer kept)", "last 2 of 3", "kept until ",
		"2: its volume is at no instance here with the tag SnapshotDaily", "5 to adopt, 2 skipped, 0 of the schedule already.",
		"would then delete 3 snapshots, 3 of them adopted ones", "Adopted 5 snapshots.",
	} {
		if !strings.Contains(c.stdout.String(), text) {
			t.Errorf("the output does not say %q:\n%s", text, c.stdout.String())
		}
	}
	want := before
	for i := range 5 {
		maps.Copy(want[fmt.Sprintf("snap-vol-1-%d", i)], map[string]string{
			ebs.TagSchedule: "SnapshotDaily", ebs.TagRetention: "5", ebs.TagRun: "adopted", ebs.TagInstance: "i-1",
		})
	}
	if d := cmp.Diff(want, tagsOf(account)); d != "" {
		t.Errorf("tags (-want +got):\n%s", d)
	}
	if err := c.daily(t.Context(), "--scheduled-time", at); err != nil {
		t.Fatal(err)
	}
	var gone []string
	for _, d := range account.Deleted() {
		gone = append(gone, d.Snapshot.ID)
	}
	if d := cmp.Diff([]string{"snap-vol-1-0", "snap-vol-1-1", "snap-vol-1-2"}, gone); d != "" {
		t.Errorf("the run deleted (-want +got):\n%s", d)
	}
}

func TestAdoptingIsUndone(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	leave(account, "i-1", "vol-1", 3)
	c := newCommand(t)
	if err := c.daily(t.Context(), "--scheduled-time", at); err != nil { // a run's own stays
		t.Fatal(err)
	}
	before := tagsOf(account)
	for _, args := range [][]string{{"adopt", "SnapshotDaily", "--yes"}, {"adopt", "SnapshotDaily", "--undo", "--yes"}} {
		if got := c.run(t.Context(), args...); got != exitOK {
			t.Fatalf("%v: exit status %d: %s", args, got, c.stderr.String())
		}
	}
	if d := cmp.Diff(before, tagsOf(account)); d != "" {
		t.Errorf("tags (-before +after):\n%s", d)
	}
	if !strings.Contains(c.stdout.String(), "Given back 3 snapshots.") {
		t.Errorf("it says\n%s", c.stdout.String())
	}
	if got := c.run(t.Context(), "adopt", "SnapshotDaily", "--undo"); got != exitOK || !strings.Contains(c.stdout.String(), "0 adopted snapshots of SnapshotDaily to give back") {
		t.Errorf("once more: exit status %d: %s", got, c.stdout.String())
	}
}

func TestNothingIsAdoptedWithoutAYes(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, c := range map[string]struct {
		ctx  context.Context
		do   func(*command, context.Context) error
		says string
	}{
		"the person says no": {nil, func(c *command, ctx context.Context) error {
			return c.answering(ctx, "no\n", "adopt", "SnapshotDaily")
		}, "the answer was not yes"},
		"the person says y": {nil, func(c *command, ctx context.Context) error { return c.answering(ctx, "y\n", "adopt", "SnapshotDaily") }, "the answer was not yes"},
		"the input ends":    {nil, func(c *command, ctx context.Context) error { return c.answering(ctx, "", "adopt", "SnapshotDaily") }, "the answer was not yes"},
		"there is no terminal": {nil, func(c *command, ctx context.Context) error {
			if got := c.run(ctx, "adopt", "SnapshotDaily"); got != exitFailed {
				return fmt.Errorf("exit status %d", got)
			}
			return fmt.Errorf("%s", c.stderr.String())
		}, "there is no terminal to ask at; read what is above, and add --yes"},
		"it is a plan": {nil, func(c *command, ctx context.Context) error {
			if err := c.answering(ctx, "yes\n", "adopt", "SnapshotDaily", "--dry-run"); err != nil {
				return err
			}
			return fmt.Errorf("%s", c.stdout.String())
		}, "2 to adopt"},
		"the keyword is misspelt": {nil, func(c *command, ctx context.Context) error {
			if err := c.answering(ctx, "yes\n", "adopt", "Snapshotdaily", "--any-keyword"); err != nil {
				return err
			}
			return fmt.Errorf("%s", c.stdout.String())
		}, "No snapshot of this account carries the tag Snapshotdaily"},
		"it is stopped": {stopped, func(c *command, ctx context.Context) error {
			return c.answering(ctx, "yes\n", "adopt", "SnapshotDaily")
		}, "exit status 130"},
	} {
		t.Run(name, func(t *testing.T) {
			account := server(t)
			addInstance(account, "i-1", "3", "vol-1")
			leave(account, "i-1", "vol-1", 2)
			before := tagsOf(account)
			ctx := c.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			if err := c.do(newCommand(t), ctx); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %v, want something with %q", err, c.says)
			}
			if d := cmp.Diff(before, tagsOf(account)); d != "" {
				t.Errorf("tags (-before +after):\n%s", d)
			}
		})
	}
}

func TestWhoIsAskedMayStop(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	leave(account, "i-1", "vol-1", 1)
	before := tagsOf(account)
	c := newCommand(t)
	ctx, stop := context.WithCancel(t.Context())
	a := c.app()
	a.console.asks, a.console.in = true, silence{stop}
	if got := execute(ctx, a, []string{"adopt", "SnapshotDaily", "--config", c.config}); got != exitStopped || !strings.Contains(c.stderr.String(), "nothing was changed: stopped") {
		t.Errorf("exit status %d: %s", got, c.stderr.String())
	}
	if d := cmp.Diff(before, tagsOf(account)); d != "" {
		t.Errorf("tags (-before +after):\n%s", d)
	}
}

// silence is a person who presses Ctrl-C in place of an answer.
type silence struct{ stop func() }

func (s silence) Read([]byte) (int, error) { s.stop(); select {} }

func TestTwoKeywordsOnASnapshotWantAChoice(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	leave(account, "i-1", "vol-1", 2, "SnapshotHourly")
	c := newCommand(t)
	if got := c.run(t.Context(), "adopt", "SnapshotDaily", "--yes"); got != exitOK || !strings.Contains(c.stdout.String(), "it carries SnapshotHourly, too") {
		t.Errorf("exit status %d: %s", got, c.stdout.String())
	}
	if n := account.Calls()["CreateTags"]; n > 0 {
		t.Errorf("%d calls of CreateTags without a choice", n)
	}
	if got := c.run(t.Context(), "adopt", "SnapshotDaily", "--also-tagged", "SnapshotHourly", "--yes", "--output", "json"); got != exitOK {
		t.Fatalf("exit status %d: %s", got, c.stderr.String())
	}
	var a adoptOutput
	if err := json.Unmarshal(c.stdout.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	if len(a.Adopt) != 2 || a.Outcome == nil || len(a.Outcome.Done) != 2 {
		t.Errorf("with the choice: %+v", a)
	}
}

func TestAdoptingIntoAScheduleThatIsNotConfiguredSaysSo(t *testing.T) {
	account := server(t)
	account.AddInstance(ec2sim.Instance{ID: "i-1", Tags: map[string]string{"SnapshotWeekly": "3"}, Volumes: []ec2sim.BlockDevice{{ID: "vol-1", Device: "/dev/xvda"}}})
	left := ec2sim.Snapshot{Snapshot: ebs.Snapshot{Description: "AutoSnapshot web - vol-1 (/dev/xvda)"}}
	left.VolumeID, left.Tags = "vol-1", map[string]string{"SnapshotWeekly": "3"}
	account.AddSnapshot(left)
	c := newCommand(t)
	if got := c.run(t.Context(), "adopt", "SnapshotWeekly", "--any-keyword", "--dry-run"); got != exitOK || !strings.Contains(c.stdout.String(), "has no schedule SnapshotWeekly") {
		t.Errorf("exit status %d: %s", got, c.stdout.String())
	}
}

func TestAdoptingThatIsDeniedSaysWhatIsMissing(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	leave(account, "i-1", "vol-1", 2)
	account.Inject(ec2sim.Fault{Action: "CreateTags", Code: "UnauthorizedOperation", Status: 403})
	c := newCommand(t)
	if got := c.run(t.Context(), "adopt", "SnapshotDaily", "--yes"); got != exitFailed {
		t.Errorf("exit status %d", got)
	}
	for _, text := range []string{"ec2:CreateTags was denied", "0 snapshots done", "the same command goes on"} {
		if !strings.Contains(c.stderr.String(), text) {
			t.Errorf("it does not say %q: %s", text, c.stderr.String())
		}
	}
}

// Given back, nothing would tell that it was claimed: adopted again it would be the schedule's, and go.
func TestWhatIsClaimedSinceItWasAdoptedIsNotGivenBack(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "1", "vol-1")
	leave(account, "i-1", "vol-1", 3)
	c := newCommand(t)
	adopting := []string{"adopt", "SnapshotDaily", "--yes"}
	undoing := []string{"adopt", "SnapshotDaily", "--yes", "--undo"}
	for _, args := range [][]string{adopting, undoing, adopting} {
		if got := c.run(t.Context(), args...); got != exitOK {
			t.Fatalf("%v: exit %d: %s", args, got, c.stderr.String())
		}
		if len(args) > len(adopting) && !strings.Contains(c.stdout.String(), "a person has claimed it since") {
			t.Errorf("the claimed one is not listed:\n%s", c.stdout.String())
		}
		if s, _ := account.Snapshot("snap-vol-1-0"); s.Tags["SnapshotDaily"] != "99" {
			account.TagSnapshot("snap-vol-1-0", "SnapshotDaily", "99")
		}
	}
	s, _ := account.Snapshot("snap-vol-1-0")
	if got := ebs.OwnershipOf(s.Snapshot, "SnapshotDaily"); got != ebs.Claimed {
		t.Errorf("the claimed one is %s", got)
	}
}

func TestAKeywordThatNoScheduleHasIsAMistake(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	c := newCommand(t)
	if got := c.run(t.Context(), "adopt", "SnapshotDaily", "--also-tagged", "SnapshotHourl", "--dry-run"); got != exitFailed ||
		!strings.Contains(c.stderr.String(), "--also-tagged SnapshotHourl: no other schedule has that keyword") {
		t.Errorf("exit %d: %s", got, c.stderr.String())
	}
}

func TestAnAdoptionIntoAScheduleThatThereIsWarnsOfNone(t *testing.T) {
	account := server(t)
	addInstance(account, "i-1", "3", "vol-1")
	leave(account, "i-1", "vol-1", 3)
	c := newCommand(t)
	if got := c.run(t.Context(), "adopt", "SnapshotDaily", "--dry-run"); got != 0 || strings.Contains(c.stdout.String(), "has no schedule") {
		t.Errorf("exit status %d:\n%s", got, c.stdout.String())
	}
}

// A list that is refused looks like one without anything to adopt.
func TestAnAdoptionThatMayNotListEndsWithStatus1AndSaysWhy(t *testing.T) {
	for _, action := range []string{"DescribeInstances", "DescribeSnapshots"} {
		account := server(t)
		addInstance(account, "i-1", "3", "vol-1")
		leave(account, "i-1", "vol-1", 3)
		account.Inject(ec2sim.Fault{Action: action, Code: "UnauthorizedOperation", Status: 403})
		c := newCommand(t)
		got := c.run(t.Context(), "adopt", "SnapshotDaily", "--dry-run")
		if got != 1 || !strings.Contains(c.stderr.String(), "ec2:"+action+" was denied") || c.stdout.Len() > 0 {
			t.Errorf("%s: exit status %d:\n%s%s", action, got, c.stdout.String(), c.stderr.String())
		}
	}
}

func TestAMistypedKeywordIsNotAdopted(t *testing.T) {
	server(t)
	newCommand(t).says(t, 1, []string{"adopt", "SnapshotDialy", "--dry-run"}, `did you mean "SnapshotDaily"?`, "--any-keyword")
}
