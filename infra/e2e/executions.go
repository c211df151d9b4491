package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Execution is an execution of the state machine, or a child execution.
type Execution struct {
	ARN    string `json:"executionArn"`
	Status string `json:"status"`
	Output string `json:"output"`
	Error  string `json:"error"`
	Cause  string `json:"cause"`
}

// event is an event of an execution's history.
type event struct {
	Type    string `json:"type"`
	Entered struct {
		Name  string `json:"name"`
		Input string `json:"input"`
	} `json:"stateEnteredEventDetails"`
}

// stepFunctions calls moto's Step Functions.
func (b *Testbed) stepFunctions(ctx context.Context, action string, in map[string]string, into any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.Endpoint.moto.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+action)
	r.Header.Set("Authorization", authorization(b.o.Region, "states"))
	response, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %v: %s: %s", action, in, response.Status, answer)
	}
	return json.Unmarshal(answer, into)
}

// StateMachineARN is the ARN of the deployed state machine.
func (b *Testbed) StateMachineARN() string {
	partition := "aws"
	switch {
	case strings.HasPrefix(b.o.Region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(b.o.Region, "eusc-"):
		partition = "aws-eusc"
	}
	return "arn:" + partition + ":states:" + b.o.Region + ":" + account + ":stateMachine:" + StackName
}

// StartExecution starts an execution and returns its ARN.
func (b *Testbed) StartExecution(ctx context.Context, name, input string) (string, error) {
	var started Execution
	err := b.stepFunctions(ctx, "StartExecution", map[string]string{"stateMachineArn": b.StateMachineARN(), "name": name, "input": input}, &started)
	return started.ARN, err
}

// Wait waits for the end of an execution.
func (b *Testbed) Wait(ctx context.Context, arn string) (Execution, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		var e Execution
		if err := b.stepFunctions(ctx, "DescribeExecution", map[string]string{"executionArn": arn}, &e); err != nil {
			return e, err
		}
		if e.Status != "RUNNING" {
			return e, nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return e, fmt.Errorf("execution %s is still running: %w", arn, ctx.Err())
		}
	}
}

// history returns the states that an execution entered, in order, with their inputs.
func (b *Testbed) history(ctx context.Context, arn string) ([]event, error) {
	var history struct {
		Events []event `json:"events"`
	}
	err := b.stepFunctions(ctx, "GetExecutionHistory", map[string]string{"executionArn": arn}, &history)
	var out []event
	for _, e := range history.Events {
		if strings.HasSuffix(e.Type, "StateEntered") {
			out = append(out, e)
		}
	}
	return out, err
}

// Children lists the executions that an execution's Distributed Map started.
func (b *Testbed) Children(ctx context.Context, arn string) ([]Execution, error) {
	var runs struct {
		MapRuns []struct {
			ARN string `json:"mapRunArn"`
		} `json:"mapRuns"`
	}
	if err := b.stepFunctions(ctx, "ListMapRuns", map[string]string{"executionArn": arn}, &runs); err != nil {
		return nil, err
	}
	var all []Execution
	for _, run := range runs.MapRuns {
		var listed struct {
			Executions []Execution `json:"executions"`
		}
		if err := b.stepFunctions(ctx, "ListExecutions", map[string]string{"mapRunArn": run.ARN}, &listed); err != nil {
			return nil, err
		}
		all = append(all, listed.Executions...)
	}
	return all, nil
}

// Visited are the states that an execution and its children entered.
type Visited struct {
	Run     []string            // the states of the execution itself
	Volumes map[string][]string // the states of each volume, by volume
}

// Visited reads the histories of an execution and its children.
func (b *Testbed) Visited(ctx context.Context, arn string) (Visited, error) {
	v := Visited{Volumes: map[string][]string{}}
	own, err := b.history(ctx, arn)
	if err != nil {
		return v, err
	}
	for _, e := range own {
		v.Run = append(v.Run, e.Entered.Name)
	}
	children, err := b.Children(ctx, arn)
	if err != nil {
		return v, err
	}
	for _, c := range children {
		events, err := b.history(ctx, c.ARN)
		if err != nil {
			return v, err
		}
		for _, e := range events {
			if volume := VolumeOf(e.Entered.Input); volume != "" {
				v.Volumes[volume] = append(v.Volumes[volume], e.Entered.Name)
			}
		}
	}
	return v, nil
}

// VolumeOf returns the volume that a state's input is about; "" for a state that is about an instance.
func VolumeOf(input string) string {
	var task contract.VolumeTask
	_ = json.Unmarshal([]byte(input), &task)
	return task.Volume.ID
}

// Definition returns the definition of the deployed state machine.
func (b *Testbed) Definition(ctx context.Context) (string, error) {
	var described struct {
		Definition string `json:"definition"`
	}
	err := b.stepFunctions(ctx, "DescribeStateMachine", map[string]string{"stateMachineArn": b.StateMachineARN()}, &described)
	return described.Definition, err
}
