package discover

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// ReadRun makes a run of an execution's input. Without a scheduled time it is the run of the moment when the execution
// started; without a time zone it counts in that of the keyword's schedule, else in UTC.
func ReadRun(req contract.DiscoverRequest, zones map[string]string) (contract.Run, error) {
	var in contract.Input
	if err := json.Unmarshal(req.Input, &in); err != nil {
		return contract.Run{}, invalid(`the execution's input can't be read (%v); give {"SnapshotKeyWord": "SnapshotDaily"}`, err)
	}
	if err := ebs.CheckKeyword(in.SnapshotKeyWord); err != nil {
		return contract.Run{}, invalid("SnapshotKeyWord of the execution's input: %v", err)
	}
	at := req.StartTime
	if in.ScheduledTime != "" {
		t, err := time.Parse(time.RFC3339, in.ScheduledTime)
		if err != nil {
			return contract.Run{}, invalid("ScheduledTime %q is not a time such as 2026-11-22T00:00:00Z", in.ScheduledTime)
		}
		at = t
	}
	if at.IsZero() {
		return contract.Run{}, invalid("neither the input's ScheduledTime nor the execution's start time is known")
	}
	zone := in.TimeZone
	if zone == "" {
		zone = zones[in.SnapshotKeyWord]
	}
	if zone == "" {
		zone = "UTC"
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		return contract.Run{}, invalid("TimeZone %q is not an IANA time zone such as Asia/Shanghai", zone)
	}
	at = at.UTC().Truncate(time.Second)
	return contract.Run{
		ID:              ebs.RunID(in.SnapshotKeyWord, at),
		SnapshotKeyWord: in.SnapshotKeyWord, ScheduledTime: at, TimeZone: zone,
	}, nil
}

func invalid(format string, args ...any) error {
	return &contract.InvalidInputError{Message: fmt.Sprintf(format, args...)}
}

// RunPrefix is where everything of a run stands. A keyword may hold any character of a tag key; a key of S3, and a file name,
// had better not.
func RunPrefix(r contract.Run) string {
	return "runs/" + contract.KeywordASCII(r.SnapshotKeyWord) + "/" + r.ScheduledTime.Format("20060102T150405Z") + "/"
}

// StrangersKey is where the IDs of the snapshots stand that carry the schedule's tags, that no run made, and that a report told of.
func StrangersKey(r contract.Run) string { return path.Dir(path.Dir(RunPrefix(r))) + "/strangers.json" }

func claimKey(r contract.Run) string { return RunPrefix(r) + "run.json" }

// What an execution writes stands apart from what an earlier execution of the same run wrote: its failures are not ours.
func executionPrefix(r contract.Run, execution string) string {
	name := execution[strings.LastIndex(execution, ":")+1:]
	return RunPrefix(r) + path.Base(name) + "/"
}

func manifestKey(r contract.Run, execution string) string {
	return executionPrefix(r, execution) + "manifest.json"
}

func failurePrefix(r contract.Run, execution string) string {
	return executionPrefix(r, execution) + "failures/"
}

// LeftOutKey is where the volumes stand that the run leaves out, if there are any.
func LeftOutKey(manifestKey string) string { return path.Dir(manifestKey) + "/left-out.json" }

// ReportKey is where the report of a run stands whose manifest is there.
func ReportKey(manifestKey string) string { return path.Dir(manifestKey) + "/report.json" }
