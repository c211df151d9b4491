package contract_test

import (
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func TestTheASCIIFormOfAKeyword(t *testing.T) {
	long := strings.Repeat("每", 128)
	for keyword, want := range map[string]string{
		"SnapshotDaily": "SnapshotDaily",
		"a.b_c-d:e=f@g": "a.b_c-d:e=f@g",
		"team/daily":    "team%2Fdaily",
		"two words":     "two%20words",
		"每日":            "%E6%AF%8F%E6%97%A5",
		"..":            "%2E%2E",
		long:            strings.Repeat("%E6%AF%8F", 9) + "%E-6530bbbe58692cc0",
	} {
		if got := contract.KeywordASCII(keyword); got != want {
			t.Errorf("%q becomes %q, want %q", keyword, got, want)
		}
	}
	if a, b := contract.KeywordASCII(long), contract.KeywordASCII(long[3:]); a == b || len(a) > 100 {
		t.Errorf("%q and %q: two keywords must not share a form of at most 100 characters", a, b)
	}
}
