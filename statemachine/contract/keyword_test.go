package contract_test

import (
	"fmt"
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

func TestCheckKeyword(t *testing.T) {
	const allowed = "; a tag key may contain letters, numbers, spaces and _ . : / = + - @"
	for _, good := range []string{
		"SnapshotDaily", "SnapshotHourly", "snapshot daily", "team/daily", "a_b.c:d/e=f+g-h@i", "每日快照", "Täglich", "2", "..", "Names", "name", "NAME", "aws", "awesome", "Aws", "Backup 24h", "x:y", "snapshot-lifecycle",
		strings.Repeat("x", 128), strings.Repeat("每", 128),
	} {
		t.Run("takes "+good, func(t *testing.T) {
			if err := contract.CheckKeyword(good); err != nil {
				t.Error(err)
			}
		})
	}
	for bad, want := range map[string]string{
		"":                       "it is empty",
		"Snapshot*":              `it contains '*'` + allowed,
		"SnapshotDail?":          `it contains '?'` + allowed,
		`Snapshot\Daily`:         `it contains '\\'` + allowed,
		"Snapshot,Daily":         `it contains ','` + allowed,
		"a\u00a0b":               `it contains '\u00a0'` + allowed,
		"a\nb":                   `it contains '\n'` + allowed,
		"a\x00b":                 `it contains '\x00'` + allowed,
		"a\xffb":                 `it contains '�'` + allowed,
		`a"b`:                    "it contains '\"'" + allowed,
		"a<b>":                   "it contains '<'" + allowed,
		"$keyword":               "it contains '$'" + allowed,
		"日🙂":                     "it contains '🙂'" + allowed,
		"aws:createdBy":          `it begins with aws:, which is reserved for AWS`,
		"AWS:createdBy":          `it begins with aws:, which is reserved for AWS`,
		"snapshot-lifecycle:run": `it begins with snapshot-lifecycle:, which is reserved for the tags of this tool`,
		"snapshot-lifecycle:":    `it begins with snapshot-lifecycle:, which is reserved for the tags of this tool`,
		"Name":                   `it is the tag with the name of an instance`,
		" SnapshotDaily":         `it begins or ends with a space`,
		"SnapshotDaily ":         `it begins or ends with a space`,
		strings.Repeat("x", 129): "it has 129 characters, but a tag key has at most 128",
		strings.Repeat("每", 129): "it has 129 characters, but a tag key has at most 128",
	} {
		t.Run(fmt.Sprintf("refuses %q", bad), func(t *testing.T) {
			err := contract.CheckKeyword(bad)
			if err == nil || err.Error() != want {
				t.Errorf("error %v\nwant  %s", err, want)
			}
		})
	}
}
