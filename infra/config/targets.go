package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	regionForm  = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$`)
	accountForm = regexp.MustCompile(`^\d{12}$`)
)

func (r *reader) targets(list []any) []Target {
	var out []Target
	for i, value := range list {
		where := fmt.Sprintf("targets[%d]", i)
		entry := r.object(where, value, `an object such as {"region": "eu-central-1", "account": "123456789012"}`)
		if entry == nil {
			continue
		}
		r.unknownKeys(where, targetKeys, sortedKeys(entry))
		var t Target
		if v := entry["region"]; v != nil {
			t.Region, _ = v.(string)
		}
		if !regionForm.MatchString(t.Region) {
			r.fault(join(where, "region"), "Give the code of a Region, such as eu-central-1 or cn-north-1",
				"%s is not a Region", show(entry["region"]))
		}
		if v := entry["account"]; v != nil {
			t.Account, _ = v.(string)
			if !accountForm.MatchString(t.Account) {
				r.fault(join(where, "account"), `Give the account's 12 digits in quotes, such as "123456789012"`, "%s is not an account", show(v))
			}
		}
		if slices.Contains(out, t) {
			r.fault(where, "Remove one of them", "the list already has it")
		}
		out = append(out, t)
	}
	return out
}

// maxSettings is how many bytes of settings a function's environment has room for. Lambda allows 4 KB in all.
const maxSettings = 3000

// checkCombinations reports values that are right alone and wrong together.
func (r *reader) checkCombinations(c Config, cli Target) {
	r.checkTopic(c)
	r.checkOrphansExpiry(c)
	where, targets := "targets[%d]", c.Targets
	if len(targets) == 0 {
		where, targets = "alertTopicArn", []Target{cli}
	}
	for i, t := range targets {
		at := where
		if strings.Contains(where, "%") {
			at = fmt.Sprintf(where, i)
		}
		r.checkTopicReachable(at, c.AlertTopicARN, t)
	}
	if n := c.settingsBytes(); n > maxSettings {
		r.fault("schedules", "Give fewer schedules, or shorter keywords",
			"their settings need %d bytes, and a Lambda function's environment has room for %d", n, maxSettings)
	}
}

// settingsBytes is the size of the settings of all schedules in a function's environment, of the function that needs most.
func (c Config) settingsBytes() int {
	return max(len(JSON(c.TimeZones())), len(JSON(c.FreshnessLimits()))) + len(JSON(c.ExcludeBoot()))
}

func (r *reader) checkOrphansExpiry(c Config) {
	if c.OrphansExpire > 0 && !c.OrphansDeleted() {
		r.fault("orphansExpireDays", `Set orphans to what to keep until then, such as "last=1", or remove orphansExpireDays`,
			"orphans is %s, so nothing is deleted", c.Orphans)
	}
}

func (r *reader) checkTopic(c Config) {
	switch {
	case c.AlertTopicARN != "" && len(c.AlertEmails) > 0:
		r.fault("alertEmails", "Give only one of the two: subscribe the addresses to your topic, or remove alertTopicArn",
			"alertTopicArn is given too")
	case c.AlertTopicARN == "" && c.AlertTopicKeyARN != "":
		r.fault("alertTopicKeyArn", "Give the topic as alertTopicArn, or remove the key: the stack creates a key for its own topic",
			"alertTopicArn is not given")
	case c.AlertTopicKeyARN != "" && regionOf(c.AlertTopicKeyARN) != regionOf(c.AlertTopicARN):
		r.fault("alertTopicKeyArn", "Give the key that encrypts the topic",
			"the key is in %s, but the topic is in %s", regionOf(c.AlertTopicKeyARN), regionOf(c.AlertTopicARN))
	}
}

// checkTopicReachable checks that the alarms and rules of a stack can publish to the existing topic.
func (r *reader) checkTopicReachable(where, topic string, t Target) {
	const right = "CloudWatch and EventBridge can publish only to topics in their own account and Region: remove alertTopicArn, " +
		"or deploy this target alone, with a topic of its own"
	if topic == "" {
		return
	}
	if t.Region != "" && t.Region != regionOf(topic) {
		r.fault(where, right, "the stack is in %s, but the topic is in %s", t.Region, regionOf(topic))
	}
	if t.Account != "" && t.Account != accountOf(topic) {
		r.fault(where, right, "the stack is in account %s, but the topic is in account %s", t.Account, accountOf(topic))
	}
}
