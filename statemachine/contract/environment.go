package contract

// The environment variables of the functions. The CDK app sets them, and the main packages read them.
const (
	EnvBucket        = "BUCKET"         // name of the bucket for claims, manifests, reports and states
	EnvTopicARN      = "TOPIC_ARN"      // ARN of the SNS topic for alerts
	EnvCreateBurst   = "CREATE_BURST"   // how many snapshots are created at once after a pause
	EnvCreateRate    = "CREATE_RATE"    // how many snapshots are created per second after that
	EnvSettleSeconds = "SETTLE_SECONDS" // seconds from a snapshot's creation to the first check whether it has completed
	EnvTimeZones     = "TIME_ZONES"     // JSON object: keyword to IANA time zone
	EnvExcludeBoot   = "EXCLUDE_BOOT"   // JSON array: keywords whose runs exclude boot volumes
	EnvLimits        = "LIMITS"         // JSON object: keyword to the age at which a snapshot is no longer fresh, such as "48h"
	EnvKeywords      = "KEYWORDS"       // JSON array: keywords whose orphans are looked for
	EnvPolicy        = "POLICY"         // which orphaned snapshots are kept
	EnvExpireDays    = "EXPIRE_DAYS"    // age in days at which every orphaned snapshot is deleted; 0: never
)
