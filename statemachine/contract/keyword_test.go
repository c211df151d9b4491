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
	const holds = "; a tag key holds letters, numbers, spaces and _ . : / = + - @"
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
		"Snapshot*":              `it contains '*'` + holds,
		"SnapshotDail?":          `it contains '?'` + holds,
		`Snapshot\Daily`:         `it contains '\\'` + holds,
		"Snapshot,Daily":         `it contains ','` + holds,
		"a\u00a0b":               `it contains '\u00a0'` + holds,
		"a\nb":                   `it contains '\n'` + holds,
		"a\x00b":                 `it contains '\x00'` + holds,
		"a\xffb":                 `it contains '�'` + holds,
		`a"b`:                    "it contains '\"'" + holds,
		"a<b>":                   "it contains '<'" + holds,
		"$keyword":               "it contains '$'" + holds,
		"日🙂":                     "it contains '🙂'" + holds,
		"aws:createdBy":          `it begins with aws:, which AWS keeps for itself`,
		"AWS:createdBy":          `it begins with aws:, which AWS keeps for itself`,
		"snapshot-lifecycle:run": `it begins with snapshot-lifecycle:, which marks this tool's own tags`,
		"snapshot-lifecycle:":    `it begins with snapshot-lifecycle:, which marks this tool's own tags`,
		"Name":                   `it is the tag that names an instance`,
		" SnapshotDaily":         `it begins or ends with a space`,
		"SnapshotDaily ":         `it begins or ends with a space`,
		strings.Repeat("x", 129): "it has 129 characters, a tag key has at most 128",
		strings.Repeat("每", 129): "it has 129 characters, a tag key has at most 128",
	} {
		t.Run(fmt.Sprintf("refuses %q", bad), func(t *testing.T) {
			err := contract.CheckKeyword(bad)
			if err == nil || err.Error() != want {
				t.Errorf("error %v\nwant  %s", err, want)
			}
		})
	}
}
