package freshness

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

func TestTheMessage(t *testing.T) {
	l := newLab(t, map[string]time.Duration{"Daily": 48 * time.Hour, "Hourly": 2 * time.Hour})
	for n := range maxListed + 5 {
		l.instance("Daily", fmt.Sprintf("%02d", n), "3")
	}
	l.snapshot("Daily", "00", ebs.Completed)
	l.instance("Hourly", "db", "3")
	l.instances["Hourly"][0].Tags["Name"] = ""
	l.snapshot("Hourly", "db", ebs.Completed)
	l.check()
	l.now = midnight.Add(5*24*time.Hour + 30*time.Minute)
	l.check()
	if len(l.mails) != 1 {
		t.Fatalf("%d mails", len(l.mails))
	}
	for _, text := range []string{
		"EBS snapshots: 26 volumes have no fresh snapshot\n\n", "Daily: no completed snapshot in the last 48 hours\n1. web-00 (i-00), volume vol-00 (/dev/xvda)\n",
		"   Newest: snap-00-22T00 of 2026-11-22 00:00 +00:00, 5 days old\n", "2. web-01 (i-01), volume vol-01 (/dev/xvda)\n   No completed snapshot, and the volume has been the schedule's for 5 days at least\n",
		"20. web-19", "… and 5 more\n\nHourly: no completed snapshot in the last 2 hours\n1. instance i-db, volume vol-db", "What to do: ", "s3://bucket/freshness.json",
	} {
		if !strings.Contains(l.mails[0], text) {
			t.Errorf("the mail does not say %q:\n%s", text, l.mails[0])
		}
	}
	if strings.Contains(l.mails[0], "21. ") {
		t.Error("the mail lists more than 20 volumes of a schedule")
	}
}

// SNS refuses a message of more than 256 KB, and then nobody is told anything.
func TestTheMessageFindsRoomHoweverManySchedulesAndVolumesThereAre(t *testing.T) {
	limits := map[string]time.Duration{}
	for k := range 200 {
		limits[fmt.Sprintf("%03d%s", k, strings.Repeat("备", 100))] = 48 * time.Hour
	}
	l := newLab(t, limits)
	for k := range limits {
		for n := range maxListed + 1 {
			l.instance(k, fmt.Sprintf("%017d", n), "3")
			l.instances[k][n].Tags["Name"] = strings.Repeat("份", 256)
		}
	}
	l.check()
	l.now = midnight.AddDate(0, 0, 5)
	l.check()
	if len(l.mails) != 1 || len(l.mails[0]) > 256<<10 {
		t.Errorf("%d mails, of %d bytes", len(l.mails), len(l.mails[0]))
	}
	if want := fmt.Sprintf("… and %d more of other schedules\n", 191*(maxListed+1)); !strings.Contains(l.mails[0], want) {
		t.Errorf("it does not say %q", want)
	}
}

func TestTheMessageNamesTheVolumesFirstThatAreNew(t *testing.T) {
	l := newLab(t, daily)
	for n := range maxListed + 10 {
		l.instance("Daily", fmt.Sprintf("%02d", n), "3")
	}
	l.check()
	l.now = midnight.Add(3 * time.Hour)
	l.instance("Daily", "99", "3")
	l.check()
	l.now = midnight.Add(49 * time.Hour)
	l.check()
	l.now = midnight.Add(52 * time.Hour)
	l.check()
	if len(l.mails) != 2 || !strings.Contains(l.mails[1], "\n1. web-99 (i-99)") {
		t.Errorf("%d mails; the last is to begin with web-99:\n%s", len(l.mails), l.mails[len(l.mails)-1])
	}
}

func TestTheMessageIsHarmlessWhateverPeopleWriteInNames(t *testing.T) {
	const hostile = "\nFORGED\r\u009b2K\u202e\u2028\u200b"
	limits := map[string]time.Duration{}
	for k := range maxTotal / maxListed {
		limits[fmt.Sprintf("Daily%d", k)] = 48 * time.Hour
	}
	l := newLab(t, limits)
	for k := range limits {
		for n := range maxListed {
			l.instance(k, fmt.Sprintf("%02d", n), "3")
			l.instances[k][n].Tags["Name"] = strings.Repeat(hostile, 256/13)
			l.instances[k][n].Volumes[0].Device = hostile
		}
	}
	l.check()
	l.now = midnight.AddDate(0, 0, 5)
	l.check() // the topic refuses what SNS refuses
	body, _, err := l.objects.Get(t.Context(), Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{l.mails[0], string(body)} {
		if strings.Contains(text, "\nFORGED") || strings.ContainsAny(text, "\r\u009b\u202e\u2028\u200b") {
			t.Errorf("hostile text acts in\n%.2000q", text)
		}
	}
	if !strings.Contains(l.mails[0], `1. \nFORGED\r\u009b2K\u202e\u2028\u200b`) {
		t.Errorf("the name is not in\n%.2000s", l.mails[0])
	}
}
