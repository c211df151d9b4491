package asl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// try runs the state once: InputPath, the work of the state, OutputPath, in the order of the specification.
func (v *visit) try(ctx context.Context) (value, string, *failure) {
	c := v.context
	input, f := v.through("InputPath", v.input, v.st.input, v.st.noInput, c)
	if f != nil {
		return value{}, "", f
	}
	out, next := input, v.st.next
	switch v.st.typ {
	case typeTask:
		out, f = v.task(ctx, input, c)
	case typeMap:
		out, f = v.mapState(ctx, input, c)
	case typePass:
		out, f = v.pass(input, c)
	case typeWait:
		f = v.wait(ctx, input, c)
	case typeChoice:
		next, f = v.choose(input, c)
	case typeFail:
		f = v.fail(input, c)
	}
	if f != nil {
		return value{}, "", f
	}
	out, f = v.through("OutputPath", out, v.st.output, v.st.noOutput, c)
	return out, next, f
}

// through applies InputPath or OutputPath.
func (v *visit) through(field string, in value, p *path, null bool, c contextObject) (value, *failure) {
	if null {
		return newValue(map[string]any{}, field)
	}
	if p == nil || p == whole || (len(p.steps) == 0 && !p.context) {
		return in, nil
	}
	tree, err := p.eval(in.tree, c)
	if err != nil {
		return value{}, v.broken(field, err)
	}
	return newValue(tree, "the "+field+" of the state "+v.st.name)
}

// fill evaluates a payload template. Without a template, it returns the input.
func (v *visit) fill(field string, t *template, in value, c contextObject) (value, *failure) {
	if t == nil {
		return in, nil
	}
	tree, err := t.fill(in.tree, c)
	if err != nil {
		return value{}, v.broken(field, err)
	}
	return newValue(tree, "the "+field+" of the state "+v.st.name)
}

// combine applies ResultSelector and ResultPath. ResultPath puts the result into the raw input, to which InputPath was not applied.
func (v *visit) combine(result value, c contextObject) (value, *failure) {
	result, f := v.fill("ResultSelector", v.st.selector, result, c)
	if f != nil {
		return value{}, f
	}
	if v.st.noResult {
		return v.input, nil
	}
	p := orWhole(v.st.resultPath)
	if len(p.steps) == 0 {
		return result, nil
	}
	tree, err := p.set(v.input.tree, result.tree)
	if err != nil {
		return value{}, &failure{name: errResultPath, cause: fmt.Sprintf("state '%s': ResultPath %s: %v", v.st.name, p.text, err)}
	}
	return between(newValue(tree, "the output of the state "+v.st.name))
}

// between marks a failure as a failure between two states.
func between(out value, f *failure) (value, *failure) {
	if f != nil {
		f.between = true
	}
	return out, f
}

func orWhole(p *path) *path {
	if p == nil {
		return whole
	}
	return p
}

func (v *visit) task(ctx context.Context, input value, c contextObject) (value, *failure) {
	input, f := v.fill("Parameters", v.st.parameters, input, c)
	if f != nil {
		return value{}, f
	}
	if f := v.x.count(0, 3); f != nil { // scheduled, started and ended
		return value{}, f
	}
	raw, f := v.call(ctx, v.st.resource, input.raw, v.st.timeout)
	if f != nil {
		return value{}, f
	}
	if len(raw) == 0 {
		raw = json.RawMessage("null")
	}
	tree, err := decode(raw)
	if err != nil {
		return value{}, v.broken("Resource", fmt.Errorf("%s returned a result that is not JSON: %w", v.st.resource, err))
	}
	result, f := newValue(tree, "the result of the state "+v.st.name)
	if f != nil {
		f.ofTask = true
		return value{}, f
	}
	return v.combine(result, c)
}

// call runs a resource's task. After the timeout of the state or the execution, the result of the task is ignored.
func (v *visit) call(ctx context.Context, resource string, input json.RawMessage, timeout time.Duration) (json.RawMessage, *failure) {
	limited, cancel := v.x.world.WithTimeout(ctx, timeout)
	defer cancel()
	raw, err := v.x.r.task(resource)(limited, input)
	switch {
	case ctx.Err() != nil:
		return nil, stop()
	case limited.Err() != nil:
		return nil, &failure{name: errTimeout} // AWS gives no cause
	case err != nil:
		return nil, taskFailure(err)
	}
	return raw, nil
}

func (v *visit) pass(input value, c contextObject) (value, *failure) {
	result, f := v.fill("Parameters", v.st.parameters, input, c)
	if f == nil && v.st.hasResult {
		result, f = newValue(v.st.result, "the Result of the state "+v.st.name)
	}
	if f != nil {
		return value{}, f
	}
	return v.combine(result, c)
}

func (v *visit) wait(ctx context.Context, input value, c contextObject) *failure {
	d, err := v.st.wait.span(v.x.world.Now(), input.tree, c)
	if err != nil {
		return v.broken("Wait", err)
	}
	if v.x.world.Sleep(ctx, d) != nil {
		return stop()
	}
	return nil
}

// span returns how long to wait from now.
func (w *waitSpec) span(now time.Time, data any, c contextObject) (time.Duration, error) {
	if w.path == nil {
		if w.isUntil {
			return w.until.Sub(now), nil
		}
		return w.duration, nil
	}
	got, err := w.path.eval(data, c)
	if err != nil {
		return 0, err
	}
	if w.isUntil {
		text, ok := got.(string)
		if !ok {
			return 0, fmt.Errorf("%s is %s, not a time", w.path.text, kind(got))
		}
		until, err := parseTimestamp(text)
		return until.Sub(now), err
	}
	n, _ := got.(json.Number)
	seconds, err := n.Int64()
	if err != nil || seconds < 0 || seconds > maxSeconds {
		return 0, fmt.Errorf("%s is %s, not a number of seconds", w.path.text, encode(got))
	}
	return time.Duration(seconds) * time.Second, nil
}

func (v *visit) choose(input value, c contextObject) (string, *failure) {
	for i, rule := range v.st.choices {
		ok, err := rule.holds(input.tree, c)
		if err != nil {
			return "", v.broken(fmt.Sprintf("Choices[%d]", i), err)
		}
		if ok {
			return rule.next, nil
		}
	}
	if v.st.fallback == "" {
		return "", v.broken("Choices", errors.New("no choice matched, and there is no Default"))
	}
	return v.st.fallback, nil
}

func (v *visit) fail(input value, c contextObject) *failure {
	f := &failure{}
	for _, field := range []struct {
		name string
		from expr
		to   *string
	}{{"Error", v.st.failError, &f.name}, {"Cause", v.st.failCause, &f.cause}} {
		if field.from == nil {
			continue
		}
		got, err := field.from.eval(input.tree, c)
		if err != nil {
			return v.broken(field.name+"Path", err)
		}
		text, ok := got.(string)
		if !ok {
			return v.broken(field.name+"Path", fmt.Errorf("is %s, not a string", kind(got)))
		}
		*field.to = text
	}
	return f
}

// lastPart returns the part of an ARN after the last colon.
func lastPart(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }
