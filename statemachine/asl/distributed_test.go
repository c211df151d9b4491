package asl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// bucket is a fake of S3: object bodies by bucket/key.
type bucket map[string]string

func (b bucket) serve(l *recorder) {
	l.runner.Resources["s3:getObject"] = func(_ context.Context, in json.RawMessage) (json.RawMessage, error) {
		var at struct{ Bucket, Key string }
		if err := json.Unmarshal(in, &at); err != nil {
			return nil, err
		}
		body, ok := b[at.Bucket+"/"+at.Key]
		if !ok {
			return nil, &asl.TaskError{Name: "S3.NoSuchKeyException", Cause: "The specified key does not exist."}
		}
		return json.RawMessage(body), nil
	}
	l.runner.Resources["s3:putObject"] = func(_ context.Context, in json.RawMessage) (json.RawMessage, error) {
		var object struct {
			Bucket, Key string
			Body        json.RawMessage
		}
		if err := json.Unmarshal(in, &object); err != nil {
			return nil, err
		}
		if object.Bucket == "full" {
			return nil, named("S3.S3Exception")
		}
		b[object.Bucket+"/"+object.Key] = string(object.Body)
		return nil, nil
	}
}

// children is a DISTRIBUTED Map. Its children wait as many seconds as their input says, and then fail if the input has a "fail".
func children(fields string) string {
	return one(`"Type": "Map", "Label": "Kids", "End": true` + fields + `, "ItemProcessor": {` + distributed + `"StartAt": "Turn", "States": {
		"Turn": {"Type": "Wait", "SecondsPath": "$.wait", "Next": "Works"},
		"Works": {"Type": "Choice", "Choices": [{"Variable": "$.fail", "IsPresent": true, "Next": "Fails"}], "Default": "Gives"},
		"Fails": {"Type": "Fail", "ErrorPath": "$.fail", "Cause": "told to"},
		"Gives": {"Type": "Pass", "Parameters": {"name.$": "$$.Execution.Name", "in.$": "$$.Execution.Input.wait"}, "ResultPath": "$.gave", "OutputPath": "$.gave.in", "End": true}}}`)
}

const (
	fromS3 = `, "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": "b", "Key.$": "$.key"}}`
	toS3   = `, "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket.$": "$.bucket", "Prefix.$": "$.prefix"}}`
)

func TestDistributedMap(t *testing.T) {
	t.Run("runs a child for each item of an S3 object and returns their outputs in order", func(t *testing.T) {
		l := newRecorder(t)
		bucket{"b/manifest.json": ` [ {"wait": 2}, {"wait": 1} ] `}.serve(l)
		r := l.run(children(fromS3+`, "ResultPath": "$.out"`), `{"key": "manifest.json"}`)
		same(t, "output", string(r.Output), `{"key":"manifest.json","out":[2,1]}`)
		same(t, "counters", []int{r.Transitions, r.Children, r.ChildTransitions, r.Events, r.MaxChildEvents}, []int{1, 2, 6, 8, 8})
		same(t, "time", r.Stop.Sub(r.Start), 2*time.Second)
	})

	t.Run("takes its items from the input without an ItemReader", func(t *testing.T) {
		same(t, "output", newRecorder(t).output(children(`, "ItemsPath": "$.a"`), `{"a": [{"wait": 3}]}`), `[3]`)
	})

	t.Run("a child is a separate execution with its own context and events", func(t *testing.T) {
		l := newRecorder(t)
		l.runner.StateMachine = "arn:aws-cn:states:cn-north-1:111122223333:stateMachine:lifecycle"
		out := l.output(one(`"Type": "Map", "Label": "Kids", "End": true, "ItemSelector": {"item.$": "$$.Map.Item.Value", "n.$": "$$.Map.Item.Index", "parent.$": "$$.Execution.Name", "all.$": "$.x"}, "ItemsPath": "$.items",
			"ItemProcessor": {`+distributed+`"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true, "Parameters": {
				"id.$": "$$.Execution.Id", "name.$": "$$.Execution.Name", "in.$": "$$.Execution.Input", "at.$": "$$.Execution.StartTime", "machine.$": "$$.StateMachine.Id"}}}}`), `{"x": 7, "items": ["a"]}`)
		var got []struct {
			ID, Name, At, Machine string
			In                    json.RawMessage
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != 1 {
			t.Fatal(err, out)
		}
		name := got[0].Name
		same(t, "the shape of a name", len(name), len("4fc2cfe0-5a02-56a7-9241-5f9cc3001345"))
		same(t, "ID", got[0].ID, "arn:aws-cn:states:cn-north-1:111122223333:execution:lifecycle/Kids:"+name)
		same(t, "machine", got[0].Machine, "arn:aws-cn:states:cn-north-1:111122223333:stateMachine:lifecycle/Kids")
		sameJSON(t, "input", string(got[0].In), `{"item": "a", "n": 0, "parent": "run-1", "all": 7}`)
		type who struct{ Kind, Execution, ID, Parent, Path, State string }
		var events []who
		for _, e := range l.events {
			events = append(events, who{string(e.Kind), e.Execution, e.ID, e.Parent, e.Path, e.State})
		}
		parent, child := "arn:aws-cn:states:cn-north-1:111122223333:execution:lifecycle:run-1", got[0].ID
		same(t, "events", events, []who{
			{"ExecutionStarted", "run-1", parent, "", "", ""},
			{"StateEntered", "run-1", parent, "", "", "S"},
			{"MapRunStarted", "run-1", parent, "", "", "S"},
			{"ExecutionStarted", name, child, "run-1", "S[0]", ""},
			{"StateEntered", name, child, "run-1", "S[0]", "I"},
			{"StateExited", name, child, "run-1", "S[0]", "I"},
			{"ExecutionSucceeded", name, child, "run-1", "S[0]", ""},
			{"StateExited", "run-1", parent, "", "", "S"},
			{"ExecutionSucceeded", "run-1", parent, "", "", ""},
		})
	})

	t.Run("runs MaxConcurrency children at once", func(t *testing.T) {
		l := newRecorder(t)
		l.output(children(`, "MaxConcurrency": 2`), `[{"wait": 3}, {"wait": 1}, {"wait": 1}, {"wait": 1}]`)
		same(t, "time", l.world.Now().Sub(start), 3*time.Second)
	})

	items := `[{"wait": 1}, {"wait": 5}, {"wait": 2, "fail": "E1"}, {"wait": 3, "fail": "E2"}, {"wait": 4}, {"wait": 100}]`
	for _, c := range []struct {
		what, tolerance string
		seconds         int // when it ends
		want            string
	}{
		{"one failed child is too many", ``, 2, "States.ExceedToleratedFailureThreshold"},
		{"one may fail of the two that do", `, "ToleratedFailureCount": 1`, 3, "States.ExceedToleratedFailureThreshold"},
		{"both may fail", `, "ToleratedFailureCount": 2`, 100, ""},
		{"none may fail, as a percentage", `, "ToleratedFailurePercentage": 0`, 2, "States.ExceedToleratedFailureThreshold"},
		{"a third may fail", `, "ToleratedFailurePercentage": 33.34`, 100, ""},
		{"less than a third may fail", `, "ToleratedFailurePercentage": 33.33`, 3, "States.ExceedToleratedFailureThreshold"},
		{"the stricter of the two counts", `, "ToleratedFailurePercentage": 100, "ToleratedFailureCount": 1`, 3, "States.ExceedToleratedFailureThreshold"},
	} {
		t.Run("tolerance: "+c.what, func(t *testing.T) {
			l := newRecorder(t)
			r := l.run(children(c.tolerance), items)
			same(t, "result", []any{r.Error, r.Stop.Sub(r.Start)}, []any{c.want, time.Duration(c.seconds) * time.Second})
		})
	}

	t.Run("tolerance: it succeeds if exactly the tolerated number fails", func(t *testing.T) {
		same(t, "error", newRecorder(t).run(children(`, "ToleratedFailurePercentage": 50`), `[{"wait": 1, "fail": "E"}, {"wait": 2}]`).Error, "")
	})

	t.Run("when it fails, running children are aborted and the others never start", func(t *testing.T) {
		l := newRecorder(t)
		r := l.run(children(`, "MaxConcurrency": 3`), items)
		same(t, "story", l.story(asl.ExecutionStarted, asl.ExecutionSucceeded, asl.ExecutionFailed, asl.ExecutionAborted, asl.StateFailed), []string{
			"0 ExecutionStarted",
			"0 ExecutionStarted S[0]", "0 ExecutionStarted S[1]", "0 ExecutionStarted S[2]",
			"1 ExecutionSucceeded S[0]", "1 ExecutionStarted S[3]",
			"2 StateFailed S[2] Fails E1", "2 ExecutionFailed S[2] E1",
			"2 ExecutionAborted S[1]", "2 ExecutionAborted S[3]",
			"2 StateFailed S States.ExceedToleratedFailureThreshold", "2 ExecutionFailed States.ExceedToleratedFailureThreshold",
		})
		same(t, "cause", r.Cause, "The specified tolerated failure threshold was exceeded")
	})

	t.Run("without a ResultWriter, the result has the record of a failed child", func(t *testing.T) {
		out := newRecorder(t).output(children(`, "ToleratedFailureCount": 1`), `[{"wait": 1, "fail": "E1"}, {"wait": 2}]`)
		var got []json.RawMessage
		var failed struct{ Status, Error, Cause string }
		if err := errors.Join(json.Unmarshal([]byte(out), &got), json.Unmarshal(got[0], &failed)); err != nil {
			t.Fatal(err)
		}
		same(t, "failed", []string{failed.Status, failed.Error, failed.Cause, string(got[1])}, []string{"FAILED", "E1", "told to", "2"})
	})

	for _, c := range []struct{ what, body, input string }{
		{"an object that is not there", ``, `{"key": "other"}`},
		{"an object that is not JSON", `[1`, `{"key": "k"}`},
		{"an object that is no array", `{"items": []}`, `{"key": "k"}`},
		{"an object that is null", `null`, `{"key": "k"}`},
	} {
		t.Run("fails as ItemReaderFailed for "+c.what, func(t *testing.T) {
			l := newRecorder(t)
			bucket{"b/k": c.body}.serve(l)
			r := l.run(strings.Replace(children(fromS3), `"End": true`, `"End": true, "Catch": [{"ErrorEquals": ["States.ItemReaderFailed"], "Next": "S"}]`, 1), c.input)
			// The Catch leads to the Map itself. There, the error has no key, so that is States.Runtime.
			same(t, "error", r.Error, "States.Runtime")
			same(t, "caught", l.story(asl.StateCaught), []string{"0 StateCaught S States.ItemReaderFailed"})
		})
	}
	t.Run("says why the items can't be read", func(t *testing.T) {
		l := newRecorder(t)
		bucket{}.serve(l)
		same(t, "cause", l.run(children(fromS3), `{"key": "k"}`).Cause, `read {"Bucket":"b","Key":"k"}: S3.NoSuchKeyException The specified key does not exist.`)
	})
	t.Run("an item that ItemSelector does not fit fails the Map", func(t *testing.T) {
		l := newRecorder(t)
		r := l.run(children(`, "ItemSelector": {"wait.$": "$$.Map.Item.Value.wait"}`), `[{"wait": 9}, {}]`)
		same(t, "result", []any{r.Error, r.Stop.Sub(r.Start)}, []any{"States.Runtime", time.Duration(0)})
	})
	t.Run("a second run of the same Map has other names", func(t *testing.T) {
		l := newRecorder(t)
		l.run(strings.Replace(children(""), `"End": true`, `"End": true, "Retry": [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "MaxAttempts": 2}]`, 1), `[{"wait": 0, "fail": "E"}]`)
		names := map[string]bool{}
		for _, e := range l.events {
			names[e.Execution] = true
		}
		same(t, "executions", len(names), 4)
	})
}

func TestResultWriter(t *testing.T) {
	// export runs children and returns the objects in the bucket, by key without prefix and run.
	export := func(t *testing.T, fields, items, prefix string) (asl.Result, map[string]string, string) {
		l := newRecorder(t)
		b := bucket{}
		b.serve(l)
		r := l.run(children(`, "ItemsPath": "$.items"`+toS3+fields), fmt.Sprintf(`{"items": %s, "bucket": "out", "prefix": %q}`, items, prefix))
		files := map[string]string{}
		run := ""
		for key, body := range b {
			i := strings.LastIndex(key, "/")
			run = key[:i]
			files[key[i+1:]] = body
		}
		return r, files, run
	}
	type record struct {
		ExecutionArn, Input, Name, Output, Error, Cause, StartDate, StopDate, Status, StateMachineArn, RedriveStatus, RedriveStatusReason string
		InputDetails, OutputDetails                                                                                                       *struct{ Included bool }
		RedriveCount                                                                                                                      *int
	}
	records := func(t *testing.T, text string) []record {
		t.Helper()
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		var all []record
		if err := d.Decode(&all); err != nil {
			t.Fatal(err, text)
		}
		return all
	}
	keys := func(files map[string]string) string {
		var all []string
		for _, name := range []string{"FAILED_0.json", "PENDING_0.json", "SUCCEEDED_0.json", "manifest.json"} {
			if _, ok := files[name]; ok {
				all = append(all, name)
			}
		}
		return fmt.Sprint(len(files), all)
	}

	t.Run("writes the successful children and a manifest, and returns where", func(t *testing.T) {
		r, files, run := export(t, "", `[{"wait": 1}, {"wait": 2}]`, "runs/x")
		uuid, ok := strings.CutPrefix(run, "out/runs/x/")
		if !ok {
			t.Fatal(run, r)
		}
		same(t, "files", keys(files), "2 [SUCCEEDED_0.json manifest.json]")
		runARN := "arn:aws:states:us-east-1:123456789012:mapRun:state-machine/Kids:" + uuid
		sameJSON(t, "output", string(r.Output), `{"MapRunArn": "`+runARN+`", "ResultWriterDetails": {"Bucket": "out", "Key": "runs/x/`+uuid+`/manifest.json"}}`)
		sameJSON(t, "manifest", files["manifest.json"], fmt.Sprintf(`{"DestinationBucket": "out", "MapRunArn": %q, "ResultFiles": {
			"FAILED": [], "PENDING": [], "SUCCEEDED": [{"Key": "runs/x/%s/SUCCEEDED_0.json", "Size": %d}]}}`, runARN, uuid, len(files["SUCCEEDED_0.json"])))
		got := records(t, files["SUCCEEDED_0.json"])
		same(t, "records", len(got), 2)
		zero, yes := 0, &struct{ Included bool }{true}
		name := got[1].Name
		same(t, "record", got[1], record{
			ExecutionArn: "arn:aws:states:us-east-1:123456789012:execution:state-machine/Kids:" + name, Name: name,
			Input: `{"wait":2}`, InputDetails: yes, Output: `2`, OutputDetails: yes, Status: "SUCCEEDED",
			StartDate: "2026-11-22T08:00:00.000Z", StopDate: "2026-11-22T08:00:02.000Z",
			StateMachineArn: "arn:aws:states:us-east-1:123456789012:stateMachine:state-machine/Kids",
			RedriveCount:    &zero, RedriveStatus: "NOT_REDRIVABLE", RedriveStatusReason: "Execution is SUCCEEDED and cannot be redriven",
		})
	})

	t.Run("writes the failed children if they are tolerated", func(t *testing.T) {
		r, files, _ := export(t, `, "ToleratedFailureCount": 1`, `[{"wait": 1, "fail": "E1"}, {"wait": 2}]`, "p/")
		same(t, "result", []any{r.Status, keys(files)}, []any{asl.Succeeded, "3 [FAILED_0.json SUCCEEDED_0.json manifest.json]"})
		got := records(t, files["FAILED_0.json"])
		same(t, "record", []string{got[0].Status, got[0].Error, got[0].Cause, got[0].Input, got[0].Output}, []string{"FAILED", "E1", "told to", `{"fail":"E1","wait":1}`, ""})
	})

	t.Run("writes all children when the Map fails", func(t *testing.T) {
		r, files, _ := export(t, `, "MaxConcurrency": 2`, `[{"wait": 2, "fail": "E1"}, {"wait": 5}, {"wait": 7}, {"wait": 8}]`, "")
		same(t, "result", []any{r.Error, keys(files)}, []any{"States.ExceedToleratedFailureThreshold", "3 [FAILED_0.json PENDING_0.json manifest.json]"})
		var got []string
		for _, c := range append(records(t, files["FAILED_0.json"]), records(t, files["PENDING_0.json"])...) {
			got = append(got, c.Status+" "+c.Input)
		}
		same(t, "records", got, []string{`FAILED {"fail":"E1","wait":2}`, `ABORTED {"wait":5}`, `PENDING {"wait":7}`, `PENDING {"wait":8}`})
	})

	t.Run("writes a manifest even without children", func(t *testing.T) {
		r, files, run := export(t, "", `[]`, "")
		same(t, "result", []any{r.Status, keys(files)}, []any{asl.Succeeded, "1 [manifest.json]"})
		same(t, "slashes before the manifest's, without a prefix", strings.Count(run, "/"), 1)
	})

	t.Run("without permission to write, the execution fails before any child starts, and nothing catches that", func(t *testing.T) {
		l := newRecorder(t)
		bucket{}.serve(l)
		r := l.run(children(`, "ItemsPath": "$.items"`+toS3+`, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "S"}]`),
			`{"items": [{"wait": 1}, {"wait": 2}], "bucket": "full", "prefix": "p"}`)
		same(t, "result", []any{r.Status, r.Error, r.Children}, []any{asl.Failed, "States.Runtime", 0})
		if !strings.Contains(r.Cause, "Failed to write a test manifest") || !strings.Contains(r.Cause, "s3://full/p/") || !strings.Contains(r.Cause, "S3.S3Exception because") {
			t.Error(r.Cause)
		}
	})
	t.Run("fails as ResultWriterFailed if it can't write after the children have ended", func(t *testing.T) {
		l := newRecorder(t)
		bucket{}.serve(l)
		put, puts := l.runner.Resources["s3:putObject"], 0
		l.runner.Resources["s3:putObject"] = func(ctx context.Context, in json.RawMessage) (json.RawMessage, error) {
			if puts++; puts > 1 {
				return nil, named("S3.S3Exception")
			}
			return put(ctx, in)
		}
		r := l.run(children(`, "ItemsPath": "$.items"`+toS3), `{"items": [{"wait": 1}], "bucket": "b", "prefix": "p"}`)
		same(t, "result", []any{r.Error, r.Children}, []any{"States.ResultWriterFailed", 1})
		if !strings.Contains(r.Cause, "s3://b/p/") || !strings.Contains(r.Cause, "S3.S3Exception because") {
			t.Error(r.Cause)
		}
	})
	t.Run("fails as ResultWriterFailed if its bucket is not a name", func(t *testing.T) {
		l := newRecorder(t)
		bucket{}.serve(l)
		r := l.run(children(`, "ItemsPath": "$.items"`+toS3), `{"items": [], "bucket": 3, "prefix": "p"}`)
		same(t, "error", r.Error, "States.ResultWriterFailed")
	})
}
