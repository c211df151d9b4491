package lifecycle_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/infra/config"
)

// roles maps the holders' names in permissions.json to their roles.
var roles = map[string]string{
	"discover-instances": "DiscoverInstancesRole", "snapshot-volume": "SnapshotVolumeRole", "prune-volume": "PruneVolumeRole",
	"report-run": "ReportRunRole", "state-machine": "WorkflowRole", "check-freshness": "CheckFreshnessRole",
	"tidy-orphans": "TidyOrphansRole",
}

// ownSchedule are the functions that have their own schedule: no state calls them.
var ownSchedule = []string{"check-freshness", "tidy-orphans"}

// deleting is tidy-orphans with a policy that deletes orphans. With another configuration, its role has more permissions.
const deleting = "tidy-orphans, deleting"

func deletingTemplate(t *testing.T) *template {
	t.Helper()
	return templateOf(t, read(t, `{"orphans": "last=1", "orphansExpireDays": 365}`), config.Target{})
}

// What AWS itself calls with a role, in addition to the calls in the code.
var (
	ofLambda = []string{"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}
	ofStates = []string{
		// the Distributed Map runs its children as executions of the same state machine
		"states:DescribeExecution", "states:RedriveExecution", "states:StartExecution", "states:StopExecution",
		// its ResultWriter uploads in parts, and looks at what it wrote
		"s3:AbortMultipartUpload results/*", "s3:GetObject results/*", "s3:ListMultipartUploadParts results/*",
		"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
		"logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
		"xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
	}
	ofEncryptedTopics = []string{"kms:Decrypt", "kms:GenerateDataKey"}
)

// called reads the calls that functions/internal/sim/workflow recorded.
func called(t *testing.T) map[string][]string {
	t.Helper()
	body, err := os.ReadFile("testdata/permissions.json")
	if err != nil {
		t.Fatal(err)
	}
	var out map[string][]string
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// granted returns what a role may do, in the format of permissions.json.
func (t *template) granted(role string) []string {
	t.t.Helper()
	all := map[string]bool{}
	for _, s := range t.roleStatements(role) {
		if s.Effect != "Allow" {
			t.t.Errorf("%s: %s: a role needs no Deny", role, s)
		}
		for _, action := range s.Actions {
			for _, r := range s.Resources {
				all[action+t.concerns(s, action, r)] = true
			}
		}
	}
	return sortedKeys(all)
}

// concerns returns what an action is allowed on, if permissions.json has that too.
func (t *template) concerns(s statement, action, resource string) string {
	service, _, _ := strings.Cut(action, ":")
	switch {
	case service == "lambda":
		for name, role := range roles {
			if strings.HasPrefix(resource, "${"+strings.TrimSuffix(role, "Role")+"Function") {
				return " " + name
			}
		}
		return " " + resource
	case action == "s3:ListBucket":
		if p := s.Conditions["StringLike"]["s3:prefix"]; len(p) == 1 {
			return " " + p[0]
		}
		return ""
	case service == "s3":
		_, key, ok := strings.Cut(resource, ".Arn}/")
		if !ok {
			t.t.Errorf("%s is allowed on %s", action, resource)
		}
		return " " + key
	}
	return ""
}

func TestEachRoleAllowsWhatItsHolderCallsAndNothingElse(t *testing.T) {
	all := called(t)
	holders := append(sortedKeys(roles), deleting)
	slices.Sort(holders)
	same(t, "holders of roles", sortedKeys(all), holders)
	for holder, calls := range all {
		t.Run(holder, func(t *testing.T) {
			want := slices.Concat(calls, ofLambda)
			if holder == "state-machine" {
				want = slices.Concat(calls, ofStates)
			}
			if slices.Contains(calls, "sns:Publish") {
				want = slices.Concat(want, ofEncryptedTopics)
			}
			slices.Sort(want)
			tp, role := standardTemplate(t), roles[holder]
			if holder == deleting {
				tp, role = deletingTemplate(t), roles["tidy-orphans"]
			}
			same(t, "what the role allows", tp.granted(role), slices.Compact(want))
		})
	}
}

func TestNoOtherRoleExists(t *testing.T) {
	var got []string
	for _, r := range standardTemplate(t).resources("AWS::IAM::Role") {
		got = append(got, strings.TrimRight(r.id, "0123456789ABCDEF"))
	}
	same(t, "roles", got, []string{
		"CheckFreshnessRole", "ChecksRole",
		"DiscoverInstancesRole", "PruneVolumeRole", "ReportRunRole", "SchedulesRole", "SnapshotVolumeRole", "TidyOrphansRole", "WorkflowRole",
	})
}

func TestWildcardsAreOnlyWhereTheyMustBe(t *testing.T) {
	tp := standardTemplate(t)
	const ec2, states = "arn:${AWS::Partition}:ec2:${AWS::Region}:", "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:"
	want := map[string][]string{
		"*": {
			"ec2:DescribeInstances", "ec2:DescribeSnapshots", "ec2:DescribeTags", "ec2:DescribeVolumes",
			"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
			"logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
			"xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
		},
		ec2 + "${AWS::AccountId}:volume/*":          {"ec2:CreateSnapshot"},
		ec2 + ":snapshot/*":                         {"ec2:CreateSnapshot", "ec2:CreateTags", "ec2:DeleteSnapshot"},
		states + "execution:EbsSnapshotLifecycle:*": {"states:DescribeExecution", "states:StopExecution"},
		states + "execution:EbsSnapshotLifecycle/SnapshotInstances:*": {
			"states:DescribeExecution", "states:RedriveExecution", "states:StopExecution",
		},
		tp.bucketARN() + "/runs/*": {"s3:GetObject", "s3:PutObject"},
		tp.bucketARN() + "/results/*": {
			"s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject",
		},
	}
	got := map[string]map[string]bool{}
	for _, r := range tp.resources("AWS::IAM::Role") {
		for _, s := range tp.roleStatements(r.id) {
			for _, on := range s.Resources {
				if strings.Contains(on, "*") {
					for _, action := range s.Actions {
						if got[on] == nil {
							got[on] = map[string]bool{}
						}
						got[on][action] = true
					}
				}
			}
		}
	}
	flat := map[string][]string{}
	for on, actions := range got {
		flat[on] = sortedKeys(actions)
	}
	same(t, "actions on wildcards", flat, want)
}

func (t *template) bucketARN() string { return "${" + t.one("AWS::S3::Bucket", "Runs").id + ".Arn}" }

func TestSnapshotsAreCreatedAndDeletedOnlyWithTheSchedulesTag(t *testing.T) {
	tp := deletingTemplate(t)
	const snapshot = "arn:${AWS::Partition}:ec2:${AWS::Region}::snapshot/snap-1"
	const volume = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:volume/vol-1"
	marked := func(kind string) map[string]string {
		return map[string]string{"aws:" + kind + "Tag/snapshot-lifecycle:schedule": "SnapshotDaily"}
	}
	const create, prune, tidy = "SnapshotVolumeRole", "PruneVolumeRole", "TidyOrphansRole"
	by := func(action string) map[string]string { return map[string]string{"ec2:CreateAction": action} }
	for name, c := range map[string]struct {
		role, action, on string
		context          map[string]string
		want             bool
	}{
		"creates from any volume":                   {create, "ec2:CreateSnapshot", volume, nil, true},
		"creates a marked snapshot":                 {create, "ec2:CreateSnapshot", snapshot, marked("Request"), true},
		"creates no unmarked snapshot":              {create, "ec2:CreateSnapshot", snapshot, nil, false},
		"tags in the call that creates":             {create, "ec2:CreateTags", snapshot, by("CreateSnapshot"), true},
		"tags nothing afterwards":                   {create, "ec2:CreateTags", snapshot, nil, false},
		"tags nothing in another call that creates": {create, "ec2:CreateTags", snapshot, by("CreateVolume"), false},
		"tags no volume":                            {create, "ec2:CreateTags", volume, by("CreateSnapshot"), false},
		"deletes a marked snapshot":                 {prune, "ec2:DeleteSnapshot", snapshot, marked("Resource"), true},
		"deletes no unmarked snapshot":              {prune, "ec2:DeleteSnapshot", snapshot, nil, false},
		"deletes none that only the call marks":     {prune, "ec2:DeleteSnapshot", snapshot, marked("Request"), false},
		"tidy-orphans deletes a marked snapshot":    {tidy, "ec2:DeleteSnapshot", snapshot, marked("Resource"), true},
		"tidy-orphans deletes no unmarked snapshot": {tidy, "ec2:DeleteSnapshot", snapshot, nil, false},
		"prune-volume creates nothing":              {prune, "ec2:CreateSnapshot", snapshot, marked("Request"), false},
		"snapshot-volume deletes nothing":           {create, "ec2:DeleteSnapshot", snapshot, marked("Resource"), false},
	} {
		if got := allowed(t, tp.roleStatements(c.role), request{"", c.action, c.on, c.context}); got != c.want {
			t.Errorf("%s: allowed is %t", name, got)
		}
	}
}

func TestRolesCanBeAssumedOnlyForThisStack(t *testing.T) {
	tp := standardTemplate(t)
	const account = "${AWS::AccountId}"
	from := func(arn, account string) map[string]string {
		return map[string]string{"aws:SourceArn": arn, "aws:SourceAccount": account}
	}
	const states = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:"
	const scheduler = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/"
	for _, c := range []struct {
		role, service string
		context       map[string]string
		want          bool
	}{
		{"WorkflowRole", "states.amazonaws.com", from(states+"EbsSnapshotLifecycle", account), true},
		{"WorkflowRole", "states.amazonaws.com", from(states+"EbsSnapshotLifecycle/SnapshotInstances", account), true},
		{"WorkflowRole", "states.amazonaws.com", from(states+"Another", account), false},
		{"WorkflowRole", "states.amazonaws.com", from(states+"EbsSnapshotLifecycle", "999999999999"), false},
		{"WorkflowRole", "states.amazonaws.com", nil, false},
		{"WorkflowRole", "lambda.amazonaws.com", from(states+"EbsSnapshotLifecycle", account), false},
		{"SchedulesRole", "scheduler.amazonaws.com", from(scheduler+"EbsSnapshotLifecycle", account), true},
		{"SchedulesRole", "scheduler.amazonaws.com", from(scheduler+"default", account), false},
		{"SchedulesRole", "scheduler.amazonaws.com", from(scheduler+"EbsSnapshotLifecycle", "999999999999"), false},
		{"ChecksRole", "scheduler.amazonaws.com", from(scheduler+"EbsSnapshotLifecycle", account), true},
		{"ChecksRole", "scheduler.amazonaws.com", from(scheduler+"default", account), false},
		{"CheckFreshnessRole", "lambda.amazonaws.com", nil, true},
		{"DiscoverInstancesRole", "lambda.amazonaws.com", nil, true},
		{"DiscoverInstancesRole", "ec2.amazonaws.com", nil, false},
	} {
		role := tp.one("AWS::IAM::Role", c.role)
		trust := statements(t, role.properties["AssumeRolePolicyDocument"], c.role)
		for i := range trust {
			trust[i].Resources = []string{"*"} // the role itself
		}
		if got := allowed(t, trust, request{"service:" + c.service, "sts:AssumeRole", "", c.context}); got != c.want {
			t.Errorf("%s for %s with %v: allowed is %t", c.role, c.service, c.context, got)
		}
	}
}

func TestTheKeyOfAnExistingTopicMayBeUsedOnlyIfItIsConfigured(t *testing.T) {
	const topic = "arn:aws-cn:sns:cn-north-1:123456789012:alerts"
	const key = "arn:aws-cn:kms:cn-north-1:123456789012:key/11111111-2222-3333-4444-555555555555"
	for _, named := range []string{"", key} {
		c := config.Default()
		c.AlertTopicARN, c.AlertTopicKeyARN = topic, named
		tp := templateOf(t, c, config.Target{Region: "cn-north-1", Account: "123456789012"})
		for _, role := range []string{"WorkflowRole", "ReportRunRole", "CheckFreshnessRole", "TidyOrphansRole"} {
			all := tp.roleStatements(role)
			if !allowed(t, all, request{"", "sns:Publish", topic, nil}) {
				t.Errorf("%s may not publish to the topic", role)
			}
			if got := allowed(t, all, request{"", "kms:GenerateDataKey", key, nil}); got != (named != "") {
				t.Errorf("%s, key %q: use is allowed: %t", role, named, got)
			}
		}
		if got := len(tp.anyOf("AWS::SNS::Topic")) + len(tp.anyOf("AWS::KMS::Key")) + len(tp.anyOf("AWS::SNS::TopicPolicy")); got != 0 {
			t.Errorf("the stack has %d topics, keys or topic policies of its own beside an existing topic", got)
		}
	}
}
