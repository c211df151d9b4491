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
	maxSubject   = 99        // ASCII characters of a subject, SNS's limit for e-mail
	maxKeyword   = 39        // characters of the keyword in a subject
	maxListed    = 20        // entries of each list in the message; report.json has all of them
	maxText      = 1000      // characters of each line of an entry
	maxListBytes = 240 << 10 // bytes of the message up to the end of its lists; SNS's limit for the whole message is 256 KiB
)

// subject says which run it is and how bad it is.
func subject(r *Report) string {
	keyword := r.Run.SnapshotKeyWord
	if strings.ContainsFunc(keyword, func(c rune) bool { return c < ' ' || c > '~' }) {
		keyword = contract.KeywordASCII(keyword) // as in metrics and S3 keys; the message has the keyword itself
	}
	if len(keyword) > maxKeyword {
		keyword = keyword[:maxKeyword-3] + "..."
	}
	s := fmt.Sprintf("%s %s: %s", keyword, localTime(r), outcome(r))
	return s[:min(len(s), maxSubject)]
}

func outcome(r *Report) string {
	switch failed := r.failedVolumes(); {
	case len(r.Failures) == 0:
		return ebs.Count(len(r.Problems), "problem") + ", no backup failed"
	case failed == 0:
		return "the run FAILED, but no backup did"
	case failed == r.Volumes && failed > 1:
		return fmt.Sprintf("ALL %d volumes FAILED", failed)
	default:
		return fmt.Sprintf("%d of %s FAILED", failed, ebs.Count(r.Volumes, "volume"))
	}
}

func localTime(r *Report) string {
	t := r.Run.ScheduledTime
	if zone, err := time.LoadLocation(r.Run.TimeZone); err == nil {
		t = t.In(zone)
	}
	return t.Format(ebs.TimeFormat)
}

// message is what the administrator reads, at night and on a telephone: the totals, then each failure with its place, reason and advice.
func message(r *Report, reportURL string) string {
	var b strings.Builder
	ebs.Fprintf(&b, "EBS snapshots, run %s\n%s\n\n", r.Run.ID, localTime(r))
	ebs.Fprintf(&b, "Completed snapshots of this run: %d of %s.\n", r.Completed, ebs.Count(r.Volumes, "volume"))
	ebs.Fprintf(&b, "%s failed, %d no longer exist, %s.\n", ebs.Count(r.failedVolumes(), "volume"), len(r.Gone), ebs.Count(len(r.Problems), "other problem"))
	if n := r.DoneEarlier; n > 0 {
		ebs.Fprintf(&b, "Not counted: %s completed by an earlier execution of this run. Their snapshots have been pruned since, and are not created again.\n", ebs.Count(n, "volume"))
	}
	if n := len(r.Excluded); n > 0 {
		ebs.Fprintf(&b, "%s excluded by tags or by the schedule; see the full report.\n", ebs.Count(n, "volume"))
	}
	if len(r.Failures) > 0 {
		ebs.Fprintf(&b, "\nFAILED (%s)\n", byError(r.Failures))
		list(&b, r.Failures, reportURL, func(f Failure) (ebs.Place, string, string) { return f.Place, f.Error + ": " + f.Reason, f.Advice })
	}
	if len(r.Problems) > 0 {
		b.WriteString("\nNEEDS ATTENTION (no backup failed because of this)\n")
		list(&b, r.Problems, reportURL, func(p Problem) (ebs.Place, string, string) { return p.Place, p.What, p.Advice })
	}
	if len(r.Gone) > 0 {
		b.WriteString("\nVOLUMES THAT NO LONGER EXIST (nothing to do)\n")
		list(&b, r.Gone, reportURL, func(p ebs.Place) (ebs.Place, string, string) { return p, "", "" })
	}
	if len(r.Failures) > 0 {
		ebs.Fprintf(&b, "\nTo retry only what failed, start a new execution with this input:\n%s\n", retryInput(r))
	}
	ebs.Fprintf(&b, "\nFull report: %s\nExecution: %s\n", reportURL, r.Execution)
	return b.String()
}

func retryInput(r *Report) string {
	anyKeyword := ""
	if r.Run.AnyKeyword { // no schedule has the keyword: without this, the new execution is refused
		anyKeyword = `, "AnyKeyword": true`
	}
	return fmt.Sprintf(`{"SnapshotKeyWord": "%s", "ScheduledTime": "%s", "TimeZone": "%s"%s}`,
		r.Run.SnapshotKeyWord, r.Run.ScheduledTime.Format(time.RFC3339), r.Run.TimeZone, anyKeyword)
}

func list[T any](b *strings.Builder, entries []T, reportURL string, parts func(T) (where ebs.Place, why, advice string)) {
	for n, e := range entries {
		where, why, advice := parts(e)
		text := ebs.Visiblef("%d. %s\n", n+1, cut(where.String()))
		if why != "" {
			text += ebs.Visiblef("   Why: %s\n", cut(why))
		}
		if advice != "" {
			text += ebs.Visiblef("   What to do: %s\n", advice)
		}
		if n == maxListed || b.Len()+len(text) > maxListBytes {
			ebs.Fprintf(b, "… and %d more, listed in %s\n", len(entries)-n, reportURL)
			return
		}
		b.WriteString(text)
	}
}

// cut makes a text that somebody else wrote visible, and shortens it for a mail.
func cut(text string) string { return ebs.Cut(ebs.Visible(text), maxText) }

// byError counts the failures by error, the most frequent first. Thousands of failures usually have one cause.
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
		return "Allow the function's role the action named above. If the volume is encrypted, also allow the role to use its KMS key."
	case "SnapshotLimitError":
		return "The Region cannot hold more snapshots. Delete snapshots that nobody needs, or request an increase of the EBS quota \"Snapshots per Region\"."
	case "SnapshotQuotaError":
		return "Too many snapshots were pending for hours. Look for other tools that create snapshots of the same volumes."
	case "ThrottledError":
		return "EC2 throttled the requests for a long time. Look for another tool that uses up the request rate, or lower the configured create rate."
	case "SnapshotRateError":
		return "Something else creates snapshots of this volume very often. Find it, or move the schedule to another time."
	case "SnapshotFailedError":
		return "1. See the volume's events in the EC2 console; the usual cause is a KMS key that is disabled or not allowed. 2. Start the run again."
	case timedOut:
		return "1. See in the function's CloudWatch log what it did last; the usual cause is that EC2 was slow. 2. Start the run again."
	case "NotRead":
		return "Read the file named above. When very many volumes fail, the report reads only the first reasons."
	case "NoSnapshot":
		return "1. Look at the instance's child execution in the Step Functions console. 2. Start the run again."
	}
	return "Look at the instance's child execution in the Step Functions console. If the cause was a fault of AWS, start the run again."
}
