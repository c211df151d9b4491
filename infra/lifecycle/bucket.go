package lifecycle

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// The bucket's folders, as functions and state machine write them.
const (
	runsKeys     = "runs/*"    // claims, manifests, recorded failures, reports
	resultsKeys  = "results/*" // what the Distributed Map exports of its children
	pacingKey    = "pacing.json"
	freshnessKey = "freshness.json" // what check-freshness found last
	orphansKey   = "orphans.json"   // what tidy-orphans found last
)

const (
	// runsDays is how long manifests and reports stay: a year's reports can be looked at when the year is over. It must be more
	// than 90 days: so long Step Functions remembers an execution, and so long a firing might be started again.
	runsDays = 400
	// resultsDays is how long the children's results stay. They repeat what report.json says; report-run reads them minutes later.
	resultsDays = 30
)

// newBucket makes the bucket of the runs: private, encrypted, over TLS only.
//
// It has no versions: each object is written once, but for what the checks found last, and for pacing.json and the claims, which are replaced on
// condition that nobody else has. An old version of those is of no use, and pacing.json would pile up one for each run.
//
// It stays when the stack is destroyed: its reports are the record of what was backed up, and CloudFormation can't delete a
// bucket that holds anything. What is in it expires by itself.
func newBucket(scope constructs.Construct) awss3.Bucket {
	return awss3.NewBucket(scope, str("Runs"), &awss3.BucketProps{
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		// No key of ours: manifests hold the tags of instances, no secrets, and a key would cost a call to KMS an object.
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:        yes,
		MinimumTLSVersion: jsii.Number(1.2),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
		LifecycleRules: &[]*awss3.LifecycleRule{
			{Id: str("runs"), Prefix: str("runs/"), Expiration: awscdk.Duration_Days(jsii.Number(runsDays))},
			{Id: str("results"), Prefix: str("results/"), Expiration: awscdk.Duration_Days(jsii.Number(resultsDays))},
			// What is not replaced any more: nothing runs or checks.
			{Id: str("rest"), Expiration: awscdk.Duration_Days(jsii.Number(runsDays))},
			{Id: str("uploads"), AbortIncompleteMultipartUploadAfter: awscdk.Duration_Days(jsii.Number(7))},
		},
	})
}
