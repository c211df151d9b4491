package ebs

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// hidden says whether a terminal or a mail would do something with the character, or show nothing, where a person expects to read it:
// control characters (a newline begins a line that nobody wrote, ESC and U+009B command a terminal), format characters (U+202E turns
// the text around), and what separates lines and paragraphs.
func hidden(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// Visible gives a text that somebody else wrote for one line of a terminal or a mail: what is hidden stands there as an escape, such as
// \n or \u202e, and so do bytes that are no UTF-8. All else stays as it is.
func Visible(s string) string {
	if strings.IndexFunc(s, hidden) < 0 && utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for i, r := range s {
		switch _, size := utf8.DecodeRuneInString(s[i:]); {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case hidden(r) && r <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, r)
		case hidden(r):
			fmt.Fprintf(&out, `\U%08x`, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// Visiblef is fmt.Sprintf with each argument as Visible gives it, so that whoever writes lines for people need not think of it.
func Visiblef(format string, args ...any) string {
	for i, a := range args {
		if _, number := a.(int); !number { // which may be the width of another
			args[i] = visible{a}
		}
	}
	return fmt.Sprintf(format, args...)
}

type visible struct{ any }

// Format makes it a fmt.Formatter.
func (v visible) Format(f fmt.State, verb rune) {
	_, _ = f.Write([]byte(Visible(fmt.Sprintf(fmt.FormatString(f, verb), v.any)))) // to memory
}

// Fprintf is fmt.Fprintf with each argument as Visible gives it. Where it writes for a person there is nobody to tell that it failed.
func Fprintf(w io.Writer, format string, args ...any) {
	_, _ = io.WriteString(w, Visiblef(format, args...))
}

// VisibleLines is Visible for a text that has lines of its own.
func VisibleLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// VisibleJSON escapes in JSON what is hidden and what encoding/json leaves as it is. The values stay the same.
func VisibleJSON(body []byte) []byte {
	out := make([]byte, 0, len(body))
	for _, r := range string(body) {
		switch high, low := utf16.EncodeRune(r); {
		case !hidden(r) || r < ' ': // of those, only the newlines between values are there
			out = utf8.AppendRune(out, r)
		case r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
	}
	return out
}

// TimeFormat is how people read a time: with its offset from UTC. An abbreviation such as CST means different things in China and in
// America.
const TimeFormat = "2006-01-02 15:04 -07:00"

// Cut gives the text, or as many of its characters with an ellipsis.
func Cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
