package asl

import (
	"fmt"
	"strings"
	"time"
)

// Parse parses a definition. One error reports everything that is wrong or not supported, with the state and the field.
func Parse(definition []byte) (*Machine, error) {
	tree, err := decode(definition)
	if err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	name, err := repeatedField(definition)
	if err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	if name != "" {
		return nil, fmt.Errorf("read definition: the field %q occurs twice in one object", name)
	}
	p := &parser{seen: map[string]bool{}}
	f := p.object("state machine", tree)
	f.oneOf("QueryLanguage", "JSONPath", "JSONPath")
	f.oneOf("Version", "1.0", "1.0")
	f.comment()
	m := &Machine{timeout: f.seconds("TimeoutSeconds", 0, 1)}
	m.top = p.states(f, scopeTop)
	f.finish()
	if err := p.err(); err != nil {
		return nil, fmt.Errorf("definition:\n%w", err)
	}
	return m, nil
}

// scope is the place of a state in the definition.
type scope int

const (
	scopeTop    scope = iota
	scopeInline       // in an INLINE Map: there is $$.Map.Item
	scopeChild        // in a DISTRIBUTED Map: in a separate execution
)

type parser struct {
	problems
	seen map[string]bool // the names of all states
}

// states reads StartAt and States of a state machine or an ItemProcessor.
func (p *parser) states(f *fields, sc scope) *states {
	s := &states{startAt: f.required("StartAt"), byName: map[string]*state{}}
	all := f.sub("States")
	if all == nil {
		f.bad("States", "is missing")
		return s
	}
	for _, name := range sortedKeys(all.m) {
		if p.seen[name] {
			p.add(fmt.Sprintf("state %q", name), "another state has this name")
		}
		if name == "" || len([]rune(name)) > 80 {
			p.add(fmt.Sprintf("state %q", name), "its name must have 1 to 80 characters")
		}
		p.seen[name] = true
		s.byName[name] = p.state(name, p.object(fmt.Sprintf("state %q", name), all.m[name]), sc)
	}
	p.checkTransitions(f, s)
	return s
}

// checkTransitions finds transitions to states that do not exist, and states that can't be reached.
func (p *parser) checkTransitions(f *fields, s *states) {
	if s.byName[s.startAt] == nil {
		f.bad("StartAt", "there is no state %q", s.startAt)
	}
	reached := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		st := s.byName[name]
		if st == nil || reached[name] {
			return
		}
		reached[name] = true
		for _, t := range st.transitions() {
			follow(t.to)
		}
	}
	follow(s.startAt)
	for _, name := range sortedKeys(s.byName) {
		where := fmt.Sprintf("state %q", name)
		for _, t := range s.byName[name].transitions() {
			if s.byName[t.to] == nil {
				p.add(where+", "+t.field, "there is no state %q here", t.to)
			}
		}
		if !reached[name] {
			p.add(where, "no state leads to it")
		}
	}
}

type transition struct{ field, to string }

func (s *state) transitions() []transition {
	var all []transition
	if s.next != "" {
		all = append(all, transition{"Next", s.next})
	}
	if s.fallback != "" {
		all = append(all, transition{"Default", s.fallback})
	}
	for i, c := range s.choices {
		all = append(all, transition{fmt.Sprintf("Choices[%d], Next", i), c.next})
	}
	for i, c := range s.catch {
		all = append(all, transition{fmt.Sprintf("Catch[%d], Next", i), c.next})
	}
	return all
}

// state reads one state.
func (p *parser) state(name string, f *fields, sc scope) *state {
	s := &state{name: name, typ: stateType(f.required("Type"))}
	f.comment()
	f.oneOf("QueryLanguage", "JSONPath", "JSONPath")
	inMap := sc == scopeInline
	switch s.typ {
	case typeTask:
		p.nextOrEnd(s, f)
		p.dataPaths(s, f, inMap)
		p.result(s, f, inMap)
		s.parameters = f.template("Parameters", inMap)
		s.resource = f.resource("Resource")
		s.timeout = f.seconds("TimeoutSeconds", 0, 1)
		p.retries(s, f)
		p.catches(s, f)
	case typeWait:
		p.nextOrEnd(s, f)
		p.dataPaths(s, f, inMap)
		s.wait = p.wait(f, inMap)
	case typeChoice:
		p.dataPaths(s, f, inMap)
		p.choice(s, f, inMap)
	case typePass:
		p.nextOrEnd(s, f)
		p.dataPaths(s, f, inMap)
		s.resultPath, s.noResult = f.target("ResultPath")
		s.parameters = f.template("Parameters", inMap)
		s.result, s.hasResult = f.get("Result")
	case typeSucceed:
		p.dataPaths(s, f, inMap)
		s.end = true
	case typeFail:
		s.failError = p.failField(f, "Error", inMap)
		s.failCause = p.failField(f, "Cause", inMap)
	case typeMap:
		p.nextOrEnd(s, f)
		p.dataPaths(s, f, inMap)
		p.result(s, f, inMap)
		p.retries(s, f)
		p.catches(s, f)
		s.mapping = p.mapping(s, f, sc)
	default:
		f.bad("Type", "%q is not supported", s.typ)
		return s
	}
	f.finish()
	return s
}

// nextOrEnd reads Next and End. Exactly one of them must be there.
func (p *parser) nextOrEnd(s *state, f *fields) {
	s.next, s.end = f.text("Next"), f.flag("End")
	if (s.next != "") == s.end {
		f.bad("Next", "exactly one of Next and End must be there")
	}
}

func (p *parser) dataPaths(s *state, f *fields, inMap bool) {
	s.input, s.noInput = f.path("InputPath", inMap)
	s.output, s.noOutput = f.path("OutputPath", inMap)
}

func (p *parser) result(s *state, f *fields, inMap bool) {
	s.resultPath, s.noResult = f.target("ResultPath")
	s.selector = f.template("ResultSelector", inMap)
}

// resource reads an ARN. Patterns that wait for the called service are not supported.
func (f *fields) resource(name string) string {
	arn := f.required(name)
	if !strings.HasPrefix(arn, "arn:") && arn != "" {
		f.bad(name, "%q is not an ARN", arn)
	}
	for _, pattern := range []string{".sync", ".sync:2", ".waitForTaskToken"} {
		if strings.HasSuffix(arn, pattern) {
			f.bad(name, "%s is not supported", pattern)
		}
	}
	return arn
}

// wait reads the field that says how long to wait.
func (p *parser) wait(f *fields, inMap bool) *waitSpec {
	w := &waitSpec{}
	given := 0
	if f.has("Seconds") {
		given++
		w.duration = f.seconds("Seconds", 0, 0)
	}
	if f.has("Timestamp") {
		given++
		text := f.text("Timestamp")
		var err error
		if w.until, err = parseTimestamp(text); err != nil {
			f.bad("Timestamp", "%w", err)
		}
		w.isUntil = true
	}
	if f.has("SecondsPath") {
		given++
		w.path = f.somePath("SecondsPath", inMap)
	}
	if f.has("TimestampPath") {
		given++
		w.path, w.isUntil = f.somePath("TimestampPath", inMap), true
	}
	if given != 1 {
		f.bad("Seconds", "exactly one of Seconds, Timestamp, SecondsPath and TimestampPath must be there")
	}
	return w
}

// parseTimestamp parses RFC 3339. As the language requires, T and Z must be capitals.
func parseTimestamp(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time like 2026-11-22T08:00:00Z", s)
	}
	return t, nil
}

// failField reads Error or Cause, or the path or intrinsic function for it.
func (p *parser) failField(f *fields, name string, inMap bool) expr {
	pathName := name + "Path"
	if !f.has(pathName) {
		if !f.has(name) {
			return nil
		}
		return literal{f.text(name)}
	}
	if f.has(name) {
		f.bad(name, "only one of %s and %s can be there", name, pathName)
		f.get(name)
	}
	e, err := parseExpr(f.text(pathName))
	if err == nil {
		for _, used := range e.paths() {
			if err == nil {
				err = used.checkContext(inMap)
			}
		}
	}
	if c, ok := e.(*call); ok && c.name == "States.StringToJson" && err == nil {
		err = fmt.Errorf("%s does not give a string", c.name)
	}
	if err != nil {
		f.bad(pathName, "%w", err)
	}
	return e
}
