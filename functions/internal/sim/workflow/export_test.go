package workflow

import "github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"

// The resources of the rendered definition.
const (
	LambdaInvokeResource = lambdaInvoke
	S3PutObjectResource  = s3PutObjectSDK // of RecordFailure
	SNSPublishResource   = snsPublish
)

// WrapResource wraps a resource, to simulate responses of Lambda, S3 and SNS themselves. Call it before the first run.
func (w *Workflow) WrapResource(name string, wrap func(asl.Task) asl.Task) {
	w.runner.Resources[name] = wrap(w.runner.Resources[name])
}
