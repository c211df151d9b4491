package asl_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// taskState is a Task with more fields.
func taskState(fields string) string {
	return one(`"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true, ` + fields)
}

const done = `"Done": {"Type": "Succeed"}`

// two is a definition with a state S and a state Done.
func two(fields string) string {
	return `{"StartAt": "S", "States": {"S": {` + fields + `}, ` + done + `}}`
}

func mapState(config, fields string) string {
	return one(`"Type": "Map", "End": true, "ItemProcessor": {` + config + `"StartAt": "I", "States": {"I": {"Type": "Succeed"}}}` + fields)
}

const distributed = `"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, `

func reader(fields string) string {
	return mapState(distributed, `, "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", `+fields+`}`)
}

func writer(fields string) string {
	return mapState(distributed, `, "ResultWriter": {`+fields+`}`)
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ what, definition, want string }{
		{"what is not JSON", `{"StartAt"`, "unexpected EOF"},
		{"nothing", ``, "no JSON value"},
		{"more than one value", `{} {}`, "more than one"},
		{"what is not an object", `[]`, "state machine: is an array, not an object"},
		{"a field that is there twice", `{"StartAt": "S", "States": {"S": {"Type": "Succeed"}, "S": {"Type": "Succeed"}}}`, `"S" occurs twice`},
		{"a field that is there twice deep inside", two(`"Type": "Pass", "Result": [1, {"a": {"b": 1, "b": 2}}], "Next": "Done"`), `"b" occurs twice`},
		{"an unknown field of the machine", `{"StartAt": "S", "States": {"S": {"Type": "Succeed"}}, "Stats": 1}`, "state machine, Stats: is not supported here"},
		{"JSONata", `{"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": {"Type": "Succeed"}}}`, `"JSONata" is not supported`},
		{"a machine without StartAt", `{"States": {"S": {"Type": "Succeed"}}}`, "state machine, StartAt: is missing"},
		{"a machine without States", `{"StartAt": "S"}`, "state machine, States: is missing"},
		{"a StartAt that does not exist", `{"StartAt": "X", "States": {"S": {"Type": "Succeed"}}}`, `state machine, StartAt: there is no state "X"`},
		{"a timeout of 0", `{"TimeoutSeconds": 0, "StartAt": "S", "States": {"S": {"Type": "Succeed"}}}`, "TimeoutSeconds: is 0"},

		{"a state without a type", one(`"End": true`), `state "S", Type: is missing`},
		{"a type that is not supported", one(`"Type": "Parallel", "End": true`), `state "S", Type: "Parallel" is not supported`},
		{"an unknown field of a state", taskState(`"Timeout": 3`), `state "S", Timeout: is not supported here`},
		{"a field of another type's", two(`"Type": "Wait", "Seconds": 1, "Next": "Done", "ResultPath": "$"`), `state "S", ResultPath: is not supported here`},
		{"heartbeats", taskState(`"HeartbeatSeconds": 3`), `HeartbeatSeconds: is not supported`},
		{"timeouts from the input", taskState(`"TimeoutSecondsPath": "$.t"`), `TimeoutSecondsPath: is not supported`},
		{"a state without End and Next", one(`"Type": "Pass"`), `state "S", Next: exactly one of Next and End`},
		{"a state with both End and Next", two(`"Type": "Pass", "End": true, "Next": "Done"`), "exactly one of Next and End"},
		{"an End that is false", one(`"Type": "Pass", "End": false`), "exactly one of Next and End"},
		{"an End that is not a boolean", one(`"Type": "Pass", "End": "yes"`), `state "S", End: is a string, not a boolean`},
		{"an empty Next", one(`"Type": "Pass", "Next": ""`), "not a non-empty string"},
		{"a comment that is not a string", taskState(`"Comment": ["c"]`), `state "S", Comment: is an array, not a string`},
		{"a Next to a state that does not exist", one(`"Type": "Pass", "Next": "Nowhere"`), `state "S", Next: there is no state "Nowhere" here`},
		{"a Default to a state that does not exist", two(`"Type": "Choice", "Default": "Nowhere", "Choices": [{"Variable": "$", "IsNull": true, "Next": "Done"}]`), `state "S", Default: there is no`},
		{"a choice to a state that does not exist", two(`"Type": "Choice", "Default": "Done", "Choices": [{"Variable": "$", "IsNull": true, "Next": "Nowhere"}]`), `Choices[0], Next: there is no`},
		{"a Catch to a state that does not exist", taskState(`"Catch": [{"ErrorEquals": ["E"], "Next": "Nowhere"}]`), `state "S", Catch[0], Next: there is no`},
		{"a state that no state leads to", two(`"Type": "Succeed"`), `state "Done": no state leads to it`},
		{"states that lead only to each other", `{"StartAt": "S", "States": {"S": {"Type": "Succeed"}, "A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}`, `state "A": no state leads to it`},
		{"a Next out of a Map's processor", `{"StartAt": "S", "States": {"S": {"Type": "Map", "Next": "Done", "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "Next": "Done"}}}}, ` + done + `}}`, `state "I", Next: there is no state "Done" here`},
		{"one name in two Maps", `{"StartAt": "S", "States": {"S": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}}}}`, `state "S": another state has this name`},
		{"a name that is too long", `{"StartAt": "` + strings.Repeat("é", 81) + `", "States": {"` + strings.Repeat("é", 81) + `": {"Type": "Succeed"}}}`, "1 to 80 characters"},

		{"a path that does not begin with $", taskState(`"InputPath": "a"`), `state "S", InputPath: path "a" does not begin with $`},
		{"a number as a path", taskState(`"OutputPath": 3`), `OutputPath: is a number, not a path`},
		{"a wildcard", taskState(`"InputPath": "$.a[*]"`), "not an index"},
		{"a slice", taskState(`"InputPath": "$.a[0:2]"`), "not an index"},
		{"a negative index", taskState(`"InputPath": "$.a[-1]"`), "not an index"},
		{"a filter", taskState(`"InputPath": "$.a[?(@.b)]"`), "not an index"},
		{"a descent", taskState(`"InputPath": "$..a"`), "not a plain field name"},
		{"a star", taskState(`"InputPath": "$.*"`), "not a plain field name"},
		{"a path that ends in a dot", taskState(`"InputPath": "$.a."`), "not a plain field name"},
		{"a path without a dot", taskState(`"InputPath": "$a"`), "neither a field nor an index"},
		{"brackets that do not close", taskState(`"InputPath": "$['a"`), "not a field in brackets"},
		{"several fields in brackets", taskState(`"InputPath": "$['a','b']"`), "not a field in brackets"},
		{"a ResultPath into the context object", taskState(`"ResultPath": "$$.Execution.Input"`), "nothing can be written to the context object"},
		{"the context object as a whole", taskState(`"InputPath": "$$"`), "is not a supported part of the context object"},
		{"the context object by index", taskState(`"InputPath": "$$[0]"`), "not a supported part of the context object"},
		{"a token", taskState(`"Parameters": {"t.$": "$$.Task.Token"}`), `state "S", Parameters: t.$: path "$$.Task.Token" is not a supported part`},
		{"a path inside a text of the context object", taskState(`"InputPath": "$$.Execution.Id.x"`), "not a supported part of the context object"},
		{"Map.Item outside of a Map", taskState(`"Parameters": {"i.$": "$$.Map.Item.Index"}`), "there is no Map.Item here"},
		{"Map.Item in a child, which is a separate execution", one(`"Type": "Map", "End": true, "ItemProcessor": {` + distributed + `"StartAt": "I", "States": {"I": {"Type": "Pass", "InputPath": "$$.Map.Item.Value", "End": true}}}`), "there is no Map.Item here"},

		{"Parameters that are not an object", taskState(`"Parameters": ["$.a"]`), "Parameters: is an array, not an object"},
		{"a template field that is not a string", taskState(`"Parameters": {"a.$": 3}`), `a.$: is a number`},
		{"a template field that is neither path nor function", taskState(`"Parameters": {"a.$": "b"}`), `"b" is not an argument`},
		{"a literal as a template field", taskState(`"Parameters": {"a.$": "'b'"}`), "neither a path nor an intrinsic function"},
		{"a template field deep inside", taskState(`"Parameters": {"a": [{"b": {"c.$": "x"}}]}`), `a: [0]: b: c.$: "x": "x" is not an argument`},
		{"a field with and without .$", taskState(`"Parameters": {"a": 1, "a.$": "$.b"}`), `a.$: a and a.$ must not both be there`},
		{"an unknown intrinsic function", taskState(`"Parameters": {"a.$": "States.UUID()"}`), "States.UUID is not supported"},
		{"a nested unknown intrinsic function", taskState(`"Parameters": {"a.$": "States.Format('{}', States.Hash($.a, 'MD5'))"}`), "States.Hash is not supported"},
		{"an intrinsic function that does not close", taskState(`"Parameters": {"a.$": "States.Format('{}', $.a"}`), "has no , or )"},
		{"a text after an intrinsic function", taskState(`"Parameters": {"a.$": "States.JsonToString($.a) x"}`), "is left over"},
		{"too few arguments", taskState(`"Parameters": {"a.$": "States.JsonToString()"}`), "does not take 0 arguments"},
		{"too many arguments", taskState(`"Parameters": {"a.$": "States.StringToJson($.a, $.b)"}`), "does not take 2 arguments"},
		{"more {} than arguments", taskState(`"Parameters": {"a.$": "States.Format('{} {}', $.a)"}`), "more {} than the 1 arguments"},
		{"fewer {} than arguments, in a nested function", taskState(`"Parameters": {"a.$": "States.StringToJson(States.Format('{}', $.a, $.b))"}`), "fewer {} than the 2 arguments"},
		{"a template that is not a string", taskState(`"Parameters": {"a.$": "States.Format(3)"}`), "needs a string as its template"},
		{"a brace that is not escaped", taskState(`"Parameters": {"a.$": "States.Format('{x}')"}`), "not escaped"},
		{"a bad path in an intrinsic function", taskState(`"Parameters": {"a.$": "States.Format('{}', $.a[*])"}`), "not an index"},
		{"the context object in an intrinsic function", taskState(`"Parameters": {"a.$": "States.Format('{}', $$.Task.Token)"}`), "not a supported part of the context object"},

		{"a task without a resource", one(`"Type": "Task", "End": true`), `state "S", Resource: is missing`},
		{"a resource that is not an ARN", one(`"Type": "Task", "Resource": "lambda", "End": true`), `"lambda" is not an ARN`},
		{"waiting for a job", one(`"Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun.sync", "End": true`), ".sync is not supported"},
		{"waiting for a token", one(`"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true`), ".waitForTaskToken is not supported"},

		{"a retrier without errors", taskState(`"Retry": [{"MaxAttempts": 1}]`), `state "S", Retry[0], ErrorEquals: is missing`},
		{"a retrier with an empty list of errors", taskState(`"Retry": [{"ErrorEquals": []}]`), "ErrorEquals: is an array, not a non-empty array"},
		{"an unknown field of a retrier", taskState(`"Retry": [{"ErrorEquals": ["E"], "Max": 1}]`), `Retry[0], Max: is not supported`},
		{"States.ALL together with another error", taskState(`"Retry": [{"ErrorEquals": ["E", "States.ALL"]}]`), "must be alone"},
		{"States.ALL before others", taskState(`"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]`), "in the last entry of the list"},
		{"States.ALL before other catchers", taskState(`"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "S"}, {"ErrorEquals": ["E"], "Next": "S"}]`), `Catch[0], ErrorEquals: States.ALL must be alone`},
		{"an error that nothing catches", taskState(`"Catch": [{"ErrorEquals": ["States.Runtime"], "Next": "S"}]`), "States.Runtime never matches"},
		{"a reserved name that AWS never reports", taskState(`"Retry": [{"ErrorEquals": ["States.ParameterPathFailure"]}]`), "never matches"},
		{"a name twice", taskState(`"Retry": [{"ErrorEquals": ["E", "E"]}]`), "E is there twice"},
		{"a name that is not a string", taskState(`"Retry": [{"ErrorEquals": [3]}]`), "3 is not the name of an error"},
		{"an interval of 0", taskState(`"Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 0}]`), "IntervalSeconds: is 0, not a whole number from 1"},
		{"an interval that is not a whole number", taskState(`"Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 0.5}]`), "IntervalSeconds: is 0.5"},
		{"attempts below 0", taskState(`"Retry": [{"ErrorEquals": ["E"], "MaxAttempts": -1}]`), "MaxAttempts: is -1"},
		{"a backoff that shrinks", taskState(`"Retry": [{"ErrorEquals": ["E"], "BackoffRate": 0.9}]`), "BackoffRate: is 0.9, not a number from 1 to"},
		{"a MaxDelaySeconds below the interval", taskState(`"Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 5, "MaxDelaySeconds": 5}]`), "must be more than IntervalSeconds"},
		{"an unknown jitter", taskState(`"Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "SOME"}]`), `JitterStrategy: "SOME" is not supported`},
		{"a catcher without a Next", taskState(`"Catch": [{"ErrorEquals": ["E"]}]`), "Catch[0], Next: is missing"},
		{"a Retry on a Wait", two(`"Type": "Wait", "Seconds": 1, "Next": "Done", "Retry": [{"ErrorEquals": ["E"]}]`), "Retry: is not supported here"},

		{"a Wait without a time", two(`"Type": "Wait", "Next": "Done"`), "exactly one of Seconds"},
		{"a Wait with two times", two(`"Type": "Wait", "Seconds": 1, "TimestampPath": "$.t", "Next": "Done"`), "exactly one of Seconds"},
		{"a negative Wait", two(`"Type": "Wait", "Seconds": -1, "Next": "Done"`), "Seconds: is -1"},
		{"a Wait until a text that is not a time", two(`"Type": "Wait", "Timestamp": "tomorrow", "Next": "Done"`), `"tomorrow" is not a time`},
		{"a Wait until a time in small letters", two(`"Type": "Wait", "Timestamp": "2026-11-22t08:00:00z", "Next": "Done"`), "is not a time"},
		{"a Wait for a null path", two(`"Type": "Wait", "SecondsPath": null, "Next": "Done"`), "SecondsPath: is null"},

		{"a Choice without choices", two(`"Type": "Choice", "Default": "Done"`), "Choices: is missing"},
		{"a Choice with a Next", two(`"Type": "Choice", "Next": "Done", "Choices": [{"Variable": "$", "IsNull": true, "Next": "Done"}]`), `state "S", Next: is not supported here`},
		{"a rule without a test", two(`"Type": "Choice", "Choices": [{"Variable": "$.a", "Next": "Done"}]`), "no test that this interpreter supports"},
		{"a rule without a variable", two(`"Type": "Choice", "Choices": [{"IsNull": true, "Next": "Done"}]`), "Choices[0], Variable: is missing"},
		{"a rule without a Next", two(`"Type": "Choice", "Default": "Done", "Choices": [{"Variable": "$.a", "IsNull": true}]`), "Choices[0], Next: is missing"},
		{"a nested rule with a Next", two(`"Type": "Choice", "Choices": [{"Not": {"Variable": "$.a", "IsNull": true, "Next": "Done"}, "Next": "Done"}]`), "Not[0], Next: is not supported here"},
		{"a rule with two tests", two(`"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "IsPresent": true, "Next": "Done"}]`), "a rule has only one test"},
		{"a test of another type", two(`"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": "3", "Next": "Done"}]`), "NumericEquals: is a string, not a number"},
		{"a test that is not supported", two(`"Type": "Choice", "Choices": [{"Variable": "$.a", "StringMatches": "x*", "Next": "Done"}]`), "StringMatches: is not supported"},
		{"an empty And", two(`"Type": "Choice", "Choices": [{"And": [], "Next": "Done"}]`), "And: is an array, not a non-empty array"},

		{"an Error and an ErrorPath", one(`"Type": "Fail", "Error": "E", "ErrorPath": "$.e"`), "only one of Error and ErrorPath"},
		{"a CausePath that does not return a string", one(`"Type": "Fail", "CausePath": "States.StringToJson($.c)"`), "does not give a string"},
		{"a CausePath that is not a path", one(`"Type": "Fail", "CausePath": "c"`), `state "S", CausePath:`},
		{"a Fail with a Next", two(`"Type": "Fail", "Next": "Done"`), "Next: is not supported here"},

		{"a Map without a processor", one(`"Type": "Map", "End": true`), "ItemProcessor: is missing"},
		{"the old name of the processor", one(`"Type": "Map", "End": true, "Iterator": {}`), "Iterator: is not supported"},
		{"the old name of the selector", mapState("", `, "Parameters": {}`), "Parameters: is not supported"},
		{"a timeout of a processor", mapState(`"TimeoutSeconds": 3, `, ""), `state "S", ItemProcessor, TimeoutSeconds: is not supported here`},
		{"EXPRESS children", mapState(`"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, `, ""), `"EXPRESS" is not supported`},
		{"children without a type", mapState(`"ProcessorConfig": {"Mode": "DISTRIBUTED"}, `, ""), "ExecutionType: is missing"},
		{"a type of iterations", mapState(`"ProcessorConfig": {"Mode": "INLINE", "ExecutionType": "STANDARD"}, `, ""), "ExecutionType: is not supported here"},
		{"more iterations at once than AWS allows", mapState("", `, "MaxConcurrency": 41`), "MaxConcurrency: is 41, not a whole number from 0 to 40"},
		{"more children at once than AWS allows", mapState(distributed, `, "MaxConcurrency": 10001`), "MaxConcurrency: is 10001"},
		{"a concurrency that is a string", mapState(distributed, `, "MaxConcurrency": "50"`), `MaxConcurrency: is "50"`},
		{"a tolerance of iterations", mapState("", `, "ToleratedFailureCount": 1`), "ToleratedFailureCount: is not supported here"},
		{"a reader of iterations", mapState("", `, "ItemReader": {}`), "ItemReader: is not supported here"},
		{"a tolerance of more than 100 %", mapState(distributed, `, "ToleratedFailurePercentage": 101`), "not a number from 0 to 100"},
		{"a label that is too long", mapState(distributed, `, "Label": "`+strings.Repeat("x", 41)+`"`), "Label:"},
		{"batches", mapState(distributed, `, "ItemBatcher": {"MaxItemsPerBatch": 3}`), "ItemBatcher: is not supported"},
		{"a DISTRIBUTED Map in a Map", one(`"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Map", "End": true, "ItemProcessor": {` + distributed + `"StartAt": "J", "States": {"J": {"Type": "Succeed"}}}}}}`), `state "I", ItemProcessor: a DISTRIBUTED Map inside a Map`},
		{"a reader of another service", mapState(distributed, `, "ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": "b", "Key": "k"}}`), "s3:getObject"},
		{"a reader of CSV", reader(`"ReaderConfig": {"InputType": "CSV"}, "Parameters": {"Bucket": "b", "Key": "k"}`), `"CSV" is not supported`},
		{"a reader of some items", reader(`"ReaderConfig": {"InputType": "JSON", "MaxItems": 3}, "Parameters": {"Bucket": "b", "Key": "k"}`), "MaxItems: is not supported"},
		{"a reader without a configuration", reader(`"Parameters": {"Bucket": "b", "Key": "k"}`), "ReaderConfig: is missing"},
		{"a reader without parameters", reader(`"ReaderConfig": {"InputType": "JSON"}`), "Parameters: is missing"},
		{"a reader without a key", reader(`"ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": "b"}`), "Parameters, Key: must be there exactly once"},
		{"a reader of a version", reader(`"ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": "b", "Key": "k", "VersionId": "v"}`), "VersionId: is not supported"},
		{"a reader and ItemsPath", mapState(distributed, `, "ItemsPath": "$.a", "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": "b", "Key": "k"}}`), "a Map with an ItemReader can't have an ItemsPath"},
		{"a writer without a prefix", writer(`"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}`), "Parameters, Prefix: must be there exactly once"},
		{"a writer of another format", writer(`"WriterConfig": {"OutputType": "JSONL"}, "Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}`), "WriterConfig: is not supported"},
	} {
		t.Run(c.what, func(t *testing.T) {
			_, err := asl.Parse([]byte(c.definition))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s\nin   %s", err, c.want, c.definition)
			}
		})
	}

	t.Run("reports all faults at once", func(t *testing.T) {
		_, err := asl.Parse([]byte(`{"StartAt": "S", "States": {
			"S": {"Type": "Task", "Resource": "x", "TimeoutSeconds": 0, "Next": "T"},
			"U": {"Type": "Wait", "Next": "U"}}}`))
		for _, want := range []string{`state "S", Resource`, `state "S", TimeoutSeconds`, `state "S", Next`, `state "U": no state leads`, `state "U", Seconds`} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in %v", want, err)
			}
		}
	})
}

func TestParseAccepts(t *testing.T) {
	for what, definition := range map[string]string{
		"a state with every name that it may have": taskState(`"Comment": "c", "QueryLanguage": "JSONPath", "TimeoutSeconds": 60, "InputPath": "$.a['b c'][0][\"d\"].e-f_g",
			"Parameters": {"a.$": "$$.Execution.Input.x", "b": {"c": [{"d.$": "States.Format('it\\'s {} \\{\\} {}', $.x, States.JsonToString($$.State.RetryCount))"}]}},
			"ResultSelector": {"p.$": "$.Payload"}, "ResultPath": "$.a.b", "OutputPath": "$.a",
			"Retry": [{"Comment": "c", "ErrorEquals": ["A", "Lambda.B"], "IntervalSeconds": 1, "MaxAttempts": 0, "BackoffRate": 1, "MaxDelaySeconds": 2, "JitterStrategy": "NONE"}, {"ErrorEquals": ["States.ALL"]}],
			"Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "S", "ResultPath": null}, {"ErrorEquals": ["States.ALL"], "Next": "S"}]`),
		"another partition":            one(`"Type": "Task", "Resource": "arn:aws-cn:states:::lambda:invoke", "End": true`),
		"the whole of what a run does": fmt.Sprintf(fleet, 10_000),
		"a Map in a Map":               one(`"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Map", "ItemsPath": "$$.Map.Item.Value", "End": true, "ItemProcessor": {"StartAt": "J", "States": {"J": {"Type": "Succeed"}}}}}}`),
		"a loop":                       `{"StartAt": "S", "States": {"S": {"Type": "Wait", "Seconds": 1, "Next": "T"}, "T": {"Type": "Pass", "Next": "S"}}}`,
	} {
		t.Run(what, func(t *testing.T) {
			if _, err := asl.Parse([]byte(definition)); err != nil {
				t.Error(err)
			}
		})
	}
}
