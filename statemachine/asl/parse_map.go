package asl

import "strings"

// How many iterations of a Map AWS runs at the same time.
const (
	maxInline   = 40
	maxChildren = 10_000
)

// mapping reads the fields that only a Map has.
func (p *parser) mapping(s *state, f *fields, sc scope) *mapSpec {
	spec := &mapSpec{}
	inMap := sc == scopeInline
	pf := f.sub("ItemProcessor")
	if pf == nil {
		f.bad("ItemProcessor", "is missing")
		return nil
	}
	if cf := pf.sub("ProcessorConfig"); cf != nil {
		spec.distributed = cf.oneOf("Mode", "INLINE", "INLINE", "DISTRIBUTED") == "DISTRIBUTED"
		if spec.distributed {
			cf.required("ExecutionType")
			cf.oneOf("ExecutionType", "STANDARD", "STANDARD")
		}
		cf.finish()
	}
	pf.comment()
	inner := scopeInline
	if spec.distributed {
		inner = scopeChild
		if sc != scopeTop {
			f.bad("ItemProcessor", "a DISTRIBUTED Map inside a Map is not supported")
		}
	}
	spec.processor = p.states(pf, inner)
	pf.finish()

	spec.items = f.somePath("ItemsPath", inMap)
	spec.itemSelect = f.template("ItemSelector", true)
	if !spec.distributed {
		spec.concurrency = f.concurrency(maxInline)
		return spec
	}
	spec.concurrency = f.concurrency(maxChildren)
	if spec.label = f.text("Label"); len(spec.label) > 40 || strings.ContainsAny(spec.label, " ?*<>{}[]:;,\\|^~$#%&`\"") {
		f.bad("Label", "%q is longer than 40 characters or has one that AWS does not allow", spec.label)
	}
	if spec.label == "" {
		spec.label = s.name
	}
	p.tolerance(spec, f)
	if rf := f.sub("ItemReader"); rf != nil {
		spec.reader = p.itemReader(rf)
		if spec.items != nil {
			f.bad("ItemsPath", "a Map with an ItemReader can't have an ItemsPath")
		}
	}
	if wf := f.sub("ResultWriter"); wf != nil {
		spec.writer = &resultWriter{resource: wf.s3("putObject"), parameters: wf.s3Parameters("Bucket", "Prefix")}
		wf.finish()
	}
	return spec
}

// concurrency reads MaxConcurrency. 0 means AWS's maximum.
func (f *fields) concurrency(most int) int {
	if n := f.whole("MaxConcurrency", 0, 0, most); n > 0 {
		return n
	}
	return most
}

func (p *parser) tolerance(spec *mapSpec, f *fields) {
	if f.has("ToleratedFailureCount") {
		n := f.whole("ToleratedFailureCount", 0, 0, 100_000_000)
		spec.tolerate.count = &n
	}
	if f.has("ToleratedFailurePercentage") {
		percent := f.decimal("ToleratedFailurePercentage", 0, 0, 100)
		spec.tolerate.percent = &percent
	}
}

func (p *parser) itemReader(f *fields) *itemReader {
	r := &itemReader{resource: f.s3("getObject")}
	if cf := f.sub("ReaderConfig"); cf == nil {
		f.bad("ReaderConfig", "is missing")
	} else {
		cf.required("InputType")
		cf.oneOf("InputType", "JSON", "JSON")
		cf.finish()
	}
	r.parameters = f.s3Parameters("Bucket", "Key")
	f.finish()
	return r
}

// s3 reads the Resource of an ItemReader or a ResultWriter.
func (f *fields) s3(action string) string {
	arn := f.resource("Resource")
	if want := ":states:::s3:" + action; arn != "" && !strings.HasSuffix(arn, want) {
		f.bad("Resource", "%q is not supported, only arn:aws%s", arn, want)
	}
	return arn
}

// s3Parameters reads Parameters, which must have exactly these names, each with or without .$.
func (f *fields) s3Parameters(names ...string) *template {
	pf := f.sub("Parameters")
	if pf == nil {
		f.bad("Parameters", "is missing")
		return nil
	}
	for _, name := range names {
		_, fixed := pf.get(name)
		_, filled := pf.get(name + ".$")
		if fixed == filled {
			pf.bad(name, "must be there exactly once")
		}
	}
	pf.finish()
	return f.template("Parameters", false)
}
