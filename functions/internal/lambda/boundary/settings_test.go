package boundary

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettings(t *testing.T) {
	type settings struct {
		Text  string
		Int   int
		Rate  float64
		Zones map[string]string
	}
	preset := settings{Text: "bucket", Int: 95, Rate: 4.95}
	cases := []struct {
		name string
		env  map[string]string
		want settings
		errs []string
	}{
		{name: "gives the preset if nothing is set", env: map[string]string{"TEXT": "bucket"}, want: preset},
		{
			name: "reads what is set",
			env:  map[string]string{"TEXT": " bucket ", "INT": "1", "RATE": "0.5", "ZONES": `{"SnapshotDaily": "Asia/Shanghai"}`},
			want: settings{" bucket ", 1, 0.5, map[string]string{"SnapshotDaily": "Asia/Shanghai"}},
		}, {
			name: "accepts an empty object",
			env:  map[string]string{"TEXT": "bucket", "ZONES": "{}"},
			want: settings{"bucket", 95, 4.95, map[string]string{}},
		}, {
			name: "reports all errors together",
			env:  map[string]string{"INT": "many", "RATE": "fast", "ZONES": "UTC"},
			errs: []string{
				"TEXT is not set", `INT is "many"; give a whole number from 1`, `RATE is "fast"; give a number above 0`,
				"ZONES is not a JSON object of strings: invalid character 'U' looking for beginning of value",
			},
		}, {
			name: "refuses numbers out of range",
			env:  map[string]string{"TEXT": "bucket", "INT": "0", "RATE": "0"},
			errs: []string{`INT is "0"; give a whole number from 1`, `RATE is "0"; give a number above 0`},
		}, {
			name: "refuses negative numbers and numbers that are not integers",
			env:  map[string]string{"TEXT": "bucket", "INT": "2.5", "RATE": "-1"},
			errs: []string{`INT is "2.5"; give a whole number from 1`, `RATE is "-1"; give a number above 0`},
		}, {
			name: "refuses a rate that is not a number",
			env:  map[string]string{"TEXT": "bucket", "INT": "99999999999999999999", "RATE": "NaN"},
			errs: []string{`INT is "99999999999999999999"; give a whole number from 1`, `RATE is "NaN"; give a number above 0`},
		}, {
			name: "refuses an infinite rate",
			env:  map[string]string{"TEXT": "bucket", "RATE": "Inf"},
			errs: []string{`RATE is "Inf"; give a number above 0`},
		}, {
			name: "refuses values that are not strings",
			env:  map[string]string{"TEXT": "bucket", "ZONES": `{"SnapshotDaily": 8}`},
			errs: []string{"ZONES is not a JSON object of strings: json: cannot unmarshal number into Go value of type string"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range []string{"TEXT", "INT", "RATE", "ZONES"} {
				t.Setenv(name, c.env[name])
			}
			var r Settings
			got := settings{r.String("TEXT"), r.Int("INT", 95), r.Rate("RATE", 4.95), r.Strings("ZONES")}
			var errs []string
			if err := r.Err(); err != nil {
				errs = strings.Split(err.Error(), "\n")
			}
			if diff := cmp.Diff(c.errs, errs); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if errs == nil {
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("settings (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "LIMITS is not set, or empty",
		"{}":                       "LIMITS is not set, or empty",
		`{"A": "48h", "B": "30m"}`: "A 48h0m0s, B 30m0s",
		`{"A": "2 days"}`:          `LIMITS of A is "2 days"; give a duration above 0, such as 48h`,
		`{"A": "0s"}`:              `LIMITS of A is "0s"; give a duration above 0, such as 48h`,
		`48h`:                      "LIMITS is not a JSON object of strings: invalid character 'h' after top-level value",
	} {
		t.Setenv("LIMITS", text)
		var r Settings
		var got []string
		limits := r.Durations("LIMITS")
		for _, key := range slices.Sorted(maps.Keys(limits)) {
			got = append(got, key+" "+limits[key].String())
		}
		if err := r.Err(); err != nil {
			got = []string{err.Error()}
		}
		if diff := cmp.Diff(want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestList(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "[]": "", `["A", "B"]`: "A B", `{"A": 1}`: "LIST is not a JSON array of strings: json: cannot unmarshal object into Go value of type []string",
	} {
		t.Setenv("LIST", text)
		var r Settings
		got := strings.Join(r.List("LIST"), " ")
		if err := r.Err(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s gives %q, want %q", text, got, want)
		}
	}
}

func TestCountAcceptsZero(t *testing.T) {
	for text, want := range map[string]int{"": 0, "0": 0, "365": 365} {
		t.Setenv("DAYS", text)
		var r Settings
		if got := r.Count("DAYS"); got != want || r.Err() != nil {
			t.Errorf("%q gives %d: %v", text, got, r.Err())
		}
	}
	t.Setenv("DAYS", "-1")
	var r Settings
	if r.Count("DAYS"); r.Err() == nil {
		t.Error("-1 is accepted")
	}
}

func TestARequiredListMustNotBeEmpty(t *testing.T) {
	for text, want := range map[string]string{
		"": "KEYWORDS is not set, or empty", "[]": "KEYWORDS is not set, or empty", `["A", "B"]`: "A B",
		"A": "KEYWORDS is not a JSON array of strings: invalid character 'A' looking for beginning of value",
	} {
		t.Setenv("KEYWORDS", text)
		var r Settings
		got := strings.Join(r.Some("KEYWORDS"), " ")
		if err := r.Err(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s gives %q, want %q", text, got, want)
		}
	}
}
