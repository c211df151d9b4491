// Package snsgw publishes alerts to an SNS topic.
package snsgw

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

const callTimeout = 30 * time.Second

// Topic is an SNS topic.
type Topic struct {
	client *sns.Client
	arn    string
}

// New makes the topic with the ARN.
func New(cfg aws.Config, arn string) *Topic { return &Topic{sns.NewFromConfig(cfg), arn} }

// Publish sends a message. The subject must be ASCII and shorter than 100 characters, as SNS requires for e-mail.
func (t *Topic) Publish(ctx context.Context, subject, message string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := t.client.Publish(ctx, &sns.PublishInput{TopicArn: &t.arn, Subject: &subject, Message: aws.String(message)})
	if err == nil && aws.ToString(out.MessageId) == "" {
		// The SDK takes a response without a body for a success, and the alert would be lost.
		err = errors.New("SNS answered without a message ID")
	}
	if err != nil {
		return fmt.Errorf("publish to %s: %w", t.arn, err)
	}
	return nil
}
