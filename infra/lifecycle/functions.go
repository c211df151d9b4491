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

// functions are the four that the state machine calls, and those that have a schedule of their own.
type functions struct {
	Discover, Snapshot, Prune, Report *function
	Freshness, Orphans                *function // nil: nothing checks that
}

// all are the four that the state machine calls.
func (f functions) all() []*function { return []*function{f.Discover, f.Snapshot, f.Prune, f.Report} }

// checks are those that have a schedule of their own.
func (f functions) checks() []*function {
	return slices.DeleteFunc([]*function{f.Freshness, f.Orphans}, func(f *function) bool { return f == nil })
}

// every is all of both kinds.
func (f functions) every() []*function { return slices.Concat(f.all(), f.checks()) }

type functionsProps struct {
	Config config.Config
	Build  string
	Bucket awss3.Bucket
	Alerts *alerts
	ARNs   arns
}

// The functions' time is that of the states that call them: no state waits for a function that was killed, and no function goes
// on after its state has given it up. Discovery and report handle the whole fleet; the others, one volume.
const (
	fleetSeconds, volumeSeconds = 900, 120
	fleetMiB, volumeMiB         = 1024, 256
)

// fleetHeap has Go collect garbage before Lambda's memory is used up. By itself it waits until the heap has doubled, and 100,000
// snapshots with dozens of tags each are hundreds of MiB, all in use.
const fleetHeap = "900MiB"

// creation makes a function with a role that may write logs, and nothing else yet.
type creation func(name, id, description string, seconds, mib int, environment map[string]*string) *function

func newFunctions(scope constructs.Construct, p functionsProps) functions {
	c := p.Config
	common := functionProps{
		Build: p.Build, Architecture: c.Architecture, LogRetentionDays: c.LogRetentionDays,
		InChina: awscdk.NewCfnCondition(scope, str("InChina"), &awscdk.CfnConditionProps{
			Expression: awscdk.Fn_ConditionEquals(awscdk.Aws_PARTITION(), "aws-cn"),
		}),
	}
	var create creation = func(name, id, description string, seconds, mib int, environment map[string]*string) *function {
		f := common
		f.Name, f.ID, f.Description, f.TimeoutSeconds, f.MemoryMiB, f.Environment = name, id, description, seconds, mib, environment
		return newFunction(scope, f)
	}
	f := functions{
		Discover: create("discover-instances", "DiscoverInstances", "Claims a run, lists its instances and volumes, writes the manifest",
			fleetSeconds, fleetMiB, map[string]*string{
				contract.EnvBucket:        p.Bucket.BucketName(),
				contract.EnvCreateBurst:   str(strconv.Itoa(c.CreateBurst)),
				contract.EnvCreateRate:    str(strconv.FormatFloat(c.CreateRate, 'f', -1, 64)),
				contract.EnvSettleSeconds: str(strconv.Itoa(c.SettleSeconds)),
				contract.EnvTimeZones:     str(config.JSON(c.TimeZones())),
				contract.EnvExcludeBoot:   str(config.JSON(c.ExcludeBoot())),
			}),
		Snapshot: create("snapshot-volume", "SnapshotVolume", "Creates a run's snapshot of one volume, or finds it",
			volumeSeconds, volumeMiB, nil),
		Prune: create("prune-volume", "PruneVolume", "Deletes what the retention of one volume no longer keeps",
			volumeSeconds, volumeMiB, nil),
		Report: create("report-run", "ReportRun", "Compares a run with what EC2 holds, and tells what is wrong",
			fleetSeconds, fleetMiB, map[string]*string{contract.EnvBucket: p.Bucket.BucketName(), contract.EnvTopicARN: p.Alerts.TopicARN}),
	}
	p.discover(f.Discover)
	p.snapshot(f.Snapshot)
	p.prune(f.Prune)
	p.report(f.Report)
	p.checks(&f, create)
	return f
}

func (p functionsProps) discover(f *function) {
	// * : EC2's Describe actions know no resources.
	allow(f.Role, "FindInstancesVolumesAndSnapshots",
		[]string{"ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeSnapshots"}, []string{"*"}, nil)
	// runs/* : a folder for each run.
	allow(f.Role, "KeepClaimsManifestsAndPace", []string{"s3:GetObject", "s3:PutObject"},
		[]string{*p.Bucket.ArnForObjects(str(runsKeys)), *p.Bucket.ArnForObjects(str(pacingKey))}, nil)
	// Nothing is listed: but without this, S3 answers 403 for an object that is not there, and discovery has to know that
	// pacing.json is not there yet. A condition on s3:prefix would never hold, since GetObject has none.
	allow(f.Role, "TellMissingFromForbidden", []string{"s3:ListBucket"}, []string{*p.Bucket.BucketArn()}, nil)
	// * : any execution of this state machine; another one may have the run.
	allow(f.Role, "SeeWhetherAnotherExecutionHasTheRun", []string{"states:DescribeExecution"}, []string{p.ARNs.executions()}, nil)
}

func (p functionsProps) snapshot(f *function) {
	// * : which volumes is decided by the tags of instances, which may change at any time.
	allow(f.Role, "SnapshotAnyVolume", []string{"ec2:CreateSnapshot"}, []string{p.ARNs.volumes()}, nil)
	// * : the snapshot has no ID yet. It must be marked as ours from its first moment.
	allow(f.Role, "OnlySnapshotsThatAreMarkedAsOurs", []string{"ec2:CreateSnapshot"}, []string{p.ARNs.snapshots()},
		conditions{"Null": {"aws:RequestTag/" + scheduleTag: "false"}})
	// * : as above. Only in the call that creates it: tags are what tells our snapshots from a person's.
	allow(f.Role, "TagWhatItCreates", []string{"ec2:CreateTags"}, []string{p.ARNs.snapshots()},
		conditions{"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}})
	// * : EC2's Describe actions know no resources.
	allow(f.Role, "FindWhatItCreated", []string{"ec2:DescribeSnapshots"}, []string{"*"}, nil)
}

// scheduleTag marks a snapshot as ours; the functions stamp it (functions/internal/ebs).
const scheduleTag = "snapshot-lifecycle:schedule"

func (p functionsProps) prune(f *function) {
	// * : EC2's Describe actions know no resources.
	allow(f.Role, "FindSnapshotsAndWhatTheirTagsSayNow", []string{"ec2:DescribeSnapshots", "ec2:DescribeTags"}, []string{"*"}, nil)
	p.deleteOnlyOurs(f)
}

func (p functionsProps) deleteOnlyOurs(f *function) {
	// * : any snapshot that is ours. The code deletes none but those; this holds even if the code is wrong.
	allow(f.Role, "DeleteOnlySnapshotsThatAreMarkedAsOurs", []string{"ec2:DeleteSnapshot"}, []string{p.ARNs.snapshots()},
		conditions{"Null": {"aws:ResourceTag/" + scheduleTag: "false"}})
}

func (p functionsProps) report(f *function) {
	// * : EC2's Describe actions know no resources.
	allow(f.Role, "FindSnapshotsAndVolumes", []string{"ec2:DescribeSnapshots", "ec2:DescribeVolumes"}, []string{"*"}, nil)
	// runs/*, results/* : a folder for each run.
	allow(f.Role, "ReadTheRun", []string{"s3:GetObject"},
		[]string{*p.Bucket.ArnForObjects(str(runsKeys)), *p.Bucket.ArnForObjects(str(resultsKeys))}, nil)
	allow(f.Role, "WriteTheReport", []string{"s3:PutObject"}, []string{*p.Bucket.ArnForObjects(str(runsKeys))}, nil)
	allow(f.Role, "ListTheFailures", []string{"s3:ListBucket"}, []string{*p.Bucket.BucketArn()},
		conditions{"StringLike": {"s3:prefix": runsKeys}})
	p.Alerts.letPublish(f.Role)
}
