// Command run-local runs the workflow on this machine: over a simulated account to show what it does, or over the EC2 that the
// AWS configuration names.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // for machines without time zones

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // something failed; it was named
	exitUsage  = 2
)

const usage = `run-local runs the snapshot life cycle on this machine: the real state machine with the real functions.

  run-local                                     a demonstration over a simulated account: no AWS, nothing is changed
  run-local -schedule SnapshotDaily -plan       what a run would create, keep and delete in your account, and why
  run-local -plan                               the same for all schedules that cdk.json has
  run-local -schedule SnapshotDaily             one run in your account: creates and deletes snapshots
  run-local -explain vol-0123456789abcdef0      whose the snapshots of a volume are, why each is kept, and when it will go
  run-local -adopt SnapshotDaily                takes over the snapshots of the Lambda before this tool: lists them, and asks
  run-local -adopt SnapshotDaily -undo          gives them back

Your account is the one that the AWS configuration names: AWS_PROFILE, AWS_REGION, AWS_ACCESS_KEY_ID and so on, and
AWS_ENDPOINT_URL for an EC2 other than Amazon's.

Flags:
`

const usageEnd = `
Ctrl-C stops a run cleanly; the same command with the same -scheduled-time finishes it, without a second snapshot of any volume.

Exit status: 0 all is well, 1 something failed (it is named), 2 the command line is wrong.
`

type options struct {
	schedule, timeZone string
	anyKeyword         bool
	scheduledTime      time.Time
	plan, definition   bool
	bench              bool
	dir, topicARN      string
	json               string
	days               int
	pace               discover.Pace
	settle             time.Duration // from a snapshot's creation to the first look at it
	aftermath          time.Duration // from the end of an execution until EC2's lists show all that it created
	given              map[string]bool
	verbose            bool

	explain     string   // a volume's ID
	adopt       string   // the keyword whose snapshots are to be adopted
	alsoTagged  []string // see adopt.Request
	undo, yes   bool
	excludeBoot []string // keywords whose runs leave boot volumes out
	config      string   // the file of the deployment's configuration
	person      asker
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		ebs.Fprintf(stderr, "run-local: %v\nrun-local -h explains the flags.\n", err)
		return exitUsage
	}
	if err := o.run(ctx, stdout, stderr); err != nil {
		say(stderr, err)
		return exitFailed
	}
	return exitOK
}

func (o options) run(ctx context.Context, stdout, stderr io.Writer) error {
	switch {
	case o.definition:
		return printDefinition(o, stdout)
	case o.bench:
		return benchmarks(ctx, o, stdout, stderr)
	case o.explain != "":
		return explainVolume(ctx, o, stdout)
	case o.adopt != "":
		return adoptOrUndo(ctx, o, stdout, stderr)
	case o.plan && o.schedule == "":
		return planAll(ctx, o, stdout)
	case o.schedule == "":
		return demo(ctx, o, stdout)
	case o.plan:
		return plan(ctx, o, stdout)
	}
	return live(ctx, o, stdout, stderr)
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{pace: discover.DefaultPace, settle: settle, aftermath: aftermath, person: person()}
	var at, also string
	f := flag.NewFlagSet("run-local", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.schedule, "schedule", "", "the schedule's `keyword`: run it against the EC2 that the AWS configuration names")
	f.StringVar(&at, "scheduled-time", "", "the firing's `time`, such as 2026-11-22T00:00:00Z; default: now")
	f.StringVar(&o.timeZone, "time-zone", "", "the IANA `zone` in which calendar rules (daily=7) count; default: that of the schedule in -config, else UTC")
	f.BoolVar(&o.plan, "plan", false, "change nothing: print what the run would create, keep and delete, each with its reason; without -schedule: for all schedules")
	f.StringVar(&o.dir, "dir", ".run-local", "the `folder` for manifests and reports")
	f.StringVar(&o.topicARN, "topic-arn", "", "publish alerts to this SNS topic, besides printing them")
	f.StringVar(&o.json, "json", "", "also write what is printed to this `file` as JSON; - for standard output, instead of the text")
	f.IntVar(&o.days, "days", 7, "how many `days` the demonstration simulates, 1 to 60")
	f.IntVar(&o.pace.Burst, "create-burst", o.pace.Burst, "snapshots created at once after a rest; EC2 takes 100")
	f.Float64Var(&o.pace.Rate, "create-rate", o.pace.Rate, "snapshots created per second; EC2 takes 5")
	f.BoolVar(&o.definition, "definition", false, "print the state machine's definition as it runs here, and end")
	f.BoolVar(&o.bench, "bench", false, "measure runs over up to 100,000 volumes on a simulated account: speed, usage, limits and cost; takes minutes")
	f.StringVar(&o.explain, "explain", "", "say of each snapshot of the `volume` whose it is, why it is kept, and when it will go")
	f.StringVar(&o.adopt, "adopt", "", "adopt the snapshots with this `keyword` that the Lambda before this tool made; lists them, and asks")
	f.StringVar(&also, "also-tagged", "", "with -adopt: those too that carry these `keywords` of other schedules, separated by commas")
	f.BoolVar(&o.undo, "undo", false, "with -adopt: give back what was adopted")
	f.BoolVar(&o.anyKeyword, "any-keyword", false, "with -schedule: the keyword is meant although no schedule in -config has it")
	f.BoolVar(&o.yes, "yes", false, "with -adopt: do not ask")
	f.StringVar(&o.config, "config", configFile, "the `file` with the schedules that are deployed")
	f.BoolVar(&o.verbose, "v", false, "print the functions' logs to standard error")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stderr, usage)
			f.SetOutput(stderr)
			f.PrintDefaults()
			fmt.Fprint(stderr, usageEnd)
		}
		return o, err
	}
	o.alsoTagged = strings.Split(also, ",") // [""] is refused if it was given
	return o, o.check(f, at)
}

// volumeID is what may be the ID of a volume. EC2 takes it as a pattern: vol-* would be all of them.
var volumeID = regexp.MustCompile(`^vol-[A-Za-z0-9-]+$`)

// check reads what the flag package can't, and refuses combinations that would be ignored.
func (o *options) check(f *flag.FlagSet, at string) error {
	if f.NArg() > 0 {
		return fmt.Errorf("%q is not a flag; did you mean -schedule %s?", f.Arg(0), f.Arg(0))
	}
	given := map[string]bool{}
	f.Visit(func(g *flag.Flag) { given[g.Name] = true })
	o.given = given
	if !given["also-tagged"] {
		o.alsoTagged = nil
	}
	if err := o.checkTogether(given); err != nil {
		return err
	}
	keywords := map[string][]string{"schedule": {o.schedule}, "adopt": {o.adopt}, "also-tagged": o.alsoTagged}
	for _, name := range slices.Sorted(maps.Keys(keywords)) {
		for _, keyword := range keywords[name] {
			if err := contract.CheckKeyword(keyword); given[name] && err != nil {
				return fmt.Errorf("-%s %q can't be a keyword: %w", name, keyword, err)
			}
		}
	}
	if given["explain"] && !volumeID.MatchString(o.explain) {
		return fmt.Errorf("-explain %q is not the ID of a volume, such as vol-0123456789abcdef0", o.explain)
	}
	if at != "" {
		var err error
		if o.scheduledTime, err = discover.ReadTime(at, time.Now()); err != nil {
			return fmt.Errorf("-scheduled-time %w", err)
		}
	}
	if _, err := time.LoadLocation(o.timeZone); err != nil || o.timeZone == "Local" {
		return fmt.Errorf("-time-zone %q is not an IANA time zone such as Asia/Shanghai", o.timeZone)
	}
	switch {
	case o.days < 1 || o.days > 60:
		return fmt.Errorf("-days %d is not in 1 to 60", o.days)
	case o.pace.Burst < 1 || o.pace.Burst > 100:
		return fmt.Errorf("-create-burst %d is not in 1 to 100", o.pace.Burst)
	case !(o.pace.Rate > 0 && o.pace.Rate <= 5):
		return fmt.Errorf("-create-rate %v is not above 0 and at most 5", o.pace.Rate)
	}
	return nil
}

// checkTogether refuses flags that would be ignored beside the others.
func (o *options) checkTogether(given map[string]bool) error {
	what, use := "the demonstration", []string{"days", "json", "v"}
	switch {
	case given["definition"]:
		what, use = "-definition", []string{"definition"}
	case given["bench"]:
		what, use = "-bench", []string{"bench", "json"}
	case given["explain"]:
		what, use = "-explain", []string{"explain", "config", "json"}
	case given["adopt"] && o.undo:
		what, use = "-adopt -undo", []string{"adopt", "undo", "yes", "plan", "json", "v"}
	case given["adopt"]:
		what, use = "-adopt", []string{"adopt", "also-tagged", "undo", "yes", "plan", "time-zone", "config", "json", "v"}
	case given["schedule"]: // and -plan, which takes what the run that it is about takes
		what, use = "a run", []string{
			"schedule", "any-keyword", "plan", "scheduled-time", "time-zone", "config", "dir", "topic-arn", "json", "create-burst", "create-rate", "v",
		}
	case given["plan"]:
		what, use = "-plan of all schedules", []string{"plan", "config", "json"}
	}
	if o.plan && o.yes {
		return errors.New("-yes has no effect on -plan, which changes nothing and asks nothing")
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch {
		case given["adopt"] && !slices.Contains(use, name):
			return fmt.Errorf("-%s has no effect on %s, which takes -%s", name, what, strings.Join(use, ", -"))
		case slices.Contains(use, name):
		case slices.Contains([]string{"also-tagged", "undo", "yes"}, name):
			return fmt.Errorf("-%s needs -adopt KEYWORD", name)
		case !given["schedule"] && name != "days" && what == "the demonstration":
			return fmt.Errorf("-%s needs -schedule KEYWORD: the demonstration has its own", name)
		default:
			return fmt.Errorf("-%s has no effect on %s, which takes -%s", name, what, strings.Join(use, ", -"))
		}
	}
	return nil
}

func printDefinition(o options, stdout io.Writer) error {
	text, err := workflow.RenderedDefinition(workflow.Config{MaxConcurrency: maxConcurrency, Settle: o.settle})
	if err == nil {
		_, err = stdout.Write(text)
	}
	return err
}
