package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/snssim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

func TestTheMessage(t *testing.T) {
	cases := []struct {
		golden string
		setup  func(t *testing.T) *world
	}{
		{"one volume failed", func(t *testing.T) *world {
			w := newWorld(t, web())
			w.state("vol-1", "")
			w.record("vol-1", "AccessDeniedError", "ec2:CreateSnapshot was denied: UnauthorizedOperation: You are not authorized to perform this operation.")
			return w
		}},
		{"something of everything", func(t *testing.T) *world {
			nameless := contract.Item{
				Instance: contract.Instance{ID: "i-nameless", Tags: map[string]string{keyword: "lots"}},
				Volumes:  []contract.Volume{{ID: "vol-3", Retention: "lots"}, {ID: "vol-4", Device: "/dev/xvda", Retention: "3"}},
			}
			chinese := contract.Item{
				Instance: contract.Instance{ID: "i-cn", Tags: map[string]string{"Name": "数据库", keyword: "3"}},
				Volumes:  []contract.Volume{{ID: "vol-5", Device: "/dev/xvda", Retention: "3"}, {ID: "vol-6", Device: "/dev/sdf", Retention: "3"}},
			}
			w := newWorld(t, web(), nameless, chinese)
			w.state("vol-1", ebs.Error)
			w.record("vol-2", "ThrottledError", "delete snapshot snap-old: RequestLimitExceeded: Request limit exceeded.")
			w.state("vol-4", "")
			w.deleted = []string{"vol-4"}
			w.state("vol-5", ebs.Pending)
			w.state("vol-6", "")
			return w
		}},
		{"only problems", func(t *testing.T) *world {
			w := newWorld(t, web())
			w.state("vol-2", ebs.Pending)
			return w
		}},
		{"all failed", func(t *testing.T) *world {
			w := newWorld(t, web())
			w.discovery.Map = []byte(`{"Error": "States.ItemReaderFailed", "Cause": "The manifest can't be read."}`)
			w.state("vol-1", "")
			w.state("vol-2", "")
			return w
		}},
	}
	for _, c := range cases {
		t.Run(c.golden, func(t *testing.T) {
			w := c.setup(t)
			w.report()
			subject, message := w.topic.one(t)
			checkGolden(t, strings.ReplaceAll(c.golden, " ", "-"), "Subject: "+subject+"\n\n"+message)
		})
	}
}

func TestTheMessageIsCutIfThousandsOfVolumesFail(t *testing.T) {
	const instances, each = 500, 20
	var items []contract.Item
	for n := range instances {
		item := contract.Item{Instance: contract.Instance{ID: fmt.Sprintf("i-%03d", n), Tags: map[string]string{"Name": strings.Repeat("n", 256)}}}
		for m := range each {
			item.Volumes = append(item.Volumes, contract.Volume{ID: fmt.Sprintf("vol-%03d-%02d", n, m), Device: "/dev/sdf", Retention: "3"})
		}
		items = append(items, item)
	}
	w := newWorld(t, items...)
	w.snapshots = nil
	for n, i := range items {
		for _, v := range i.Volumes {
			if n < maxRecords/each {
				w.record(v.ID, "SnapshotQuotaError", strings.Repeat("很", 100)+strings.Repeat("x", 900))
				continue
			}
			if err := w.bucket.Put(t.Context(), w.discovery.FailurePrefix+v.ID+".json", []byte("not read")); err != nil {
				t.Fatal(err)
			}
		}
	}
	result, err := w.service().Report(t.Context(), w.discovery)
	if err != nil || result.Failed != instances*each {
		t.Errorf("%d failed, want %d (%v)", result.Failed, instances*each, err)
	}
	subject, message := w.topic.one(t)
	if want := "SnapshotDaily 2026-11-22 08:00 +08:00: ALL 10000 volumes FAILED"; subject != want {
		t.Errorf("subject %q, want %q", subject, want)
	}
	if size := len(message); size > 64<<10 {
		t.Errorf("the message has %d bytes, more than 64 KB", size)
	}
	for _, want := range []string{
		"\n20. " + strings.Repeat("n", 256) + " (i-000), volume vol-000-19 (/dev/sdf)\n",
		"\n… and 9980 more, listed in s3://backups/" + prefix + "report.json\n",
		"FAILED (9000 × NotRead, 1000 × SnapshotQuotaError)\n",
		"Why: SnapshotQuotaError: " + strings.Repeat("很", 100) + strings.Repeat("x", 500) + "…\n",
	} {
		if !strings.Contains(message, want) {
			t.Errorf("the message lacks %q", want)
		}
	}
	if strings.Contains(message, "\n21. ") {
		t.Error("the message lists more than 20")
	}
}

func TestTheSubject(t *testing.T) {
	failures := slices.Repeat([]Failure{{Place: vol1}}, 100_000)
	problems := make([]Problem, 3)
	long := strings.Repeat("SnapshotDaily", 9)
	cases := []struct {
		name string
		r    Report
		want string
	}{
		{"says how many failed", Report{Volumes: 40, Failures: failures[:3]}, "SnapshotDaily 2026-11-22 08:00 +08:00: 3 of 40 volumes FAILED"},
		{"says so if all failed", Report{Volumes: 3, Failures: failures[:3]}, "SnapshotDaily 2026-11-22 08:00 +08:00: ALL 3 volumes FAILED"},
		{"does not say ALL of a single volume", Report{Volumes: 1, Failures: failures[:1]}, "SnapshotDaily 2026-11-22 08:00 +08:00: 1 of 1 volume FAILED"},
		{"says so if only the run as a whole failed", Report{Volumes: 2, Failures: make([]Failure, 1)}, "SnapshotDaily 2026-11-22 08:00 +08:00: the run FAILED, but no backup did"},
		{"says that no backup failed", Report{Volumes: 1, Problems: problems}, "SnapshotDaily 2026-11-22 08:00 +08:00: 3 problems, no backup failed"},
		{"says problem in the singular", Report{Volumes: 1, Problems: problems[:1]}, "SnapshotDaily 2026-11-22 08:00 +08:00: 1 problem, no backup failed"},
		{
			"gives UTC if the zone is unknown",
			Report{Run: contract.Run{SnapshotKeyWord: keyword, ScheduledTime: midnight, TimeZone: "Moon/Tycho"}, Volumes: 1, Problems: problems},
			"SnapshotDaily 2026-11-22 00:00 +00:00: 3 problems, no backup failed",
		}, {
			"cuts a long keyword and not the outcome",
			Report{Run: contract.Run{SnapshotKeyWord: long, ScheduledTime: midnight, TimeZone: "Asia/Kathmandu"}, Volumes: 100_001, Failures: failures},
			"SnapshotDailySnapshotDailySnapshotDa... 2026-11-22 05:45 +05:45: 100000 of 100001 volumes FAILED",
		}, {
			"has room for the longest outcome",
			Report{Run: contract.Run{SnapshotKeyWord: long, ScheduledTime: midnight, TimeZone: "Asia/Kathmandu"}, Volumes: 2, Failures: make([]Failure, 1)},
			"SnapshotDailySnapshotDailySnapshotDa... 2026-11-22 05:45 +05:45: the run FAILED, but no backup did",
		}, {
			"writes a keyword beyond ASCII as metrics do",
			Report{Run: contract.Run{SnapshotKeyWord: "每日快照", ScheduledTime: midnight, TimeZone: "UTC"}, Volumes: 1, Failures: failures[:1]},
			"%E6%AF%8F%E6%97%A5%E5%BF%AB%E7%85%A7 2026-11-22 00:00 +00:00: 1 of 1 volume FAILED",
		}, {
			"cuts a long keyword of Chinese letters",
			Report{Run: contract.Run{SnapshotKeyWord: strings.Repeat("每", 128), ScheduledTime: midnight, TimeZone: "UTC"}, Volumes: 2, Failures: failures[:2]},
			"%E6%AF%8F%E6%AF%8F%E6%AF%8F%E6%AF%8F... 2026-11-22 00:00 +00:00: ALL 2 volumes FAILED",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.r.Run.SnapshotKeyWord == "" {
				c.r.Run = daily
			}
			got := subject(&c.r)
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if err := snssim.Check(got, "message"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEachErrorOfTheContractThatFailsAVolumeHasItsOwnAdvice(t *testing.T) {
	generic := advice("anything else")
	for _, name := range []string{
		"AccessDeniedError", "SnapshotLimitError", "SnapshotQuotaError", "ThrottledError", "SnapshotRateError", "SnapshotFailedError", "NoSnapshot",
		"States.Timeout",
	} {
		if advice(name) == generic {
			t.Errorf("%s has no advice of its own", name)
		}
	}
}
