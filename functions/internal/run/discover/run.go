package discover

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// Remembered is how old a run may be when it is started or finished. Whether an older run is done may be unknown: Step Functions forgets an
// execution after 90 days, and the bucket's claim expires later.
const Remembered = 85 * 24 * time.Hour

// startEarly is how long before its scheduled time a run may start, since the clocks of Scheduler and Step Functions differ.
const startEarly = 5 * time.Minute

// ReadRun reads an execution's input. zones has the time zone of each keyword that has a schedule. Another keyword needs AnyKeyword in the
// input, since a mistyped one would find no instance and report success. The default of the scheduled time is the execution's start; that of
// the time zone is the schedule's, else UTC.
func ReadRun(req contract.DiscoverRequest, zones map[string]string) (contract.Run, error) {
	var in contract.Input
	if err := json.Unmarshal(req.Input, &in); err != nil {
		return contract.Run{}, invalid(`the execution's input can't be read (%v); give {"SnapshotKeyWord": "SnapshotDaily"}`, err)
	}
	if in.SnapshotKeyWord == "" {
		return contract.Run{}, invalid(`the execution's input has no SnapshotKeyWord; give {"SnapshotKeyWord": "SnapshotDaily"}`)
	}
	if err := contract.CheckKeyword(in.SnapshotKeyWord); err != nil {
		return contract.Run{}, invalid("SnapshotKeyWord %q of the execution's input can't be a keyword: %v", in.SnapshotKeyWord, err)
	}
	if err := CheckScheduled(in.SnapshotKeyWord, slices.Collect(maps.Keys(zones))); err != nil && !in.AnyKeyword {
		return contract.Run{}, invalid(`SnapshotKeyWord of the execution's input: %v. To use it anyway, add "AnyKeyword": true to the input`, err)
	}
	at := req.StartTime
	if in.ScheduledTime != "" {
		t, err := ReadTime(in.ScheduledTime, req.StartTime)
		if err != nil {
			return contract.Run{}, invalid("ScheduledTime %v", err)
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
		SnapshotKeyWord: in.SnapshotKeyWord, ScheduledTime: at, TimeZone: zone, AnyKeyword: in.AnyKeyword,
	}, nil
}

// ReadTime reads the scheduled time of a run. began is when it started, or zero if that is unknown.
func ReadTime(text string, began time.Time) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%q is not a time such as 2026-11-22T00:00:00Z", text)
	}
	if year := t.UTC().Year(); year < 1 || year > 9999 { // run IDs are in RFC 3339, which has no other years
		return t, fmt.Errorf("%q is in the year %d in UTC; give a year from 1 to 9999", text, year)
	}
	if early := t.Sub(began); !began.IsZero() && early > startEarly {
		// It would take the run of a later trigger.
		return t, fmt.Errorf("%q is %v in the future; a run starts at its scheduled time or later", text, early.Round(time.Second))
	}
	if late := began.Sub(t); !began.IsZero() && late > Remembered {
		return t, fmt.Errorf("%q is %d days ago. A run can be finished for %d days; start a new run instead",
			text, late/(24*time.Hour), Remembered/(24*time.Hour))
	}
	return t, nil
}

func invalid(format string, args ...any) error {
	return &contract.InvalidInputError{Message: fmt.Sprintf(format, args...)}
}
