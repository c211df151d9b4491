package contract

// The functions' environment variables. The CDK app sets them, the main packages read them.
const (
	EnvBucket        = "BUCKET"         // name of the bucket for claims, manifests, reports and states
	EnvTopicARN      = "TOPIC_ARN"      // of the SNS topic for alerts
	EnvCreateBurst   = "CREATE_BURST"   // snapshots created at once after a rest
	EnvCreateRate    = "CREATE_RATE"    // snapshots created per second
	EnvSettleSeconds = "SETTLE_SECONDS" // from a snapshot's creation to the first look at it
	EnvTimeZones     = "TIME_ZONES"     // JSON object: IANA time zone by keyword
	EnvExcludeBoot   = "EXCLUDE_BOOT"   // JSON array: keywords whose runs exclude boot volumes
	EnvLimits        = "LIMITS"         // JSON object: the age by keyword at which a snapshot is no longer fresh, such as "48h"
	EnvKeywords      = "KEYWORDS"       // JSON array: keywords whose orphans are looked for
	EnvPolicy        = "POLICY"         // which orphans are kept
	EnvExpireDays    = "EXPIRE_DAYS"    // age in days at which orphans are deleted, 0 for never
)
