package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Worse lists the counts of a result that are worse than those that were recorded of the same scenario. Times of the machine are no
// counts. A hair's breadth is allowed: processors round differently, and a turn may come a millisecond later.
func Worse(recorded, fresh Result) []string {
	var out []string
	compare := func(name string, was, is int) {
		if is > was+was/100+1 {
			out = append(out, fmt.Sprintf("%s: %d, recorded %d", name, is, was))
		}
	}
	counts := func(name string, was, is map[string]int) {
		for _, key := range slices.Sorted(maps.Keys(is)) {
			compare(name+" "+key, was[key], is[key])
		}
	}
	counts("calls of", recorded.Calls, fresh.Calls)
	counts("throttled calls of", recorded.Throttled, fresh.Throttled)
	counts("calls refused with", recorded.Refused, fresh.Refused)
	counts("invocations of", recorded.Invocations, fresh.Invocations)
	counts("billed milliseconds of", recorded.BilledMillis, fresh.BilledMillis)
	for _, c := range []struct {
		name    string
		was, is int
	}{
		{"state transitions", recorded.Transitions, fresh.Transitions},
		{"child executions", recorded.Children, fresh.Children},
		{"events of a child", recorded.MaxChildEvents, fresh.MaxChildEvents},
		{"bytes of the largest state", recorded.LargestState, fresh.LargestState},
		{"bytes of the manifest", recorded.ManifestBytes, fresh.ManifestBytes},
		{"S3 writes", recorded.S3Writes, fresh.S3Writes},
		{"S3 reads", recorded.S3Reads, fresh.S3Reads},
		{"e-mails", recorded.Mails, fresh.Mails},
		{"virtual seconds of creating", int(recorded.Creating), int(fresh.Creating)},
		{"virtual seconds of the run", int(recorded.Took), int(fresh.Took)},
	} {
		compare(c.name, c.was, c.is)
	}
	if fresh.wrong() != recorded.wrong() {
		out = append(out, "missing, twice and surplus: "+fresh.wrong()+", recorded "+recorded.wrong())
	}
	return out
}

// Quote puts the tables into a document, each between <!-- bench:name --> and <!-- /bench:name -->.
func Quote(document string, tables map[string]string) (string, error) {
	quoted := 0
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		begin, end := "<!-- bench:"+name+" -->\n", "<!-- /bench:"+name+" -->"
		before, rest, ok := strings.Cut(document, begin)
		if !ok {
			continue
		}
		_, after, ok := strings.Cut(rest, end)
		if !ok {
			return "", fmt.Errorf("there is no %s", end)
		}
		document = before + begin + "\n" + tables[name] + "\n" + end + after
		quoted++
	}
	if quoted == 0 {
		return "", fmt.Errorf("it quotes none of %v", slices.Sorted(maps.Keys(tables)))
	}
	return document, nil
}
