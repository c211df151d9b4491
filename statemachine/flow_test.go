package statemachine

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// functions are the requests and results of the Lambda functions.
var functions = map[string]struct{ request, result reflect.Type }{
	"${DiscoverInstancesFunction}": {reflect.TypeFor[contract.DiscoverRequest](), reflect.TypeFor[contract.Discovery]()},
	"${SnapshotVolumeFunction}":    {reflect.TypeFor[contract.SnapshotRequest](), reflect.TypeFor[contract.SnapshotResult]()},
	"${PruneVolumeFunction}":       {reflect.TypeFor[contract.PruneRequest](), reflect.TypeFor[contract.PruneResult]()},
	"${ReportRunFunction}":         {reflect.TypeFor[contract.Discovery](), reflect.TypeFor[contract.ReportResult]()},
}

// resources are what a Task may call, and the parameters that each needs.
var resources = map[string][]string{
	"${LambdaInvoke}":   {"FunctionName", "Payload"},
	"${S3PutObjectSdk}": {"Body", "Bucket", "Key"},
	"${SnsPublish}":     {"Message", "Subject", "TopicArn"},
}

// mapItems are the types of the items of each Map.
var mapItems = map[string]reflect.Type{
	"SnapshotInstances": reflect.TypeFor[contract.Item](),
	"SnapshotVolumes":   reflect.TypeFor[contract.VolumeTask](),
}

// outcomes are the values that a Choice may compare a result's Outcome with.
var outcomes = map[reflect.Type][]string{
	reflect.TypeFor[contract.Discovery]():    {contract.OutcomeWork, contract.OutcomeNothing, contract.OutcomeDuplicate},
	reflect.TypeFor[contract.ReportResult](): {contract.OutcomeSucceeded, contract.OutcomeFailed},
}

// flow follows the data from state to state, for all possible shapes, and collects what does not fit the contract.
type flow struct {
	faults []string
	inMap  map[string]shape
}

type edge struct {
	to    string
	state shape
}

func (f *flow) fault(state, format string, args ...any) {
	if text := state + ": " + fmt.Sprintf(format, args...); !slices.Contains(f.faults, text) {
		f.faults = append(f.faults, text)
	}
}

// run goes through a machine from its start. It calls ends with the output of each state that ends it.
func (f *flow) run(machine map[string]any, input shape, ends func(name string, output shape)) {
	states := object(machine, "States")
	seen := map[string]bool{}
	reached := map[string]bool{}
	for todo := []edge{{text(machine, "StartAt"), input}}; len(todo) > 0; {
		at := todo[0]
		todo = todo[1:]
		state, ok := states[at.to].(map[string]any)
		if !ok {
			f.fault(at.to, "there is no such state")
			continue
		}
		if key := at.to + at.state.key(); seen[key] {
			continue
		} else {
			seen[key], reached[at.to] = true, true
		}
		next := f.state(at.to, state, at.state)
		for _, e := range next {
			if e.to == "" {
				ends(at.to, e.state)
			} else {
				todo = append(todo, e)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		if !reached[name] {
			f.fault(name, "no state leads here")
		}
	}
}

// state returns the next states and their inputs. An edge to "" is an end.
func (f *flow) state(name string, state map[string]any, input shape) []edge {
	in := scope{input, f.inMap}
	switch kind := text(state, "Type"); kind {
	case "Task":
		return f.after(name, state, in, f.task(name, state, in))
	case "Map":
		return f.after(name, state, in, f.iterate(name, state, in))
	case "Pass":
		return f.after(name, state, in, input)
	case "Wait":
		if path, ok := state["TimestampPath"]; ok {
			f.want(name, "TimestampPath", timeType, in, path)
		}
		if path, ok := state["SecondsPath"]; ok {
			f.want(name, "SecondsPath", numberType, in, path)
		}
		return f.after(name, state, in, input)
	case "Choice":
		return f.choose(name, state, in)
	case "Fail":
		if path, ok := state["CausePath"]; ok {
			f.want(name, "CausePath", textType, in, path)
		}
	case "Succeed":
	default:
		f.fault(name, "a state of type %q is not supported by this test", kind)
	}
	return nil
}

// after applies ResultSelector, ResultPath and OutputPath to a state's result, and returns the edges to the next states.
func (f *flow) after(name string, state map[string]any, in scope, result shape) []edge {
	out := result
	if selector, ok := state["ResultSelector"].(map[string]any); ok {
		var err error
		if out, err = (scope{state: result}).template(selector); err != nil {
			f.fault(name, "ResultSelector: %v", err)
		}
	}
	if path, ok := state["ResultPath"]; ok {
		out = f.put(name, in.state, path, out)
	}
	if path, ok := state["OutputPath"]; ok {
		out = f.output(name, out, path)
	}
	edges := []edge{{text(state, "Next"), out}}
	for _, c := range objects(state, "Catch") {
		caught := errorOutput()
		if path, ok := c["ResultPath"]; ok {
			caught = f.put(name, in.state, path, caught)
		}
		edges = append(edges, edge{text(c, "Next"), caught})
	}
	return edges
}

func (f *flow) put(name string, state shape, path any, value shape) shape {
	if path == nil { // null: the state does not change
		return state
	}
	out, err := state.with(path.(string), value)
	if err != nil {
		f.fault(name, "%v", err)
		return state
	}
	return out
}

func (f *flow) output(name string, out shape, path any) shape {
	if path == nil { // null: {}
		return shape{fields: map[string]shape{}}
	}
	picked, err := out.at(path.(string))
	if err != nil {
		f.fault(name, "OutputPath: %v", err)
	}
	return picked
}

func (f *flow) want(name, field string, t reflect.Type, in scope, expression any) {
	got, err := in.expression(expression.(string))
	if err == nil {
		err = got.fits(t)
	}
	if err != nil {
		f.fault(name, "%s: %v", field, err)
	}
}

// task checks the call of a Task's resource and returns the shape of its result.
func (f *flow) task(name string, state map[string]any, in scope) shape {
	nothing := shape{fields: map[string]shape{}}
	parameters := object(state, "Parameters")
	given, err := in.template(parameters)
	if err != nil {
		f.fault(name, "Parameters: %v", err)
		given = nothing
	}
	resource := text(state, "Resource")
	want, known := resources[resource]
	if got := slices.Sorted(maps.Keys(given.fields)); !known {
		f.fault(name, "the Resource %q is not supported by this test", resource)
	} else if err == nil && !slices.Equal(want, got) {
		f.fault(name, "%s needs %v and gets %v", resource, want, got)
	}
	for _, key := range want {
		if value, ok := given.fields[key]; ok && key != "Payload" && value.typ != textType {
			f.fault(name, "%s: %v instead of a text", key, value)
		}
	}
	if resource != "${LambdaInvoke}" {
		return nothing
	}
	called, ok := functions[text(parameters, "FunctionName")]
	if !ok {
		f.fault(name, "%q is not one of the functions", text(parameters, "FunctionName"))
		return nothing
	}
	if payload, ok := given.fields["Payload"]; ok {
		if err := payload.fits(called.request); err != nil {
			f.fault(name, "Payload: %v", err)
		}
	}
	return shape{fields: map[string]shape{"Payload": shapeOf(called.result)}}
}

// iterate goes through the states inside a Map and returns the shape of its result.
func (f *flow) iterate(name string, state map[string]any, in scope) shape {
	items, known := mapItems[name]
	if !known {
		f.fault(name, "mapItems does not list this Map")
		return in.state
	}
	processor := object(state, "ItemProcessor")
	item := shapeOf(items)
	if reader := object(state, "ItemReader"); reader != nil {
		f.object(name, "ItemReader", in, object(reader, "Parameters"), reflect.TypeFor[struct{ Bucket, Key string }]())
	} else {
		f.selectItems(name, state, in, items)
	}
	if writer := object(state, "ResultWriter"); writer != nil {
		f.object(name, "ResultWriter", in, object(writer, "Parameters"), reflect.TypeFor[struct{ Bucket, Prefix string }]())
	}
	inner := &flow{inMap: f.inMap}
	inner.run(processor, item, func(last string, output shape) {
		if len(output.fields) > 0 || output.typ != nil {
			inner.fault(last, "returns %v: it must return {}, because the results of a Map grow with the fleet", output)
		}
	})
	f.faults = append(f.faults, inner.faults...)
	return shapeOf(reflect.TypeFor[contract.MapResult]())
}

func (f *flow) selectItems(name string, state map[string]any, in scope, items reflect.Type) {
	list, err := in.path(text(state, "ItemsPath"))
	if err != nil || list.typ == nil || list.typ.Kind() != reflect.Slice {
		f.fault(name, "ItemsPath: %v is not a list (%v)", list, err)
		return
	}
	in.inMap = map[string]shape{"$$.Map.Item.Value": shapeOf(list.typ.Elem())}
	f.object(name, "ItemSelector", in, object(state, "ItemSelector"), items)
}

// object checks that a template builds an object of the type.
func (f *flow) object(name, field string, in scope, template map[string]any, t reflect.Type) {
	given, err := in.template(template)
	if err == nil {
		err = given.fits(t)
	}
	if err != nil {
		f.fault(name, "%s: %v", field, err)
	}
}

func (f *flow) choose(name string, state map[string]any, in scope) []edge {
	edges := []edge{{text(state, "Default"), in.state}}
	for _, c := range objects(state, "Choices") {
		f.want(name, "Variable", textType, in, c["Variable"])
		known := outcomes[in.state.typ]
		if text(c, "Variable") != "$.Outcome" || known == nil {
			f.fault(name, "%v of %v is not an outcome", c["Variable"], in.state)
		}
		if !slices.Contains(known, text(c, "StringEquals")) {
			f.fault(name, "%q is not an outcome of %v, which has %v", text(c, "StringEquals"), in.state, known)
		}
		edges = append(edges, edge{text(c, "Next"), in.state})
	}
	return edges
}
