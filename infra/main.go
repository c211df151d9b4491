// Command infra is the CDK app. It reads the configuration from the CDK's context and creates a stack for each target.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/lifecycle"
)

const build = "build" // the output folder of `make build`

func main() {
	err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	closeCDK()
	if err != nil {
		os.Exit(1)
	}
}

// closeCDK ends the process of jsii and removes its temporary folder. jsii waits for that process twice. Sometimes it complains on
// standard error that the process no longer exists. That message helps nobody, so it is discarded.
func closeCDK() {
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = null
	}
	jsii.Close()
}

func run() (err error) {
	defer func() {
		// The CDK panics where other libraries return an error. Its message is useful for a person, its stack trace is not.
		if r := recover(); r != nil {
			err = fmt.Errorf("the CDK could not make the template: %v", r)
		}
	}()
	app := awscdk.NewApp(&awscdk.AppProps{
		Outdir:      jsii.String(cmp.Or(os.Getenv("CDK_OUTDIR"), "cdk.out")),
		StackTraces: jsii.Bool(false), // they would only show jsii
	})
	context, ok := app.Node().GetAllContext(nil).(map[string]any)
	if !ok {
		return errors.New("the CDK's context can't be read. Check that \"context\" in cdk.json is an object")
	}
	c, err := config.Read(context, config.Target{Account: os.Getenv("CDK_DEFAULT_ACCOUNT"), Region: os.Getenv("CDK_DEFAULT_REGION")})
	if err != nil {
		return err
	}
	if err := config.CheckBinaries(build, c.Architecture); err != nil {
		return err
	}
	targets := c.Targets
	if len(targets) == 0 {
		targets = []config.Target{{}}
	}
	for _, t := range targets {
		if _, err := lifecycle.New(app, t.StackID(), lifecycle.Props{Config: c, Target: t, Build: build}); err != nil {
			return err
		}
	}
	app.Synth(nil)
	return nil
}
