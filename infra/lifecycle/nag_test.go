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

// accepted are the findings of cdk-nag's AwsSolutions rules that are meant to be, each with its reason. They stand here and not
// in the stack, so that the template holds nothing but the product. A reason whose finding is gone has to go, too.
var accepted = map[string]string{
	"AwsSolutions-S1 at Runs/Resource": "Access logs would need a second bucket, for objects that only this stack's roles read " +
		"and write. Who wants to know nevertheless has CloudTrail's data events.",
	"AwsSolutions-SQS3 at Schedules/Undelivered/Resource": "It is a dead-letter queue itself: of the schedules, which this rule does not know.",

	wildcard(describe, "DiscoverInstances"): "EC2's Describe actions and X-Ray know no resources.",
	wildcard(describe, "SnapshotVolume"):    "EC2's Describe actions and X-Ray know no resources.",
	wildcard(describe, "PruneVolume"):       "EC2's Describe actions and X-Ray know no resources.",
	wildcard(describe, "ReportRun"):         "EC2's Describe actions and X-Ray know no resources.",
	wildcard(describe, "CheckFreshness"):    "EC2's Describe actions and X-Ray know no resources.",
	wildcard(describe, "TidyOrphans"):       "EC2's Describe actions and X-Ray know no resources.",
	wildcard("*", "Workflow"):               "X-Ray and the delivery of logs know no resources.",

	wildcard(runs, "DiscoverInstances"): "Each run has a folder of its own there.",
	wildcard(runs, "ReportRun"):         "Each run has a folder of its own there.",
	wildcard(results, "ReportRun"):      "Each run has a folder of its own there.",
	wildcard(runs, "Workflow"):          "Each run has a folder of its own there.",
	wildcard(results, "Workflow"):       "Each run has a folder of its own there.",

	wildcard(executions, "DiscoverInstances"): "Any execution of this state machine may have the run.",
	wildcard(executions, "Workflow"):          "The Distributed Map follows and stops executions of this state machine, whose names nobody knows yet.",
	wildcard(children, "Workflow"):            "The Distributed Map follows, stops and redrives its children, whose names nobody knows yet.",

	wildcard(volumes, "SnapshotVolume"): "Which volumes are snapshotted is decided by tags of instances, which may change at any time.",
	wildcard(snapshots, "SnapshotVolume"): "A snapshot has no ID before it is created; conditions allow only ones that are tagged as ours, " +
		"and tags only in the call that creates.",
	wildcard(snapshots, "TidyOrphans"): "Snapshots come and go; a condition allows only ones that are tagged as ours.",
	wildcard(snapshots, "PruneVolume"): "Snapshots come and go; a condition allows only ones that are tagged as ours.",
}

// The resources with a * that roles are allowed, as cdk-nag writes them.
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

func TestNagFindsNothingButWhatIsAccepted(t *testing.T) {
	existing := config.Default()
	existing.AlertTopicARN = "arn:aws:sns:eu-central-1:123456789012:alerts"
	found := nag(t, config.Default())
	existing.Orphans = "last=1"
	maps.Copy(found, nag(t, existing))
	for f := range found {
		if accepted[f] == "" {
			t.Errorf("cdk-nag found, and nothing accepts: %s", f)
		}
	}
	for f := range accepted {
		if !found[f] {
			t.Errorf("accepted, but cdk-nag does not find it: %s", f)
		}
	}
}

// nag gives the findings of cdk-nag, each as rule, construct and, where a rule finds several things there, the thing.
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
