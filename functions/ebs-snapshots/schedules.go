package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// configFile is where the deployment's configuration stands, in the folder from which it is deployed.
const configFile = "cdk.json"

// How far ahead runs are played.
const (
	yearsAhead = 5
	runsAhead  = 50_000
)

// errMissing marks that there is no configuration. It says nothing of its own.
var errMissing = errors.New("")

// deployment reads what is, or would be, deployed.
func (a *app) deployment() (config.Config, error) {
	body, err := os.ReadFile(a.config)
	if errors.Is(err, fs.ErrNotExist) {
		return config.Config{}, fmt.Errorf("there is no %s, which has the schedules: run this where it is, or name it with --config%w", a.config, errMissing)
	}
	if err != nil {
		return config.Config{}, fmt.Errorf("--config: %w", err)
	}
	var file map[string]json.RawMessage
	if err := json.Unmarshal(body, &file); err != nil {
		return config.Config{}, fmt.Errorf("--config: %s is not a JSON object as %s is: %w", a.config, configFile, err)
	}
	var values map[string]any
	if err := json.Unmarshal(file["context"], &values); err != nil || values == nil {
		return config.Config{}, fmt.Errorf(`--config: %s has no object "context", so it is not a %s`, a.config, configFile)
	}
	c, err := config.Read(values, config.Target{})
	if err != nil {
		faults := lines(strings.Split(strings.TrimSpace(err.Error()), "\n"))
		faults[0] = a.config + ": " + faults[0]
		return config.Config{}, faults
	}
	return c, nil
}

// keywordsOf gives each keyword that has a schedule once, in the order of the configuration.
func keywordsOf(c config.Config) []string {
	var out []string
	for _, s := range c.Schedules {
		if !slices.Contains(out, s.Keyword) {
			out = append(out, s.Keyword)
		}
	}
	return out
}

// enabled says whether the keyword has a schedule that triggers runs.
func enabled(c config.Config, keyword string) bool {
	return slices.ContainsFunc(c.Schedules, func(s config.Schedule) bool { return s.Keyword == keyword && s.Enabled })
}

// choice is which schedule a person means.
type choice struct {
	keyword    string
	timeZone   string // "": the schedule's
	anyKeyword bool   // also one that no schedule has
	at         string // the scheduled time, "" for now
}

func (c *choice) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.timeZone, "time-zone", "", "the IANA `zone` in which daily=7 and the like count (default: the schedule's)")
	cmd.Flags().BoolVar(&c.anyKeyword, "any-keyword", false, "take the keyword although no schedule has it")
	cmd.Flags().StringVar(&c.at, "scheduled-time", "", "the run's `time`, such as 2026-11-22T00:00:00Z (default: now)")
}

// check refuses what can't be meant, before AWS is asked anything.
func (c *choice) check(now time.Time) error {
	if err := contract.CheckKeyword(c.keyword); err != nil {
		return usagef("%q can't be a keyword: %w", c.keyword, err)
	}
	if c.at != "" {
		if _, err := discover.ReadTime(c.at, now); err != nil {
			return usagef("--scheduled-time %w", err)
		}
	}
	if _, err := time.LoadLocation(c.timeZone); err != nil || c.timeZone == "Local" {
		return usagef("--time-zone %q is not an IANA time zone such as Asia/Shanghai", c.timeZone)
	}
	return nil
}

// runOf gives the run that a person means, and what the deployment says of it. Without cdk.json, calendar rules have no time zone in which
// to count, unless the command line gives it.
func (a *app) runOf(c choice, now time.Time) (contract.Run, config.Config, error) {
	deployed, err := a.deployment()
	switch {
	case errors.Is(err, errMissing) && c.timeZone != "":
		deployed, err = config.Default(), nil
		deployed.Schedules = nil
	case errors.Is(err, errMissing):
		err = fmt.Errorf("%w; or give --time-zone", err)
	}
	if err != nil {
		return contract.Run{}, config.Config{}, err
	}
	if err := discover.CheckScheduled(c.keyword, keywordsOf(deployed)); err != nil && !c.anyKeyword {
		return contract.Run{}, config.Config{}, fmt.Errorf("%w. If you mean it all the same, add --any-keyword", err)
	}
	input, err := json.Marshal(contract.Input{SnapshotKeyWord: c.keyword, TimeZone: c.timeZone, ScheduledTime: c.at, AnyKeyword: c.anyKeyword})
	if err != nil {
		return contract.Run{}, config.Config{}, err
	}
	run, err := discover.ReadRun(contract.DiscoverRequest{Input: input, StartTime: now}, deployed.TimeZones())
	return run, deployed, err
}

// completeKeyword offers the schedules' keywords to the shell.
func (a *app) completeKeyword(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, err := a.deployment()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return keywordsOf(c), cobra.ShellCompDirectiveNoFileComp
}
