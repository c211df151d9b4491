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

// alerts is the topic by which administrators are told: one of the stack, encrypted with a key of its own, or one that was there.
type alerts struct {
	TopicARN *string
	KeyARN   *string // nil: none that is known
	Topic    awssns.ITopic
	own      awssns.Topic // nil: the topic was there
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
		// Nothing that is kept is encrypted with it, and a key that stays costs 1 USD a month.
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	topic := awssns.NewTopic(at, str("Topic"), &awssns.TopicProps{
		DisplayName: str("EBS snapshots"), // whom the e-mails are from
		MasterKey:   key,
		EnforceSSL:  yes,
	})
	for _, address := range c.AlertEmails {
		topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(str(address), nil))
	}
	return &alerts{TopicARN: topic.TopicArn(), KeyARN: key.KeyArn(), Topic: topic, own: topic, key: key}
}

// useKey is what publishing to an encrypted topic takes (SNS Developer Guide, "Key management").
var useKey = []string{"kms:Decrypt", "kms:GenerateDataKey"}

// letPublish lets a role of this account publish. Its own policy is enough: neither the topic's nor the key's says otherwise.
func (a *alerts) letPublish(role awsiam.Role) {
	allow(role, "Alert", []string{"sns:Publish"}, []string{*a.TopicARN}, nil)
	if a.KeyARN != nil {
		allow(role, "AlertEncrypted", useKey, []string{*a.KeyARN}, nil)
	}
}

// admit lets in the services that publish for the stack, for this account's alarms and these rules only, so that nobody else
// can have a service speak in our name. A topic that was there is its owner's to open; the README says how.
func (a *alerts) admit(r *rules, at arns) {
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
	// IfExists: AWS documents that EventBridge gives neither key when it publishes to SNS, nor when SNS asks KMS for it ("adding
	// aws:SourceAccount and aws:SourceArn to a KMS policy is not supported for EventBridge-to-encrypted topics", SNS Developer
	// Guide; the EventBridge User Guide says the like of topic policies). Plain conditions would drop each message silently.
	// EventBridge itself lets a rule have only targets of its own account, unless it publishes by a role and not by this.
	a.statement("RulesPublish", "events.amazonaws.com", conditions{
		"StringEqualsIfExists": {"aws:SourceAccount": *at.stack.Account()},
		"ArnLikeIfExists":      {"aws:SourceArn": r.arns()},
	}, conditions{
		"StringEqualsIfExists": {"aws:SourceAccount": *at.stack.Account()},
		// * : as above, a rule names the topic, and the topic the key.
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
		// * : in a key's policy it means this key.
		Actions: strs(useKey...), Resources: strs("*"), Conditions: onKey.props(),
	}), nil)
}
