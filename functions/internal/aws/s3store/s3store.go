// Package s3store keeps the workflow's objects in a bucket of Amazon S3.
package s3store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

const (
	callTimeout = 50 * time.Second
	maxObject   = 256 << 20 // bytes; larger than the manifest of 100,000 instances with all their tags
	maxPages    = 1000
)

// errNotS3 is for a successful response that is not S3's, such as a proxy's empty page. The SDK takes it for an empty list or a successful write.
// S3 names the bucket in each list, and gives each object an ETag.
var errNotS3 = errors.New("the response is a success, but it is not from S3: the bucket's name or the ETag is missing")

// Store is a bucket.
type Store struct {
	client *s3.Client
	bucket string
}

// New makes a store in the bucket.
func New(cfg aws.Config, bucket string) *Store {
	return &Store{s3.NewFromConfig(cfg), bucket}
}

// Get gives the object's content, and the ETag for Replace.
func (s *Store) Get(ctx context.Context, key string) (body []byte, etag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return nil, "", s.failed("get", key, err)
	}
	defer out.Body.Close()
	body, err = io.ReadAll(io.LimitReader(out.Body, maxObject+1))
	if err == nil && len(body) > maxObject {
		err = fmt.Errorf("it is larger than %d MiB", maxObject>>20)
	}
	if err == nil && aws.ToString(out.ETag) == "" {
		err = errNotS3
	}
	if err != nil {
		return nil, "", s.failed("get", key, err)
	}
	return body, *out.ETag, nil
}

// Put writes the object. It replaces an existing one.
func (s *Store) Put(ctx context.Context, key string, body []byte) error {
	return s.put(ctx, "put", key, body, nil, nil)
}

// Create writes the object if there is none with the key.
func (s *Store) Create(ctx context.Context, key string, body []byte) error {
	return s.put(ctx, "create", key, body, aws.String("*"), nil)
}

// Replace writes the object if it still has the ETag.
func (s *Store) Replace(ctx context.Context, key string, body []byte, etag string) error {
	return s.put(ctx, "replace", key, body, nil, &etag)
}

func (s *Store) put(ctx context.Context, op, key string, body []byte, ifNoneMatch, ifMatch *string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("application/json"),
		IfNoneMatch: ifNoneMatch, IfMatch: ifMatch,
	})
	if err == nil && aws.ToString(out.ETag) == "" {
		err = errNotS3
	}
	return s.failed(op, key, err)
}

// List gives the keys with the prefix, sorted.
func (s *Store) List(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	p := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix})
	for n := 0; p.HasMorePages(); n++ {
		if n == maxPages {
			return nil, fmt.Errorf("list s3://%s/%s: more than %d pages", s.bucket, prefix, maxPages)
		}
		page, err := s.page(ctx, p)
		if err != nil {
			return nil, s.failed("list", prefix, err)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys, nil
}

func (s *Store) page(ctx context.Context, p *s3.ListObjectsV2Paginator) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	page, err := p.NextPage(ctx)
	if err == nil && aws.ToString(page.Name) == "" {
		err = errNotS3
	}
	return page, err
}

func (s *Store) failed(op, key string, err error) error {
	if err == nil {
		return nil
	}
	attempted := fmt.Sprintf("%s s3://%s/%s", op, s.bucket, key)
	if _, missing := errors.AsType[*types.NoSuchKey](err); missing {
		return fmt.Errorf("%s: %w", attempted, store.ErrNotFound)
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch api.ErrorCode() {
		case "NoSuchKey":
			return fmt.Errorf("%s: %w", attempted, store.ErrNotFound)
		case "PreconditionFailed", "ConditionalRequestConflict":
			return fmt.Errorf("%s: %w", attempted, store.ErrConflict)
		case "AccessDenied":
			return fmt.Errorf("%s: %w", attempted, &contract.AccessDeniedError{Message: "S3 said " + api.ErrorCode() + ": " + api.ErrorMessage()})
		}
	}
	return fmt.Errorf("%s: %w", attempted, err)
}
