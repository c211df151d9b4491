package lifecycle_test

import (
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

func TestTheBucketIsPrivateEncryptedAndExpires(t *testing.T) {
	tp := standardTemplate(t)
	bucket := tp.one("AWS::S3::Bucket", "Runs")
	same(t, "public access", bucket.at("PublicAccessBlockConfiguration"), any(map[string]any{
		"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
	}))
	same(t, "ownership", bucket.at("OwnershipControls", "Rules"), any([]any{map[string]any{"ObjectOwnership": "BucketOwnerEnforced"}}))
	same(t, "encryption", bucket.at("BucketEncryption", "ServerSideEncryptionConfiguration"), any([]any{
		map[string]any{"ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "AES256"}},
	}))
	same(t, "versions", bucket.at("VersioningConfiguration"), nil)
	same(t, "what expires", bucket.at("LifecycleConfiguration", "Rules"), any([]any{
		map[string]any{"Id": "runs", "Prefix": "runs/", "Status": "Enabled", "ExpirationInDays": 400.0},
		map[string]any{"Id": "results", "Prefix": "results/", "Status": "Enabled", "ExpirationInDays": 30.0},
		map[string]any{"Id": "rest", "Status": "Enabled", "ExpirationInDays": 400.0},
		map[string]any{"Id": "uploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": map[string]any{"DaysAfterInitiation": 7.0}},
	}))
	policy := statements(t, tp.one("AWS::S3::BucketPolicy", "Runs").properties["PolicyDocument"], "the bucket's policy")
	for _, s := range policy {
		if s.Effect != "Deny" {
			t.Errorf("the bucket's policy allows access: %s", s)
		}
	}
	for _, secure := range []string{"true", "false"} {
		reading := statement{Effect: "Allow", Actions: []string{"s3:GetObject"}, Resources: []string{"*"}}
		all := append([]statement{reading}, policy[0])
		r := request{"", "s3:GetObject", "${" + bucket.id + ".Arn}/runs/x", map[string]string{"aws:SecureTransport": secure}}
		if got := allowed(t, all, r); got != (secure == "true") {
			t.Errorf("TLS: %s, the bucket returns objects: %t", secure, got)
		}
	}
	same(t, "the minimum version of TLS", policy[1].Conditions, map[string]map[string][]string{"NumericLessThan": {"s3:TlsVersion": {"1.2"}}})
}

// When the stack is destroyed, only the reports are kept. (Snapshots are not part of the stack.)
func TestOnlyTheBucketIsKeptWhenTheStackIsDestroyed(t *testing.T) {
	for _, r := range standardTemplate(t).resources("") {
		kept := r.body["DeletionPolicy"] != nil && r.body["DeletionPolicy"] != "Delete"
		if kept != (r.kind == "AWS::S3::Bucket") {
			t.Errorf("%s (%s) is kept: %t", r.id, r.kind, kept)
		}
		if strings.HasPrefix(r.kind, "Custom::") || strings.HasPrefix(r.kind, "AWS::EC2::") {
			t.Errorf("%s is a %s, which must not be in the stack", r.id, r.kind)
		}
	}
}

func TestEveryLogGroupExpires(t *testing.T) {
	groups := standardTemplate(t).resources("AWS::Logs::LogGroup")
	for _, g := range groups {
		same(t, g.id+"'s retention", g.at("RetentionInDays"), any(90.0))
	}
	same(t, "log groups: one for each function and one for the state machine", len(groups), 7)
}

// untaggable are the types that CloudFormation can't tag.
var untaggable = []string{
	"AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SNS::Subscription", "AWS::SQS::QueuePolicy", "AWS::IAM::Policy",
	"AWS::Scheduler::Schedule", "AWS::Logs::MetricFilter", "AWS::Logs::QueryDefinition", "AWS::Lambda::EventInvokeConfig",
}

func TestEveryResourceHasTheTags(t *testing.T) {
	c := config.Default()
	c.Tags = map[string]string{"team": "storage"}
	for _, r := range templateOf(t, c, config.Target{}).resources("") {
		tagged := strings.Contains(strings.Join(texts(r.properties["Tags"]), " "), "storage")
		if can := !contains(untaggable, r.kind); tagged != can {
			t.Errorf("%s (%s) has the tag: %t", r.id, r.kind, tagged)
		}
	}
}

func contains(all []string, one string) bool {
	return strings.Contains("\n"+strings.Join(all, "\n")+"\n", "\n"+one+"\n")
}
