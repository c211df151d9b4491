package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/spf13/cobra"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/snsgw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/plan"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/report"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const (
	maxConcurrency = 10_000 // what the deployed Distributed Map may run at once
	maxCalls       = 64     // functions at once on this machine
)

// stateFolder stands beside cdk.json: whatever folder the command is called from, it finds what an earlier run left.
const stateFolder = "." + name

// runVerb is what the flags of run say.
type runVerb struct {
	*app
	choice
	yes      bool
	resume   bool
	topicARN string
}

func (a *app) run() *cobra.Command {
	v := &runVerb{app: a}
	cmd := &cobra.Command{
		Use: "run KEYWORD", GroupID: changing, Args: one("the KEYWORD of a schedule"), ValidArgsFunction: a.completeKeyword,
		Short: "Run a schedule now, from this machine",
		Long: `Run a schedule now, from this machine: create the snapshots, and delete those
that the retention no longer keeps. It shows the account and what would be done,
and asks before it changes anything.

Ctrl-C stops it cleanly, and prints the command that finishes the run without a
second snapshot of any volume. Its manifest and report are kept in the folder
` + stateFolder + ` beside cdk.json.`,
		Example: `  ebs-snapshots run SnapshotDaily
  ebs-snapshots run SnapshotDaily --resume`,
		RunE: func(cmd *cobra.Command, args []string) error {
			v.keyword = args[0]
			return v.do(cmd.Context())
		},
	}
	v.flags(cmd)
	cmd.Flags().BoolVar(&v.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&v.resume, "resume", false, "finish the latest run of the schedule that was stopped or failed here")
	cmd.Flags().StringVar(&v.topicARN, "topic-arn", "", "publish alerts to the SNS topic with this `ARN`, besides printing them")
	cmd.MarkFlagsMutuallyExclusive("resume", "scheduled-time")
	cmd.MarkFlagsMutuallyExclusive("resume", "time-zone")
	return cmd
}

// local is a run on this machine.
type local struct {
	account
	run      contract.Run
	deployed config.Config
	objects  *localstore.Folder
	dir      string
}

func (v *runVerb) do(ctx context.Context) error {
	now := time.Now()
	if err := v.check(now); err != nil {
		return err
	}
	run, deployed, err := v.runOf(v.choice, now)
	if err != nil {
		return err
	}
	where, err := v.account(ctx)
	if err != nil {
		return err
	}
	if err := checkTopic(v.topicARN, where); err != nil {
		return err
	}
	if err := checkClock(ctx, where.ec2, v.keyword); err != nil {
		return err
	}
	l := local{account: where, deployed: deployed, dir: filepath.Join(filepath.Dir(v.config), stateFolder, where.folder())}
	if l.objects, err = localstore.OpenFolder(l.dir); err != nil {
		return err
	}
	defer func() { _ = l.objects.Close() }() // a folder's handle: nothing is lost
	if l.run = run; v.resume {
		if l.run, err = l.unfinished(ctx, run); err != nil {
			return err
		}
	}
	if v.at != "" {
		if err := l.mayBeOver(ctx); err != nil {
			return err
		}
	}
	if err := v.agree(ctx, l); err != nil {
		return err
	}
	return v.carryOut(ctx, l)
}

// agree shows what the run would do, and asks.
func (v *runVerb) agree(ctx context.Context, l local) error {
	s, err := plan.Of(ctx, l.ec2, l.run, l.deployed.ExcludeBoot(), nil, time.Now())
	if err != nil {
		return err
	}
	v.show(func() {
		v.console.text("%s.", l.account)
		v.console.text("Run %s: %s %s.", l.run.ID, totals(s.Totals), s.Where())
	})
	if len(s.Volumes) == 0 || v.yes {
		return nil
	}
	v.show(func() {
		v.console.text("'%s plan %s --only delete' lists what would be deleted.", name, quoted(v.keyword))
	})
	return v.console.confirm(ctx, "Run it?")
}

// carryOut runs the state machine.
func (v *runVerb) carryOut(ctx context.Context, l local) error {
	e, err := beginExecution(l.dir, time.Now())
	if err != nil {
		return err
	}
	defer e.end()
	track := newTracker(newProgress(v.console))
	alerts := &alertPrinter{out: v.console.err}
	if v.topicARN != "" {
		alerts.also = snsgw.New(l.cfg, v.topicARN)
	}
	w, err := workflow.New(workflow.Config{
		World: asl.Real(), EC2: l.ec2, Objects: l.objects, Topic: alerts, Executions: executions{l.dir},
		Pace:   discover.Pace{Burst: l.deployed.CreateBurst, Rate: l.deployed.CreateRate},
		Settle: v.waits.settle, MaxConcurrency: maxConcurrency, Log: track.log(v.functionLog()),
		Around: track.around(maxCalls), Aftermath: v.waits.aftermath, ExcludeBoot: l.deployed.ExcludeBoot(), ReportBase: l.dir + string(filepath.Separator),
	})
	if err != nil {
		return err
	}
	result, err := w.Run(ctx, e.name, contract.Input{
		SnapshotKeyWord: l.run.SnapshotKeyWord, ScheduledTime: l.run.ScheduledTime.Format(time.RFC3339), TimeZone: l.run.TimeZone,
	})
	track.close()
	if err != nil {
		return err
	}
	return v.finish(ctx, l, track, result, alerts)
}

// finish prints what became of the run, and gives the error that the exit status says.
func (v *runVerb) finish(ctx context.Context, l local, track *tracker, result asl.Result, alerts *alertPrinter) error {
	if holder := track.duplicateOf(); holder != "" && holds(ctx, l.dir, holder) {
		return fmt.Errorf("run %s is under way in another process on this machine (%s); nothing was done", l.run.ID, holder)
	}
	out := track.outcome(l, string(result.Status))
	if r, ok := readReport(ctx, l.objects, track.manifestKey()); ok {
		out.take(r, l.objects.Path(contract.ReportKey(track.manifestKey())))
	}
	if err := v.emit(out, func() { v.console.printOutcome(out) }); err != nil {
		return err
	}
	again := "  " + v.finishCommand(l.run)
	switch {
	case ctx.Err() != nil:
		return lines{"stopped; to finish the run without a second snapshot of any volume:", again}
	case result.Status != asl.Succeeded && out.Report == "":
		return lines{"the run ended before it could report: " + track.lastTrouble(), "once the cause is removed:", again}
	case result.Status != asl.Succeeded:
		return lines{"the run failed: " + result.Error + ": " + result.Cause, "to try again what failed, and only that:", again}
	}
	return alerts.err
}

// finishCommand is the command that finishes the run, for a shell.
func (v *runVerb) finishCommand(run contract.Run) string {
	args := []string{
		v.called, "run", quoted(run.SnapshotKeyWord), "--scheduled-time", run.ScheduledTime.Format(time.RFC3339),
		// Without its zone, calendar rules would keep and delete other snapshots.
		"--time-zone", quoted(run.TimeZone),
	}
	if v.anyKeyword {
		args = append(args, "--any-keyword")
	}
	for _, flag := range []struct{ name, value, preset string }{
		{"config", v.config, configFile}, {"profile", v.profile, ""}, {"region", v.region, ""}, {"topic-arn", v.topicARN, ""},
	} {
		if flag.value != flag.preset {
			args = append(args, "--"+flag.name, quoted(flag.value))
		}
	}
	return strings.Join(args, " ")
}

// unfinished gives the latest run of the schedule that was begun here and is not done, in the time zone in which it was begun.
func (l local) unfinished(ctx context.Context, now contract.Run) (contract.Run, error) {
	keys, err := l.objects.List(ctx, path.Dir(path.Clean(contract.RunPrefix(now)))+"/")
	if err != nil {
		return contract.Run{}, err
	}
	latest, execution := contract.Run{}, ""
	for _, key := range keys {
		if path.Base(key) != "run.json" {
			continue
		}
		body, _, err := l.objects.Get(ctx, key)
		if err != nil {
			return contract.Run{}, err
		}
		var c contract.Claim
		if err := json.Unmarshal(body, &c); err != nil {
			return contract.Run{}, fmt.Errorf("read %s: %w", l.objects.Path(key), err)
		}
		at, err := discover.ReadTime(c.Run[strings.LastIndex(c.Run, "/")+1:], time.Time{})
		if err == nil && c.Done.IsZero() && at.After(latest.ScheduledTime) {
			latest, execution = now, c.Execution
			latest.ID, latest.ScheduledTime = c.Run, at
		}
	}
	if latest.ID == "" {
		return latest, fmt.Errorf("there is no run of %s to resume: all that were begun here are done (%s)", now.SnapshotKeyWord, l.dir)
	}
	if body, _, err := l.objects.Get(ctx, contract.ManifestKey(latest, execution)); err == nil { // else it was stopped before it had one
		var items []contract.Item
		if json.Unmarshal(body, &items) == nil && len(items) > 0 {
			latest.TimeZone = items[0].Run.TimeZone
		}
	}
	return latest, nil
}

// mayBeOver refuses a run of an earlier time of which nothing is known here, if EC2 has snapshots of a later one: it may be over, in the cloud
// or from another folder. It would create each snapshot that has been deleted since, and push later ones out.
func (l local) mayBeOver(ctx context.Context) error {
	if begun, err := l.objects.Has(contract.ClaimKey(l.run)); err != nil || begun {
		return err
	}
	held, err := l.ec2.ScheduleSnapshots(ctx, l.run.SnapshotKeyWord)
	if err != nil {
		return err
	}
	for _, s := range held {
		run := s.Tags[ebs.TagRun]
		at, err := time.Parse(time.RFC3339, run[strings.LastIndex(run, "/")+1:])
		if err == nil && at.After(l.run.ScheduledTime) && ebs.MadeBy(s, run) {
			return fmt.Errorf("run %s may be over: nothing is known of it in %s, and EC2 has %s of the later run %s. "+
				"Start a run of now, without --scheduled-time; what failed in the cloud is finished there", l.run.ID, l.dir, s.ID, run)
		}
	}
	return nil
}

// checkTopic refuses a topic that can't be published to, before any snapshot is made.
func checkTopic(text string, where account) error {
	if text == "" {
		return nil
	}
	a, err := arn.Parse(text)
	switch {
	case err != nil || a.Service != "sns" || a.Resource == "" || strings.Contains(a.Resource, ":"):
		return usagef("--topic-arn %q is not the ARN of an SNS topic, such as arn:aws:sns:%s:%s:alerts", text, where.Region, where.ID)
	case a.Region != where.Region:
		return usagef("--topic-arn %s is in Region %s, and the run is in %s", text, a.Region, where.Region)
	}
	return nil
}

// clockTolerance is how much this machine's clock may differ from EC2's.
const clockTolerance = 5 * time.Minute

// checkClock refuses to run by a clock that is wrong: it names the run, and what the run made would not pass for its own (ebs.MakerOf).
func checkClock(ctx context.Context, ec2 *ec2gw.Gateway, keyword string) error {
	if _, err := ec2.TaggedVolumes(ctx, keyword); err != nil { // the cheapest of the run's own questions
		return err
	}
	if ec2.Time().IsZero() {
		return nil // another's EC2, which does not say
	}
	off, how := time.Since(ec2.Time()), "ahead of"
	if off < 0 {
		off, how = -off, "behind"
	}
	if off <= clockTolerance {
		return nil
	}
	return fmt.Errorf("the clock of this machine is %v %s EC2's; set it right first", off.Round(time.Second), how)
}

// holds says whether the execution is still at work.
func holds(ctx context.Context, dir, execution string) bool {
	running, err := executions{dir}.Running(ctx, execution)
	return err != nil || running
}

func readReport(ctx context.Context, objects *localstore.Folder, manifestKey string) (report.Report, bool) {
	var r report.Report
	if manifestKey == "" {
		return r, false
	}
	body, _, err := objects.Get(ctx, contract.ReportKey(manifestKey))
	return r, err == nil && json.Unmarshal(body, &r) == nil
}

// alertPrinter is the topic: alerts are printed, and published if there is a real one.
type alertPrinter struct {
	out  io.Writer
	also workflow.Topic
	err  error // of publishing
}

func (p *alertPrinter) Publish(ctx context.Context, subject, message string) error {
	// Its lines are its own: whoever put it together made visible what others wrote.
	fmt.Fprintf(p.out, "\n--- alert: %s\n%s---\n", ebs.Visible(subject), ebs.VisibleLines(message))
	if p.also == nil {
		return nil
	}
	p.err = p.also.Publish(ctx, subject, message)
	return p.err
}
