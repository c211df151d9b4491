package ec2sim

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPatternsMatchAsEC2Does(t *testing.T) {
	for _, c := range []struct {
		pattern, value string
		want           bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "a", true},
		{"a", "A", false},
		{"a", "ab", false},
		{"*", "", true},
		{"*", "anything at all", true},
		{"?", "", false},
		{"?", "值", true},
		{"??", "值", false},
		{"a*", "a", true},
		{"*a", "ba", true},
		{"*a", "ab", false},
		{"a*c", "abbc", true},
		{"a*c", "abb", false},
		{"*ab*ab", "abab", true},
		{"*ab*ab", "ab", false},
		{"*a?b*", "xxaxbxx", true},
		{"**", "", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`\?*`, "?a", true},
		{`\\`, `\`, true},
		{`a\*b*`, "a*bc", true},
		{`a\*b*`, "axbc", false},
	} {
		p, err := parsePattern(c.pattern)
		if err != nil {
			t.Errorf("%q: %+v", c.pattern, err)
			continue
		}
		if got := p.match(c.value); got != c.want {
			t.Errorf("%q on %q: got %t", c.pattern, c.value, got)
		}
	}
	for _, odd := range []string{`\`, `a\b`, `a*\`} {
		if _, err := parsePattern(odd); err == nil || err.Code != "InvalidParameterValue" {
			t.Errorf("%q: %+v", odd, err)
		}
	}
}

func TestEveryActionHasADocumentedBucket(t *testing.T) {
	buckets := DefaultBuckets()
	maps.DeleteFunc(buckets, func(name string, _ Bucket) bool { return strings.HasSuffix(name, Unfiltered) })
	if diff := cmp.Diff(slices.Sorted(maps.Keys(actions)), slices.Sorted(maps.Keys(buckets))); diff != "" {
		t.Errorf("(-actions +buckets):\n%s", diff)
	}
}

func TestADeletedSnapshotIsForgottenWhenNothingDependsOnIt(t *testing.T) {
	a := New(Config{Now: time.Now})
	for range 100 {
		a.AddSnapshot(Snapshot{})
	}
	for _, s := range a.Snapshots() {
		a.DeleteSnapshotByPerson(s.ID)
	}
	if got := []int{len(a.snapshots.byID), len(a.snapshots.listed), len(a.snapshots.graves), len(a.snapshots.byVolume[""]), a.snapshots.owned}; !slices.Equal(got, make([]int, 5)) {
		t.Errorf("what is left: %v", got)
	}
}
