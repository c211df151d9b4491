package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/adopt"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// adoption is what adopting would do, and what came of it.
type adoption struct {
	Keyword     string
	Adopt       []adoptedSnapshot
	LeftOut     []leftOut
	AlreadyOurs int
	Note        string         `json:",omitempty"` // why no run would work on them
	NextRun     planned        // what a run would do then
	Outcome     *adopt.Outcome `json:",omitempty"` // nothing was changed without it
}

type adoptedSnapshot struct {
	SnapshotID, VolumeID, Device, InstanceID, Name string
	StartTime                                      time.Time
	Tag                                            string // the value of its own tag with the keyword
	Goes                                           bool   // the next run deletes it
	Reason                                         string
}

type leftOut struct{ SnapshotID, VolumeID, Reason string }

// adoptOrUndo is -adopt.
func adoptOrUndo(ctx context.Context, o options, stdout, stderr io.Writer) error {
	cfg, err := awsConfig(ctx)
	if err != nil {
		return err
	}
	if err := o.openJSON(); err != nil {
		return err
	}
	ec2 := ec2gw.New(cfg, ec2gw.Options{})
	service := &adopt.Service{
		EC2: ec2, Wait: asl.Real().Sleep, Log: slog.New(functionLog(o, stderr)),
	}
	if o.undo {
		return o.undoAdoption(ctx, ec2, service, where(cfg), stdout, stderr)
	}
	c, err := o.deployment()
	if err != nil {
		return err
	}
	for _, also := range o.alsoTagged {
		if !slices.Contains(schedulesBeside(o.adopt, c), also) {
			return fmt.Errorf("-also-tagged %s: no other schedule has that keyword", also)
		}
	}
	listing, err := o.list(ctx, ec2, c)
	if err != nil {
		return err
	}
	a, err := o.consequences(ctx, ec2, listing)
	if err != nil {
		return err
	}
	if len(c.Schedules) > 0 && !slices.Contains(keywordsOf(c), o.adopt) {
		a.Note = o.config + " has no schedule " + o.adopt + ": until it has one, nothing counts or deletes what is adopted."
	}
	text := func(w io.Writer) { a.print(w, where(cfg)) }
	if len(listing.Adopt) == 0 || o.plan {
		return emit(o, stdout, a, text)
	}
	o.show(stdout, stderr, text)
	question := fmt.Sprintf("Adopt %s into the schedule %s?", snapshots(len(listing.Adopt)), o.adopt)
	if err := o.agree(ctx, stderr, question); err != nil {
		return and(err, o.writeJSON(stdout, a))
	}
	service.Done = counter(stderr, len(listing.Adopt))
	outcome, err := service.Adopt(ctx, o.adopt, listing.Adopt)
	a.Outcome = &outcome
	if emitErr := emit(o, stdout, a, func(w io.Writer) { printOutcome(w, "Adopted", outcome) }); err == nil {
		err = emitErr
	}
	return o.closing(ctx, outcome, err)
}

// show prints what the person is asked about: where standard output is for JSON, to the other one.
func (o options) show(stdout, stderr io.Writer, text func(io.Writer)) {
	if o.json == "-" {
		stdout = stderr
	}
	text(stdout)
}

// list says what there is to adopt.
func (o options) list(ctx context.Context, ec2 *ec2gw.Gateway, c config.Config) (adopt.Listing, error) {
	instances, err := ec2.Instances(ctx, o.adopt)
	if err != nil {
		return adopt.Listing{}, err
	}
	tagged, err := ec2.KeywordSnapshots(ctx, o.adopt)
	if err != nil {
		return adopt.Listing{}, err
	}
	return adopt.List(adopt.Request{Keyword: o.adopt, Others: schedulesBeside(o.adopt, c), Also: o.alsoTagged}, instances, tagged), nil
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

// consequences says what a run would do once the snapshots are adopted: the person decides about that.
func (o options) consequences(ctx context.Context, ec2 *ec2gw.Gateway, l adopt.Listing) (adoption, error) {
	o.schedule = o.adopt
	if err := o.asDeployed(); err != nil {
		return adoption{}, err
	}
	var more []ebs.Snapshot
	for _, one := range l.Adopt {
		more = append(more, one.Adopted(o.adopt))
	}
	p, err := o.planned(ctx, ec2, more)
	if err != nil {
		return adoption{}, err
	}
	decided := map[string]adoptedSnapshot{}
	for _, v := range p.Volumes {
		for _, s := range v.Keep {
			decided[s.SnapshotID] = adoptedSnapshot{Reason: s.Reason}
		}
		for _, s := range v.Delete {
			decided[s.SnapshotID] = adoptedSnapshot{Goes: true, Reason: s.Reason}
		}
	}
	a := adoption{Keyword: o.adopt, Adopt: []adoptedSnapshot{}, LeftOut: []leftOut{}, AlreadyOurs: l.Ours, NextRun: p}
	for _, one := range l.Adopt {
		s, ok := decided[one.Snapshot.ID]
		if !ok {
			s.Reason = "no run works on its volume now"
		}
		s.SnapshotID, s.VolumeID, s.StartTime = one.Snapshot.ID, one.Snapshot.VolumeID, one.Snapshot.StartTime
		s.InstanceID, s.Name, s.Device, s.Tag = one.InstanceID, one.Name, one.Device, one.Snapshot.Tags[o.adopt]
		a.Adopt = append(a.Adopt, s)
	}
	for _, one := range l.Skipped {
		a.LeftOut = append(a.LeftOut, leftOut{one.Snapshot.ID, one.Snapshot.VolumeID, one.Reason})
	}
	return a, nil
}

func (o options) undoAdoption(ctx context.Context, ec2 *ec2gw.Gateway, service *adopt.Service, where string, stdout, stderr io.Writer) error {
	held, err := ec2.ScheduleSnapshots(ctx, o.adopt)
	if err != nil {
		return err
	}
	adopted, claimed := adopt.Adopted(o.adopt, held)
	u := undoing{Keyword: o.adopt, Adopted: []leftOut{}, LeftOut: []leftOut{}}
	for _, s := range adopted {
		u.Adopted = append(u.Adopted, leftOut{s.ID, s.VolumeID, "adopted, of " + s.StartTime.Format(time.RFC3339)})
	}
	for _, s := range claimed {
		u.LeftOut = append(u.LeftOut, leftOut{s.ID, s.VolumeID, "a person has claimed it since: it stays as it is"})
	}
	if len(adopted) == 0 || o.plan {
		return emit(o, stdout, u, func(w io.Writer) { u.print(w, where) })
	}
	o.show(stdout, stderr, func(w io.Writer) { u.print(w, where) })
	question := fmt.Sprintf("Undo the adoption of %s into the schedule %s?", snapshots(len(adopted)), o.adopt)
	if err := o.agree(ctx, stderr, question); err != nil {
		return and(err, o.writeJSON(stdout, u))
	}
	service.Done = counter(stderr, len(adopted))
	outcome, err := service.Undo(ctx, adopted)
	u.Outcome = &outcome
	if emitErr := emit(o, stdout, u, func(w io.Writer) { printOutcome(w, "Given back", outcome) }); err == nil {
		err = emitErr
	}
	return o.closing(ctx, outcome, err)
}

// undoing is what -undo would do, and what came of it.
type undoing struct {
	Keyword string
	Adopted []leftOut
	LeftOut []leftOut
	Outcome *adopt.Outcome `json:",omitempty"`
}

func (u undoing) print(w io.Writer, where string) {
	ebs.Fprintf(w, "Adopted snapshots of %s in %s:\n", u.Keyword, where)
	for _, s := range slices.Concat(u.Adopted, u.LeftOut) {
		ebs.Fprintf(w, "  %-22s  %-21s  %s\n", s.SnapshotID, s.VolumeID, s.Reason)
	}
	ebs.Fprintf(w, "%s to give back: the tags that the adoption set are removed, all others stay. What a run has deleted since does not come back.\n",
		snapshots(len(u.Adopted)))
}

// closing gives the error that the exit status says.
func (o options) closing(ctx context.Context, outcome adopt.Outcome, err error) error {
	again := "nothing is lost, and each snapshot is done whole or not at all; the same command goes on with the rest"
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("stopped after %s: %s", snapshots(len(outcome.Done)), again)
	case err != nil:
		return lines{err.Error(), snapshots(len(outcome.Done)) + " were done; " + again}
	case len(outcome.Failed) > 0:
		return fmt.Errorf("EC2 refused %s, named above; the others are done", snapshots(len(outcome.Failed)))
	}
	return nil
}

func printOutcome(w io.Writer, what string, o adopt.Outcome) {
	ebs.Fprintf(w, "\n%s %s", what, snapshots(len(o.Done)))
	if len(o.Gone) > 0 {
		ebs.Fprintf(w, "; %d were deleted meanwhile", len(o.Gone))
	}
	fmt.Fprintln(w, ".")
	for _, f := range o.Failed {
		ebs.Fprintf(w, "  FAILED  %s: %s\n", f.SnapshotID, f.Reason)
	}
}

func (a adoption) print(w io.Writer, where string) {
	ebs.Fprintf(w, "Snapshots of the Lambda before this tool, with the tag %s, in %s.\n", a.Keyword, where)
	zone, err := time.LoadLocation(a.NextRun.Run.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	volume, goes := "", 0
	for _, s := range a.Adopt {
		if s.VolumeID != volume {
			volume = s.VolumeID
			ebs.Fprintf(w, "\n%s, %s (%s)\n", placeName(s.Name, s.InstanceID), s.VolumeID, s.Device)
		}
		then := "the next run keeps it:"
		if s.Goes {
			then = "the next run DELETES it:"
			goes++
		}
		ebs.Fprintf(w, "  adopt  %-22s  %s  %s=%s  %s %s\n", s.SnapshotID, s.StartTime.In(zone).Format("2006-01-02 15:04 MST"),
			a.Keyword, s.Tag, then, s.Reason)
	}
	a.printLeftOut(w)
	if len(a.Adopt)+len(a.LeftOut)+a.AlreadyOurs == 0 {
		ebs.Fprintf(w, "No snapshot of this account carries the tag %s. Capital letters count, and each Region has its own.\n", a.Keyword)
		return
	}
	ebs.Fprintf(w, "\n%s to adopt, %d left out, %d of the schedule already.\n", snapshots(len(a.Adopt)), len(a.LeftOut), a.AlreadyOurs)
	if len(a.Adopt) > 0 {
		ebs.Fprintf(w, "The next run of %s would then delete %s, %d of them adopted ones.\nWhat counts is the retention in force for the volume, "+
			"not the value on a snapshot.\nSwitch the Lambda before this one off first: it counts, and deletes, whatever carries the tag.\n",
			a.Keyword, snapshots(a.NextRun.Delete), goes)
	}
	if a.Note != "" {
		ebs.Fprintf(w, "%s\n", a.Note)
	}
}

// printLeftOut gives each reason once, with how many and which: thousands usually have few.
func (a adoption) printLeftOut(w io.Writer) {
	const shown = 5
	var reasons []string
	ids := map[string][]string{}
	for _, s := range a.LeftOut {
		if ids[s.Reason] == nil {
			reasons = append(reasons, s.Reason)
		}
		ids[s.Reason] = append(ids[s.Reason], s.SnapshotID)
	}
	for i, r := range reasons {
		if i == 0 {
			fmt.Fprintln(w, "\nLeft out, and not touched:")
		}
		some := ids[r][:min(shown, len(ids[r]))]
		more := ""
		if n := len(ids[r]) - len(some); n > 0 {
			more = fmt.Sprintf(" and %d more (-json lists them)", n)
		}
		ebs.Fprintf(w, "  %d: %s\n     %s%s\n", len(ids[r]), r, strings.Join(some, ", "), more)
	}
}

func placeName(name, id string) string {
	if name == "" {
		return id
	}
	return name + " (" + id + ")"
}

func snapshots(n int) string {
	if n == 1 {
		return "1 snapshot"
	}
	return fmt.Sprintf("%d snapshots", n)
}

// counter shows a person how far it is.
func counter(w io.Writer, of int) func(int) {
	done := 0
	return func(n int) {
		done += n
		ebs.Fprintf(w, "%d of %d\n", done, of)
	}
}
