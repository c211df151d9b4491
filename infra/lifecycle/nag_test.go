package lifecycle_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/lifecycle"
)

// accepted are the findings of cdk-nag's AwsSolutions rules that are intended, each with its reason. They are here and not in the
// stack, so that the template contains only the product. A reason without a finding must be deleted.
var accepted = map[string]string{
	"AwsSolutions-S1 at Runs/Resource": "Access logs would need a second bucket, for objects that only this stack's roles read " +
		"and write. Who wants to know nevertheless has CloudTrail's data events.",
	"AwsSolutions-SQS3 at Schedules/Undelivered/Resource": "It is a dead-letter queue itself: of the schedules, which this rule does not know.",

	wildcard(describe, "DiscoverInstances"): "EC2's Describe actions and X-Ray do not support resources.",
	wildcard(describe, "SnapshotVolume"):    "EC2's Describe actions and X-Ray do not support resources.",
	wildcard(describe, "PruneVolume"):       "EC2's Describe actions and X-Ray do not support resources.",
	wildcard(describe, "ReportRun"):         "EC2's Describe actions and X-Ray do not support resources.",
	wildcard(describe, "CheckFreshness"):    "EC2's Describe actions and X-Ray do not support resources.",
	wildcard(describe, "TidyOrphans"):       "EC2's Describe actions and X-Ray do not support resources.",
	wildcard("*", "Workflow"):               "X-Ray and log delivery do not support resources.",

	wildcard(runs, "DiscoverInstances"): "Each run has its own folder there.",
	wildcard(runs, "ReportRun"):         "Each run has its own folder there.",
	wildcard(results, "ReportRun"):      "Each run has its own folder there.",
	wildcard(runs, "Workflow"):          "Each run has its own folder there.",
	wildcard(results, "Workflow"):       "Each run has its own folder there.",

	wildcard(executions, "DiscoverInstances"): "Any execution of this state machine may have claimed the run.",
	wildcard(executions, "Workflow"):          "The Distributed Map describes and stops executions of this state machine. Their names are not known yet.",
	wildcard(children, "Workflow"):            "The Distributed Map describes, stops and redrives its children. Their names are not known yet.",

	wildcard(volumes, "SnapshotVolume"): "The tags of instances decide which volumes are snapshotted, and they may change at any time.",
	wildcard(snapshots, "SnapshotVolume"): "A snapshot has no ID before it is created. Conditions allow only snapshots with the schedule's tag, " +
		"and tags only in the call that creates the snapshot.",
	wildcard(snapshots, "TidyOrphans"): "Snapshots are created and deleted all the time. A condition allows only those with the schedule's tag.",
	wildcard(snapshots, "PruneVolume"): "Snapshots are created and deleted all the time. A condition allows only those with the schedule's tag.",
}

// The resources with a * in the roles, as cdk-nag writes them.
const (
	describe   = "*"
	runs       = "<RunsE45A2291.Arn>/runs/*"
	results    = "<RunsE45A2291.Arn>/results/*"
	executions = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:EbsSnapshotLifecycle:*"
	children   = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:EbsSnapshotLifecycle/SnapshotInstances:*"
	volumes    = "arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:volume/*"
	snapshots  = "arn:<AWS::Partition>:ec2:<AWS::Region>::snapshot/*"
)

func wildcard(resource, holder string) string {
	return "AwsSolutions-IAM5[Resource::" + resource + "] at " + holder + "/Role/DefaultPolicy/Resource"
}

func TestNagHasOnlyAcceptedFindings(t *testing.T) {
	existing := config.Default()
	existing.AlertTopicARN = "arn:aws:sns:eu-central-1:123456789012:alerts"
	found := nag(t, config.Default())
	existing.Orphans = "last=1"
	maps.Copy(found, nag(t, existing))
	for f := range found {
		if accepted[f] == "" {
			t.Errorf("this finding of cdk-nag is not accepted: %s", f)
		}
	}
	for f := range accepted {
		if !found[f] {
			t.Errorf("this finding is accepted, but cdk-nag does not report it: %s", f)
		}
	}
}

// nag returns the findings of cdk-nag: the rule and the construct, and the thing if the rule has several findings there.
func nag(t *testing.T, c config.Config) map[string]bool {
	t.Helper()
	app := newApp(t)
	stack, err := lifecycle.New(app, lifecycle.Name, lifecycle.Props{Config: c, Build: build()})
	if err != nil {
		t.Fatal(err)
	}
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Verbose: no}), nil)
	annotations := assertions.Annotations_FromStack(stack)
	ofPack := assertions.Match_StringLikeRegexp(str("AwsSolutions-.*"))
	out := map[string]bool{}
	for _, m := range append(*annotations.FindError(str("*"), ofPack), *annotations.FindWarning(str("*"), ofPack)...) {
		text, at := fmt.Sprint(m.Entry.Data), *m.Id
		rule, _, _ := strings.Cut(text, ":")
		if i := strings.Index(text, "]:"); i > 0 {
			rule = text[:i+1]
		}
		out[rule+" at "+strings.TrimPrefix(at, "/"+lifecycle.Name+"/")] = true
	}
	return out
}
