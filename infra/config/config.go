// Package config reads what the CDK app is to deploy from the CDK's context (cdk.json, or -c key=value), and says all that is
// wrong with it at once. It knows nothing of the CDK, so that it is all checked before anything is synthesized.
package config

import (
	"maps"
	"slices"
)

// Config is what is deployed.
type Config struct {
	Schedules        []Schedule
	AlertEmails      []string
	AlertTopicARN    string // an existing topic; "": the stack makes one
	AlertTopicKeyARN string // the KMS key of that topic, if it has one
	MaxConcurrency   int    // child executions at once
	CreateBurst      int    // snapshots created at once after a rest
	CreateRate       float64
	SettleSeconds    int     // from a snapshot's creation to the first look at it
	FreshnessPeriods float64 // of its schedule, after which a volume without a snapshot is told of; 0: none is
	Orphans          string  // what becomes of snapshots that belong to no run any more: report, off, or what to keep
	OrphansExpire    int     // days after which all of those go, the last one too; 0: never
	LogRetentionDays int
	Architecture     string // of the functions
	Tags             map[string]string
	Targets          []Target // none: the account and Region of the AWS CLI's configuration
}

// Schedule fires runs of a keyword.
type Schedule struct {
	Keyword       string // the tag key by which instances opt in
	Expression    Expression
	TimeZone      string // IANA name, of the expression and of calendar rules in retentions
	WindowMinutes int    // how much later than its time a firing may come; 0: none
	Enabled       bool
	ExcludeBoot   bool // its runs exclude boot volumes
}

// Target is where a stack goes.
type Target struct {
	Account string // "": that of the AWS CLI's configuration
	Region  string
}

// StackName is the stack's, the state machine's, and what all other names begin with.
const StackName = "EbsSnapshotLifecycle"

// StackID is the CDK's name of the target's stack, by which one of several can be named on the command line.
func (t Target) StackID() string {
	id := StackName
	if t.Account != "" {
		id += "-" + t.Account
	}
	if t.Region != "" {
		id += "-" + t.Region
	}
	return id
}

// The functions' architectures, in Lambda's words.
const (
	ARM64 = "arm64"
	X8664 = "x86_64"
)

// Key is a key of the context that is ours.
type Key struct {
	Name, Preset, Meaning string
}

// Keys lists the keys of the context in the order in which a person reads of them. The README's table is made of it.
func Keys() []Key {
	return []Key{
		{"schedules", "hourly, and daily at 08:00 in Shanghai", "list of schedules, see below"},
		{"alertEmails", "none", "list of addresses that alerts go to; AWS asks each to confirm"},
		{"alertTopicArn", "none: the stack makes a topic", "an existing SNS topic, in place of `alertEmails`"},
		{"alertTopicKeyArn", "none", "the KMS key of that topic, if it is encrypted with one of yours"},
		{"maxConcurrency", "10000", "instances worked on at once, 1 to 10000; most of them wait, at no cost"},
		{"createBurst", "95", "snapshots created at once after a rest; EC2 allows 100"},
		{"createRate", "4.95", "snapshots created per second after that; EC2 allows 5"},
		{"settleSeconds", "120", "how long after its creation a snapshot is first looked at, 0 to 3600"},
		{"freshnessPeriods", "2", "how many periods of its schedule a volume's newest completed snapshot may be old, 1 to 100; `0`: nothing checks that"},
		{"orphans", OrphansReport, "what becomes of snapshots whose volume or instance is gone or untagged: `report`, what to keep of each volume (`last=1`, `90d`), " +
			"or `off`: nothing looks for them"},
		{"orphansExpireDays", "0", "days after which all of those go, the last one of a volume too, 30 to 36500; `0`: never"},
		{"logRetentionDays", "90", "how long logs are kept; a number of days that CloudWatch Logs knows"},
		{"architecture", ARM64, "`arm64`, or `x86_64`, which needs `make … ARCH=amd64`"},
		{"tags", "none", "object of tags for all resources of the stack"},
		{"targets", "none: where the AWS CLI's configuration points",
			"list of `{\"region\": …, \"account\": …}`, one stack each; `account` may be left out"},
	}
}

// ScheduleKeys lists the keys of a schedule.
func ScheduleKeys() []Key {
	return []Key{
		{"keyword", "", "the tag key by which instances opt in"},
		{"expression", "", "`cron(…)`, `rate(…)` or `at(…)`, as EventBridge Scheduler has them"},
		{"timeZone", "UTC", "IANA name, of the expression and of retentions that count days, weeks and so on"},
		{"flexibleWindowMinutes", "0", "how much later than its time a run may start, 0 to 1440"},
		{"enabled", "true", "`false` keeps the schedule and fires nothing"},
		{"excludeBootVolumes", "false", "`true` excludes the volumes that instances boot from, unless they carry the tag themselves"},
	}
}

var targetKeys = []string{"region", "account"}

// Default is the first users' set-up.
func Default() Config {
	return Config{
		Schedules: []Schedule{
			{Keyword: "SnapshotHourly", Expression: mustExpression("cron(0 * * * ? *)"), TimeZone: "UTC", Enabled: true},
			{Keyword: "SnapshotDaily", Expression: mustExpression("cron(0 8 * * ? *)"), TimeZone: "Asia/Shanghai", Enabled: true},
		},
		MaxConcurrency: 10_000, CreateBurst: 95, CreateRate: 4.95, SettleSeconds: 120, FreshnessPeriods: 2, Orphans: OrphansReport, LogRetentionDays: 90, Architecture: ARM64,
	}
}

// Read makes a configuration of the context. Keys that are not given keep their defaults. cli is where the AWS CLI's
// configuration points, as far as it is known.
func Read(context map[string]any, cli Target) (Config, error) {
	c, r := Default(), &reader{}
	r.unknown("", names(Keys()), ours(context))
	for _, key := range slices.Sorted(maps.Keys(context)) {
		if value := context[key]; value != nil {
			r.read(&c, key, value)
		}
	}
	r.together(c, cli)
	return c, r.err()
}

func names(keys []Key) []string {
	var out []string
	for _, k := range keys {
		out = append(out, k.Name)
	}
	return out
}

// read sets one key. A value from the command line is always a string, whatever the key wants.
func (r *reader) read(c *Config, key string, value any) {
	switch key {
	case "schedules":
		c.Schedules = r.schedules(r.list(key, value, "a list of schedules, such as "+exampleSchedules))
	case "alertEmails":
		c.AlertEmails = r.emails(key, value)
	case "alertTopicArn":
		c.AlertTopicARN = r.arn(key, value, topicARN,
			"the ARN of a standard SNS topic, such as arn:aws:sns:eu-central-1:123456789012:alerts")
	case "alertTopicKeyArn":
		c.AlertTopicKeyARN = r.arn(key, value, keyARN,
			"the ARN of a KMS key, such as arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555")
	case "maxConcurrency":
		c.MaxConcurrency = r.whole(key, value, 1, 10_000)
	case "createBurst":
		c.CreateBurst = r.whole(key, value, 1, 1000)
	case "createRate":
		c.CreateRate = r.number(key, value, 0.01, 1000)
	case "settleSeconds":
		c.SettleSeconds = r.whole(key, value, 0, 3600)
	case "freshnessPeriods":
		if decoded(value) != float64(0) {
			c.FreshnessPeriods = r.number(key, value, 1, 100)
		} else {
			c.FreshnessPeriods = 0
		}
	case "orphans":
		c.Orphans = r.orphans(key, value)
	case "orphansExpireDays":
		if decoded(value) != float64(0) {
			c.OrphansExpire = r.whole(key, value, 30, 36500)
		} else {
			c.OrphansExpire = 0
		}
	case "logRetentionDays":
		c.LogRetentionDays = r.retention(key, value)
	case "architecture":
		c.Architecture = r.oneOf(key, value, ARM64, X8664)
	case "tags":
		c.Tags = r.tags(key, value)
	case "targets":
		c.Targets = r.targets(r.list(key, value, `a list such as [{"region": "eu-central-1"}]`))
	}
}

const exampleSchedules = `[{"keyword": "SnapshotDaily", "expression": "cron(0 8 * * ? *)", "timeZone": "Asia/Shanghai"}]`
