package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// The files of a ResultWriter, as AWS documents them.
type (
	resultManifest struct {
		DestinationBucket string
		MapRunArn         string
		ResultFiles       map[string][]resultFile
	}
	resultFile struct {
		Key  string
		Size int
	}
)

// destination returns the bucket and the key prefix of the ResultWriter.
func (r *mapRun) destination() (bucket, prefix string, f *failure) {
	in, f := r.fill("ResultWriter, Parameters", r.st.mapping.writer.parameters, r.input, r.context)
	if f != nil {
		return "", "", f
	}
	fieldsOf, _ := in.tree.(map[string]any)
	bucket, _ = fieldsOf["Bucket"].(string)
	prefix, ok := fieldsOf["Prefix"].(string)
	if bucket == "" || !ok {
		return "", "", &failure{name: errResultWriter, cause: fmt.Sprintf("%s are not a bucket and a prefix", in.raw)}
	}
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	return bucket, prefix + r.uuid + "/", nil
}

// tryWriter writes a test manifest before any child starts, as AWS does. If that fails, the execution fails, and nothing catches the
// failure.
func (r *mapRun) tryWriter(ctx context.Context) *failure {
	if r.st.mapping.writer == nil {
		return nil
	}
	bucket, prefix, f := r.destination()
	if f != nil {
		return f
	}
	f = r.put(ctx, bucket, prefix+"manifest.json", json.RawMessage("{}"))
	if f != nil && !f.stopped {
		return runtimeFailure("Failed to write a test manifest: %s", f.cause)
	}
	return f
}

// export writes the results of the children and returns the Map's result.
func (r *mapRun) export(ctx context.Context) (any, *failure) {
	bucket, prefix, f := r.destination()
	if f != nil {
		return nil, f
	}
	files := map[string][]any{"SUCCEEDED": {}, "FAILED": {}, "PENDING": {}}
	for i, result := range r.results {
		kind := "FAILED" // also if it timed out or was aborted
		switch result.Status {
		case Succeeded:
			kind = "SUCCEEDED"
		case "":
			kind = "PENDING"
		}
		files[kind] = append(files[kind], r.record(i))
	}
	manifest := resultManifest{DestinationBucket: bucket, MapRunArn: r.arn, ResultFiles: map[string][]resultFile{}}
	for _, kind := range sortedKeys(files) {
		manifest.ResultFiles[kind] = []resultFile{}
		if len(files[kind]) == 0 {
			continue
		}
		key := prefix + kind + "_0.json"
		body := encode(files[kind])
		if f := r.put(ctx, bucket, key, body); f != nil {
			return nil, f
		}
		manifest.ResultFiles[kind] = append(manifest.ResultFiles[kind], resultFile{Key: key, Size: len(body)})
	}
	key := prefix + "manifest.json"
	if f := r.put(ctx, bucket, key, encode(manifest)); f != nil {
		return nil, f
	}
	return map[string]any{"MapRunArn": r.arn, "ResultWriterDetails": map[string]any{"Bucket": bucket, "Key": key}}, nil
}

func (r *mapRun) put(ctx context.Context, bucket, key string, body json.RawMessage) *failure {
	in := encode(struct {
		Bucket, Key string
		Body        json.RawMessage
	}{bucket, key, body})
	_, f := r.call(ctx, r.st.mapping.writer.resource, in, 0)
	if f != nil && !f.stopped {
		return &failure{name: errResultWriter, cause: fmt.Sprintf("write s3://%s/%s: %s %s", bucket, key, f.name, f.cause)}
	}
	return f
}

// record returns what is known about a child, with the field names of DescribeExecution.
func (r *mapRun) record(i int) map[string]any {
	included := map[string]any{"Included": true}
	result := r.results[i]
	name := r.childName(i)
	record := map[string]any{
		"InputDetails": included, "Name": name, "StateMachineArn": r.machine, "Status": string(result.Status),
	}
	if result.Status == "" {
		record["Status"] = "PENDING"
		if in, f := r.childInput(i); f == nil {
			record["Input"] = string(in.raw)
		}
		return record
	}
	record["ExecutionArn"] = result.ID
	record["Input"] = string(r.inputs[i])
	record["StartDate"], record["StopDate"] = stamp(result.Start), stamp(result.Stop)
	record["RedriveCount"] = json.Number("0")
	if result.Status == Succeeded {
		record["Output"], record["OutputDetails"] = string(result.Output), included
		record["RedriveStatus"] = "NOT_REDRIVABLE"
		record["RedriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
		return record
	}
	record["RedriveStatus"] = "REDRIVABLE_BY_MAP_RUN"
	if result.Error != "" {
		record["Error"], record["Cause"] = result.Error, result.Cause
	}
	return record
}
