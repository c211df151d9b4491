package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
)

// JSON gives a value as JSON in ASCII: what is beyond it is written \uXXXX, which reads the same. CloudFormation gives a question
// mark for any other character of a template or an output back, and `cdk diff` would compare with that.
func JSON(v any) string {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false) // Scheduler knows its placeholders by their angle brackets

	if err := e.Encode(v); err != nil { // texts, and lists, maps and structures of them
		panic(err)
	}
	var out strings.Builder
	for _, c := range strings.TrimSpace(body.String()) {
		if c < 0x80 {
			out.WriteRune(c)
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}
