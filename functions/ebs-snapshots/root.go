package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

const name = "ebs-snapshots"

// app is what all verbs share: where they read and write, and what the flags of every verb say.
type app struct {
	console *console
	called  string // how the person called it, for the commands that it prints
	waits   waits  // of a run
	begun   bool   // the command line was understood, and the verb is at work

	region, profile, config, output string
	noColor, debug                  bool
}

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
		Use: name, Short: "Plan, run and explain the EBS snapshots that tags ask for", Long: about,
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

// one takes one argument, and says which if it is not there.
func one(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return fmt.Errorf("%s needs %s", cmd.Name(), what)
		case 1:
			return nil
		}
		return fmt.Errorf("%s takes %s, and got %d words: %s", cmd.Name(), what, len(args), strings.Join(args, " "))
	}
}

// calledAs gives the words with which a person can call the program again.
func calledAs(program string) string {
	if strings.HasPrefix(program, os.TempDir()) && strings.Contains(program, "go-build") {
		return "go run ./functions/" + name
	}
	if filepath.Base(filepath.Dir(program)) == "bin" && strings.HasPrefix(program, ".cache") { // the Makefile's
		return "go run ./functions/" + name
	}
	return quoted(program)
}
