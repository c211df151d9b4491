// Package e2e deploys the CDK app to an emulator of AWS on this machine and runs it there. It uses the real cdk command, moto's
// interpreter for the state machine, which is not written by this project, and the functions' real programs, which it calls as Lambda
// does. The tests (build tag e2e) check the product there. `make local` keeps it running for a person.
//
//	cdk, aws, interpreter ──▶ Endpoint ──▶ moto: CloudFormation, Step Functions, EC2, S3, SNS, Scheduler, …
//	                             └──────▶ Lambda: the bootstrap programs, one process for each execution environment
package e2e
