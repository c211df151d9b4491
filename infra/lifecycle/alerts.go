package lifecycle

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// alerts is the SNS topic that receives the alerts. Either the stack creates it, with a key of its own, or it is an existing topic.
type alerts struct {
	TopicARN *string
	KeyARN   *string // nil: the topic is not encrypted, or nobody configured its key
	Topic    awssns.ITopic
	own      awssns.Topic // nil: the topic existed before
	key      awskms.Key
}

func newAlerts(scope constructs.Construct, c config.Config) *alerts {
	at := constructs.NewConstruct(scope, str("Alerts"))
	if c.AlertTopicARN != "" {
		a := &alerts{TopicARN: str(c.AlertTopicARN), Topic: awssns.Topic_FromTopicArn(at, str("Topic"), str(c.AlertTopicARN))}
		if c.AlertTopicKeyARN != "" {
			a.KeyARN = str(c.AlertTopicKeyARN)
		}
		return a
	}
	key := awskms.NewKey(at, str("Key"), &awskms.KeyProps{
		Description:       str("Encrypts the alerts of " + Name),
		EnableKeyRotation: yes,
		// It encrypts nothing that is kept, and a key that is kept costs 1 USD a month.
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	topic := awssns.NewTopic(at, str("Topic"), &awssns.TopicProps{
		DisplayName: str("EBS snapshots"), // the sender of the e-mails
		MasterKey:   key,
		EnforceSSL:  yes,
	})
	for _, address := range c.AlertEmails {
		topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(str(address), nil))
	}
	return &alerts{TopicARN: topic.TopicArn(), KeyARN: key.KeyArn(), Topic: topic, own: topic, key: key}
}

// useKey lists the permissions that are needed to publish to an encrypted topic (SNS Developer Guide, "Key management").
var useKey = []string{"kms:Decrypt", "kms:GenerateDataKey"}

// allowRole lets a role of this account publish. The role's own policy is enough: the policies of the topic and of the key do not
// forbid it.
func (a *alerts) allowRole(role awsiam.Role) {
	allow(role, "PublishAlerts", []string{"sns:Publish"}, []string{*a.TopicARN}, nil)
	if a.KeyARN != nil {
		allow(role, "EncryptAlerts", useKey, []string{*a.KeyARN}, nil)
	}
}

// allowServices lets CloudWatch and EventBridge publish, but only for alarms of this account and for these rules. Nobody else can
// use these services to send an alert. The policy of an existing topic is left to its owner; the README says how to change it.
func (a *alerts) allowServices(r *rules, at arns) {
	if a.own == nil {
		return
	}
	alarms := at.of("cloudwatch", "alarm:"+alarmPrefix+"*") // * : the stack's alarms, whatever their number
	a.statement("AlarmsPublish", "cloudwatch.amazonaws.com", conditions{
		"StringEquals": {"aws:SourceAccount": *at.stack.Account()},
		"ArnLike":      {"aws:SourceArn": alarms},
	}, conditions{
		"StringEquals": {"aws:SourceAccount": *at.stack.Account()},
		"ArnLike":      {"aws:SourceArn": alarms},
	})
	// IfExists, because EventBridge sends neither key when it publishes to SNS, and SNS sends neither to KMS ("adding
	// aws:SourceAccount and aws:SourceArn to a KMS policy is not supported for EventBridge-to-encrypted topics", SNS Developer
	// Guide; the EventBridge User Guide says the same about topic policies). With plain conditions, every message would be dropped
	// silently. EventBridge itself allows a rule without a role only targets of the rule's own account.
	a.statement("RulesPublish", "events.amazonaws.com", conditions{
		"StringEqualsIfExists": {"aws:SourceAccount": *at.stack.Account()},
		"ArnLikeIfExists":      {"aws:SourceArn": r.arns()},
	}, conditions{
		"StringEqualsIfExists": {"aws:SourceAccount": *at.stack.Account()},
		// * : a rule's ARN can't be used here, because the rule depends on the topic and the topic on the key.
		"ArnLikeIfExists": {"aws:SourceArn": at.of("events", "rule/"+Name+"-*")},
	})
}

func (a *alerts) statement(sid, service string, onTopic, onKey conditions) {
	a.own.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: str(sid), Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(str(service), nil)},
		Actions: strs("sns:Publish"), Resources: &[]*string{a.TopicARN}, Conditions: onTopic.props(),
	}))
	a.key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: str(sid), Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(str(service), nil)},
		// * : in the policy of a key, it means this key.
		Actions: strs(useKey...), Resources: strs("*"), Conditions: onKey.props(),
	}), nil)
}
