package contract

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"
)

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
