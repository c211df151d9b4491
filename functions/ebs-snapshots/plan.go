package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/operator/plan"
)

// planOutput is a plan, and where.
type planOutput struct {
	account
	plan.Plan
}

// planVerb is what the flags of plan say.
type planVerb struct {
	*app
	choice
	all      bool
	instance string
	only     string
}

func (a *app) plan() *cobra.Command {
	v := planVerb{app: a}
	cmd := &cobra.Command{
		Use: "plan [KEYWORD]", GroupID: showing, Args: atMostOne("KEYWORD"), ValidArgsFunction: a.completeKeyword,
		Short: "Show what runs would create, keep and delete",
		Long: `Show what a run of each enabled schedule would create, keep and delete if it ran
now, or a run of one schedule. Nothing is changed.

Each volume that would change has a line; --only delete lists the snapshots
themselves, each with the reason.`,
		Example: `  ebs-snapshots plan
  ebs-snapshots plan SnapshotDaily --only delete
  ebs-snapshots plan --instance web-1 --all
  ebs-snapshots plan --output json | jq '.schedules[] | {keyword, delete}'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				v.keyword = args[0]
			}
			return v.do(cmd)
		},
	}
	v.flags(cmd)
	cmd.Flags().BoolVar(&v.all, "all", false, "also the volumes that would not change, and those that are excluded")
	cmd.Flags().StringVar(&v.instance, "instance", "", "only the volumes of the instance with this `name` or ID")
	cmd.Flags().StringVar(&v.only, "only", "", "list the snapshots to create, keep or delete, as this `action` says, with the reasons (text only)")
	_ = cmd.RegisterFlagCompletionFunc("only", cobra.FixedCompletions([]string{"create", "keep", "delete"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (v *planVerb) do(cmd *cobra.Command) error {
	now := time.Now()
	if v.only != "" && !slices.Contains([]string{"create", "keep", "delete"}, v.only) {
		return usagef("--only %q: give create, keep or delete", v.only)
	}
	choices, disabled, err := v.choices(cmd, now)
	if err != nil {
		return err
	}
	where, err := v.account(cmd.Context())
	if err != nil {
		return err
	}
	out := planOutput{where, plan.Plan{Schedules: []plan.Schedule{}, Disabled: disabled}}
	for _, c := range choices {
		run, deployed, err := v.runOf(c, now)
		if err != nil {
			return err
		}
		s, err := plan.Of(cmd.Context(), where.ec2, run, deployed.ExcludeBoot(), nil, now)
		if err != nil {
			return err
		}
		out.Add(s)
	}
	if v.instance != "" && !out.Only(v.instance) {
		return fmt.Errorf("no schedule here works on an instance %q; is this the right account and Region? %s", v.instance, where)
	}
	return v.emit(out, func() { v.print(out) })
}

// choices gives the schedules to plan: the one that was named, or each that is enabled.
func (v *planVerb) choices(cmd *cobra.Command, now time.Time) (choices []choice, disabled []string, err error) {
	if v.keyword != "" || cmd.Flags().NArg() > 0 {
		return []choice{v.choice}, []string{}, v.check(now)
	}
	for _, flag := range []string{"scheduled-time", "time-zone", "any-keyword"} {
		if cmd.Flags().Changed(flag) {
			return nil, nil, usagef("--%s needs a KEYWORD: it is about one schedule", flag)
		}
	}
	deployed, err := v.deployment()
	if err != nil {
		return nil, nil, err
	}
	disabled = []string{}
	for _, keyword := range keywordsOf(deployed) {
		if enabled(deployed, keyword) {
			choices = append(choices, choice{keyword: keyword})
		} else {
			disabled = append(disabled, keyword)
		}
	}
	return choices, disabled, nil
}

func (v *planVerb) print(out planOutput) {
	c := v.console
	c.text("%s. This is a plan: nothing is changed.", out.account)
	if len(out.Schedules)+len(out.Disabled) == 0 {
		c.text("%s has no schedules.", v.config)
	}
	if len(out.Schedules) > 1 {
		c.text("All schedules: %s", totals(out.Totals))
	}
	for _, s := range out.Schedules {
		c.printf("\n")
		v.printSchedule(s)
	}
	c.printf("\n")
	for _, keyword := range out.Disabled {
		c.text("The schedule %s is disabled; '%s plan %s' shows its plan.", keyword, name, quoted(keyword))
	}
	c.bound(out.StorageBound)
	if out.Delete > 0 {
		c.text("EC2 refuses to delete snapshots that an AMI uses or that are locked: those are kept.")
	}
}

func (v *planVerb) printSchedule(s plan.Schedule) {
	c := v.console
	zone := zoneOf(s.TimeZone)
	if len(s.Volumes) == 0 {
		c.text("%s: there is nothing to snapshot. No instance or volume here carries the tag %s, or its value is off.", s.Keyword, s.Keyword)
	} else {
		c.text("%s, run of %s: %s %s.", s.Keyword, s.ScheduledTime.In(zone).Format(ebs.TimeFormat), totals(s.Totals), s.Where())
	}
	if v.only != "" {
		v.printSnapshots(s, zone)
	} else {
		v.printVolumes(s)
	}
	v.printNotes(s)
	switch {
	case len(s.Excluded) > 0 && v.all:
		c.printf("Excluded:\n")
		var rows [][]string
		for _, e := range s.Excluded {
			rows = append(rows, []string{"  " + e.Name(), e.VolumeID, e.Device, e.Reason.Words(s.Keyword)})
		}
		c.table([]column{{}, {solid: true}, {solid: true}, {}}, rows)
	case len(s.Excluded) > 0:
		c.text("%s excluded by tags or by the schedule; --all lists them.", ebs.Count(len(s.Excluded), "volume"))
	}
}

// printNotes says once of each instance what is the same for its volumes.
func (v *planVerb) printNotes(s plan.Schedule) {
	said := map[string]bool{}
	note := func(at plan.Place, text string) {
		where := at.String()
		if at.InstanceID != "" {
			where = at.Name()
		}
		if line := where + ": " + text; !said[line] {
			said[line] = true
			v.console.text("NOTE %s", line)
		}
	}
	for _, one := range s.Volumes {
		if p := one.Problem(); p != "" {
			note(one.Place, p)
		}
		for _, t := range one.DroppedTags {
			note(one.Place, "the tag "+t+" has no room on the snapshot")
		}
	}
}

// printVolumes gives a line to each volume that would change.
func (v *planVerb) printVolumes(s plan.Schedule) {
	var rows [][]string
	for _, one := range s.Volumes {
		if v.all || one.Create+one.Delete > 0 {
			rows = append(rows, []string{one.Name(), one.VolumeID, one.Device, one.Retention, fmt.Sprint(one.Create), fmt.Sprint(one.Keep), fmt.Sprint(one.Delete)})
		}
	}
	if len(rows) > 0 {
		v.console.table([]column{{title: "INSTANCE"}, {title: "VOLUME", solid: true}, {title: "DEVICE"}, {title: "RETENTION"},
			{title: "NEW", right: true}, {title: "KEEP", right: true}, {title: "DEL", right: true, alarm: true}}, rows)
	}
}

// printSnapshots gives a line to each snapshot with the wanted action.
func (v *planVerb) printSnapshots(s plan.Schedule, zone *time.Location) {
	for _, one := range s.Volumes {
		var rows [][]string
		for _, snap := range one.Snapshots {
			if string(snap.Action) != v.only {
				continue
			}
			id := snap.ID
			if snap.Action == plan.Create {
				id = "(new)"
			}
			rows = append(rows, []string{"  " + id, snap.StartTime.In(zone).Format(ebs.TimeFormat), snap.Reason.String()})
		}
		if len(rows) > 0 {
			v.console.text("%s, %s=%s", one.Place, s.Keyword, one.Retention)
			v.console.table([]column{{solid: true, alarm: v.only == "delete"}, {solid: true}, {}}, rows)
		}
	}
}
