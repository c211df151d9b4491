// Package snssim refuses what SNS refuses, for topics of tests and of the demo.
package snssim

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxSubject = 99        // characters
	maxMessage = 256 << 10 // bytes of UTF-8
)

// Check gives SNS's error for a message that it does not publish (SNS API Reference, "Publish"). A subject must be shorter than 100 characters,
// without control characters. It must be ASCII and begin with a letter, a digit or a punctuation mark: the reference said so for years, but no
// longer does.
func Check(subject, message string) error {
	beyond := func(c rune) bool { return c < ' ' || c > '~' }
	switch {
	case subject == "" || len(subject) > maxSubject || subject[0] == ' ' || strings.ContainsFunc(subject, beyond):
		return fmt.Errorf("InvalidParameter: Invalid parameter: Subject: %q", subject)
	case message == "":
		return fmt.Errorf("InvalidParameter: Invalid parameter: Empty message")
	case len(message) > maxMessage:
		return fmt.Errorf("InvalidParameter: Invalid parameter: Message too long: %d bytes", len(message))
	case !utf8.ValidString(message):
		return fmt.Errorf("InvalidParameter: Invalid parameter: Message is not UTF-8")
	}
	return nil
}
