package config

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with the configuration.
type Fault struct {
	Where string // the place, e.g. schedules[1].timeZone
	Wrong string
	Right string // what would be right
}

func (f Fault) String() string { return f.Where + ": " + f.Wrong + ". " + f.Right + "." }

// FaultErrors is all that is wrong with the configuration.
type FaultErrors []Fault

func (f FaultErrors) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The configuration has %s; nothing was synthesized. It stands under \"context\" in cdk.json, and in -c key=value.\n",
		count(len(f)))
	for _, one := range f {
		fmt.Fprintf(&b, "  %s\n", one)
	}
	return b.String()
}

func count(n int) string {
	if n == 1 {
		return "a fault"
	}
	return fmt.Sprintf("%d faults", n)
}

// reader collects faults while it reads.
type reader struct{ faults FaultErrors }

func (r *reader) fault(where, right, wrong string, args ...any) {
	r.faults = append(r.faults, Fault{Where: where, Wrong: fmt.Sprintf(wrong, args...), Right: right})
}

func (r *reader) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	return r.faults
}

// unknown refuses keys that nothing would read: a misspelt one must not pass for its default.
func (r *reader) unknown(where string, known, found []string) {
	for _, key := range found {
		if slices.Contains(known, key) {
			continue
		}
		right := "The keys are " + strings.Join(known, ", ")
		if near := nearest(key, known); near != "" {
			right = "Did you mean " + near + "? " + right
		}
		r.fault(join(where, key), right, "there is no such key")
	}
}

func join(where, key string) string {
	if where == "" {
		return key
	}
	return where + "." + key
}

// nearest gives the known key that the misspelt one resembles, if one does.
func nearest(key string, known []string) string {
	best, at := "", max(2, len(key)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(key), strings.ToLower(k)); d < at {
			best, at = k, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := last
			if a[i] != b[j] {
				change++
			}
			last = row[j+1]
			row[j+1] = min(change, last+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// ours gives the keys of the context that can only be meant for us: the CDK's own have a colon or a slash, or are in this list.
func ours(context map[string]any) []string {
	var out []string
	for key := range context {
		if !strings.ContainsAny(key, ":/") && !slices.Contains(ofCDK, key) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// What the CDK's commands write into the context by themselves.
var ofCDK = []string{"acknowledged-issue-numbers", "cli-telemetry", "aws-cdk"}
