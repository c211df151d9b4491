package snssim

import (
	"strings"
	"testing"
)

func TestWhatSNSRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		subject, message string
		refused          bool
	}{
		"a mail":                          {"SnapshotDaily: 1 of 2 volumes FAILED", "数据库\n", false},
		"the longest":                     {strings.Repeat("s", 99), strings.Repeat("m", 256<<10), false},
		"a punctuation mark first":        {"%E6", "m", false},
		"no subject":                      {"", "m", true},
		"a long subject":                  {strings.Repeat("s", 100), "m", true},
		"a subject beyond ASCII":          {"每日快照", "m", true},
		"a newline in a subject":          {"a\nb", "m", true},
		"DEL in a subject":                {"a\x7f", "m", true},
		"a space first":                   {" a", "m", true},
		"no message":                      {"s", "", true},
		"a message of too many bytes":     {"s", strings.Repeat("数", 256<<10/3+1), true},
		"a message that is cut in a rune": {"s", "数"[:2], true},
	} {
		if err := Check(c.subject, c.message); (err != nil) != c.refused {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
