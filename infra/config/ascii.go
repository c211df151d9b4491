package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
)

// JSON encodes a value as JSON in ASCII. Any other character is written as \uXXXX, which means the same. CloudFormation would
// return it as a question mark, in templates and in outputs, and `cdk diff` would compare with that.
func JSON(v any) string {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false) // EventBridge Scheduler recognizes its placeholders by their angle brackets

	if err := e.Encode(v); err != nil { // can't happen: v holds only strings, lists, maps and structs
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
