package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/explain"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/watch/orphans"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// How far ahead runs are played.
const (
	yearsAhead = 5
	runsAhead  = 50_000
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
		return fmt.Errorf("there is no %s here, and no snapshot of it; is this the right account and Region? %s", text, where)
	}
	now := time.Now()
	schedules, err := schedulesToExplain(deployed, now)
	if err != nil {
		return err
	}
	q := explain.Inquiry{EC2: where.ec2, Schedules: schedules}
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
func schedulesToExplain(c config.Config, now time.Time) ([]explain.Deployed, error) {
	var out []explain.Deployed
	for _, keyword := range keywordsOf(c) {
		d := explain.Deployed{
			Keyword: keyword, TimeZone: c.TimeZones()[keyword], ExcludeBoot: slices.Contains(c.ExcludeBoot(), keyword),
			Runs: c.Firings(keyword, now, now.AddDate(yearsAhead, 0, 0), runsAhead),
		}
		for _, s := range c.Schedules {
			if s.Keyword == keyword {
				d.Expressions = append(d.Expressions, s.String())
			}
		}
		if slices.Contains(c.OrphanKeywords(), keyword) {
			p, err := orphans.ReadPolicy(c.Orphans, c.OrphansExpire)
			if err != nil {
				return nil, err
			}
			d.Orphans = &p
		}
		out = append(out, d)
	}
	return out, nil
}

func (c *console) printExplained(out explainOutput, single bool) {
	c.text("%s. Nothing is changed.", out.account)
	for _, e := range out.Volumes {
		c.printf("\n")
		c.printVolume(e, single)
	}
	c.printf("\n")
	c.text("A run deletes what it is said to delete if today's schedules and retentions stay, and each run until then works.")
}

func (c *console) printVolume(e explain.Explained, single bool) {
	what := "which is gone"
	if e.Exists {
		what = fmt.Sprintf("%d GiB", e.SizeGiB)
	}
	c.text("Volume %s, %s. %s of this account.", e.VolumeID, what, count(len(e.Snapshots), "snapshot"))
	zone := time.UTC
	for _, s := range e.Schedules {
		zone = zoneOf(s.TimeZone)
		c.text("  %s: %s", s.Keyword, scheduleWords(s, zone))
	}
	if same := e.Schedules; len(same) != 1 { // times of several schedules stand in one zone
		zone = time.UTC
	}
	var rows [][]string
	for _, s := range e.Snapshots {
		rows = append(rows, []string{s.ID, s.StartTime.In(zone).Format(personTime), string(s.State), fateOf(s, zone)})
	}
	if len(rows) > 0 {
		c.table([]column{{title: "SNAPSHOT", solid: true}, {title: "BEGAN", solid: true}, {title: "STATE"}, {title: "WHOSE, AND WHY IT IS KEPT OR DELETED"}}, rows)
	}
	if !single && len(rows) > 0 {
		c.bound(e.StorageBound)
	}
}

// scheduleWords says what the schedule does with the volume.
func scheduleWords(s explain.ExplainedSchedule, zone *time.Location) string {
	text := strings.Join(s.Expressions, " and ")
	if s.InstanceID != "" {
		at := s.InstanceID
		if s.InstanceName != "" {
			at = s.InstanceName + " (" + at + ")"
		}
		by := "its instance's tag"
		if s.VolumeTag {
			by = "the volume's own tag"
		}
		text += fmt.Sprintf("; at %s as %s; keeps %q, %s", at, s.Device, s.Retention, by)
	}
	switch {
	case s.Exempt != "":
		text += "; " + s.Exempt.Words(s.Keyword)
	case s.NextRun == nil:
		text += "; it does not run any more"
	default:
		text += "; runs next at " + s.NextRun.In(zone).Format(personTime)
	}
	if p := s.OrphanPolicy; p != nil {
		text += "; of orphans it keeps " + p.String()
	}
	return text
}

// fateOf says whose a snapshot is, and what becomes of it.
func fateOf(s explain.ExplainedSnapshot, zone *time.Location) string {
	text := s.Owner.Words() + ". "
	switch {
	case !s.Managed:
		return text + "Kept: " + s.Why()
	case s.DeletedAt == nil && s.Keep:
		return text + "Kept: " + s.Why() + ". No run ahead deletes it"
	case s.DeletedAt == nil:
		return text + "The next run deletes it, but there is none: " + s.Why()
	case s.Keep:
		return text + "Kept: " + s.Why() + ". DELETED " + s.DeletedAt.In(zone).Format(personTime) + ": " + s.Because.String()
	}
	return text + "DELETED by the next run, " + s.DeletedAt.In(zone).Format(personTime) + ": " + s.Because.String()
}
