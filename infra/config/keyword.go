package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	ownTags       = "snapshot-lifecycle:" // the tags by which runs know their snapshots
	keywordExotic = "_.:/=+-@ "
)

func reserved(key string) bool {
	return len(key) >= 4 && strings.EqualFold(key[:4], "aws:")
}

// checkKeyword says why a keyword can't name a schedule. The functions have a check of their own, for runs that are started by
// hand; a table in statemachine/testdata holds the two together, since neither may import the other.
func checkKeyword(keyword string) error {
	switch {
	case keyword == "":
		return errors.New("it is empty")
	case utf8.RuneCountInString(keyword) > maxTagKey:
		return fmt.Errorf("it has %d characters, a tag key has at most %d", utf8.RuneCountInString(keyword), maxTagKey)
	case reserved(keyword):
		return errors.New("it begins with aws:, which AWS keeps for itself")
	case strings.HasPrefix(keyword, ownTags):
		return fmt.Errorf("it begins with %s, which marks this tool's own tags", ownTags)
	case keyword == "Name":
		return errors.New("it is the tag that names an instance")
	case strings.TrimSpace(keyword) != keyword:
		return errors.New("it begins or ends with a space")
	}
	for _, c := range keyword {
		if !unicode.IsLetter(c) && !unicode.IsNumber(c) && !strings.ContainsRune(keywordExotic, c) {
			return fmt.Errorf("it contains %q", c)
		}
	}
	return nil
}
