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
		r.unknown(where, targetKeys, sortedKeys(entry))
		var t Target
		if v := entry["region"]; v != nil {
			t.Region, _ = v.(string)
		}
		if !regionForm.MatchString(t.Region) {
			r.fault(join(where, "region"), "Give the code of a Region, such as eu-central-1 or cn-north-1",
				"%s is no Region", show(entry["region"]))
		}
		if v := entry["account"]; v != nil {
			t.Account, _ = v.(string)
			if !accountForm.MatchString(t.Account) {
				r.fault(join(where, "account"), `Give the account's 12 digits in quotes, such as "123456789012"`, "%s is no account", show(v))
			}
		}
		if slices.Contains(out, t) {
			r.fault(where, "Leave one of them out", "it was named before")
		}
		out = append(out, t)
	}
	return out
}

// maxSettings is what the environment of a function, 4 KB in all, has room for.
const maxSettings = 3000

// together says what is wrong with values that are right each for itself.
func (r *reader) together(c Config, cli Target) {
	r.topics(c)
	r.expiry(c)
	where, targets := "targets[%d]", c.Targets
	if len(targets) == 0 {
		where, targets = "alertTopicArn", []Target{cli}
	}
	for i, t := range targets {
		at := where
		if strings.Contains(where, "%") {
			at = fmt.Sprintf(where, i)
		}
		r.reach(at, c.AlertTopicARN, t)
	}
	if n := c.settings(); n > maxSettings {
		r.fault("schedules", "Give fewer schedules, or shorter keywords",
			"what functions have to know of them is %d bytes, and a Lambda function's environment has room for %d", n, maxSettings)
	}
}

// settings is how many bytes of its environment a function needs at most for what it has to know of the schedules.
func (c Config) settings() int {
	return max(len(JSON(c.TimeZones())), len(JSON(c.FreshnessLimits()))) + len(JSON(c.ExcludeBoot()))
}

func (r *reader) expiry(c Config) {
	if c.OrphansExpire > 0 && !c.OrphansDeleted() {
		r.fault("orphansExpireDays", `Give in orphans what to keep until then, such as "last=1", or leave this out`,
			"orphans is %s: nothing is deleted", c.Orphans)
	}
}

func (r *reader) topics(c Config) {
	switch {
	case c.AlertTopicARN != "" && len(c.AlertEmails) > 0:
		r.fault("alertEmails", "Give one of the two: subscribe the addresses to your topic, or leave alertTopicArn out",
			"there is alertTopicArn too")
	case c.AlertTopicARN == "" && c.AlertTopicKeyARN != "":
		r.fault("alertTopicKeyArn", "Give the topic as alertTopicArn, or leave the key out: the stack's own topic has a key of its own",
			"there is no alertTopicArn")
	case c.AlertTopicKeyARN != "" && regionOf(c.AlertTopicKeyARN) != regionOf(c.AlertTopicARN):
		r.fault("alertTopicKeyArn", "Give the key with which the topic is encrypted",
			"the key is in %s, the topic in %s", regionOf(c.AlertTopicKeyARN), regionOf(c.AlertTopicARN))
	}
}

// reach says whether alarms and rules of a stack can publish to the topic that was there.
func (r *reader) reach(where, topic string, t Target) {
	const right = "CloudWatch and EventBridge publish to topics of their own account and Region only: leave alertTopicArn out, " +
		"or deploy the others by themselves"
	if topic == "" {
		return
	}
	if t.Region != "" && t.Region != regionOf(topic) {
		r.fault(where, right, "the stack is in %s, and the topic in %s", t.Region, regionOf(topic))
	}
	if t.Account != "" && t.Account != accountOf(topic) {
		r.fault(where, right, "the stack is in account %s, and the topic in %s", t.Account, accountOf(topic))
	}
}
