package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const (
	maxSubject  = 99        // characters, ASCII only: what SNS takes for e-mail
	maxKeyword  = 39        // of them for the keyword
	maxListed   = 20        // entries of each list in the message; report.json has them all
	maxText     = 1000      // characters of a part of an entry
	listedBytes = 240 << 10 // of the message for the lists: SNS takes 256 KiB
)

// subject says how bad it is.
func subject(r *Report) string {
	keyword := r.Run.SnapshotKeyWord
	if strings.ContainsFunc(keyword, func(c rune) bool { return c < ' ' || c > '~' }) {
		keyword = contract.KeywordASCII(keyword) // as metrics and S3 keys have it; the message says it as it is
	}
	if len(keyword) > maxKeyword {
		keyword = keyword[:maxKeyword-3] + "..."
	}
	s := fmt.Sprintf("%s %s: %s", keyword, localTime(r), verdict(r))
	return s[:min(len(s), maxSubject)]
}

func verdict(r *Report) string {
	switch failed := r.failedVolumes(); {
	case len(r.Failures) == 0:
		return count(len(r.Problems), "problem") + ", no backup failed"
	case failed == 0:
		return "the run FAILED, but no backup did"
	case failed == r.Volumes && failed > 1:
		return fmt.Sprintf("ALL %d volumes FAILED", failed)
	default:
		return fmt.Sprintf("%d of %s FAILED", failed, count(r.Volumes, "volume"))
	}
}

func localTime(r *Report) string {
	t := r.Run.ScheduledTime
	if zone, err := time.LoadLocation(r.Run.TimeZone); err == nil {
		t = t.In(zone)
	}
	return t.Format(ebs.TimeFormat)
}

// message is what the administrator reads, at night and on a telephone: the numbers, then what failed, where, why, what to do.
func message(r *Report, reportURL string) string {
	var b strings.Builder
	ebs.Fprintf(&b, "EBS snapshots, run %s\n%s\n\n", r.Run.ID, localTime(r))
	ebs.Fprintf(&b, "%d of %s have a completed snapshot of this run.\n", r.Completed, count(r.Volumes, "volume"))
	ebs.Fprintf(&b, "%d failed, %d deleted meanwhile, %s.\n", r.failedVolumes(), len(r.Gone), count(len(r.Problems), "other problem"))
	if n := r.DoneEarlier; n > 0 {
		ebs.Fprintf(&b, "Not counted here: %s that an earlier execution of this run completed. Their snapshots have been deleted since, and are not made again.\n", count(n, "volume"))
	}
	if n := len(r.Excluded); n > 0 {
		ebs.Fprintf(&b, "%s excluded by tags or by the schedule; the whole report lists them.\n", count(n, "volume"))
	}
	if len(r.Failures) > 0 {
		ebs.Fprintf(&b, "\nFAILED (%s)\n", byError(r.Failures))
		list(&b, r.Failures, reportURL, func(f Failure) (ebs.Place, string, string) { return f.Place, f.Error + ": " + f.Reason, f.Advice })
	}
	if len(r.Problems) > 0 {
		b.WriteString("\nNEEDS ATTENTION, no backup failed for it\n")
		list(&b, r.Problems, reportURL, func(p Problem) (ebs.Place, string, string) { return p.Place, p.What, p.Advice })
	}
	if len(r.Gone) > 0 {
		b.WriteString("\nDELETED since the run began, nothing to do\n")
		list(&b, r.Gone, reportURL, func(p ebs.Place) (ebs.Place, string, string) { return p, "", "" })
	}
	if len(r.Failures) > 0 {
		ebs.Fprintf(&b, "\nTo try again what failed, and only that, start a new execution with the input\n%s\n", retryInput(r))
	}
	ebs.Fprintf(&b, "\nThe whole report: %s\nThe execution: %s\n", reportURL, r.Execution)
	return b.String()
}

func retryInput(r *Report) string {
	return fmt.Sprintf(`{"SnapshotKeyWord": "%s", "ScheduledTime": "%s", "TimeZone": "%s"}`,
		r.Run.SnapshotKeyWord, r.Run.ScheduledTime.Format(time.RFC3339), r.Run.TimeZone)
}

func list[T any](b *strings.Builder, entries []T, reportURL string, parts func(T) (where ebs.Place, why, todo string)) {
	for n, e := range entries {
		where, why, todo := parts(e)
		text := ebs.Visiblef("%d. %s\n", n+1, cut(where.String()))
		if why != "" {
			text += ebs.Visiblef("   Why: %s\n", cut(why))
		}
		if todo != "" {
			text += ebs.Visiblef("   What to do: %s\n", todo)
		}
		if n == maxListed || b.Len()+len(text) > listedBytes {
			ebs.Fprintf(b, "… and %d more, listed in %s\n", len(entries)-n, reportURL)
			return
		}
		b.WriteString(text)
	}
}

// cut gives a text that somebody else wrote as long as it is worth reading in a mail.
func cut(text string) string { return ebs.Cut(ebs.Visible(text), maxText) }

// byError counts the failures by error, the most frequent first: thousands usually have one cause.
func byError(failures []Failure) string {
	counts := map[string]int{}
	for _, f := range failures {
		counts[f.Error]++
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	for i, n := range names {
		names[i] = fmt.Sprintf("%d × %s", counts[n], n)
	}
	return strings.Join(names, ", ")
}

// advice says what to do about an error, by its name.
func advice(name string) string {
	switch name {
	case "AccessDeniedError":
		return "Allow the function's role the action that is named above; for an encrypted volume, allow it the KMS key too."
	case "SnapshotLimitError":
		return "The Region is full: delete snapshots that nobody needs, or raise the EBS quota \"Snapshots per Region\"."
	case "SnapshotQuotaError":
		return "Too many snapshots were pending for hours: look for other tools that make snapshots of the same volumes."
	case "ThrottledError":
		return "EC2 refused for its request rate for a long time: look for another tool that fills it, or lower the configured create rate."
	case "SnapshotRateError":
		return "Something else makes snapshots of this volume all the time: find it, or move the schedule."
	case "SnapshotFailedError":
		return "See the volume's events in the EC2 console; a KMS key that is disabled or not allowed is the usual cause. Start the run again."
	case timedOut:
		return "The function's log in CloudWatch shows what it did last; EC2 being slow is the usual cause. Start the run again."
	case "NotRead":
		return "One of very many: the others, and the file that is named, say why."
	case "NoSnapshot":
		return "Look at the instance's child execution in the Step Functions console, then start the run again."
	}
	return "Look at the instance's child execution in the Step Functions console; if AWS was at fault, start the run again."
}
