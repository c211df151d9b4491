package config

import (
	"encoding/json"
	"fmt"
	"math"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// decoded returns the value of a key. On the command line (-c key=value) all values are strings, so a string that is valid JSON is
// decoded.
func decoded(value any) any {
	s, ok := value.(string)
	if !ok {
		return value
	}
	var out any
	if json.Unmarshal([]byte(s), &out) != nil {
		return s
	}
	return out
}

// show returns a value as a person wrote it, shortened.
func show(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	const most = 80
	if r := []rune(string(text)); len(r) > most {
		return string(r[:most]) + "…"
	}
	return string(text)
}

func (r *reader) list(key string, value any, right string) []any {
	out, ok := decoded(value).([]any)
	if !ok {
		r.fault(key, "Give "+right, "%s is not a list", show(value))
	}
	return out
}

func (r *reader) object(where string, value any, right string) map[string]any {
	out, ok := value.(map[string]any)
	if !ok {
		r.fault(where, "Give "+right, "%s is not an object", show(value))
	}
	return out
}

// text reads a string that must not be empty.
func (r *reader) text(where string, value any, right string) string {
	s, ok := value.(string)
	if !ok || s == "" {
		r.fault(where, "Give "+right, "%s is not a text", show(value))
		return ""
	}
	return s
}

func (r *reader) number(where string, value any, least, most float64) float64 {
	n, ok := decoded(value).(float64)
	if !ok || !(n >= least && n <= most) {
		r.fault(where, fmt.Sprintf("Give a number from %v to %v", least, most), "%s is out of range", show(value))
		return least
	}
	return n
}

func (r *reader) whole(where string, value any, least, most int) int {
	n, ok := decoded(value).(float64)
	if !ok || n != math.Trunc(n) || n < float64(least) || n > float64(most) {
		r.fault(where, fmt.Sprintf("Give a whole number from %d to %d", least, most), "%s is out of range", show(value))
		return least
	}
	return int(n)
}

func (r *reader) boolean(where string, value any) bool {
	b, ok := value.(bool)
	if !ok {
		r.fault(where, "Give true or false, without quotes", "%s is neither true nor false", show(value))
	}
	return b
}

func (r *reader) oneOf(where string, value any, choices ...string) string {
	s, ok := value.(string)
	if !ok || !slices.Contains(choices, s) {
		r.fault(where, "Give "+strings.Join(choices, " or "), "%s is not an allowed value", show(value))
		return choices[0]
	}
	return s
}

// retentions are the numbers of days that CloudWatch Logs accepts (PutRetentionPolicy).
var retentions = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func (r *reader) retention(where string, value any) int {
	n, ok := decoded(value).(float64)
	if !ok || !slices.Contains(retentions, int(n)) || n != math.Trunc(n) {
		days := strings.Trim(fmt.Sprint(retentions), "[]")
		r.fault(where, "Give one of "+strings.ReplaceAll(days, " ", ", "), "CloudWatch Logs can't keep logs for %s days", show(value))
		return retentions[0]
	}
	return int(n)
}

// emails reads a list. On the command line, addresses separated by commas will do.
func (r *reader) emails(key string, value any) []string {
	const right = `a list of addresses such as ["ops@example.com"]; on the command line: -c alertEmails=ops@example.com,dba@example.com`
	value = decoded(value)
	if s, ok := value.(string); ok {
		list := []any{}
		for one := range strings.SplitSeq(s, ",") {
			if one = strings.TrimSpace(one); one != "" {
				list = append(list, one)
			}
		}
		value = list
	}
	var out []string
	for i, v := range r.list(key, value, right) {
		where := fmt.Sprintf("%s[%d]", key, i)
		s, _ := v.(string)
		switch address, err := mail.ParseAddress(s); {
		case err != nil || address.Address != s || !strings.Contains(s[strings.LastIndex(s, "@"):], "."):
			r.fault(where, "Give an address such as ops@example.com", "%s is not an e-mail address", show(v))
		case slices.ContainsFunc(out, func(o string) bool { return strings.EqualFold(o, s) }):
			r.fault(where, "Remove one of them: SNS subscribes an address only once", "the list already has %s", show(v))
		default:
			out = append(out, s)
		}
	}
	return out
}

// A FIFO topic's name ends with .fifo. The pattern refuses it: neither e-mail nor alarms can use a FIFO topic.
var (
	topicARN = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov|aws-eusc):sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}$`)
	keyARN   = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov|aws-eusc):kms:([a-z0-9-]+):\d{12}:key/[A-Za-z0-9-]+$`)
)

func (r *reader) arn(where string, value any, form *regexp.Regexp, what, example string) string {
	s, ok := value.(string)
	if ok && s == "" {
		return "" // none
	}
	if !ok || !form.MatchString(s) {
		r.fault(where, "Give one such as "+example, "%s is not %s", show(value), what)
		return ""
	}
	return s
}

func regionOf(arn string) string { return strings.Split(arn, ":")[3] }

func accountOf(arn string) string { return strings.Split(arn, ":")[4] }

// EC2's limits for tags. Most services have the same.
const (
	maxTags     = 40 // EC2 allows 50, and the CDK and CloudFormation add some
	maxTagValue = 256
)

var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

func (r *reader) tags(key string, value any) map[string]string {
	const right = `an object with texts as values, such as {"team": "storage"}`
	tags, out := r.object(key, decoded(value), right), map[string]string{}
	if len(tags) > maxTags {
		r.fault(key, fmt.Sprintf("Give at most %d", maxTags), "there are %d tags", len(tags))
	}
	for _, name := range sortedKeys(tags) {
		where := join(key, name)
		v, ok := tags[name].(string)
		switch {
		case !ok:
			r.fault(where, "Give "+right, "%s is not a text", show(tags[name]))
		case name == "" || utf8.RuneCountInString(name) > contract.MaxTagKey || !tagText.MatchString(name) || contract.ReservedTag(name):
			r.fault(where, "Give a key of 1 to 128 letters, numbers, spaces and _ . : / = + - @ that does not begin with aws:",
				"it can't be the key of a tag")
		case utf8.RuneCountInString(v) > maxTagValue || !tagText.MatchString(v):
			r.fault(where, "Give at most 256 letters, numbers, spaces and _ . : / = + - @", "%s can't be the value of a tag", show(v))
		default:
			out[name] = v
		}
	}
	return out
}
