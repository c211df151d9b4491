package asl_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// fleet is a definition with the structure of the project's definition; %d is MaxConcurrency.
const fleet = `{"StartAt": "Fleet", "States": {
  "Fleet": {"Type": "Map", "End": true, "MaxConcurrency": %d,
    "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": "b", "Key.$": "$.key"}},
    "ItemSelector": {"item.$": "$$.Map.Item.Value", "run.$": "$$.Execution.Name"},
    "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Turn", "States": {
      "Turn": {"Type": "Wait", "TimestampPath": "$.item.at", "Next": "Volumes"},
      "Volumes": {"Type": "Map", "ItemsPath": "$.item.volumes", "End": true, "ItemProcessor": {"StartAt": "Snapshot", "States": {
        "Snapshot": {"Type": "Task", "Resource": "arn:aws:states:::test:snapshot", "TimeoutSeconds": 60, "Next": "Done",
          "Retry": [{"ErrorEquals": ["States.ALL"], "JitterStrategy": "FULL", "MaxAttempts": 5}]},
        "Done": {"Type": "Pass", "Result": {}, "End": true}}}, "ResultPath": null, "OutputPath": "$.run"}}},
    "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "out"}}}}}`

// manifest has n instances that start a fifth of a second after each other.
func manifest(n int, volumes ...string) json.RawMessage {
	var items []string
	list, _ := json.Marshal(volumes)
	for i := range n {
		at := start.Add(time.Duration(i) * time.Second / 5).Format(time.RFC3339Nano)
		items = append(items, fmt.Sprintf(`{"id": "i-%d", "at": %q, "volumes": %s}`, i, at, list))
	}
	return json.RawMessage("[" + strings.Join(items, ",") + "]")
}
