package workflow

import "github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"

// The resources of the definition, as it is rendered here.
const (
	LambdaInvokeResource = lambdaInvoke
	S3PutObjectResource  = s3PutObjectSDK // of RecordFailure
	SNSPublishResource   = snsPublish
)

// WrapResource stands around a resource, for what Lambda, S3 and SNS themselves may answer. It must be called before the first run.
func (w *Workflow) WrapResource(name string, wrap func(asl.Task) asl.Task) {
	w.runner.Resources[name] = wrap(w.runner.Resources[name])
}
