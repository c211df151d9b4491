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

// TagPrefix is how the tags begin by which runs know their snapshots.
const TagPrefix = "snapshot-lifecycle:"

// NameTag is the tag that names an instance.
const NameTag = "Name"

const keywordPunctuation = "_.:/=+-@ "

// CheckKeyword says why a text can't be the keyword of a schedule ("it contains '*'; …"), nil if it can. Wildcards must be refused, since
// EC2's filters would read them and match other people's tags.
func CheckKeyword(keyword string) error {
	switch {
	case keyword == "":
		return errors.New("it is empty")
	case utf8.RuneCountInString(keyword) > MaxTagKey:
		return fmt.Errorf("it has %d characters, a tag key has at most %d", utf8.RuneCountInString(keyword), MaxTagKey)
	case ReservedTag(keyword):
		return errors.New("it begins with aws:, which AWS keeps for itself")
	case strings.HasPrefix(keyword, TagPrefix):
		return fmt.Errorf("it begins with %s, which marks this tool's own tags", TagPrefix)
	case keyword == NameTag:
		return errors.New("it is the tag that names an instance")
	case strings.TrimSpace(keyword) != keyword:
		return errors.New("it begins or ends with a space")
	}
	for _, r := range keyword {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune(keywordPunctuation, r) {
			return fmt.Errorf("it contains %q; a tag key holds letters, numbers, spaces and _ . : / = + - @", r)
		}
	}
	return nil
}

// ReservedTag says whether a tag's key is one that AWS keeps for itself; nobody else can set it.
func ReservedTag(key string) bool { return len(key) >= 4 && strings.EqualFold(key[:4], "aws:") }

// maxKeywordASCII is how long a keyword's ASCII form may get: the escape makes nine characters of a Chinese one, and an EC2
// description has room for 255 with all that it says.
const maxKeywordASCII = 100

// KeywordASCII gives the form of a keyword for all that takes only ASCII or forbids slashes: S3 keys, file names, descriptions of
// snapshots, CloudWatch dimensions. Letters, digits and most punctuation stay as they are, the rest is percent-encoded. A form of more
// than 100 characters is cut, and ends in a hash, so that two keywords never share one.
func KeywordASCII(keyword string) string {
	out := url.PathEscape(keyword)
	if strings.Trim(out, ".") == "" { // the escape leaves dots alone, and a folder ".." would be another place
		out = strings.ReplaceAll(out, ".", "%2E")
	}
	if len(out) > maxKeywordASCII {
		sum := sha256.Sum256([]byte(keyword))
		out = fmt.Sprintf("%s-%x", out[:maxKeywordASCII-17], sum[:8])
	}
	return out
}
