package statemachine

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRender(t *testing.T) {
	const definition = `{"Seconds": "${Wait}", "Resource": "${Function}", "Retry": [{"Again": "${Wait}"}]}`
	cases := []struct {
		name       string
		definition string
		values     Values
		want       string
		errs       []string
	}{
		{
			name:       "renders an int as a number and a string as a text, at any depth",
			definition: definition, values: Values{"Wait": 60, "Function": "arn:aws:states:::lambda:invoke"},
			want: `{"Seconds": 60, "Resource": "arn:aws:states:::lambda:invoke", "Retry": [{"Again": 60}]}`,
		}, {
			name:       "renders a text that looks like a number or like JSON as a text",
			definition: definition, values: Values{"Wait": "60", "Function": `a"b\c` + "\n"},
			want: `{"Seconds": "60", "Resource": "a\"b\\c\n", "Retry": [{"Again": "60"}]}`,
		}, {
			name:       "does not change a value that looks like a placeholder, as the CDK's tokens do",
			definition: definition, values: Values{"Wait": 1, "Function": "${Token[TOKEN.7]}"},
			want: `{"Seconds": 1, "Resource": "${Token[TOKEN.7]}", "Retry": [{"Again": 1}]}`,
		}, {
			name:       "changes nothing in a definition without placeholders",
			definition: `{"Comment": "costs $5 {or} so"}`,
			want:       `{"Comment": "costs $5 {or} so"}`,
		}, {
			name:       "reports all errors at once",
			definition: `{"A": "${Missing}", "B": "${Also}", "C": "${Wait}", "D": "s3://${Bucket}/x", "E": "${open", "F": "${with-dash}"}`,
			values:     Values{"Wait": 1.5, "Unused": 1, "Bucket": "b"},
			errs: []string{
				"the placeholder ${Also} of the definition has no value",
				"the placeholder ${Missing} of the definition has no value",
				"the value Bucket has no placeholder ${Bucket} in the definition",
				"the value Unused has no placeholder ${Unused} in the definition",
				"the value Wait is a float64; give a string or an int",
				"${Bucket} is only part of a string; a placeholder must be a whole string",
				"${open is only part of a string; a placeholder must be a whole string",
				"${with-dash} is only part of a string; a placeholder must be a whole string",
			},
		}, {
			name:       "refuses a value of another type, also nil",
			definition: definition, values: Values{"Wait": int64(1), "Function": nil},
			errs: []string{
				"the value Function is a <nil>; give a string or an int",
				"the value Wait is a int64; give a string or an int",
			},
		}, {
			name:       "refuses a definition that is not JSON",
			definition: `{"Seconds": ${Wait}}`, values: Values{"Wait": 1},
			errs: []string{"the definition is not valid JSON"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Render([]byte(c.definition), c.values)
			if diff := cmp.Diff(c.errs, lines(err)); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(parse(t, []byte(c.want)), parse(t, got)); diff != "" {
				t.Errorf("rendered (-want +got):\n%s", diff)
			}
		})
	}
}

func TestThePlaceholdersOfTheDefinition(t *testing.T) {
	want := []string{
		"Bucket", "DiscoverInstancesFunction", "LambdaInvoke", "MaxConcurrency", "PruneVolumeFunction", "ReportRunFunction",
		"S3GetObject", "S3PutObject", "S3PutObjectSdk", "SnapshotVolumeFunction", "SnsPublish", "TopicArn",
	}
	if diff := cmp.Diff(want, Placeholders(Definition)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTheDefinitionRendersToJSONWithoutPlaceholders(t *testing.T) {
	values := Values{"MaxConcurrency": 50}
	for _, name := range Placeholders(Definition) {
		if _, ok := values[name]; !ok {
			values[name] = "value of " + name
		}
	}
	rendered, err := Render(Definition, values)
	if err != nil {
		t.Fatal(err)
	}
	parse(t, rendered)
	if i := strings.Index(string(rendered), "${"); i >= 0 {
		t.Errorf("a placeholder is left: %.40s", rendered[i:])
	}
}

func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func parse(t testing.TB, text []byte) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out
}
