package asl

import "time"

// Machine is a parsed definition. It does not change, so any number of executions can share it.
type Machine struct {
	timeout time.Duration // of the whole execution; 0: none
	top     *states
}

// states are the states of a state machine or of a Map's processor.
type states struct {
	startAt string
	byName  map[string]*state
}

type stateType string

const (
	typeTask    stateType = "Task"
	typeWait    stateType = "Wait"
	typeChoice  stateType = "Choice"
	typePass    stateType = "Pass"
	typeSucceed stateType = "Succeed"
	typeFail    stateType = "Fail"
	typeMap     stateType = "Map"
)

// state is one state. A nil path means that the field is missing. If the field is null, a separate flag is set.
type state struct {
	name string
	typ  stateType
	next string
	end  bool

	input, output        *path
	noInput, noOutput    bool // InputPath, OutputPath: null
	resultPath           *path
	noResult             bool // ResultPath: null
	parameters, selector *template
	retry                []retrier
	catch                []catcher
	resource             string        // Task
	timeout              time.Duration // Task; 0: none
	wait                 *waitSpec
	choices              []choiceRule
	fallback             string // Choice: Default
	result               any    // Pass
	hasResult            bool
	failError, failCause expr
	mapping              *mapSpec
}

type retrier struct {
	errors      []string
	interval    time.Duration
	maxAttempts int
	backoff     float64
	maxDelay    time.Duration // 0: none
	fullJitter  bool
}

type catcher struct {
	errors     []string
	next       string
	resultPath *path
	noResult   bool
}

type waitSpec struct {
	duration time.Duration
	until    time.Time
	path     *path
	isUntil  bool // until or path is a time
}

type mapSpec struct {
	processor   *states
	distributed bool
	label       string
	items       *path
	itemSelect  *template
	concurrency int
	reader      *itemReader
	writer      *resultWriter
	tolerate    tolerance
}

type itemReader struct {
	resource   string
	parameters *template
}

type resultWriter struct {
	resource   string
	parameters *template
}

// tolerance is how many children of a Map may fail. Without a count and a percentage, none may fail.
type tolerance struct {
	count   *int
	percent *float64
}

func (t tolerance) exceeded(failed, total int) bool {
	if t.count == nil && t.percent == nil {
		return failed > 0
	}
	if t.count != nil && failed > *t.count {
		return true
	}
	return t.percent != nil && float64(failed)*100 > *t.percent*float64(total)
}

// walk calls f for every state, also in nested Maps, in a fixed order.
func (s *states) walk(f func(*state)) {
	for _, name := range sortedKeys(s.byName) {
		st := s.byName[name]
		f(st)
		if st.mapping != nil {
			st.mapping.processor.walk(f)
		}
	}
}

// resources returns the resources that an execution may call.
func (m *Machine) resources() []string {
	used := map[string]bool{}
	m.top.walk(func(s *state) {
		if s.resource != "" {
			used[s.resource] = true
		}
		if s.mapping != nil && s.mapping.reader != nil {
			used[s.mapping.reader.resource] = true
		}
		if s.mapping != nil && s.mapping.writer != nil {
			used[s.mapping.writer.resource] = true
		}
	})
	return sortedKeys(used)
}
