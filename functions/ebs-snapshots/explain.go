package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/explain"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// explainOutput is what there is to say of what a person named.
type explainOutput struct {
	account
	Volumes []explain.Explained `json:"volumes"`
}

func (a *app) explain() *cobra.Command {
	return &cobra.Command{
		Use: "explain vol-…|snap-…|i-…|NAME", GroupID: showing, Args: one("the ID of a volume, snapshot or instance, or a name"),
		Short: "Show why snapshots are kept, and until when",
		Long: `Show of each snapshot of a volume whose it is, why it is kept, and when a run
will delete it. Nothing is changed.

Give the ID of a volume, of a snapshot or of an instance, or the Name of an
instance or a volume. Also one that is gone, if snapshots are left of it.

When a snapshot is deleted is found by playing the runs ahead, with the
schedules and retentions as they are now, for 5 years or 50,000 runs at most.`,
		Example: `  ebs-snapshots explain web-1
  ebs-snapshots explain vol-0123456789abcdef0
  ebs-snapshots explain web-1 --output json | jq '.volumes[].snapshots'`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.explainName(cmd.Context(), args[0]) },
	}
}

func (a *app) explainName(ctx context.Context, text string) error {
	if text == "" {
		return usagef("there is nothing to explain: the name is empty")
	}
	if err := explain.CheckName(text); err != nil {
		return usagef("%w", err)
	}
	deployed, err := a.deployment()
	if err != nil {
		return err
	}
	where, err := a.account(ctx)
	if err != nil {
		return err
	}
	found, err := explain.Find(ctx, where.ec2, text)
	if err != nil {
		return err
	}
	if len(found.Volumes) == 0 {
		return fmt.Errorf("there is no %q here, and no snapshot of it; is this the right account and Region? %s", text, where)
	}
	now := time.Now()
	q := explain.Inquiry{EC2: where.ec2, Schedules: schedulesToExplain(deployed, now)}
	out := explainOutput{where, []explain.Explained{}}
	line := a.console.status()
	defer line.clear()
	for i, id := range found.Volumes {
		line.show(fmt.Sprintf("volume %d of %d: playing the runs ahead", i+1, len(found.Volumes)))
		e, err := q.Of(ctx, id, now)
		if err != nil {
			return err
		}
		if found.Snapshot != "" {
			e.Snapshots = slices.DeleteFunc(e.Snapshots, func(s explain.ExplainedSnapshot) bool { return s.ID != found.Snapshot })
		}
		out.Volumes = append(out.Volumes, e)
	}
	line.clear()
	return a.emit(out, func() { a.console.printExplained(out, found.Snapshot != "") })
}

// schedulesToExplain gives the deployed schedules as an explanation wants them.
func schedulesToExplain(c config.Config, now time.Time) []explain.Deployed {
	var out []explain.Deployed
	for _, keyword := range keywordsOf(c) {
		d := explain.Deployed{
			Keyword: keyword, TimeZone: c.TimeZones()[keyword], ExcludeBoot: slices.Contains(c.ExcludeBoot(), keyword),
			Runs: c.ScheduledTimes(keyword, now, now.AddDate(yearsAhead, 0, 0), runsAhead),
		}
		for _, s := range c.Schedules {
			if s.Keyword == keyword {
				d.Expressions = append(d.Expressions, s.String())
			}
		}
		if slices.Contains(c.OrphanKeywords(), keyword) {
			d.Orphans, d.OrphanDays = c.Orphans, c.OrphansExpire
		}
		out = append(out, d)
	}
	return out
}

func (c *console) printExplained(out explainOutput, single bool) {
	c.text("%s. Nothing is changed.", out.account)
	for _, e := range out.Volumes {
		c.printf("\n")
		c.printVolume(e, single)
	}
	c.printf("\n")
	c.text("These dates hold if the schedules and retentions stay as they are, and every run succeeds.")
}

func (c *console) printVolume(e explain.Explained, single bool) {
	what := "which no longer exists"
	if e.Exists {
		what = fmt.Sprintf("%d GiB", e.SizeGiB)
	}
	name := "Volume " + e.VolumeID
	for _, s := range e.Schedules {
		if s.InstanceID != "" {
			name = fmt.Sprintf("%s, %s, volume %s", cmp.Or(s.InstanceName, s.InstanceID), s.Device, e.VolumeID)
		}
	}
	if single {
		c.text("%s, %s: one of its snapshots.", name, what)
	} else {
		c.text("%s, %s: %s.", name, what, ebs.Count(len(e.Snapshots), "snapshot"))
	}
	concerned := slices.DeleteFunc(slices.Clone(e.Schedules), func(s explain.ExplainedSchedule) bool { return !s.Chosen() && !owns(s.Keyword, e.Snapshots) })
	if len(concerned) == 0 {
		concerned = e.Schedules // each says why it has nothing to do with the volume
	}
	for _, s := range concerned {
		c.text("  %s: %s", s.Keyword, scheduleWords(s))
	}
	var rows [][]string
	for _, s := range e.Snapshots {
		zone := zoneFor(e.Schedules, s.Owner.Keyword)
		rows = append(rows, []string{s.ID, s.StartTime.In(zone).Format(ebs.TimeFormat), fateOf(s, zone)})
	}
	if len(rows) > 0 {
		c.table([]column{{title: "SNAPSHOT", solid: true}, {title: "BEGAN", solid: true}, {title: "WHOSE, AND UNTIL WHEN"}}, rows)
	}
	if !single && len(rows) > 0 {
		c.bound(e.StorageBound)
	}
}

// owns says whether any of the snapshots is the schedule's.
func owns(keyword string, snapshots []explain.ExplainedSnapshot) bool {
	return slices.ContainsFunc(snapshots, func(s explain.ExplainedSnapshot) bool { return s.Owner.Keyword == keyword })
}

// zoneFor gives the time zone of the schedule that owns the snapshot; of another's, that of the first schedule that works on the volume.
func zoneFor(schedules []explain.ExplainedSchedule, keyword string) *time.Location {
	zone := time.UTC
	for _, s := range slices.Backward(schedules) {
		if s.Keyword == keyword {
			return zoneOf(s.TimeZone)
		}
		if s.Chosen() {
			zone = zoneOf(s.TimeZone)
		}
	}
	return zone
}

// scheduleWords says what the schedule does with the volume.
func scheduleWords(s explain.ExplainedSchedule) string {
	text := strings.Join(s.Expressions, " and ")
	by := "its instance's tag"
	if s.VolumeTag {
		by = "the volume's own tag"
	}
	switch {
	case s.InstanceID != "":
		at := s.InstanceID
		if s.InstanceName != "" {
			at = s.InstanceName + " (" + at + ")"
		}
		text += fmt.Sprintf("; at %s as %s; keeps %q, %s", at, s.Device, s.Retention, by)
	case s.Chosen():
		text += fmt.Sprintf("; attached to no instance; keeps %q, %s", s.Retention, by)
	}
	switch {
	case s.Exempt != "":
		text += "; " + s.Exempt.Words(s.Keyword)
	case s.NextRun == nil:
		text += "; it does not run any more"
	default:
		text += "; runs next at " + s.NextRun.In(zoneOf(s.TimeZone)).Format(ebs.TimeFormat)
	}
	if s.OrphanPolicy != "" {
		text += "; policy for orphans: " + s.OrphanPolicy
	}
	return text
}

// fateOf says whose a snapshot is, and what becomes of it.
func fateOf(s explain.ExplainedSnapshot, zone *time.Location) string {
	text := s.Owner.Words()
	if s.State != ebs.Completed {
		text += " (" + string(s.State) + ")"
	}
	switch {
	case !s.Managed, s.DeletedAt == nil && s.Keep:
		return text + ": kept, " + s.Why()
	case s.DeletedAt == nil:
		return text + ": the next run would delete it, but no run is ahead: " + s.Why()
	case s.Keep:
		return text + ": kept, " + s.Why() + ". To be deleted " + s.DeletedAt.In(zone).Format(ebs.TimeFormat) + ": " + s.Because.String()
	}
	return text + ": to be deleted by the next run, " + s.DeletedAt.In(zone).Format(ebs.TimeFormat) + ": " + s.Because.String()
}
