package demo

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Result is what the demonstration shows. Its JSON names are the fields'.
type Result struct {
	From, Until time.Time
	TimeZone    string
	Schedules   []Schedule
	Instances   []Instance
	Values      []Value
	Days        []Day
	Story       []Event
	Star        Calendar // the history of one volume
	Holdings    []Holding
	Spared      []Spared
	Mails       []Mail
	Checks      []Check
	Account     Account
}

// Schedule is a schedule and when it fires.
type Schedule struct{ Keyword, Fires string }

// Instance is one of the fleet.
type Instance struct {
	Name, State string
	Tags        map[string]string // the schedules'
	Volumes     []Volume
	Launched    *time.Time `json:",omitempty"` // if within the demonstration
	Ended       *time.Time `json:",omitempty"`
}

// Volume is a volume of an instance.
type Volume struct {
	ID, Device string
	SizeGiB    int
	Tags       map[string]string `json:",omitempty"` // its own, of the schedules
}

// Value says what a retention value means.
type Value struct{ Values, Meaning string }

// Day is what the schedules did on one day, by the schedules' clock.
type Day struct {
	Date     string // 2026-11-26
	Schedule []Count
}

// Count is what one schedule did on one day.
type Count struct {
	Keyword        string
	Runs           int
	Duplicates     int // runs that were triggered once more
	Volumes        int // of all runs
	Created        int
	Deleted        int
	Failed         int // volumes of which the run made no good snapshot, though a later attempt may have
	LongestSeconds int // of a run
}

// Who did what an Event tells.
const (
	byPerson = "person"
	byAWS    = "AWS"
	byRun    = "run"
	byCheck  = "check"
)

// Event is something worth telling.
type Event struct {
	At   time.Time
	By   string // person, AWS or run
	What string
}

// Calendar is the history of one volume: what became of the snapshot of each run.
type Calendar struct {
	VolumeID, Name string
	Retention      map[string]string // by schedule
	Days           []CalendarDay
	Legend         []Mark
}

// CalendarDay is a day of a calendar.
type CalendarDay struct {
	Date   string
	Hourly string // a mark for each hour
	Daily  string // a mark
	Reason string // of the daily one's mark
}

// Mark explains a mark of a calendar, with the reasons of hourly snapshots that have it.
type Mark struct {
	Mark, Meaning string
	Reason        string `json:",omitempty"`
}

// Holding is what EC2 holds in the end of one schedule's snapshots of one volume.
type Holding struct {
	VolumeID, Name, Schedule, Retention string
	Kept                                int  // by the retention
	Claimed                             int  // by a person
	Refused                             int  // the retention drops them, EC2 does not let them go
	VolumeGone                          bool `json:",omitempty"`
}

// Spared is a snapshot, or several, that no run deletes although the retention does not keep it.
type Spared struct {
	Kind        string   // claimed, by hand, in use, orphans
	SnapshotIDs []string // at least one
	Name        string   // the volume's
	StartTime   time.Time
	Reason      string
}

// Mail is a message that went to the topic.
type Mail struct {
	At               time.Time
	Subject, Message string
}

// Check is a promise, and whether it held.
type Check struct {
	Promise string
	Held    bool
	Detail  string   // the numbers; of a broken promise the first case
	Broken  []string `json:",omitempty"` // the cases that break it
}

// Account counts what the demonstration asked of AWS.
type Account struct {
	Calls, Throttled int
	ByAction         map[string]int
	ClosestSeconds   float64 // the shortest time between two snapshots of one volume; 0 without any two
	TooSoon          int     // creates that EC2 refused for that
	Executions       int     // of the state machine
	Children         int     // executions that those started, one an instance
	Transitions      int     // of both
}

// Err says which promises did not hold, nil if all did.
func (r *Result) Err() error {
	var broken []string
	for _, c := range r.Checks {
		if !c.Held {
			broken = append(broken, c.Promise+": "+c.Detail)
		}
	}
	switch {
	case len(r.Checks) == 0:
		return errors.New("the demonstration checked nothing")
	case len(broken) > 0:
		return fmt.Errorf("%d of %d promises did not hold: %s", len(broken), len(r.Checks), strings.Join(broken, "; "))
	}
	return nil
}
