package contract

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxTagKey is EC2's limit on a tag's key, in characters (EC2 User Guide, "Tag restrictions").
const MaxTagKey = 128

// TagPrefix is the prefix of the tags by which runs recognize their snapshots.
const TagPrefix = "snapshot-lifecycle:"

// NameTag is the tag with the name of an instance.
const NameTag = "Name"

const keywordPunctuation = "_.:/=+-@ "

// CheckKeyword returns an error if a text can't be the keyword of a schedule ("it contains '*'; …"). Wildcards must be refused: EC2's
// filters would interpret them and match other tags.
func CheckKeyword(keyword string) error {
	switch {
	case keyword == "":
		return errors.New("it is empty")
	case utf8.RuneCountInString(keyword) > MaxTagKey:
		return fmt.Errorf("it has %d characters, but a tag key has at most %d", utf8.RuneCountInString(keyword), MaxTagKey)
	case ReservedTag(keyword):
		return errors.New("it begins with aws:, which is reserved for AWS")
	case strings.HasPrefix(keyword, TagPrefix):
		return fmt.Errorf("it begins with %s, which is reserved for the tags of this tool", TagPrefix)
	case keyword == NameTag:
		return errors.New("it is the tag with the name of an instance")
	case strings.TrimSpace(keyword) != keyword:
		return errors.New("it begins or ends with a space")
	}
	for _, r := range keyword {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune(keywordPunctuation, r) {
			return fmt.Errorf("it contains %q; a tag key may contain letters, numbers, spaces and _ . : / = + - @", r)
		}
	}
	return nil
}

// ReservedTag says whether a tag key is reserved for AWS. Nobody else can set such a tag.
func ReservedTag(key string) bool { return len(key) >= 4 && strings.EqualFold(key[:4], "aws:") }

// maxKeywordASCII is the maximum length of a keyword's ASCII form. Percent-encoding turns one Chinese character into nine, and an EC2
// description must not have more than 255 characters.
const maxKeywordASCII = 100

// KeywordASCII returns the form of a keyword for places that allow only ASCII or no slashes: S3 keys, file names, descriptions of
// snapshots, CloudWatch dimensions. Letters, digits and most punctuation are unchanged, and the rest is percent-encoded. A form of more
// than 100 characters is shortened and gets a hash at its end, so that two keywords never have the same form.
func KeywordASCII(keyword string) string {
	out := url.PathEscape(keyword)
	if strings.Trim(out, ".") == "" { // PathEscape does not change dots, and ".." would be the parent folder
		out = strings.ReplaceAll(out, ".", "%2E")
	}
	if len(out) > maxKeywordASCII {
		sum := sha256.Sum256([]byte(keyword))
		out = fmt.Sprintf("%s-%x", out[:maxKeywordASCII-17], sum[:8])
	}
	return out
}
