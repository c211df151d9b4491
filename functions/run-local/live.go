package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/snsgw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/report"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const (
	maxConcurrency = 10_000 // what the deployed Distributed Map may run at once
	maxCalls       = 64     // functions at once on this machine
	// settle is how long a run waits before it first looks at a snapshot: less than deployed, since a person is watching.
	settle          = 3 * time.Second
	credentialsWait = 15 * time.Second
	// aftermath is less than deployed: no function of an earlier execution outlives its process, but EC2's lists lag.
	aftermath = 20 * time.Second
)

// live runs one run of the schedule against the EC2 that the AWS configuration names.
func live(ctx context.Context, o options, stdout, stderr io.Writer) error {
	cfg, err := awsConfig(ctx)
	if err != nil {
		return err
	}
	ec2 := ec2gw.New(cfg, ec2gw.Options{})
	if err := o.checkClock(ctx, ec2); err != nil {
		return err
	}
	if o.scheduledTime.IsZero() {
		o.scheduledTime = time.Now()
	}
	if err := o.asDeployed(); err != nil {
		return err
	}
	run, err := runOf(o)
	if err != nil {
		return err
	}
	if err := o.openJSON(); err != nil {
		return err
	}
	dir := filepath.Join(o.dir, placeOf(ctx, cfg))
	objects, err := localstore.OpenFolder(dir)
	if err != nil {
		return err
	}
	defer func() { _ = objects.Close() }() // a folder's handle: nothing is lost
	execution, err := beginExecution(dir, time.Now())
	if err != nil {
		return err
	}
	defer execution.end()

	track := newTracker(newProgress(stderr))
	stderr = track.progress.out // which volumes, functions' logs and alerts share
	alerts := &alertPrinter{out: stderr}
	if o.topicARN != "" {
		alerts.also = snsgw.New(cfg, o.topicARN)
	}
	w, err := workflow.New(workflow.Config{
		World: asl.Real(), EC2: ec2, Objects: objects, Topic: alerts, Executions: localExecutions{dir},
		Pace: o.pace, Settle: o.settle, MaxConcurrency: maxConcurrency, Log: track.log(functionLog(o, stderr)),
		Around: track.around(maxCalls), Aftermath: o.aftermath, ExcludeBoot: o.excludeBoot, ReportBase: dir + string(filepath.Separator),
	})
	if err != nil {
		return err
	}
	ebs.Fprintf(stderr, "run %s in %s; manifest and report in %s\n", run.ID, where(cfg), dir)
	result, err := w.Run(ctx, execution.name, contract.Input{
		SnapshotKeyWord: run.SnapshotKeyWord, ScheduledTime: run.ScheduledTime.Format(time.RFC3339), TimeZone: run.TimeZone,
	})
	track.close()
	if err != nil {
		return err
	}
	return finish(ctx, o, run, objects, track, result, alerts, stdout)
}

// clockTolerance is how much this machine's clock may differ from EC2's.
const clockTolerance = 5 * time.Minute

// checkClock refuses to run by a clock that is wrong: it names the run, and what the run made would not pass for its own (ebs.MakerOf).
func (o options) checkClock(ctx context.Context, ec2 *ec2gw.Gateway) error {
	if _, err := ec2.TaggedVolumes(ctx, o.schedule); err != nil { // the cheapest of the run's own questions
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

// finish prints what became of the run, and gives the error that the exit status says.
func finish(ctx context.Context, o options, run contract.Run, objects *localstore.Folder, track *tracker, result asl.Result,
	alerts *alertPrinter, stdout io.Writer,
) error {
	again := o.again(run)
	if holder := track.duplicateOf(); holder != "" && holds(ctx, objects, holder) {
		return fmt.Errorf("run %s is under way in another process here (%s); nothing was done", run.ID, holder)
	}
	out := track.outcome(run, string(result.Status))
	if r, ok := readReport(ctx, objects, track.manifestKey()); ok {
		out.Report = &r
		out.ReportFile = objects.Path(contract.ReportKey(track.manifestKey()))
	}
	if err := emit(o, stdout, out, out.print); err != nil {
		return err
	}
	switch {
	case ctx.Err() != nil:
		return lines{"stopped before the end; to finish the run without a second snapshot of any volume:", "  " + again}
	case result.Status != asl.Succeeded && out.Report == nil:
		return lines{"the run broke off before it could report: " + track.lastTrouble(), "once that is mended:", "  " + again}
	case result.Status != asl.Succeeded:
		return lines{"the run failed: " + result.Error + ": " + result.Cause, "to try again what failed, and only that:", "  " + again}
	}
	return alerts.err
}

// holds says whether the execution is still at work.
func holds(ctx context.Context, objects *localstore.Folder, execution string) bool {
	status, err := localExecutions{objects.Path("")}.Status(ctx, execution)
	return err != nil || status == discover.Running
}

// again is the command that finishes the run, for a shell.
func (o options) again(run contract.Run) string {
	args := []string{
		"go run ./functions/run-local", "-schedule", quoted(run.SnapshotKeyWord),
		// Without its zone, calendar rules would keep and delete other snapshots.
		"-scheduled-time", run.ScheduledTime.Format(time.RFC3339), "-time-zone", quoted(run.TimeZone),
	}
	if o.anyKeyword {
		args = append(args, "-any-keyword")
	}
	if o.given["dir"] {
		args = append(args, "-dir", quoted(o.dir))
	}
	if o.given["config"] {
		args = append(args, "-config", quoted(o.config))
	}
	if o.given["topic-arn"] {
		args = append(args, "-topic-arn", quoted(o.topicARN))
	}
	if o.given["create-burst"] {
		args = append(args, "-create-burst", strconv.Itoa(o.pace.Burst))
	}
	if o.given["create-rate"] {
		args = append(args, "-create-rate", strconv.FormatFloat(o.pace.Rate, 'g', -1, 64))
	}
	return strings.Join(args, " ")
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_.:/=+@-]+$`)

// quoted is the text as a shell takes it for one word.
func quoted(text string) string {
	if plain.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// awsConfig loads the AWS configuration and makes sure that there is a Region, and somebody to act as.
func awsConfig(ctx context.Context) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return cfg, fmt.Errorf("the AWS configuration can't be read: %w", err)
	}
	if cfg.Region == "" {
		return cfg, errors.New("the AWS configuration names no Region; set AWS_REGION, or choose a profile with AWS_PROFILE")
	}
	ctx, cancel := context.WithTimeout(ctx, credentialsWait)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return cfg, fmt.Errorf("there are no AWS credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: %w", err)
	}
	return cfg, nil
}

func runOf(o options) (contract.Run, error) {
	input, err := json.Marshal(contract.Input{SnapshotKeyWord: o.schedule, TimeZone: o.timeZone})
	if err != nil {
		return contract.Run{}, err
	}
	return discover.ReadRun(contract.DiscoverRequest{Input: input, StartTime: o.scheduledTime}, nil)
}

// placeOf names the folder of an account and Region, so that what was run in one never stands in the way of another.
func placeOf(ctx context.Context, cfg aws.Config) string {
	who := "?"
	if c, err := cfg.Credentials.Retrieve(ctx); err == nil { // cached, see awsConfig
		if who = c.AccountID; who == "" {
			who = c.AccessKeyID
		}
	}
	sum := sha256.Sum256([]byte(who + "\n" + endpoint(cfg)))
	return cfg.Region + "-" + hex.EncodeToString(sum[:4])
}

func where(cfg aws.Config) string {
	if e := endpoint(cfg); e != "" {
		return cfg.Region + " at " + e
	}
	return cfg.Region
}

func endpoint(cfg aws.Config) string {
	for _, name := range []string{"AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return aws.ToString(cfg.BaseEndpoint)
}

func functionLog(o options, stderr io.Writer) slog.Handler {
	if !o.verbose {
		return slog.DiscardHandler
	}
	return slog.NewJSONHandler(plainJSON{stderr}, nil)
}

func readReport(ctx context.Context, objects *localstore.Folder, manifestKey string) (report.Report, bool) {
	var r report.Report
	if manifestKey == "" {
		return r, false
	}
	body, _, err := objects.Get(ctx, contract.ReportKey(manifestKey))
	return r, err == nil && json.Unmarshal(body, &r) == nil
}

// emit writes the text, or the JSON, or both, as -json says.
func emit(o options, stdout io.Writer, value any, text func(io.Writer)) error {
	if o.json != "-" {
		text(stdout)
	}
	return o.writeJSON(stdout, value)
}

// writeJSON writes what -json asks for.
func (o options) writeJSON(stdout io.Writer, value any) error {
	if o.json == "" {
		return nil
	}
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	body = append(ebs.VisibleJSON(body), '\n')
	if o.json == "-" {
		_, err = stdout.Write(body)
		return err
	}
	return os.WriteFile(o.json, body, 0o600)
}

// openJSON makes sure that the file of -json can be written, before anything is done that it should tell of.
func (o options) openJSON() error {
	if o.json == "" || o.json == "-" {
		return nil
	}
	f, err := os.OpenFile(o.json, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("-json: %w", err)
	}
	return f.Close()
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
