package main

import (
	"strings"

	"github.com/spf13/cobra"
)

const about = `Plan, run and explain the EBS snapshots that tags ask for.

An instance tagged SnapshotDaily=3 gets its volumes snapshotted by the schedule
SnapshotDaily of cdk.json, and keeps the 3 newest. Deployed, this runs by itself
in Lambda and Step Functions. This command does the same work on your machine,
and shows what the schedules will do and why.

The AWS account and Region are those of the AWS configuration: --profile and
--region, or AWS_PROFILE, AWS_REGION, AWS_ACCESS_KEY_ID and so on.
AWS_ENDPOINT_URL names another EC2 than Amazon's.`

const statuses = `
Exit status: 0 all is well, 1 something failed (it is named), 2 the command line
is wrong, 130 stopped by Ctrl-C.
`

// The groups of verbs in the help.
const (
	showing  = "show"
	changing = "change"
	others   = "other"
)

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: name, Short: "Plan, run and explain the EBS snapshots that tags ask for", Long: about, Version: versionOf().Version,
		SilenceErrors: true, SilenceUsage: true, DisableSuggestions: true, SuggestionsMinimumDistance: 2,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.output != "text" && a.output != "json" {
				return usagef("--output %q: give text or json", a.output)
			}
			if a.noColor {
				a.console.outColor = false
			}
			return nil
		},
	}
	root.SetOut(a.console.out)
	root.SetErr(a.console.err)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80") + statuses)
	flags := root.PersistentFlags()
	flags.StringVar(&a.region, "region", "", "the AWS `Region`, in place of the configured one")
	flags.StringVar(&a.profile, "profile", "", "the `profile` of the AWS configuration")
	flags.StringVar(&a.config, "config", configFile, "the `file` with the schedules")
	flags.StringVar(&a.output, "output", "text", "`format` of the output: text, or json for scripts")
	flags.BoolVar(&a.noColor, "no-color", false, "no color, as with NO_COLOR in the environment")
	flags.BoolVar(&a.debug, "debug", false, "print the logs of the functions to standard error")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	root.AddGroup(&cobra.Group{ID: showing, Title: "Show, and change nothing:"}, &cobra.Group{ID: changing, Title: "Change snapshots:"},
		&cobra.Group{ID: others, Title: "Other:"})
	root.SetHelpCommandGroupID(others)
	root.SetCompletionCommandGroupID(others)
	root.AddCommand(a.demo(), a.plan(), a.explain(), a.configuration(), a.run(), a.adopt(), a.version(), a.definition(), a.bench())
	a.noteBeginning(root)
	return root
}

// noteBeginning has each verb note that it was called: until then an error is one of the command line.
func (a *app) noteBeginning(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.begun = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		a.noteBeginning(sub)
	}
}
