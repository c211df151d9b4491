//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/e2e"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// ownInterpreter runs the deployed definition in this project's own interpreter (statemachine/asl), with the same functions, S3 and
// SNS.
type ownInterpreter struct {
	machine *asl.Machine
	arn     string
	url     string
	s3      *s3.Client
	sns     *sns.Client
}

func newOwnInterpreter(bed *e2e.Testbed, definition string) (*ownInterpreter, error) {
	machine, err := asl.Parse([]byte(definition))
	if err != nil {
		return nil, err
	}
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: &bed.Endpoint.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		RetryMaxAttempts: 1,
	}
	return &ownInterpreter{
		machine: machine, arn: bed.StateMachineARN(), url: bed.Endpoint.URL,
		s3:  s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
		sns: sns.NewFromConfig(cfg),
	}, nil
}

// fastWorld is the machine's clock. Its waits and retries are as fast as in the emulator.
type fastWorld struct{ asl.World }

func (w fastWorld) Sleep(ctx context.Context, d time.Duration) error {
	return w.World.Sleep(ctx, d/speed)
}

// run runs an execution and returns its result and the states that it entered.
func (i *ownInterpreter) run(ctx context.Context, name, input string) (asl.Result, e2e.Visited) {
	visited := e2e.Visited{Volumes: map[string][]string{}}
	var mu sync.Mutex
	runner := asl.Runner{
		World: fastWorld{asl.Real()}, StateMachine: i.arn,
		Resources: map[string]asl.Task{
			"lambda:invoke": i.invoke, "s3:getObject": i.getObject, "s3:putObject": i.putJSON, "aws-sdk:s3:putObject": i.putText, "sns:publish": i.publish,
		},
		Observe: func(e asl.Event) {
			if e.Kind != asl.StateEntered {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if volume := e2e.VolumeOf(string(e.Input)); volume != "" {
				visited.Volumes[volume] = append(visited.Volumes[volume], e.State)
			} else if e.Parent == "" {
				visited.Run = append(visited.Run, e.State)
			}
		},
	}
	result := runner.Run(ctx, i.machine, asl.Execution{Name: name, Input: json.RawMessage(input)})
	return result, visited
}

func (i *ownInterpreter) invoke(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
	var in struct {
		FunctionName string
		Payload      json.RawMessage
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost,
		i.url+"/2015-03-31/functions/"+url.PathEscape(in.FunctionName)+"/invocations", bytes.NewReader(in.Payload))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	payload, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, &asl.TaskError{Name: "Lambda." + response.Header.Get("X-Amzn-Errortype"), Cause: string(payload)}
	}
	if response.Header.Get("X-Amz-Function-Error") != "" {
		var said struct{ ErrorType string }
		_ = json.Unmarshal(payload, &said)
		return nil, &asl.TaskError{Name: said.ErrorType, Cause: string(payload)}
	}
	return json.RawMessage(fmt.Sprintf(`{"ExecutedVersion":"$LATEST","Payload":%s,"StatusCode":200}`, payload)), nil
}

// object is the request of a state to S3.
type object struct {
	Bucket, Key string
	Body        json.RawMessage
}

func (i *ownInterpreter) getObject(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, err
	}
	out, err := i.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key})
	if err != nil {
		return nil, &asl.TaskError{Name: "S3.S3Exception", Cause: err.Error()}
	}
	defer out.Body.Close()
	return io.ReadAll(out.Body)
}

func (i *ownInterpreter) putJSON(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, err
	}
	return i.put(ctx, o.Bucket, o.Key, o.Body)
}

func (i *ownInterpreter) putText(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
	var o struct{ Bucket, Key, Body string }
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, err
	}
	return i.put(ctx, o.Bucket, o.Key, []byte(o.Body))
}

func (i *ownInterpreter) put(ctx context.Context, bucket, key string, body []byte) (json.RawMessage, error) {
	if _, err := i.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)}); err != nil {
		return nil, &asl.TaskError{Name: "S3.S3Exception", Cause: err.Error()}
	}
	return json.RawMessage(`{}`), nil
}

func (i *ownInterpreter) publish(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
	var in struct{ TopicArn, Subject, Message string }
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	if _, err := i.sns.Publish(ctx, &sns.PublishInput{TopicArn: &in.TopicArn, Subject: &in.Subject, Message: &in.Message}); err != nil {
		return nil, &asl.TaskError{Name: "SNS.SnsException", Cause: err.Error()}
	}
	return json.RawMessage(`{}`), nil
}
