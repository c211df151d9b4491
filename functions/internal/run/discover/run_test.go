package discover

import (
	"encoding/json"
	"errors"
	"path"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have no time zones installed

	"github.com/google/go-cmp/cmp"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

var midnight = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func TestReadRun(t *testing.T) {
	started := time.Date(2026, 11, 22, 8, 15, 3, 987e6, time.FixedZone("", 8*3600))
	daily := contract.Run{
		ID: "SnapshotDaily/2026-11-22T00:00:00Z", SnapshotKeyWord: "SnapshotDaily", ScheduledTime: midnight, TimeZone: "UTC",
	}
	atStart := daily
	atStart.ID, atStart.ScheduledTime = "SnapshotDaily/2026-11-22T00:15:03Z", midnight.Add(15*time.Minute+3*time.Second)
	daily20 := daily
	daily20.ID, daily20.ScheduledTime = "SnapshotDaily/2026-11-22T00:20:03Z", midnight.Add(20*time.Minute+3*time.Second)
	meant := daily
	meant.AnyKeyword = true
	in := func(r contract.Run, zone string) contract.Run { r.TimeZone = zone; return r }
	const example = `; give {"SnapshotKeyWord": "SnapshotDaily"}`
	cases := []struct {
		name  string
		input string
		zones map[string]string
		want  contract.Run
		err   string
	}{
		{name: "accepts the first users' event, and takes the execution's start time", input: `{"SnapshotKeyWord": "SnapshotDaily"}`, want: atStart},
		{name: "accepts a schedule's event", input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "2026-11-22T00:00:00Z", "TimeZone": "Asia/Shanghai"}`,
			want: in(daily, "Asia/Shanghai")},
		{name: "names a run in UTC even if the time has another offset", input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "2026-11-22T08:00:00+08:00"}`, want: daily},
		{name: "names a run in whole seconds", input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "2026-11-22T00:00:00.999Z"}`, want: daily},
		{name: "ignores unknown fields", input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "2026-11-22T00:00:00Z", "version": "0"}`, want: daily},
		{name: "takes the time zone of the keyword's schedule", input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "2026-11-22T00:00:00Z"}`,
			zones: map[string]string{"SnapshotDaily": "Asia/Shanghai", "SnapshotHourly": "Europe/Berlin"}, want: in(daily, "Asia/Shanghai")},
		{name: "accepts a keyword that no schedule has if the input says AnyKeyword, in UTC",
			input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "2026-11-22T00:00:00Z", "AnyKeyword": true}`,
			zones: map[string]string{"SnapshotHourly": "Europe/Berlin"}, want: meant},
		{name: "refuses a keyword that no schedule has, and names the likely one", input: `{"SnapshotKeyWord": "snapshotDialy"}`,
			zones: map[string]string{"SnapshotHourly": "UTC", "SnapshotDaily": "UTC", "每日快照": "UTC"},
			err: `SnapshotKeyWord of the execution's input: no schedule has the keyword "snapshotDialy"; did you mean "SnapshotDaily"? ` +
				`The keywords are: SnapshotDaily, SnapshotHourly, 每日快照. To use it anyway, add "AnyKeyword": true to the input`},
		{name: "refuses a keyword that differs only in case", input: `{"SnapshotKeyWord": "SNAPSHOTDAILY"}`,
			zones: map[string]string{"SnapshotDaily": "UTC"},
			err: `SnapshotKeyWord of the execution's input: no schedule has the keyword "SNAPSHOTDAILY"; did you mean "SnapshotDaily"? ` +
				`The keywords are: SnapshotDaily. To use it anyway, add "AnyKeyword": true to the input`},
		{name: "refuses a keyword that is not similar to any", input: `{"SnapshotKeyWord": "Name of something else"}`,
			zones: map[string]string{"SnapshotDaily": "UTC"},
			err: `SnapshotKeyWord of the execution's input: no schedule has the keyword "Name of something else". ` +
				`The keywords are: SnapshotDaily. To use it anyway, add "AnyKeyword": true to the input`},
		{name: "finds the likely one among Chinese keywords", input: `{"SnapshotKeyWord": "每曰快照"}`,
			zones: map[string]string{"每日快照": "UTC", "每小时快照": "UTC"},
			err: `SnapshotKeyWord of the execution's input: no schedule has the keyword "每曰快照"; did you mean "每日快照"? ` +
				`The keywords are: 每小时快照, 每日快照. To use it anyway, add "AnyKeyword": true to the input`},
		{name: "prefers the input's time zone to the schedule's", input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "2026-11-22T00:00:00Z", "TimeZone": "UTC"}`,
			zones: map[string]string{"SnapshotDaily": "Asia/Shanghai"}, want: daily},

		{name: "refuses an empty input", input: ``, err: "the execution's input can't be read (unexpected end of JSON input)" + example},
		{name: "refuses an input that is not an object", input: `["SnapshotDaily"]`,
			err: "the execution's input can't be read (json: cannot unmarshal array into Go value of type contract.Input)" + example},
		{name: "refuses a keyword that is not a string", input: `{"SnapshotKeyWord": 3}`,
			err: "the execution's input can't be read (json: cannot unmarshal number into Go struct field Input.SnapshotKeyWord of type string)" + example},
		{name: "refuses an input without a keyword", input: `{}`,
			err: `the execution's input has no SnapshotKeyWord; give {"SnapshotKeyWord": "SnapshotDaily"}`},
		{name: "refuses null", input: `null`,
			err: `the execution's input has no SnapshotKeyWord; give {"SnapshotKeyWord": "SnapshotDaily"}`},
		{name: "refuses a wildcard, which would match other people's tags", input: `{"SnapshotKeyWord": "Snapshot*"}`,
			err: `SnapshotKeyWord "Snapshot*" of the execution's input can't be a keyword: it contains '*'; a tag key may contain letters, numbers, spaces and _ . : / = + - @`},
		{name: "refuses a time without an offset", input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "2026-11-22T00:00:00"}`,
			err: `ScheduledTime "2026-11-22T00:00:00" is not a time such as 2026-11-22T00:00:00Z`},
		{name: "refuses a placeholder that the scheduler did not replace", input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "<aws.scheduler.scheduled-time>"}`,
			err: `ScheduledTime "<aws.scheduler.scheduled-time>" is not a time such as 2026-11-22T00:00:00Z`},
		{name: "accepts a time a little after the execution's start, since clocks differ",
			input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "2026-11-22T00:20:03Z"}`, want: daily20},
		{name: "refuses a time in the future, since it would take the run of a later trigger",
			input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "2026-11-22T00:20:05Z"}`,
			err:   `ScheduledTime "2026-11-22T00:20:05Z" is 5m1s in the future; a run starts at its scheduled time or later`},
		{name: "refuses the year 0",
			input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "0000-06-01T00:00:00Z"}`,
			err:   `ScheduledTime "0000-06-01T00:00:00Z" is in the year 0 in UTC; give a year from 1 to 9999`},
		{name: "refuses a time before the years of RFC 3339 in UTC",
			input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "0001-01-01T00:00:00+01:00"}`,
			err:   `ScheduledTime "0001-01-01T00:00:00+01:00" is in the year 0 in UTC; give a year from 1 to 9999`},
		{name: "refuses a time after those years in UTC",
			input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "9999-12-31T23:59:59-01:00"}`,
			err:   `ScheduledTime "9999-12-31T23:59:59-01:00" is in the year 10000 in UTC; give a year from 1 to 9999`},
		{name: "accepts a time of the last 85 days", input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "2026-08-29T01:00:00Z"}`,
			want: contract.Run{
				ID: "SnapshotDaily/2026-08-29T01:00:00Z", SnapshotKeyWord: "SnapshotDaily", ScheduledTime: time.Date(2026, 8, 29, 1, 0, 0, 0, time.UTC), TimeZone: "UTC",
			}},
		{name: "refuses an older time, since it is unknown whether that run is done",
			input: `{"SnapshotKeyWord": "SnapshotDaily", "ScheduledTime": "2026-08-29T00:00:00Z"}`,
			err:   `ScheduledTime "2026-08-29T00:00:00Z" is 85 days ago. A run can be finished for 85 days; start a new run instead`},
		{name: "refuses an unknown time zone", input: `{"SnapshotKeyWord": "SnapshotDaily", "TimeZone": "Asia/Peking"}`,
			err: `TimeZone "Asia/Peking" is not an IANA time zone such as Asia/Shanghai`},
		{name: "refuses the local time zone", input: `{"SnapshotKeyWord": "SnapshotDaily", "TimeZone": "Local"}`,
			err: `TimeZone "Local" is not an IANA time zone such as Asia/Shanghai`},
		{name: "refuses an unknown time zone of a schedule", input: `{"SnapshotKeyWord": "SnapshotDaily"}`, zones: map[string]string{"SnapshotDaily": "CST8"},
			err: `TimeZone "CST8" is not an IANA time zone such as Asia/Shanghai`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ReadRun(contract.DiscoverRequest{Input: json.RawMessage(c.input), Execution: "e", StartTime: started}, c.zones)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("run (-want +got):\n%s", diff)
			}
			checkInvalid(t, err, c.err)
		})
	}
	t.Run("refuses to guess the time", func(t *testing.T) {
		_, err := ReadRun(contract.DiscoverRequest{Input: json.RawMessage(`{"SnapshotKeyWord": "SnapshotDaily"}`)}, nil)
		checkInvalid(t, err, "neither the input's ScheduledTime nor the execution's start time is known")
	})
}

func checkInvalid(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err == nil {
		return
	}
	if invalid, ok := errors.AsType[*contract.InvalidInputError](err); !ok || invalid.Message != want {
		t.Errorf("error %T %v\nwant %s", err, err, want)
	}
}

func TestRunPrefix(t *testing.T) {
	cases := []struct{ name, keyword, want string }{
		{"is made of the keyword and the time", "SnapshotDaily", "runs/SnapshotDaily/20261122T000000Z/"},
		{"escapes a slash", "team/daily", "runs/team%2Fdaily/20261122T000000Z/"},
		{"escapes spaces and Chinese letters", "每日 1", "runs/%E6%AF%8F%E6%97%A5%201/20261122T000000Z/"},
		{"escapes the escape character", "a%2Fb", "runs/a%252Fb/20261122T000000Z/"},
		{"stays inside of runs when the keyword is dots", "..", "runs/%2E%2E/20261122T000000Z/"},
		{"stays inside of runs when the keyword is one dot", ".", "runs/%2E/20261122T000000Z/"},
		{"stays inside of runs when the keyword is a path", "../../x", "runs/..%2F..%2Fx/20261122T000000Z/"},
		{"shortens a keyword that is too long for a file name, and adds a hash", strings.Repeat("每", 128),
			"runs/" + strings.Repeat("%E6%AF%8F", 9) + "%E-6530bbbe58692cc0/20261122T000000Z/"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := contract.RunPrefix(contract.Run{SnapshotKeyWord: c.keyword, ScheduledTime: midnight})
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if path.Clean(got)+"/" != got || strings.Count(got, "/") != 3 {
				t.Errorf("%s is not a folder in a folder of runs", got)
			}
		})
	}
}

func TestTheKeysOfARun(t *testing.T) {
	run := contract.Run{SnapshotKeyWord: "SnapshotDaily", ScheduledTime: midnight}
	const arn = "arn:aws:states:eu-central-1:111122223333:execution:snapshot-lifecycle:3f1c-07"
	manifest := contract.ManifestKey(run, arn)
	got := []string{contract.ClaimKey(run), manifest, contract.FailurePrefix(run, arn), contract.ReportKey(manifest)}
	want := []string{
		"runs/SnapshotDaily/20261122T000000Z/run.json",
		"runs/SnapshotDaily/20261122T000000Z/3f1c-07/manifest.json",
		"runs/SnapshotDaily/20261122T000000Z/3f1c-07/failures/",
		"runs/SnapshotDaily/20261122T000000Z/3f1c-07/report.json",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if other := contract.FailurePrefix(run, arn+"-2"); strings.HasPrefix(other, want[2]) || strings.HasPrefix(want[2], other) {
		t.Errorf("failures of one execution would be listed with those of another: %s, %s", want[2], other)
	}
}
