package ebs

import (
	"strings"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// maxDescription is EC2's limit on a snapshot's description, in ASCII characters. Other characters are refused (InvalidParameterValue:
// "Character sets beyond ASCII are not supported").
const maxDescription = 255

// RunID gives the ID of a run: the schedule's keyword and the scheduled time.
func RunID(keyword string, scheduled time.Time) string {
	return keyword + "/" + scheduled.UTC().Format(time.RFC3339)
}

// cutRunID cuts a run's ID before its last slash. A keyword may contain slashes, a time does not.
func cutRunID(id string) (keyword, slashTime string) {
	at := max(0, strings.LastIndexByte(id, '/'))
	return id[:at], id[at:]
}

// parseRunID splits a run's ID into keyword and time; ok is false if it is not a run's ID.
func parseRunID(id string) (keyword string, scheduled time.Time, ok bool) {
	keyword, at := cutRunID(id)
	if keyword == "" {
		return "", time.Time{}, false
	}
	scheduled, err := time.Parse(time.RFC3339, at[1:])
	return keyword, scheduled, err == nil
}

// Description is the description of a snapshot that a run creates. It is for people, and it is a proof: unlike a tag, nobody can change it
// afterwards. It has the IDs of the run, the instance and the volume, and the ASCII part of the instance's Name, for example
// "SnapshotDaily/2026-11-22T00:00:00Z i-0123456789abcdef0 vol-0123456789abcdef0 web-1". If the volume is attached to no instance, there is no
// instance's ID, and the Name is the volume's. If the snapshot is created after the run's day, the description says when:
// "SnapshotDaily/2026-11-22T00:00:00Z at 2026-11-25T08:00:00Z i-…".
func Description(s Stamp, volumeID, name string) string {
	keyword, at := cutRunID(s.RunID)
	if !s.Late.IsZero() {
		at += lateWord + s.Late.UTC().Format(time.RFC3339)
	}
	text := contract.KeywordASCII(keyword) + at
	for _, word := range []string{s.InstanceID, volumeID, asciiName(name)} {
		if word != "" {
			text += " " + word
		}
	}
	return text[:min(len(text), maxDescription)]
}

// Made gives the snapshot with the description and tags of a run: the stamp's, and the instance's or the volume's (SnapshotTags).
func Made(stamp Stamp, s Snapshot, source map[string]string) Snapshot {
	tags, _ := SnapshotTags(stamp, source)
	s.Tags = make(map[string]string, len(tags))
	for _, t := range tags {
		s.Tags[t.Key] = t.Value
	}
	s.Description = Description(stamp, s.VolumeID, source[nameTag])
	return s
}

// asciiName gives the printable ASCII part of a name, with "?" for each sequence of other characters; "" if nothing readable is left.
func asciiName(name string) string {
	var out strings.Builder
	readable := false
	for _, r := range name {
		switch {
		case ' ' <= r && r <= '~':
			readable = readable || r != ' '
			out.WriteRune(r)
		case !strings.HasSuffix(out.String(), "?"):
			out.WriteByte('?')
		}
	}
	if !readable {
		return ""
	}
	return out.String()
}

const lateWord = " at "

// describedBy says whether the run wrote the description on a snapshot of the volume, and gives the creation time if the description has it.
func describedBy(description, runID, volumeID string) (late time.Time, ok bool) {
	keyword, at := cutRunID(runID)
	if rest, ok := strings.CutPrefix(description, contract.KeywordASCII(keyword)); ok {
		if rest, ok = strings.CutPrefix(rest, at); ok {
			if said, isLate := strings.CutPrefix(rest, lateWord); isLate {
				word, _, _ := strings.Cut(said, " ")
				late, _ = time.Parse(time.RFC3339, word)
				rest = said[len(word):]
			}
			rest, ok = strings.CutPrefix(rest, " ")
			if instance, others, _ := strings.Cut(rest, " "); strings.HasPrefix(instance, "i-") {
				rest = others
			}
			volume, _, _ := strings.Cut(rest, " ")
			return late, ok && volume != "" && volume == volumeID
		}
	}
	// The format until November 2026: "SnapshotDaily web-1 - vol-0123456789abcdef0 (/dev/xvda)".
	rest, ok := strings.CutPrefix(description, keyword)
	return time.Time{}, ok && strings.HasPrefix(rest, " ") && endsWithVolume(rest, volumeID)
}

// autoSnapshot begins the descriptions that the first users' Lambda wrote: "AutoSnapshot web-1 - vol-0123456789abcdef0 (/dev/xvda)".
const autoSnapshot = "AutoSnapshot "

// NamedByLambda gives the instance's name in a description that the first users' Lambda wrote on a snapshot of the volume.
func NamedByLambda(description, volumeID string) (name string, ok bool) {
	text, ok := strings.CutPrefix(description, autoSnapshot)
	if !ok || !endsWithVolume(text, volumeID) {
		return "", false
	}
	return text[:strings.LastIndex(text, volumeEnd(volumeID))], true
}

func volumeEnd(volumeID string) string { return " - " + volumeID + " (" }

// endsWithVolume says whether the description ends with " - <volume ID> (<device>)". Only the end is a proof: the part before it is an
// instance's name, which people choose.
func endsWithVolume(description, volumeID string) bool {
	at := strings.LastIndex(description, volumeEnd(volumeID))
	if at < 0 {
		return false
	}
	device, closed := strings.CutSuffix(description[at+len(volumeEnd(volumeID)):], ")")
	return closed && !strings.ContainsAny(device, "()")
}
