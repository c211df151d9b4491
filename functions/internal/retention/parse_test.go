package retention

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseReadsWhatPeopleWrite(t *testing.T) {
	for _, c := range []struct {
		name, value, canonical string
		want                   Rules
	}{
		{"a number is the newest so many", "3", "last=3", Rules{Last: 3}},
		{"leading zeros mean nothing", "003", "last=3", Rules{Last: 3}},
		{"the largest number", "1000000", "last=1000000", Rules{Last: 1_000_000}},
		{"an age in days", "7d", "within=7d", Rules{Within: 7 * day}},
		{"an age in hours", "36h", "within=36h", Rules{Within: 36 * time.Hour}},
		{"an age in hours that are days", "48h", "within=2d", Rules{Within: 2 * day}},
		{"an age in weeks", "2w", "within=14d", Rules{Within: 14 * day}},
		{"the greatest age in days", "36525d", "within=36525d", Rules{Within: 36525 * day}},
		{"the greatest age in hours", "876600h", "within=36525d", Rules{Within: 36525 * day}},
		{"the greatest age in weeks", "5217w", "within=36519d", Rules{Within: 36519 * day}},
		{"a rule by its name", "last=3", "last=3", Rules{Last: 3}},
		{"an age by its name", "within=2d", "within=2d", Rules{Within: 2 * day}},
		{"all rules together, in any order", "last=3 daily=7 weekly=4 monthly=12 yearly=3 hourly=24 within=2d",
			"last=3 hourly=24 daily=7 weekly=4 monthly=12 yearly=3 within=2d",
			Rules{Last: 3, Hourly: 24, Daily: 7, Weekly: 4, Monthly: 12, Yearly: 3, Within: 2 * day}},
		{"a number and an age in a list", "3 7d", "last=3 within=7d", Rules{Last: 3, Within: 7 * day}},
		{"a number among rules", "daily=7 3", "last=3 daily=7", Rules{Last: 3, Daily: 7}},
		{"any white space, also around", "\t daily=7\n\u3000weekly=4\u00a0", "daily=7 weekly=4", Rules{Daily: 7, Weekly: 4}},
		{"capitals", "Daily=7 WITHIN=2D", "daily=7 within=2d", Rules{Daily: 7, Within: 2 * day}},
		{"off", "off", "off", Rules{Off: true}},
		{"off with capitals and spaces", " OFF ", "off", Rules{Off: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(c.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", c.value, diff)
			}
			if diff := cmp.Diff(c.canonical, got.String()); diff != "" {
				t.Errorf("String of %q (-want +got):\n%s", c.value, diff)
			}
			if again, err := Parse(got.String()); err != nil || again != got {
				t.Errorf("Parse(%q) = %+v, %v; want %+v", got.String(), again, err, got)
			}
		})
	}
}

func TestParseRefusesTheRestAndSaysWhatWouldBeRight(t *testing.T) {
	const (
		unreadable = ` is neither a number (3), nor an age (36h, 7d, 2w), nor rules (last=3 daily=7), nor off`
		noWhole    = ` is not a whole number of 1 or more; write it as 3, or as 7d for an age`
		noAge      = ` is not an age; write it as a whole number of hours, days or weeks: 36h, 7d or 2w`
		nothing    = ` keeps nothing; give 1 or more, or off to exclude the volume`
		tooLarge   = ` is too large; give 1000000 at most`
		tooOld     = ` is more than 100 years; give a shorter age, as in 36h, 7d or 2w`
		empty      = ` is empty; say what to keep, such as 3, 7d or last=3 daily=7`
		unknown    = ` names no known rule; the known ones are last, hourly, daily, weekly, monthly, yearly, within and off`
		offAlone   = ` must be alone; write only off to exclude the volume, or only the rules`
		spaces     = `; separate the rules by spaces, as in last=3 daily=7`
		plain      = `; write plain (half-width) letters and the digits 0 to 9, as in last=3 daily=7`
	)
	for _, c := range []struct{ name, value, want string }{
		{"empty", ``, `the retention ""` + empty},
		{"white space only", ` `, `the retention " "` + empty},
		{"a word", `abc`, `the retention "abc"` + unreadable},
		{"bytes that are no text", "\xff", `the retention "\xff"` + unreadable},
		{"zero", `0`, `the retention "0"` + nothing},
		{"zeros", `000`, `the retention "000"` + nothing},
		{"zero days", `0d`, `the retention "0d"` + nothing},
		{"zero months", `0m`, `the retention "0m"` + noAge},
		{"a rule of zero", `last=0`, `the retention "last=0"` + nothing},
		{"a negative number", `-1`, `the retention "-1"` + noWhole},
		{"a sign", `+3`, `the retention "+3"` + noWhole},
		{"a fraction", `3.5`, `the retention "3.5"` + noWhole},
		{"an exponent", `1e3`, `the retention "1e3"` + noWhole},
		{"a negative rule", `last=-1`, `the retention "last=-1" needs a whole number of 1 or more; write it as last=3`},
		{"a rule with an age", `daily=7d`, `the retention "daily=7d" needs a whole number of 1 or more; write it as daily=3`},
		{"a rule without its number", `last=`, `the retention "last=" lacks its number; write it as last=3, without spaces`},
		{"a rule's name alone", `last`, `the retention "last" lacks its number; write it as last=3, without spaces`},
		{"spaces around =", `last = 3`, `the retention "last = 3" can't be read: "last" lacks its number; write it as last=3, without spaces`},
		{"within without its age", `within=`, `the retention "within=" lacks its age; write it as within=7d, without spaces`},
		{"within alone", `within`, `the retention "within" lacks its age; write it as within=7d, without spaces`},
		{"within without a unit", `within=3`, `the retention "within=3"` + noAge},
		{"within without a number", `within=d`, `the retention "within=d"` + noAge},
		{"two units", `1d12h`, `the retention "1d12h"` + noAge},
		{"an unknown unit", `30s`, `the retention "30s"` + noAge},
		{"a character that can't be seen", "3\u200b", `the retention "3\u200b"` + noAge},
		{"months as an age", `7m`, `the retention "7m" has the unit m, which is not a unit of age; write monthly=7, or count in hours, days or weeks (36h, 7d, 2w)`},
		{"years as an age", `within=1Y`, `the retention "within=1Y" has the unit y, which is not a unit of age; write yearly=1, or count in hours, days or weeks (36h, 7d, 2w)`},
		{"the same rule twice", `last=3 last=5`, `the retention "last=3 last=5" can't be read: "last=5" gives last a second time; give each rule once`},
		{"the same rule once without its name", `3 Last=5`, `the retention "3 Last=5" can't be read: "Last=5" gives last a second time; give each rule once`},
		{"two ages", `7d within=2d`, `the retention "7d within=2d" can't be read: "within=2d" gives within a second time; give each rule once`},
		{"commas", `last=3,daily=7`, `the retention "last=3,daily=7" holds a ','` + spaces},
		{"full-width commas", `last=3，daily=7`, `the retention "last=3，daily=7" holds a '，'` + spaces},
		{"semicolons", `3;7`, `the retention "3;7" holds a ';'` + spaces},
		{"an unknown rule", `weakly=3`, `the retention "weakly=3"` + unknown},
		{"an unknown rule in a list", `last=3 weakly=3`, `the retention "last=3 weakly=3" can't be read: "weakly=3"` + unknown},
		{"no name", `=3`, `the retention "=3"` + unknown},
		{"off with a value", `off=1`, `the retention "off=1"` + unknown},
		{"off and a rule", `off last=3`, `the retention "off last=3" can't be read: "off"` + offAlone},
		{"a rule and off", `3 OFF`, `the retention "3 OFF" can't be read: "OFF"` + offAlone},
		{"off twice", `off off`, `the retention "off off" can't be read: "off"` + offAlone},
		{"a number too large", `1000001`, `the retention "1000001"` + tooLarge},
		{"a number beyond 64 bits", `last=99999999999999999999`, `the retention "last=99999999999999999999"` + tooLarge},
		{"an age too great in days", `36526d`, `the retention "36526d"` + tooOld},
		{"an age too great in hours", `876601h`, `the retention "876601h"` + tooOld},
		{"an age too great in weeks", `5218w`, `the retention "5218w"` + tooOld},
		{"an age beyond 64 bits", `99999999999999999999w`, `the retention "99999999999999999999w"` + tooOld},
		{"months beyond all bounds", `1000001m`, `the retention "1000001m"` + noAge},
		{"a full-width digit", `３`, `the retention "３" holds the character '３'` + plain},
		{"a full-width sign", `last＝3`, `the retention "last＝3" holds the character '＝'` + plain},
		{"an Arabic digit", `٣`, `the retention "٣" holds the character '٣'` + plain},
		{"a Kelvin sign for a k", "wee\u212aly=3", "the retention \"wee\u212aly=3\"" + unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(c.value)
			if err == nil {
				t.Fatalf("Parse(%q) = %+v, want an error", c.value, got)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error of Parse(%q) (-want +got):\n%s", c.value, diff)
			}
			if diff := cmp.Diff(Rules{}, got); diff != "" {
				t.Errorf("rules beside the error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStringOfRulesThatNobodyWrote(t *testing.T) {
	for _, c := range []struct {
		name string
		r    Rules
		want string
	}{
		{"none is empty", Rules{}, ""},
		{"negative ones are not in force", Rules{Last: -1, Daily: 2, Within: -day}, "daily=2"},
		{"off outweighs the rest", Rules{Off: true, Last: 3}, "off"},
		{"an age that is no whole number of hours", Rules{Within: 90 * time.Minute}, "within=1h30m0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.r.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"3", "7d", "36h", "2w", "last=3 daily=7 weekly=4 monthly=12 yearly=3 hourly=24 within=2d", "off", "OFF 3", "abc", "0", "-1", "",
		"3.5", "1e3", "last=0", "last=", "last=3 last=5", "3,7", "7m", "1y", "3 7d", "３", "\xff\u200b", "99999999999999999999d", "wee\u212aly=1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		rules, err := Parse(value)
		if err != nil {
			if rules != (Rules{}) {
				t.Errorf("rules %+v beside the error %v", rules, err)
			}
			if strings.Contains(err.Error(), "\n") || len(err.Error()) < 40 {
				t.Errorf("not a sentence: %q", err)
			}
			return
		}
		if again, err := Parse(rules.String()); err != nil || again != rules {
			t.Errorf("Parse(%q) = %+v, but its canonical form %q gives %+v, %v", value, rules, rules, again, err)
		}
		if !rules.Off && !rules.inForce() {
			t.Errorf("Parse(%q) = %+v, which keeps nothing", value, rules)
		}
		if plan := Apply(Policy{Keyword: keyword, Rules: rules}, row(2), noon.AddDate(200, 0, 0)); len(plan.Kept()) == 0 {
			t.Errorf("Parse(%q) = %+v leaves no snapshot after two centuries", value, rules)
		}
	})
}

func TestReadPolicyReadsTheRulesAndTheZone(t *testing.T) {
	for zone, want := range map[string]string{"Asia/Shanghai": "Asia/Shanghai", "": "UTC"} {
		p, err := ReadPolicy(keyword, "2", zone)
		if err != nil || p.Keyword != keyword || p.Zone.String() != want || p.Rules != (Rules{Last: 2}) {
			t.Errorf("zone %q: %+v, %v", zone, p, err)
		}
	}
}

func TestReadPolicyKeepsEverythingWhereItCannotRead(t *testing.T) {
	for _, c := range []struct{ retention, zone, want string }{
		{"two", "UTC", `the retention "two" is neither`},
		{"2", "Asia/Atlantis", `time zone "Asia/Atlantis": `},
	} {
		p, err := ReadPolicy(keyword, c.retention, c.zone)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
		if p != (Policy{Keyword: keyword}) {
			t.Errorf("policy %+v", p)
		}
	}
}
