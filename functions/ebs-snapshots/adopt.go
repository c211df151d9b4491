package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/adopt"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/explain"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/plan"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// adoptVerb is what the flags of adopt say.
type adoptVerb struct {
	*app
	choice
	undo, yes, dryRun bool
	alsoTagged        []string
}

func (a *app) adopt() *cobra.Command {
	v := &adoptVerb{app: a}
	cmd := &cobra.Command{
		Use: "adopt KEYWORD", GroupID: changing, Args: one("the KEYWORD of a schedule"), ValidArgsFunction: a.completeKeyword,
		Short: "Take over the snapshots of the Lambda before this tool",
		Long: `Take over the snapshots that the Lambda before this tool left, so that the
retention counts and deletes them like any others. It lists them, with what the
next run would then delete, and asks. Switch that Lambda off first.

--undo removes the tags that the adoption set, and only those.`,
		Example: `  ebs-snapshots adopt SnapshotDaily --dry-run
  ebs-snapshots adopt SnapshotDaily
  ebs-snapshots adopt SnapshotDaily --undo`,
		RunE: func(cmd *cobra.Command, args []string) error {
			v.keyword = args[0]
			return v.do(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&v.timeZone, "time-zone", "", "the IANA `zone` in which daily=7 and the like count (default: the schedule's)")
	cmd.Flags().BoolVar(&v.anyKeyword, "any-keyword", false, "take the keyword although no schedule has it yet")
	cmd.Flags().StringSliceVar(&v.alsoTagged, "also-tagged", nil, "adopt those, too, that carry the `keywords` of other schedules")
	cmd.Flags().BoolVar(&v.undo, "undo", false, "give back what was adopted")
	cmd.Flags().BoolVar(&v.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&v.dryRun, "dry-run", false, "list only; change nothing")
	cmd.MarkFlagsMutuallyExclusive("undo", "also-tagged")
	cmd.MarkFlagsMutuallyExclusive("undo", "time-zone")
	cmd.MarkFlagsMutuallyExclusive("yes", "dry-run")
	return cmd
}

// adoptOutput is what adopting would do, and what came of it.
type adoptOutput struct {
	account
	Keyword  string        `json:"keyword"`
	Adopt    []adoptable   `json:"adopt"`
	Skipped  []skipped     `json:"skipped"`
	Already  int           `json:"alreadyOurs"`
	NextRun  plan.Schedule `json:"nextRun"` // what the next run would do then
	Outcome  *adoptOutcome `json:"outcome"` // null if nothing was changed
	deployed bool          // a schedule has the keyword
}

// adoptable is a snapshot to adopt.
type adoptable struct {
	plan.Place
	plan.Snapshot            // as the next run decides about it; without an action if no run works on its volume
	Tag           string     `json:"tag"`       // the value of its own tag with the keyword
	DeletedAt     *time.Time `json:"deletedAt"` // when a run will delete it; null if none will within 5 years
}

type skipped struct {
	ID       string       `json:"id"`
	VolumeID string       `json:"volumeId"`
	Reason   adopt.Reason `json:"reason"`
}

type adoptOutcome struct {
	Done   []string        `json:"done"`
	Gone   []string        `json:"gone"` // deleted since they were listed
	Failed []adopt.Refusal `json:"failed"`
}

func outcomeOf(o adopt.Outcome) *adoptOutcome {
	return &adoptOutcome{append([]string{}, o.Done...), append([]string{}, o.Gone...), append([]adopt.Refusal{}, o.Failed...)}
}

func (v *adoptVerb) do(ctx context.Context) error {
	if err := v.check(time.Now()); err != nil {
		return err
	}
	for _, also := range v.alsoTagged {
		if err := contract.CheckKeyword(also); err != nil {
			return usagef("--also-tagged %q can't be a keyword: %w", also, err)
		}
	}
	run, deployed, err := v.runOf(v.choice, time.Now())
	if err != nil && !v.undo {
		return err
	}
	where, err := v.account(ctx)
	if err != nil {
		return err
	}
	service := &adopt.Service{EC2: where.ec2, Wait: asl.Real().Sleep, Log: slog.New(v.functionLog())}
	if v.undo {
		return v.undoAdoption(ctx, where, service)
	}
	for _, also := range v.alsoTagged {
		if !slices.Contains(schedulesBeside(v.keyword, deployed), also) {
			return fmt.Errorf("--also-tagged %s: no other schedule has that keyword", also)
		}
	}
	listing, err := v.list(ctx, where, deployed)
	if err != nil {
		return err
	}
	out, err := v.consequences(ctx, where, listing, run, deployed)
	if err != nil {
		return err
	}
	if len(listing.Adopt) == 0 || v.dryRun {
		return v.emit(out, func() { v.print(out) })
	}
	v.show(func() { v.print(out) })
	if !v.yes {
		if err := v.console.confirm(ctx, fmt.Sprintf("Adopt %s into the schedule %s?", ebs.Count(len(listing.Adopt), "snapshot"), v.keyword)); err != nil {
			return err
		}
	}
	done, err := v.carryOut(service, len(listing.Adopt), func() (adopt.Outcome, error) { return service.Adopt(ctx, v.keyword, listing.Adopt) })
	out.Outcome = outcomeOf(done)
	return v.close(ctx, out, "Adopted", done, err)
}

// carryOut changes tags, and shows how far it is.
func (v *adoptVerb) carryOut(service *adopt.Service, of int, change func() (adopt.Outcome, error)) (adopt.Outcome, error) {
	line, done := v.console.status(), 0
	service.Done = func(n int) {
		done += n
		line.show(fmt.Sprintf("%d of %d", done, of))
	}
	defer line.clear()
	return change()
}

// close prints what came of it, and gives the error that the exit status says.
func (v *adoptVerb) close(ctx context.Context, out any, what string, done adopt.Outcome, err error) error {
	if emitErr := v.emit(out, func() { v.console.printAdopted(what, done) }); err == nil {
		err = emitErr
	}
	again := "nothing is lost: each snapshot is done whole or not at all, and the same command goes on with the rest"
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("stopped after %s: %s", ebs.Count(len(done.Done), "snapshot"), again)
	case err != nil:
		return lines{err.Error(), ebs.Count(len(done.Done), "snapshot") + " done; " + again}
	case len(done.Failed) > 0:
		return fmt.Errorf("EC2 refused %s, named above; the others are done", ebs.Count(len(done.Failed), "snapshot"))
	}
	return nil
}

// list says what there is to adopt.
func (v *adoptVerb) list(ctx context.Context, where account, c config.Config) (adopt.Listing, error) {
	instances, err := where.ec2.Instances(ctx, v.keyword)
	if err != nil {
		return adopt.Listing{}, err
	}
	tagged, err := where.ec2.KeywordSnapshots(ctx, v.keyword)
	if err != nil {
		return adopt.Listing{}, err
	}
	return adopt.List(adopt.Request{Keyword: v.keyword, Others: schedulesBeside(v.keyword, c), Also: v.alsoTagged}, instances, tagged), nil
}

// schedulesBeside gives the keywords that another schedule may have: those of the configuration, and those that the first users'
// Lambda had, whatever is configured now.
func schedulesBeside(keyword string, c config.Config) []string {
	var out []string
	for _, s := range slices.Concat(c.Schedules, config.Default().Schedules) {
		if s.Keyword != keyword && !slices.Contains(out, s.Keyword) {
			out = append(out, s.Keyword)
		}
	}
	return out
}

// consequences says what runs would do once the snapshots are adopted: the person decides about that.
func (v *adoptVerb) consequences(ctx context.Context, where account, l adopt.Listing, run contract.Run, deployed config.Config) (adoptOutput, error) {
	out := adoptOutput{account: where, Keyword: v.keyword, Adopt: []adoptable{}, Skipped: []skipped{}, Already: l.Ours,
		deployed: slices.Contains(keywordsOf(deployed), v.keyword)}
	var adopted []ebs.Snapshot
	for _, one := range l.Adopt {
		adopted = append(adopted, one.Adopted(v.keyword))
	}
	now := time.Now()
	var err error
	if out.NextRun, err = plan.Of(ctx, where.ec2, run, deployed.ExcludeBoot(), adopted, now); err != nil {
		return adoptOutput{}, err
	}
	held, err := where.ec2.ScheduleSnapshots(ctx, v.keyword)
	if err != nil {
		return adoptOutput{}, err
	}
	byVolume := map[string][]ebs.Snapshot{}
	for _, s := range slices.Concat(held, adopted) {
		byVolume[s.VolumeID] = append(byVolume[s.VolumeID], s)
	}
	decided, last := map[string]plan.Snapshot{}, map[string]time.Time{}
	schedule := explain.Deployed{
		Keyword: v.keyword, TimeZone: run.TimeZone, Runs: deployed.ScheduledTimes(v.keyword, now, now.AddDate(yearsAhead, 0, 0), runsAhead),
	}
	for _, one := range out.NextRun.Volumes {
		for _, s := range one.Snapshots {
			decided[s.ID] = s
		}
		maps.Copy(last, schedule.DeletedAt(one.Retention, byVolume[one.VolumeID], now))
	}
	for _, one := range l.Adopt {
		a := adoptable{
			Place:    plan.Place{InstanceID: one.InstanceID, InstanceName: one.Name, VolumeID: one.Snapshot.VolumeID, Device: one.Device},
			Snapshot: plan.Snapshot{ID: one.Snapshot.ID, StartTime: one.Snapshot.StartTime, State: one.Snapshot.State},
			Tag:      one.Snapshot.Tags[v.keyword],
		}
		if s, ok := decided[a.ID]; ok {
			a.Snapshot = s
		}
		if at, ok := last[a.ID]; ok {
			a.DeletedAt = &at
		}
		out.Adopt = append(out.Adopt, a)
	}
	for _, one := range l.Skipped {
		out.Skipped = append(out.Skipped, skipped{one.Snapshot.ID, one.Snapshot.VolumeID, one.Reason})
	}
	return out, nil
}

func (v *adoptVerb) print(out adoptOutput) {
	c := v.console
	c.text("%s.", out.account)
	if len(out.Adopt)+len(out.Skipped)+out.Already == 0 {
		c.text("No snapshot of this account carries the tag %s. Capital letters count, and each Region has its own snapshots.", out.Keyword)
		return
	}
	deletes := 0
	for _, s := range out.Adopt {
		if s.Action == plan.Delete {
			deletes++
		}
	}
	c.text("Snapshots of the Lambda before this tool, with the tag %s: %d to adopt, %d skipped, %d of the schedule already.",
		out.Keyword, len(out.Adopt), len(out.Skipped), out.Already)
	if len(out.Adopt) > 0 {
		c.text("The next run of %s would then delete %s, %d of them adopted ones. The retention in force for the volume decides, not the value "+
			"on a snapshot. Switch the Lambda before this tool off first: it counts and deletes whatever carries the tag.",
			out.Keyword, ebs.Count(out.NextRun.Delete, "snapshot"), deletes)
	}
	if !out.deployed {
		c.text("%s has no schedule %s: until it has one, nothing counts or deletes what is adopted.", v.config, out.Keyword)
	}
	zone := zoneOf(out.NextRun.TimeZone)
	for at := 0; at < len(out.Adopt); {
		first := out.Adopt[at]
		var rows [][]string
		for ; at < len(out.Adopt) && out.Adopt[at].VolumeID == first.VolumeID; at++ {
			s := out.Adopt[at]
			rows = append(rows, []string{"  " + s.ID, s.StartTime.In(zone).Format(ebs.TimeFormat), out.Keyword + "=" + s.Tag, s.fate(zone)})
		}
		c.printf("\n")
		c.text("%s, %s (%s)", first.Name(), first.VolumeID, first.Device)
		c.table([]column{{solid: true}, {solid: true}, {}, {}}, rows)
	}
	v.printSkipped(out.Skipped)
}

// fate says what becomes of the snapshot.
func (s adoptable) fate(zone *time.Location) string {
	switch {
	case s.Action == "":
		return "no run works on its volume"
	case s.Action == plan.Delete:
		return "the next run DELETES it: " + s.Reason.String()
	case s.DeletedAt != nil:
		return "kept until " + s.DeletedAt.In(zone).Format(ebs.TimeFormat) + ": " + s.Reason.String()
	}
	return "kept: " + s.Reason.String()
}

// printSkipped gives each reason once, with how many and which: thousands usually have few.
func (v *adoptVerb) printSkipped(all []skipped) {
	const shown = 5
	var reasons []string
	ids := map[string][]string{}
	for _, s := range all {
		why := s.Reason.String()
		if ids[why] == nil {
			reasons = append(reasons, why)
		}
		ids[why] = append(ids[why], s.ID)
	}
	for i, r := range reasons {
		if i == 0 {
			v.console.printf("\nSkipped, and not touched:\n")
		}
		some, more := ids[r][:min(shown, len(ids[r]))], ""
		if n := len(ids[r]) - len(some); n > 0 {
			more = fmt.Sprintf(" and %d more (--output json lists them)", n)
		}
		v.console.text("  %d: %s: %s%s", len(ids[r]), r, strings.Join(some, ", "), more)
	}
}

func (c *console) printAdopted(what string, o adopt.Outcome) {
	text := what + " " + ebs.Count(len(o.Done), "snapshot")
	if len(o.Gone) > 0 {
		text += fmt.Sprintf("; %d were deleted since they were listed", len(o.Gone))
	}
	c.text("%s.", text)
	for _, f := range o.Failed {
		c.text("  FAILED %s: %s", f.SnapshotID, f.Reason)
	}
}

// undoOutput is what --undo would do, and what came of it.
type undoOutput struct {
	account
	Keyword  string        `json:"keyword"`
	GiveBack []undone      `json:"giveBack"`
	Claimed  []undone      `json:"claimed"` // by a person since they were adopted: they stay as they are
	Outcome  *adoptOutcome `json:"outcome"` // null if nothing was changed
}

type undone struct {
	ID        string    `json:"id"`
	VolumeID  string    `json:"volumeId"`
	StartTime time.Time `json:"startTime"`
}

func (v *adoptVerb) undoAdoption(ctx context.Context, where account, service *adopt.Service) error {
	held, err := where.ec2.ScheduleSnapshots(ctx, v.keyword)
	if err != nil {
		return err
	}
	adopted, claimed := adopt.Adopted(v.keyword, held)
	out := undoOutput{account: where, Keyword: v.keyword, GiveBack: undoneOf(adopted), Claimed: undoneOf(claimed)}
	if len(adopted) == 0 || v.dryRun {
		return v.emit(out, func() { v.printUndo(out) })
	}
	v.show(func() { v.printUndo(out) })
	if !v.yes {
		if err := v.console.confirm(ctx, fmt.Sprintf("Undo the adoption of %s into the schedule %s?", ebs.Count(len(adopted), "snapshot"), v.keyword)); err != nil {
			return err
		}
	}
	done, err := v.carryOut(service, len(adopted), func() (adopt.Outcome, error) { return service.Undo(ctx, adopted) })
	out.Outcome = outcomeOf(done)
	return v.close(ctx, out, "Given back", done, err)
}

func undoneOf(snapshots []ebs.Snapshot) []undone {
	out := []undone{}
	for _, s := range snapshots {
		out = append(out, undone{s.ID, s.VolumeID, s.StartTime})
	}
	return out
}

func (v *adoptVerb) printUndo(out undoOutput) {
	c := v.console
	c.text("%s.", out.account)
	c.text("%s of %s to give back: the tags that the adoption set are removed, all others stay. What a run has deleted since does not come back.",
		ebs.Count(len(out.GiveBack), "adopted snapshot"), out.Keyword)
	var rows [][]string
	for _, s := range out.GiveBack {
		rows = append(rows, []string{"  " + s.ID, s.VolumeID, s.StartTime.UTC().Format(ebs.TimeFormat), ""})
	}
	for _, s := range out.Claimed {
		rows = append(rows, []string{"  " + s.ID, s.VolumeID, s.StartTime.UTC().Format(ebs.TimeFormat), "a person has claimed it since: it stays as it is"})
	}
	if len(rows) > 0 {
		c.table([]column{{solid: true}, {solid: true}, {solid: true}, {}}, rows)
	}
}
