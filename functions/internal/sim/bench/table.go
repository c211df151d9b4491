package bench

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/workflow"
)

// Tables are all that there are, by name, in Markdown.
func Tables(results []Result) map[string]string {
	sizes, troubles := of(Sizes(), results), of(Troubles(), results)
	return map[string]string{
		"speed": speed(sizes), "usage": usage(sizes), "limits": limits(sizes), "troubles": trouble(troubles),
		"cost": cost(sizes, costHeader), "cost-zh": cost(sizes, costHeaderChinese),
	}
}

// measured is a scenario with its result.
type measured struct {
	Scenario
	Result
}

// of gives those of the scenarios that were measured.
func of(scenarios []Scenario, results []Result) []measured {
	var out []measured
	for _, s := range scenarios {
		for _, r := range results {
			if r.Scenario == s.Name {
				out = append(out, measured{s, r})
			}
		}
	}
	return out
}

// table puts rows under a header, aligned to the right.
func table(header string, rows [][]string) string {
	columns := strings.Count(header, "|") - 1
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n|%s\n", header, strings.Repeat("---:|", columns))
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r, " | "))
	}
	return b.String()
}

func speed(all []measured) string {
	var rows [][]string
	for _, m := range all {
		rows = append(rows, []string{
			thousands(m.Result.Volumes), span(m.Snapshot.Seconds()),
			span(m.Result.Bound), span(m.Creating), times(m.Ratio(), m.Result.Bound),
			span(m.Result.WholeBound), span(m.Took), times(m.WholeRatio(), m.Result.WholeBound),
			fmt.Sprintf("%.3f", m.PerVolume()), percent(m.ThrottledShare()), m.wrong(),
		})
	}
	return table("| volumes | a snapshot takes | EC2 allows to create in | created in | ratio | whole run at the least | whole run | ratio "+
		"| EC2 calls a volume | throttled | missing, twice, surplus |", rows)
}

func usage(all []measured) string {
	var rows [][]string
	for _, m := range all {
		rows = append(rows, []string{
			thousands(m.Result.Volumes), span(m.Snapshot.Seconds()),
			thousands(m.Calls["CreateSnapshot"]), thousands(m.Calls["DescribeSnapshots"]), thousands(m.Calls["DeleteSnapshot"]),
			thousands(m.Calls["DescribeInstances"] + m.Calls["DescribeVolumes"]),
			thousands(sum(m.Invocations)), span(float64(sum(m.BilledMillis)) / 1000), span(m.Asleep().Seconds()),
			fmt.Sprintf("%.3f", float64(m.Transitions)/float64(m.Result.Volumes)), fmt.Sprintf("%d + %d", m.S3Writes, m.S3Reads),
			fmt.Sprintf("%.4f", m.Dollars), fmt.Sprintf("%.0f s", m.RealSeconds),
		})
	}
	return table("| volumes | a snapshot takes | CreateSnapshot | DescribeSnapshots | DeleteSnapshot | DescribeInstances, -Volumes "+
		"| function calls | billed | of it not in a call | state transitions a volume | S3 writes + reads | USD a run | measured in |", rows)
}

func limits(all []measured) string {
	var rows [][]string
	for _, m := range all {
		if m.Snapshot == 0 {
			continue
		}
		heap := func(function string) string { return strconv.Itoa(m.HeapMiB[function]) + " MiB" }
		rows = append(rows, []string{
			thousands(m.Result.Volumes), size(m.ManifestBytes), fmt.Sprintf("%d B", m.LargestState), strconv.Itoa(m.MaxChildEvents),
			thousands(m.ChildrenAtOnce), strconv.Itoa(m.AtOnce),
			span(m.DiscoverSeconds), heap(workflow.DiscoverInstances), span(m.ReportSeconds), heap(workflow.ReportRun),
			fmt.Sprintf("%d, %d, %d", m.Lowest["CreateSnapshot"], m.Lowest["DescribeSnapshots"], m.Lowest["DeleteSnapshot"]),
		})
	}
	return table("| volumes | manifest | largest state | events of a child | children at once | functions at once | discover-instances "+
		"| its heap, at most | report-run | its heap, at most | fewest tokens left: create, describe, delete |", rows)
}

// told says what a trouble is, for people.
var told = map[string]string{
	"cold starts":                  "each start of a function takes 0.5 s",
	"ten volumes an instance":      "ten volumes an instance",
	"two schedules":                "two schedules in the same minute, on the same volumes",
	"half of the bucket":           "another tool takes half of EC2's bucket",
	"half of the bucket, told so":  "the same, with createBurst 45 and createRate 2.45",
	"half of the bucket of many":   "another tool takes half of EC2's bucket",
	"100 pending":                  "100 snapshots may be pending, each takes 5 min",
	"100 pending for hours":        "100 snapshots may be pending, each takes 1 h",
	"8 hours for some":             "1 of 20 volumes takes 8 h, the others 2 min",
	"8 hours for some of many":     "1 of 20 volumes takes 8 h, the others 2 min",
	"5 minutes for all":            "every snapshot takes 5 min",
	"half an hour for all of many": "every snapshot takes 30 min",
	"1 hour for all of many":       "every snapshot takes 1 h",
	"1 hour for all, on few":       "every snapshot takes 1 h, ten volumes an instance",
}

func trouble(all []measured) string {
	var rows [][]string
	for _, m := range all {
		others := "—"
		if m.SlowEvery > 0 {
			others = span(m.OthersTook)
		}
		rows = append(rows, []string{
			told[m.Name], thousands(m.Result.Volumes), span(m.Result.Bound), span(m.Creating), times(m.Ratio(), m.Result.Bound),
			span(m.Took), others, fmt.Sprintf("%.2f", m.PerVolume()), percent(m.ThrottledShare()),
			thousands(m.Refused["PendingSnapshotLimitExceeded"]), span(m.Asleep().Seconds()),
			fmt.Sprintf("%.2f", float64(m.Transitions)/float64(m.Result.Volumes)), m.wrong(), fmt.Sprintf("%.2f", m.Dollars),
		})
	}
	return table("| what | snapshots | EC2 allows to create in | created in | ratio | whole run | all but the slow done | EC2 calls a snapshot "+
		"| throttled | too many pending | paid for waiting | state transitions a snapshot | missing, twice, surplus | USD |", rows)
}

const (
	costHeader = "| volumes | a run takes | state transitions | function calls | GB-seconds | EC2 calls | USD a run " +
		"| USD a month, daily | USD a month, hourly |"
	costHeaderChinese = "| 卷 | 一次运行耗时 | 状态转换 | 函数调用 | GB-秒 | EC2 调用 | 每次运行（USD） | 每月（USD），每天一次 | 每月（USD），每小时一次 |"
)

func cost(all []measured, header string) string {
	var rows [][]string
	for _, m := range all {
		if m.Snapshot == 0 {
			continue
		}
		hourly := fmt.Sprintf("%.2f", 720*m.Dollars)
		if m.Took > time.Hour.Seconds() {
			hourly = "—"
		}
		rows = append(rows, []string{
			thousands(m.Result.Volumes), span(m.Took), thousands(m.Transitions), thousands(sum(m.Invocations)),
			fmt.Sprintf("%.1f", m.gbSeconds()), thousands(sum(m.Calls)), fmt.Sprintf("%.4f", m.Dollars), fmt.Sprintf("%.2f", 30*m.Dollars), hourly,
		})
	}
	return table(header, rows)
}

// wrong says what is not as it should be in the end.
func (r Result) wrong() string { return fmt.Sprintf("%d, %d, %d", r.Missing, r.Duplicated, r.Surplus) }

func times(ratio, bound float64) string {
	if bound == 0 {
		return "—"
	}
	return fmt.Sprintf("%.3f", ratio)
}

func percent(p float64) string { return fmt.Sprintf("%.1f %%", p) }

func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func size(bytes int) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%.0f KiB", math.Ceil(float64(bytes)/1024))
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}

func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
