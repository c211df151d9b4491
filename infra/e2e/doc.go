// Package e2e deploys the CDK app to an emulator of AWS on this machine, and runs what was deployed: the real cdk command, the
// state machine in an interpreter that this project did not write, and the functions' real programs behind the APIs that Lambda
// calls them by. The tests (build tag e2e) check the product there; `make local` leaves it running for a person.
//
//	cdk, aws, interpreter ──▶ Endpoint ──▶ moto: CloudFormation, Step Functions, EC2, S3, SNS, Scheduler, …
//	                             └──────▶ Lambda: the bootstrap programs, one process for each execution environment
package e2e
