package lifecycle

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// The keys of the bucket's objects, as the functions and the state machine write them.
const (
	runsKeys     = "runs/*"    // claims, manifests, recorded failures, reports
	resultsKeys  = "results/*" // the results of the children, which the Distributed Map exports
	pacingKey    = "pacing.json"
	freshnessKey = "freshness.json" // the result of the last check-freshness
	orphansKey   = "orphans.json"   // the result of the last tidy-orphans
)

const (
	// runsDays is how many days manifests and reports are kept. The reports of a whole year are still there when the year is over.
	// It must be more than 90 days: Step Functions remembers an execution for 90 days, and until then a person may start its run
	// again.
	runsDays = 400
	// resultsDays is how many days the children's results are kept. report-run reads them after minutes, and report.json has what
	// they say.
	resultsDays = 30
)

// newBucket creates the bucket of the runs. It is private and encrypted, and it accepts only TLS.
//
// It keeps no old versions. Most objects are written once. The others are the results of the checks, the claims and pacing.json;
// nobody needs their old versions, and pacing.json would get one for each run.
//
// The bucket is kept when the stack is destroyed: its reports are the record of the backups, and CloudFormation can't delete a
// bucket that is not empty. Its objects expire by themselves.
func newBucket(scope constructs.Construct) awss3.Bucket {
	return awss3.NewBucket(scope, str("Runs"), &awss3.BucketProps{
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		// There is no KMS key: manifests contain tags of instances, which are not secret, and a key would cost a call to KMS for each
		// object.
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:        yes,
		MinimumTLSVersion: jsii.Number(1.2),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
		LifecycleRules: &[]*awss3.LifecycleRule{
			{Id: str("runs"), Prefix: str("runs/"), Expiration: awscdk.Duration_Days(jsii.Number(runsDays))},
			{Id: str("results"), Prefix: str("results/"), Expiration: awscdk.Duration_Days(jsii.Number(resultsDays))},
			// The other objects are replaced at each run or check. They expire only when there are no more runs and checks.
			{Id: str("rest"), Expiration: awscdk.Duration_Days(jsii.Number(runsDays))},
			{Id: str("uploads"), AbortIncompleteMultipartUploadAfter: awscdk.Duration_Days(jsii.Number(7))},
		},
	})
}
