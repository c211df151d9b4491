package lifecycle_test

import (
	"slices"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// Each case is a publisher with the condition keys of its call. EventBridge sends no source when it publishes to SNS.
func TestTheTopicAndItsKeyAllowOnlyPublishersOfThisStack(t *testing.T) {
	tp := standardTemplate(t)
	topic, key := tp.one("AWS::SNS::Topic", "Alerts"), tp.one("AWS::KMS::Key", "Alerts")
	onTopic := statements(t, tp.one("AWS::SNS::TopicPolicy", "Alerts").properties["PolicyDocument"], "the topic's policy")
	onKey := statements(t, key.properties["KeyPolicy"], "the key's policy")
	const account, foreign = "${AWS::AccountId}", "999999999999"
	const cloudwatch, events = "service:cloudwatch.amazonaws.com", "service:events.amazonaws.com"
	const alarms, anyRule = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:", "arn:${AWS::Partition}:events:${AWS::Region}:"
	rule := "${" + tp.one("AWS::Events::Rule", "RulesRunEnded").id + ".Arn}"
	from := func(arn, account string) map[string]string {
		return map[string]string{"aws:SourceArn": arn, "aws:SourceAccount": account, "aws:SecureTransport": "true"}
	}
	ours := from(alarms+account+":alarm:EbsSnapshotLifecycle-RunFailed", account)
	for _, c := range []struct {
		name, principal string
		onTopic, onKey  map[string]string // the call's condition keys; the key's policy has the rules' names
		want            bool
	}{
		{"an alarm of the stack", cloudwatch, ours, ours, true},
		{"another alarm of this account", cloudwatch, from(alarms+account+":alarm:x", account), from(alarms+account+":alarm:x", account), false},
		{
			"an alarm of another account", cloudwatch,
			from(alarms+foreign+":alarm:EbsSnapshotLifecycle-RunFailed", foreign),
			from(alarms+foreign+":alarm:EbsSnapshotLifecycle-RunFailed", foreign), false,
		},
		{"CloudWatch without a source", cloudwatch, nil, nil, false},
		{"a rule without a source, as EventBridge publishes", events, nil, nil, true},
		{"a rule of the stack", events, from(rule, account), from(anyRule+account+":rule/EbsSnapshotLifecycle-RulesRunEnded-1", account), true},
		{"another rule of this account", events, from(anyRule+account+":rule/x", account), from(anyRule+account+":rule/x", account), false},
		{"a rule of another account", events, from(rule, foreign), from(anyRule+foreign+":rule/EbsSnapshotLifecycle-1", foreign), false},
		{"another service", "service:s3.amazonaws.com", ours, ours, false},
		{"another account", "aws:arn:aws:iam::" + foreign + ":root", nil, nil, false},
	} {
		if got := allowed(t, onTopic, request{c.principal, "sns:Publish", "${" + topic.id + "}", c.onTopic}); got != c.want {
			t.Errorf("%s: the topic allows it: %t", c.name, got)
		}
		for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey"} {
			if got := allowed(t, onKey, request{c.principal, action, "*", c.onKey}); got != c.want {
				t.Errorf("%s: the key allows %s: %t", c.name, action, got)
			}
		}
		if allowed(t, onKey, request{c.principal, "kms:ScheduleKeyDeletion", "*", c.onKey}) {
			t.Errorf("%s may delete the key", c.name)
		}
	}
	ours["aws:SecureTransport"] = "false"
	if allowed(t, onTopic, request{cloudwatch, "sns:Publish", "${" + topic.id + "}", ours}) {
		t.Error("the topic accepts messages without TLS")
	}
	// The functions and the state machine have roles of this account. The key's statement for the account lets their policies decide.
	if !allowed(t, onKey, request{"aws:arn:${AWS::Partition}:iam::${AWS::AccountId}:root", "kms:GenerateDataKey", "*", nil}) {
		t.Error("the key's policy does not let the policies of roles decide")
	}
	for _, role := range []string{"ReportRunRole", "WorkflowRole", "CheckFreshnessRole", "TidyOrphansRole"} {
		all := tp.roleStatements(role)
		for action, on := range map[string]string{
			"sns:Publish": "${" + topic.id + "}", "kms:GenerateDataKey": "${" + key.id + ".Arn}", "kms:Decrypt": "${" + key.id + ".Arn}",
		} {
			if !allowed(t, all, request{"", action, on, nil}) {
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
