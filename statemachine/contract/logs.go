package contract

// The functions' log messages about a snapshot, with snapshot_id, volume_id and reason. Who follows a run reads them, and saved queries do.
const (
	LogDeleted = "snapshot deleted"
	LogKept    = "snapshot kept" // a policy would delete it, but EC2 refuses, or it has changed since it was listed
)
