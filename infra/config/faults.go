package config

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with the configuration.
type Fault struct {
	Where string // e.g. schedules[1].timeZone
	Wrong string // what is wrong
	Right string // what to write instead
}

func (f Fault) String() string { return f.Where + ": " + f.Wrong + ". " + f.Right + "." }

// FaultErrors holds all faults of the configuration.
type FaultErrors []Fault

func (f FaultErrors) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The configuration has %s. No template was made. The configuration is \"context\" in cdk.json, "+
		"and -c key=value on the command line.\n", count(len(f)))
	for _, one := range f {
		fmt.Fprintf(&b, "  %s\n", one)
	}
	return b.String()
}

func count(n int) string {
	if n == 1 {
		return "1 fault"
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

// unknownKeys refuses keys that nothing reads. Otherwise a misspelt key would silently keep its default.
func (r *reader) unknownKeys(where string, known, found []string) {
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

// nearest returns the known key that is most similar to the misspelt one; "" if none is similar.
func nearest(key string, known []string) string {
	best, at := "", max(2, len(key)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(key), strings.ToLower(k)); d < at {
			best, at = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance.
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

// ownKeys returns the context's keys that are meant for this app. Keys of the CDK have a colon or a slash, or are in cdkKeys.
func ownKeys(context map[string]any) []string {
	var out []string
	for key := range context {
		if !strings.ContainsAny(key, ":/") && !slices.Contains(cdkKeys, key) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// cdkKeys are keys that the CDK's commands write into the context.
var cdkKeys = []string{"acknowledged-issue-numbers", "cli-telemetry", "aws-cdk"}
