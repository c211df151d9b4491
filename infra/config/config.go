// Package config reads the configuration from the CDK's context (cdk.json, or -c key=value) and reports all its faults at once.
// It does not import the CDK: everything is checked before anything is synthesized.
package config

import (
	"maps"
	"slices"
)

// Config is what is deployed.
type Config struct {
	Schedules        []Schedule
	AlertEmails      []string
	AlertTopicARN    string // an existing topic; "": the stack creates one
	AlertTopicKeyARN string // the KMS key of that topic, if it has one
	MaxConcurrency   int    // child executions that run at the same time
	CreateBurst      int    // snapshots created at once after a pause
	CreateRate       float64
	SettleSeconds    int     // from a snapshot's creation to the first check whether it has completed
	FreshnessPeriods float64 // how many periods of its schedule a volume may be without a snapshot before that is reported; 0: no check
	Orphans          string  // what happens to snapshots that no run manages any more: report, off, or what to keep
	OrphansExpire    int     // age in days at which every orphan is deleted, also a volume's last one; 0: never
	LogRetentionDays int
	Architecture     string // of the functions
	Tags             map[string]string
	Targets          []Target // empty: the account and Region of the AWS CLI's configuration
}

// Schedule triggers the runs of a keyword.
type Schedule struct {
	Keyword       string // the tag key by which instances opt in
	Expression    Expression
	TimeZone      string // IANA name, of the expression and of calendar rules in retentions
	WindowMinutes int    // how many minutes after its scheduled time a run may start; 0: on time
	Enabled       bool
	ExcludeBoot   bool // its runs exclude boot volumes
}

// Target is an account and a Region that a stack is deployed to.
type Target struct {
	Account string // "": that of the AWS CLI's configuration
	Region  string
}

// StackName is the name of the stack and of the state machine. All other names begin with it.
const StackName = "EbsSnapshotLifecycle"

// StackID is the CDK's ID of the target's stack. The command line selects one of several stacks by it.
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

// Key is a key of the context that this app reads.
type Key struct {
	Name, Preset, Meaning string
}

// Keys lists the keys of the context in the order of the README's table, which is generated from it.
func Keys() []Key {
	return []Key{
		{"schedules", "hourly, and daily at 08:00 in Shanghai", "list of schedules, see below"},
		{"alertEmails", "none", "list of e-mail addresses that receive the alerts; AWS asks each address to confirm"},
		{"alertTopicArn", "none: the stack creates a topic", "an existing SNS topic, instead of `alertEmails`"},
		{"alertTopicKeyArn", "none", "the KMS key of that topic, if it is encrypted with a key of your own"},
		{"maxConcurrency", "10000", "how many instances a run processes at the same time, 1 to 10000; most of them only wait, which costs nothing"},
		{"createBurst", "95", "how many snapshots are created at once after a pause; EC2 allows 100"},
		{"createRate", "4.95", "how many snapshots are created per second after the burst; EC2 allows 5"},
		{"settleSeconds", "120", "seconds from the creation of a snapshot to the first check whether it has completed, 0 to 3600"},
		{"freshnessPeriods", "2", "how old a volume's newest completed snapshot may be, in periods of its schedule, 1 to 100; `0` turns the check off"},
		{"orphans", OrphansReport, "what happens to snapshots whose volume or instance no longer exists or has lost its tag: `report` only reports them; " +
			"`last=1` or `90d` says what to keep of each volume, and the rest is deleted; `off` turns the check off"},
		{"orphansExpireDays", "0", "age in days at which all such snapshots are deleted, also the last one of a volume, 30 to 36500; `0`: never"},
		{"logRetentionDays", "90", "how many days logs are kept; one of the numbers that CloudWatch Logs accepts"},
		{"architecture", ARM64, "`arm64` or `x86_64`; `x86_64` needs `make … ARCH=amd64`"},
		{"tags", "none", "object with tags for all resources of the stack"},
		{"targets", "none: the account and Region of the AWS CLI's configuration",
			"list of `{\"region\": …, \"account\": …}`, one stack each; `account` is optional"},
	}
}

// ScheduleKeys lists the keys of a schedule.
func ScheduleKeys() []Key {
	return []Key{
		{"keyword", "", "the tag key by which instances opt in"},
		{"expression", "", "`cron(…)`, `rate(…)` or `at(…)`, in the syntax of EventBridge Scheduler"},
		{"timeZone", "UTC", "IANA name of the time zone, for the expression and for retentions that count days, weeks, months or years"},
		{"flexibleWindowMinutes", "0", "how many minutes after its scheduled time a run may start, 0 to 1440"},
		{"enabled", "true", "`false` pauses the schedule: it stays configured and triggers no run"},
		{"excludeBootVolumes", "false", "`true` excludes boot volumes, except those that have the tag themselves"},
	}
}

var targetKeys = []string{"region", "account"}

// Default is the configuration of the first users.
func Default() Config {
	return Config{
		Schedules: []Schedule{
			{Keyword: "SnapshotHourly", Expression: mustExpression("cron(0 * * * ? *)"), TimeZone: "UTC", Enabled: true},
			{Keyword: "SnapshotDaily", Expression: mustExpression("cron(0 8 * * ? *)"), TimeZone: "Asia/Shanghai", Enabled: true},
		},
		MaxConcurrency: 10_000, CreateBurst: 95, CreateRate: 4.95, SettleSeconds: 120, FreshnessPeriods: 2, Orphans: OrphansReport, LogRetentionDays: 90, Architecture: ARM64,
	}
}

// Read reads a configuration from the context. A key that is missing keeps its default. cli is the account and Region of the AWS
// CLI's configuration, as far as they are known.
func Read(context map[string]any, cli Target) (Config, error) {
	c, r := Default(), &reader{}
	r.unknownKeys("", names(Keys()), ownKeys(context))
	for _, key := range slices.Sorted(maps.Keys(context)) {
		if value := context[key]; value != nil {
			r.read(&c, key, value)
		}
	}
	r.checkCombinations(c, cli)
	return c, r.err()
}

func names(keys []Key) []string {
	var out []string
	for _, k := range keys {
		out = append(out, k.Name)
	}
	return out
}

// read sets one key. A value from the command line is always a string, whatever type the key needs.
func (r *reader) read(c *Config, key string, value any) {
	switch key {
	case "schedules":
		c.Schedules = r.schedules(r.list(key, value, "a list of schedules, such as "+exampleSchedules))
	case "alertEmails":
		c.AlertEmails = r.emails(key, value)
	case "alertTopicArn":
		c.AlertTopicARN = r.arn(key, value, topicARN,
			"the ARN of a standard SNS topic", "arn:aws:sns:eu-central-1:123456789012:alerts")
	case "alertTopicKeyArn":
		c.AlertTopicKeyARN = r.arn(key, value, keyARN,
			"the ARN of a KMS key", "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555")
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
