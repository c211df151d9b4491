package lifecycle_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// Who publishes, and what their calls carry. EventBridge gives no source when it publishes to SNS.
func TestPublishersAreAdmittedByTheTopicAndItsKey(t *testing.T) {
	tp := standardTemplate(t)
	topic, key := tp.one("AWS::SNS::Topic", "Alerts"), tp.one("AWS::KMS::Key", "Alerts")
	onTopic := statements(t, tp.one("AWS::SNS::TopicPolicy", "Alerts").properties["PolicyDocument"], "the topic's policy")
	onKey := statements(t, key.properties["KeyPolicy"], "the key's policy")
	const account, region = "${AWS::AccountId}", "${AWS::Region}"
	const cloudwatch, events = "service:cloudwatch.amazonaws.com", "service:events.amazonaws.com"
	alarm := "arn:${AWS::Partition}:cloudwatch:" + region + ":" + account + ":alarm:EbsSnapshotLifecycle-RunFailed"
	rule := "${" + tp.one("AWS::Events::Rule", "RulesRunEnded").id + ".Arn}"
	from := func(arn, account string) map[string]string {
		return map[string]string{"aws:SourceArn": arn, "aws:SourceAccount": account, "aws:SecureTransport": "true"}
	}
	const foreign = "999999999999"
	for _, c := range []struct {
		name, principal string
		onTopic, onKey  map[string]string
		want            bool
	}{
		{"an alarm of this account", cloudwatch, from(alarm, account), from(alarm, account), true},
		{"an alarm of another account", cloudwatch, from(strings.ReplaceAll(alarm, account, foreign), foreign), from(strings.ReplaceAll(alarm, account, foreign), foreign), false},
		{"another alarm of this account", cloudwatch, from(strings.ReplaceAll(alarm, "Ebs", "Other"), account), from(strings.ReplaceAll(alarm, "Ebs", "Other"), account), false},
		{"CloudWatch without a source", cloudwatch, nil, nil, false},
		{"a rule, without a source as EventBridge does", events, nil, nil, true},
		{"a rule of the stack", events, from(rule, account), from("arn:${AWS::Partition}:events:"+region+":"+account+":rule/EbsSnapshotLifecycle-RulesRunEnded-1", account), true},
		{"another rule of this account", events, from("arn:${AWS::Partition}:events:"+region+":"+account+":rule/other", account), from("arn:${AWS::Partition}:events:"+region+":"+account+":rule/other", account), false},
		{"a rule of another account", events, from(rule, foreign), from(rule, foreign), false},
		{"another service", "service:s3.amazonaws.com", from(alarm, account), from(alarm, account), false},
		{"everybody", "aws:arn:aws:iam::" + foreign + ":root", nil, nil, false},
	} {
		ref := "${" + topic.id + "}"
		if got := decide(t, onTopic, request{c.principal, "sns:Publish", ref, c.onTopic}); got != c.want {
			t.Errorf("%s: the topic admits: %t", c.name, got)
		}
		for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey"} {
			if got := decide(t, onKey, request{c.principal, action, "*", c.onKey}); got != c.want {
				t.Errorf("%s: the key admits %s: %t", c.name, action, got)
			}
		}
		if decide(t, onKey, request{c.principal, "kms:ScheduleKeyDeletion", "*", c.onKey}) {
			t.Errorf("%s may delete the key", c.name)
		}
	}
	if decide(t, onTopic, request{cloudwatch, "sns:Publish", "${" + topic.id + "}", map[string]string{
		"aws:SourceArn": alarm, "aws:SourceAccount": account, "aws:SecureTransport": "false"}}) {
		t.Error("the topic takes messages in plain text")
	}
	// The functions and the state machine: roles of this account, to whom the account's own statement in the key gives the key.
	if !decide(t, onKey, request{"aws:arn:${AWS::Partition}:iam::${AWS::AccountId}:root", "kms:GenerateDataKey", "*", nil}) {
		t.Error("the key's policy leaves nothing to the policies of roles")
	}
	for _, role := range []string{"ReportRunRole", "WorkflowRole"} {
		all := tp.roleStatements(role)
		for action, on := range map[string]string{"sns:Publish": "${" + topic.id + "}", "kms:GenerateDataKey": "${" + key.id + ".Arn}", "kms:Decrypt": "${" + key.id + ".Arn}"} {
			if !decide(t, all, request{"", action, on, nil}) {
				t.Errorf("%s is not allowed %s", role, action)
			}
		}
	}
}

func TestTheTopicIsEncryptedWithAKeyThatRotates(t *testing.T) {
	tp := standardTemplate(t)
	key := tp.one("AWS::KMS::Key", "Alerts")
	same(t, "rotation", key.at("EnableKeyRotation"), any(true))
	same(t, "the topic's key", tp.one("AWS::SNS::Topic", "Alerts").at("KmsMasterKeyId"), any("${"+key.id+".Arn}"))
}

func TestEachAddressIsSubscribed(t *testing.T) {
	c := config.Default()
	c.AlertEmails = []string{"ops@example.com", "dba@example.com"}
	var got []string
	for _, s := range templateOf(t, c, config.Target{}).resources("AWS::SNS::Subscription") {
		got = append(got, s.at("Protocol").(string)+" "+s.at("Endpoint").(string))
	}
	slices.Sort(got)
	same(t, "subscriptions", got, []string{"email dba@example.com", "email ops@example.com"})
}
