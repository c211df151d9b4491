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

// Execution is one of the state machine's, or a child of one.
type Execution struct {
	ARN    string `json:"executionArn"`
	Status string `json:"status"`
	Output string `json:"output"`
	Error  string `json:"error"`
	Cause  string `json:"cause"`
}

// event is one of an execution's history.
type event struct {
	Type    string `json:"type"`
	Entered struct {
		Name  string `json:"name"`
		Input string `json:"input"`
	} `json:"stateEnteredEventDetails"`
}

// stepFunctions asks moto's Step Functions.
func (l *Lab) stepFunctions(ctx context.Context, action string, in map[string]string, into any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.Endpoint.moto.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+action)
	r.Header.Set("Authorization", authorization(l.o.Region, "states"))
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

// StateMachineARN is the deployed state machine's.
func (l *Lab) StateMachineARN() string {
	partition := "aws"
	switch {
	case strings.HasPrefix(l.o.Region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(l.o.Region, "eusc-"):
		partition = "aws-eusc"
	}
	return "arn:" + partition + ":states:" + l.o.Region + ":" + account + ":stateMachine:" + StackName
}

// StartExecution starts one, and gives its ARN.
func (l *Lab) StartExecution(ctx context.Context, name, input string) (string, error) {
	var started Execution
	err := l.stepFunctions(ctx, "StartExecution", map[string]string{"stateMachineArn": l.StateMachineARN(), "name": name, "input": input}, &started)
	return started.ARN, err
}

// Wait waits for the end of an execution.
func (l *Lab) Wait(ctx context.Context, arn string) (Execution, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		var e Execution
		if err := l.stepFunctions(ctx, "DescribeExecution", map[string]string{"executionArn": arn}, &e); err != nil {
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

// history gives the states that an execution entered, in order, with their inputs.
func (l *Lab) history(ctx context.Context, arn string) ([]event, error) {
	var history struct {
		Events []event `json:"events"`
	}
	err := l.stepFunctions(ctx, "GetExecutionHistory", map[string]string{"executionArn": arn}, &history)
	var out []event
	for _, e := range history.Events {
		if strings.HasSuffix(e.Type, "StateEntered") {
			out = append(out, e)
		}
	}
	return out, err
}

// Children lists the executions that an execution's Distributed Map started.
func (l *Lab) Children(ctx context.Context, arn string) ([]Execution, error) {
	var runs struct {
		MapRuns []struct {
			ARN string `json:"mapRunArn"`
		} `json:"mapRuns"`
	}
	if err := l.stepFunctions(ctx, "ListMapRuns", map[string]string{"executionArn": arn}, &runs); err != nil {
		return nil, err
	}
	var all []Execution
	for _, run := range runs.MapRuns {
		var listed struct {
			Executions []Execution `json:"executions"`
		}
		if err := l.stepFunctions(ctx, "ListExecutions", map[string]string{"mapRunArn": run.ARN}, &listed); err != nil {
			return nil, err
		}
		all = append(all, listed.Executions...)
	}
	return all, nil
}

// Visited is which states an execution and its children entered.
type Visited struct {
	Run     []string            // the execution's own
	Volumes map[string][]string // those of each volume's steps, by volume
}

// Visited reads it from the histories.
func (l *Lab) Visited(ctx context.Context, arn string) (Visited, error) {
	v := Visited{Volumes: map[string][]string{}}
	own, err := l.history(ctx, arn)
	if err != nil {
		return v, err
	}
	for _, e := range own {
		v.Run = append(v.Run, e.Entered.Name)
	}
	children, err := l.Children(ctx, arn)
	if err != nil {
		return v, err
	}
	for _, c := range children {
		events, err := l.history(ctx, c.ARN)
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

// VolumeOf gives the volume that a state's input is about; the states of an instance have none.
func VolumeOf(input string) string {
	var task contract.VolumeTask
	_ = json.Unmarshal([]byte(input), &task)
	return task.Volume.ID
}

// Definition gives the state machine's definition as it was deployed.
func (l *Lab) Definition(ctx context.Context) (string, error) {
	var described struct {
		Definition string `json:"definition"`
	}
	err := l.stepFunctions(ctx, "DescribeStateMachine", map[string]string{"stateMachineArn": l.StateMachineARN()}, &described)
	return described.Definition, err
}
