// Package workflow runs the whole product in one process. It interprets the real definition with the real handlers of the four functions, over a
// given EC2, object store and topic. The tests, the demo and the command use it.
package workflow

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/aws/ec2gw"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/lambda/boundary"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/discover"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/prune"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/report"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/run/snapshot"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// The names of the functions, the bucket and the topic in the rendered definition.
const (
	DiscoverInstances = "discover-instances"
	SnapshotVolume    = "snapshot-volume"
	PruneVolume       = "prune-volume"
	ReportRun         = "report-run"
	Bucket            = "local"
	topicARN          = "local"
)

// Objects is the bucket.
type Objects interface {
	Get(ctx context.Context, key string) (body []byte, etag string, err error)
	Put(ctx context.Context, key string, body []byte) error
	Create(ctx context.Context, key string, body []byte) error
	Replace(ctx context.Context, key string, body []byte, etag string) error
	List(ctx context.Context, prefix string) ([]string, error)
}

// Topic is the alerts' topic.
type Topic interface {
	Publish(ctx context.Context, subject, message string) error
}

// Executions gives the status of executions.
type Executions interface {
	Running(ctx context.Context, arn string) (bool, error)
}

// Config configures a workflow.
type Config struct {
	World          asl.World
	EC2            *ec2gw.Gateway
	Objects        Objects
	Topic          Topic
	ReportBase     string     // see report.Service; default: a bucket's
	Executions     Executions // default: this workflow's own
	Pace           discover.Pace
	Settle         time.Duration // from a snapshot's creation to the first look at it, if it is pending then
	MaxConcurrency int           // child executions at once
	TimeZones      map[string]string
	ExcludeBoot    []string      // see discover.Service
	Aftermath      time.Duration // see discover.Service
	// Ahead is how far a function's clock is ahead of the world's, by the function's name.
	Ahead   map[string]time.Duration
	Log     *slog.Logger
	Observe func(asl.Event)
	// Around, if set, wraps each function: to count its calls, or to make it fail.
	Around func(function string, call asl.Task) asl.Task
}

// Workflow is a state machine.
type Workflow struct {
	config  Config
	machine *asl.Machine
	runner  asl.Runner

	mu      sync.Mutex
	running map[string]bool // of this workflow's executions
}

// New makes the workflow.
func New(c Config) (*Workflow, error) {
	definition, err := RenderedDefinition(c)
	if err != nil {
		return nil, err
	}
	machine, err := asl.Parse(definition)
	if err != nil {
		return nil, err
	}
	w := &Workflow{config: c, machine: machine, running: map[string]bool{}}
	if c.Executions == nil {
		w.config.Executions = w
	}
	w.runner = asl.Runner{World: c.World, Observe: c.Observe, Resources: map[string]asl.Task{
		lambdaInvoke:   asl.LambdaInvoke(w.functions()),
		s3GetObject:    w.getObject,
		s3PutObject:    w.putObject,
		s3PutObjectSDK: w.putObject,
		snsPublish:     w.publish,
	}}
	return w, nil
}

const (
	lambdaInvoke   = "arn:aws:states:::lambda:invoke"
	s3GetObject    = "arn:aws:states:::s3:getObject"
	s3PutObject    = "arn:aws:states:::s3:putObject"
	s3PutObjectSDK = "arn:aws:states:::aws-sdk:s3:putObject"
	snsPublish     = "arn:aws:states:::sns:publish"
)

// RenderedDefinition gives the definition that the workflow runs.
func RenderedDefinition(c Config) ([]byte, error) {
	return statemachine.Render(statemachine.Definition, values(c))
}

func values(c Config) statemachine.Values {
	return statemachine.Values{
		"LambdaInvoke": lambdaInvoke, "S3GetObject": s3GetObject, "S3PutObject": s3PutObject,
		"S3PutObjectSdk": s3PutObjectSDK, "SnsPublish": snsPublish,
		"DiscoverInstancesFunction": DiscoverInstances, "SnapshotVolumeFunction": SnapshotVolume,
		"PruneVolumeFunction": PruneVolume, "ReportRunFunction": ReportRun,
		"Bucket": Bucket, "TopicArn": topicARN,
		"MaxConcurrency": c.MaxConcurrency,
	}
}

// Run starts an execution and waits for its end.
func (w *Workflow) Run(ctx context.Context, name string, input any) (asl.Result, error) {
	body, err := json.Marshal(input)
	if err != nil {
		return asl.Result{}, fmt.Errorf("input of execution %s: %w", name, err)
	}
	e := asl.Execution{Name: name, ID: ExecutionID(name), Input: body}
	w.setRunning(e.ID, true)
	result := w.runner.Run(ctx, w.machine, e)
	w.setRunning(e.ID, false)
	return result, nil
}

// ExecutionID gives the ID of the execution with the name.
func ExecutionID(name string) string { return "execution:" + name }

// Running says whether an execution of this workflow is running.
func (w *Workflow) Running(_ context.Context, id string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[id], nil // one of another workflow is not, as if Step Functions had forgotten it
}

func (w *Workflow) setRunning(id string, is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running[id] = is
}

// functions makes the handlers like the functions' main packages.
func (w *Workflow) functions() map[string]asl.Task {
	c := w.config
	clock := func(function string) func() time.Time {
		return func() time.Time { return c.World.Now().Add(c.Ahead[function]) }
	}
	discovery := &discover.Service{
		EC2: c.EC2, Objects: c.Objects, Executions: c.Executions, Pace: c.Pace, TimeZones: c.TimeZones, ExcludeBoot: c.ExcludeBoot, Settle: c.Settle, Aftermath: c.Aftermath,
		Now: clock(DiscoverInstances), Log: c.Log,
	}
	creation := &snapshot.Service{EC2: c.EC2, Now: clock(SnapshotVolume), Log: c.Log}
	pruning := &prune.Service{EC2: c.EC2, Now: clock(PruneVolume), Wait: c.World.Sleep, Log: c.Log}
	reporting := &report.Service{
		EC2: c.EC2, Objects: c.Objects, Topic: c.Topic, Base: cmp.Or(c.ReportBase, "s3://"+Bucket+"/"), Now: clock(ReportRun), Log: c.Log,
	}
	out := map[string]asl.Task{
		DiscoverInstances: task(boundary.Handle(c.Log, discovery.Discover)),
		SnapshotVolume:    task(boundary.Handle(c.Log, creation.Snapshot)),
		PruneVolume:       task(boundary.Handle(c.Log, pruning.Prune)),
		ReportRun:         task(boundary.Handle(c.Log, reporting.Report)),
	}
	if c.Around != nil {
		for name, call := range out {
			out[name] = c.Around(name, call)
		}
	}
	return out
}

// task makes a task of a handler, with the Lambda runtime's reading of requests and writing of results. Each call gets its own handler: a shared
// one would reuse its buffers for the next call before this response has been read.
func task[O any](h boundary.Handler[O]) asl.Task {
	return func(ctx context.Context, request json.RawMessage) (json.RawMessage, error) {
		return lambda.NewHandler(h).Invoke(ctx, request)
	}
}

// s3Request is the request of a state to S3.
type s3Request struct {
	Bucket, Key string
	Body        json.RawMessage
}

func (w *Workflow) getObject(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
	var q s3Request
	if err := json.Unmarshal(raw, &q); err != nil {
		return nil, err
	}
	body, _, err := w.config.Objects.Get(ctx, q.Key)
	if err != nil {
		return nil, &asl.TaskError{Name: "S3.S3Exception", Cause: err.Error()}
	}
	return body, nil
}

func (w *Workflow) putObject(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
	var q s3Request
	if err := json.Unmarshal(raw, &q); err != nil {
		return nil, err
	}
	// A text is stored as a JSON string, as AWS does.
	if err := w.config.Objects.Put(ctx, q.Key, q.Body); err != nil {
		return nil, &asl.TaskError{Name: "S3.S3Exception", Cause: err.Error()}
	}
	return json.RawMessage(`{}`), nil
}

func (w *Workflow) publish(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
	var q struct{ Subject, Message string }
	if err := json.Unmarshal(raw, &q); err != nil {
		return nil, err
	}
	if err := w.config.Topic.Publish(ctx, q.Subject, q.Message); err != nil {
		return nil, &asl.TaskError{Name: "SNS.SnsException", Cause: err.Error()}
	}
	return json.RawMessage(`{}`), nil
}
