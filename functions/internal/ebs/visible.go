package ebs

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// hidden says whether a terminal or a mail would act on the character or show nothing: control characters (a newline forges a line, ESC and
// U+009B control a terminal), format characters (U+202E reverses the text), and separators of lines and paragraphs.
func hidden(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// Visible makes a text that somebody else wrote safe for one line of a terminal or a mail. It replaces hidden characters and bytes that are
// not UTF-8 by escapes such as \n or \u202e.
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

// Visiblef is fmt.Sprintf with each argument made Visible, so that code that writes for people need not do that itself.
func Visiblef(format string, args ...any) string {
	for i, a := range args {
		if _, number := a.(int); !number { // it may be a width
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

// Fprintf is fmt.Fprintf with each argument made Visible. It ignores write errors: they could only be reported to the same writer.
func Fprintf(w io.Writer, format string, args ...any) {
	_, _ = io.WriteString(w, Visiblef(format, args...))
}

// VisibleLines is Visible for a text of several lines.
func VisibleLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// VisibleJSON escapes the hidden characters in JSON that encoding/json does not escape. The values do not change.
func VisibleJSON(body []byte) []byte {
	out := make([]byte, 0, len(body))
	for _, r := range string(body) {
		switch high, low := utf16.EncodeRune(r); {
		case !hidden(r) || r < ' ': // only the newlines between values
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

// Count gives "1 volume", "2 volumes".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Cut gives the first characters of the text with an ellipsis, or the whole text if it is short enough.
func Cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
