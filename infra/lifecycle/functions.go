package lifecycle

import (
	"slices"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// functions are the Lambda functions of the stack.
type functions struct {
	Discover, Snapshot, Prune, Report *function
	Freshness, Orphans                *function // nil: this check is turned off
}

// ofWorkflow returns the four functions that the state machine calls.
func (f functions) ofWorkflow() []*function {
	return []*function{f.Discover, f.Snapshot, f.Prune, f.Report}
}

// checks returns the functions that have a schedule of their own.
func (f functions) checks() []*function {
	return slices.DeleteFunc([]*function{f.Freshness, f.Orphans}, func(f *function) bool { return f == nil })
}

// all returns the functions of both kinds.
func (f functions) all() []*function { return slices.Concat(f.ofWorkflow(), f.checks()) }

type functionsProps struct {
	Config config.Config
	Build  string
	Bucket awss3.Bucket
	Alerts *alerts
	ARNs   arns
}

// A function's timeout is the timeout of the state that calls it. So no state waits for a function that was killed, and no function
// works on after its state has given up. Functions for the whole fleet get more time and memory than functions for one volume.
const (
	fleetSeconds, volumeSeconds = 900, 120
	fleetMiB, volumeMiB         = 1024, 256
)

// fleetHeap makes Go collect garbage before Lambda's memory is full. Without it, Go waits until the heap has doubled. 100,000
// snapshots with dozens of tags each already need hundreds of MiB.
const fleetHeap = "900MiB"

// createFunction creates a function with a role that may only write logs.
type createFunction func(name, id, description string, seconds, mib int, environment map[string]*string) *function

func newFunctions(scope constructs.Construct, p functionsProps) functions {
	c := p.Config
	common := functionProps{
		Build: p.Build, Architecture: c.Architecture, LogRetentionDays: c.LogRetentionDays,
		InChina: awscdk.NewCfnCondition(scope, str("InChina"), &awscdk.CfnConditionProps{
			Expression: awscdk.Fn_ConditionEquals(awscdk.Aws_PARTITION(), "aws-cn"),
		}),
	}
	var create createFunction = func(name, id, description string, seconds, mib int, environment map[string]*string) *function {
		f := common
		f.Name, f.ID, f.Description, f.TimeoutSeconds, f.MemoryMiB, f.Environment = name, id, description, seconds, mib, environment
		return newFunction(scope, f)
	}
	f := functions{
		Discover: create("discover-instances", "DiscoverInstances", "Claims a run, lists its instances and volumes, and writes the manifest",
			fleetSeconds, fleetMiB, map[string]*string{
				contract.EnvBucket:        p.Bucket.BucketName(),
				contract.EnvCreateBurst:   str(strconv.Itoa(c.CreateBurst)),
				contract.EnvCreateRate:    str(strconv.FormatFloat(c.CreateRate, 'f', -1, 64)),
				contract.EnvSettleSeconds: str(strconv.Itoa(c.SettleSeconds)),
				contract.EnvTimeZones:     str(config.JSON(c.TimeZones())),
				contract.EnvExcludeBoot:   str(config.JSON(c.ExcludeBoot())),
			}),
		Snapshot: create("snapshot-volume", "SnapshotVolume", "Creates the snapshot of one volume for a run, or finds the existing one",
			volumeSeconds, volumeMiB, nil),
		Prune: create("prune-volume", "PruneVolume", "Deletes the snapshots of one volume that its retention no longer keeps",
			volumeSeconds, volumeMiB, nil),
		Report: create("report-run", "ReportRun", "Compares a run with the snapshots in EC2, and reports what is wrong",
			fleetSeconds, fleetMiB, map[string]*string{contract.EnvBucket: p.Bucket.BucketName(), contract.EnvTopicARN: p.Alerts.TopicARN}),
	}
	p.allowDiscover(f.Discover)
	p.allowSnapshot(f.Snapshot)
	p.allowPrune(f.Prune)
	p.allowReport(f.Report)
	p.createChecks(&f, create)
	return f
}

func (p functionsProps) allowDiscover(f *function) {
	// * : EC2's Describe actions do not support resources.
	allow(f.Role, "FindInstancesVolumesAndSnapshots",
		[]string{"ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeSnapshots"}, []string{"*"}, nil)
	// runs/* : a folder for each run.
	allow(f.Role, "ReadAndWriteClaimsManifestsAndPacing", []string{"s3:GetObject", "s3:PutObject"},
		[]string{*p.Bucket.ArnForObjects(str(runsKeys)), *p.Bucket.ArnForObjects(str(pacingKey))}, nil)
	// Nothing lists the bucket. But without this permission, S3 answers 403 for an object that does not exist, and the function has
	// to know that pacing.json does not exist yet. There can be no condition on s3:prefix, because GetObject sends no prefix.
	allow(f.Role, "DistinguishMissingFromForbidden", []string{"s3:ListBucket"}, []string{*p.Bucket.BucketArn()}, nil)
	// * : any execution of this state machine may have claimed the run before.
	allow(f.Role, "CheckWhetherAnotherExecutionHasTheRun", []string{"states:DescribeExecution"}, []string{p.ARNs.executions()}, nil)
}

func (p functionsProps) allowSnapshot(f *function) {
	// * : the tags of instances decide which volumes, and they may change at any time.
	allow(f.Role, "SnapshotAnyVolume", []string{"ec2:CreateSnapshot"}, []string{p.ARNs.volumes()}, nil)
	// * : the snapshot has no ID yet. The condition: it must have the schedule's tag from the start.
	allow(f.Role, "CreateOnlySnapshotsWithTheTag", []string{"ec2:CreateSnapshot"}, []string{p.ARNs.snapshots()},
		conditions{"Null": {"aws:RequestTag/" + scheduleTag: "false"}})
	// * : the snapshot has no ID yet. The condition: tags only in the call that creates the snapshot. Otherwise the function could
	// mark a person's snapshot as one of a run.
	allow(f.Role, "TagOnlyNewSnapshots", []string{"ec2:CreateTags"}, []string{p.ARNs.snapshots()},
		conditions{"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}})
	// * : EC2's Describe actions do not support resources.
	allow(f.Role, "FindExistingSnapshots", []string{"ec2:DescribeSnapshots"}, []string{"*"}, nil)
}

// scheduleTag marks a snapshot that a run created. The functions set it (functions/internal/ebs).
const scheduleTag = "snapshot-lifecycle:schedule"

func (p functionsProps) allowPrune(f *function) {
	// * : EC2's Describe actions do not support resources.
	allow(f.Role, "FindSnapshotsAndTheirCurrentTags", []string{"ec2:DescribeSnapshots", "ec2:DescribeTags"}, []string{"*"}, nil)
	p.allowDelete(f)
}

func (p functionsProps) allowDelete(f *function) {
	// * : any snapshot that has the schedule's tag. The code deletes no other; the condition holds even if the code is wrong.
	allow(f.Role, "DeleteOnlySnapshotsWithTheTag", []string{"ec2:DeleteSnapshot"}, []string{p.ARNs.snapshots()},
		conditions{"Null": {"aws:ResourceTag/" + scheduleTag: "false"}})
}

func (p functionsProps) allowReport(f *function) {
	// * : EC2's Describe actions do not support resources.
	allow(f.Role, "FindSnapshotsAndVolumes", []string{"ec2:DescribeSnapshots", "ec2:DescribeVolumes"}, []string{"*"}, nil)
	// runs/*, results/* : a folder for each run.
	allow(f.Role, "ReadTheRun", []string{"s3:GetObject"},
		[]string{*p.Bucket.ArnForObjects(str(runsKeys)), *p.Bucket.ArnForObjects(str(resultsKeys))}, nil)
	allow(f.Role, "WriteTheReport", []string{"s3:PutObject"}, []string{*p.Bucket.ArnForObjects(str(runsKeys))}, nil)
	allow(f.Role, "ListTheFailures", []string{"s3:ListBucket"}, []string{*p.Bucket.BucketArn()},
		conditions{"StringLike": {"s3:prefix": runsKeys}})
	p.Alerts.allowRole(f.Role)
}
