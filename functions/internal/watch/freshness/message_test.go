package freshness

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

func TestTheMessage(t *testing.T) {
	f := newFixture(t, map[string]time.Duration{"Daily": 48 * time.Hour, "Hourly": 2 * time.Hour})
	for n := range maxListed + 5 {
		f.instance("Daily", fmt.Sprintf("%02d", n), "3")
	}
	f.snapshot("Daily", "00", ebs.Completed)
	f.instance("Hourly", "db", "3")
	f.instances["Hourly"][0].Tags["Name"] = ""
	f.snapshot("Hourly", "db", ebs.Completed)
	f.check()
	f.now = midnight.Add(5*24*time.Hour + 30*time.Minute)
	f.check()
	if len(f.mails) != 1 {
		t.Fatalf("%d mails", len(f.mails))
	}
	for _, text := range []string{
		"EBS snapshots: 26 volumes have no fresh snapshot\n\n", "Daily: no completed snapshot in the last 48 hours\n1. web-00 (i-00), volume vol-00 (/dev/xvda)\n",
		"   Newest snapshot: snap-00-22T00 of 2026-11-22 00:00 +00:00, 5 days old\n", "2. web-01 (i-01), volume vol-01 (/dev/xvda)\n   No completed snapshot yet; in the schedule for at least 5 days\n",
		"20. web-19", "… and 5 more\n\nHourly: no completed snapshot in the last 2 hours\n1. instance i-db, volume vol-db", "\nWhat to do:\n1. ", "s3://bucket/freshness.json",
	} {
		if !strings.Contains(f.mails[0], text) {
			t.Errorf("the mail does not say %q:\n%s", text, f.mails[0])
		}
	}
	if strings.Contains(f.mails[0], "21. ") {
		t.Error("the mail lists more than 20 volumes of a schedule")
	}
}

// SNS refuses a message of more than 256 KB. Then nobody would get any mail.
func TestTheMessageIsNeverTooLargeForSNS(t *testing.T) {
	limits := map[string]time.Duration{}
	for k := range 200 {
		limits[fmt.Sprintf("%03d%s", k, strings.Repeat("备", 100))] = 48 * time.Hour
	}
	f := newFixture(t, limits)
	for k := range limits {
		for n := range maxListed + 1 {
			f.instance(k, fmt.Sprintf("%017d", n), "3")
			f.instances[k][n].Tags["Name"] = strings.Repeat("份", 256)
		}
	}
	f.check()
	f.now = midnight.AddDate(0, 0, 5)
	f.check()
	if len(f.mails) != 1 || len(f.mails[0]) > 256<<10 {
		t.Errorf("%d mails, of %d bytes", len(f.mails), len(f.mails[0]))
	}
	if want := fmt.Sprintf("… and %d more of other schedules\n", 191*(maxListed+1)); !strings.Contains(f.mails[0], want) {
		t.Errorf("it does not say %q", want)
	}
}

func TestTheMessageListsNewStaleVolumesFirst(t *testing.T) {
	f := newFixture(t, daily)
	for n := range maxListed + 10 {
		f.instance("Daily", fmt.Sprintf("%02d", n), "3")
	}
	f.check()
	f.now = midnight.Add(3 * time.Hour)
	f.instance("Daily", "99", "3")
	f.check()
	f.now = midnight.Add(49 * time.Hour)
	f.check()
	f.now = midnight.Add(52 * time.Hour)
	f.check()
	if len(f.mails) != 2 || !strings.Contains(f.mails[1], "\n1. web-99 (i-99)") {
		t.Errorf("%d mails; the last must begin with web-99:\n%s", len(f.mails), f.mails[len(f.mails)-1])
	}
}

func TestTheMessageIsHarmlessEvenIfNamesAreHostile(t *testing.T) {
	const hostile = "\nFORGED\r\u009b2K\u202e\u2028\u200b"
	limits := map[string]time.Duration{}
	for k := range maxTotal / maxListed {
		limits[fmt.Sprintf("Daily%d", k)] = 48 * time.Hour
	}
	f := newFixture(t, limits)
	for k := range limits {
		for n := range maxListed {
			f.instance(k, fmt.Sprintf("%02d", n), "3")
			f.instances[k][n].Tags["Name"] = strings.Repeat(hostile, 256/13)
			f.instances[k][n].Volumes[0].Device = hostile
		}
	}
	f.check()
	f.now = midnight.AddDate(0, 0, 5)
	f.check() // the topic refuses what SNS refuses
	body, _, err := f.objects.Get(t.Context(), Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{f.mails[0], string(body)} {
		if strings.Contains(text, "\nFORGED") || strings.ContainsAny(text, "\r\u009b\u202e\u2028\u200b") {
			t.Errorf("hostile text acts in\n%.2000q", text)
		}
	}
	if !strings.Contains(f.mails[0], `1. \nFORGED\r\u009b2K\u202e\u2028\u200b`) {
		t.Errorf("the name is not in\n%.2000s", f.mails[0])
	}
}
