package statemachine

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// check returns all faults of a definition. It compares what the states read, give and compare with the contract, and it checks the
// rules for each state.
func check(definition map[string]any) []string {
	r := &rules{named: map[string]bool{}}
	r.machine(definition)
	f := &flow{}
	f.run(definition, shapeOf(reflect.TypeFor[contract.Input]()), func(name string, _ shape) {
		f.fault(name, "the run must end in a Succeed or a Fail")
	})
	return slices.Concat(r.top(definition), r.faults, r.unnamed(), f.faults)
}

// rules checks the rules that do not depend on the data.
type rules struct {
	faults []string
	names  []string
	named  map[string]bool // errors that some ErrorEquals names
}

const (
	all            = "States.ALL"
	maxNameLength  = 80
	maxTaskSeconds = 900 // what Lambda allows a function
)

// awsErrors are the errors of AWS that the definition may name.
var awsErrors = []string{all, "Lambda.TooManyRequestsException"}

// byAll are the contract's errors that no ErrorEquals names: States.ALL handles them.
var byAll = []string{"UnexpectedError"}

// stateFields are the fields that this test supports, by the type of the state. Any other field may be misspelt.
var stateFields = map[string][]string{
	"Task": {"Resource", "Parameters", "ResultSelector", "ResultPath", "OutputPath", "TimeoutSeconds", "Retry", "Catch", "Next", "End"},
	"Map": {"ItemReader", "ItemsPath", "ItemSelector", "MaxConcurrency", "ToleratedFailurePercentage", "Label", "ItemProcessor",
		"ResultWriter", "ResultPath", "OutputPath", "Retry", "Catch", "Next", "End"},
	"Pass":    {"OutputPath", "Next", "End"},
	"Wait":    {"SecondsPath", "TimestampPath", "Next", "End"},
	"Choice":  {"Choices", "Default"},
	"Succeed": {},
	"Fail":    {"Error", "Cause", "CausePath"},
}

func (r *rules) fault(state, format string, args ...any) {
	r.faults = append(r.faults, state+": "+fmt.Sprintf(format, args...))
}

func (r *rules) top(machine map[string]any) []string {
	var out []string
	if text(machine, "Comment") == "" {
		out = append(out, "the definition has no Comment")
	}
	if seconds, ok := machine["TimeoutSeconds"].(float64); !ok || seconds <= 0 {
		out = append(out, "the definition has no TimeoutSeconds: a run could take up to a year")
	} else if seconds != contract.RunTimeout.Seconds() {
		out = append(out, "the definition's TimeoutSeconds differ from contract.RunTimeout, with which discover-instances plans")
	}
	return out
}

func (r *rules) machine(machine map[string]any) {
	states := object(machine, "States")
	for _, name := range slices.Sorted(maps.Keys(states)) {
		r.state(name, object(states, name))
		r.machine(object(object(states, name), "ItemProcessor"))
	}
}

func (r *rules) state(name string, state map[string]any) {
	if slices.Contains(r.names, name) {
		r.fault(name, "another state has this name")
	}
	r.names = append(r.names, name)
	if len(name) > maxNameLength {
		r.fault(name, "the name is longer than %d characters", maxNameLength)
	}
	if text(state, "Comment") == "" {
		r.fault(name, "it has no Comment")
	}
	r.fields(name, state)
	kind := text(state, "Type")
	if kind == "Task" || kind == "Map" || kind == "Pass" || kind == "Wait" {
		if (text(state, "Next") != "") == (state["End"] == true) {
			r.fault(name, "it needs either a Next or an End")
		}
	}
	r.handlers(name, "Retry", objects(state, "Retry"))
	r.handlers(name, "Catch", objects(state, "Catch"))
	switch mode := text(object(object(state, "ItemProcessor"), "ProcessorConfig"), "Mode"); {
	case kind == "Task":
		r.task(name, state)
	case mode == "DISTRIBUTED":
		if state["Retry"] != nil {
			r.fault(name, "a Retry on a Distributed Map runs every child again")
		}
		if state["ResultWriter"] == nil {
			r.fault(name, "without a ResultWriter the results of a Distributed Map grow with the fleet")
		}
		r.catchesAll(name, state)
	}
}

func (r *rules) fields(name string, state map[string]any) {
	known, ok := stateFields[text(state, "Type")]
	if !ok {
		r.fault(name, "the Type %v is not supported by this test", state["Type"])
	}
	for _, field := range slices.Sorted(maps.Keys(state)) {
		if field != "Type" && field != "Comment" && !slices.Contains(known, field) {
			r.fault(name, "the field %s is not supported by this test", field)
		}
	}
}

func (r *rules) task(name string, state map[string]any) {
	if seconds, ok := state["TimeoutSeconds"].(float64); !ok || seconds <= 0 || seconds > maxTaskSeconds {
		r.fault(name, "a Task needs TimeoutSeconds, of at most %d", maxTaskSeconds)
	}
	if len(objects(state, "Retry")) == 0 {
		r.fault(name, "a Task needs a Retry")
	}
	for n, retrier := range objects(state, "Retry") {
		jitter := text(retrier, "JitterStrategy")
		if retrier["MaxAttempts"] != 0.0 && jitter != "FULL" && jitter != "NONE" {
			r.fault(name, "Retry %d has no JitterStrategy", n)
		}
	}
	r.catchesAll(name, state)
}

func (r *rules) catchesAll(name string, state map[string]any) {
	if c := objects(state, "Catch"); len(c) == 0 || !slices.Contains(texts(c[len(c)-1], "ErrorEquals"), all) {
		r.fault(name, "it needs a Catch of %s as its last one", all)
	}
}

// handlers checks the errors that retriers or catchers name.
func (r *rules) handlers(name, field string, handlers []map[string]any) {
	before := map[string]bool{}
	for n, h := range handlers {
		where := fmt.Sprintf("%s %d", field, n)
		errors := texts(h, "ErrorEquals")
		if len(errors) == 0 {
			r.fault(name, "%s names no error", where)
		}
		for _, e := range errors {
			switch {
			case !slices.Contains(awsErrors, e) && !slices.Contains(contractErrors(), e):
				r.fault(name, "%s names %s, which is an error neither of the contract nor of AWS", where, e)
			case before[e] || before[all]:
				r.fault(name, "%s names %s, but an earlier one handles it", where, e)
			case e == all && len(errors) > 1:
				r.fault(name, "%s names %s together with others", where, all)
			}
			before[e], r.named[e] = true, true
		}
	}
}

// unnamed reports the contract's errors that nothing handles.
func (r *rules) unnamed() []string {
	var out []string
	for _, e := range contractErrors() {
		if r.named[e] == slices.Contains(byAll, e) {
			out = append(out, e+": either an ErrorEquals must name it, or byAll must list it, and not both")
		}
	}
	return out
}

// contractErrors returns the names of the contract's errors in Step Functions.
func contractErrors() []string {
	var out []string
	for _, e := range contract.Errors() {
		out = append(out, reflect.TypeOf(e).Elem().Name())
	}
	return out
}

func text(o map[string]any, key string) string {
	s, _ := o[key].(string)
	return strings.TrimSpace(s)
}

func object(o map[string]any, key string) map[string]any {
	out, _ := o[key].(map[string]any)
	return out
}

func objects(o map[string]any, key string) []map[string]any {
	return list[map[string]any](o, key)
}

func texts(o map[string]any, key string) []string { return list[string](o, key) }

func list[T any](o map[string]any, key string) []T {
	values, _ := o[key].([]any)
	var out []T
	for _, v := range values {
		t, ok := v.(T)
		if !ok {
			text, _ := json.Marshal(v)
			panic(fmt.Sprintf("%s of the definition holds %s", key, text))
		}
		out = append(out, t)
	}
	return out
}
