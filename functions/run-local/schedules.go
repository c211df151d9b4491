package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// configFile is where the deployment's configuration stands, in the folder from which it is deployed.
const configFile = "cdk.json"

// deployment reads what is, or would be, deployed. Without a file there are no schedules.
func (o options) deployment() (config.Config, error) {
	body, err := os.ReadFile(o.config)
	if errors.Is(err, fs.ErrNotExist) && !o.given["config"] {
		return config.Config{}, nil
	}
	if err != nil {
		return config.Config{}, fmt.Errorf("-config: %w", err)
	}
	var file struct {
		Context map[string]any `json:"context"`
	}
	if err := json.Unmarshal(body, &file); err != nil {
		return config.Config{}, fmt.Errorf("-config: %s is not JSON such as cdk.json: %w", o.config, err)
	}
	c, err := config.Read(file.Context, config.Target{})
	if err != nil {
		return config.Config{}, fmt.Errorf("-config %s: %w", o.config, err)
	}
	return c, nil
}

// schedules gives the configuration to what can't do without its schedules.
func (o options) schedules(what string) (config.Config, error) {
	c, err := o.deployment()
	if err == nil && len(c.Schedules) == 0 {
		err = fmt.Errorf("%s needs to know the schedules: run it where %s is, or name the file with -config", what, configFile)
	}
	return c, err
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

// asDeployed takes from the configuration what the functions know of the keyword's schedule besides the input: whether it leaves
// boot volumes out, and the zone in which its calendar rules count, unless the command line gives one.
func (o *options) asDeployed() error {
	c, err := o.deployment()
	if err != nil {
		return err
	}
	if err := discover.CheckScheduled(o.schedule, keywordsOf(c)); err != nil && o.given["schedule"] && !o.anyKeyword {
		return fmt.Errorf("-schedule: %w. To use it anyway, add -any-keyword", err)
	}
	o.excludeBoot = c.ExcludeBoot()
	if o.timeZone == "" {
		o.timeZone = c.TimeZones()[o.schedule]
	}
	return nil
}
