package workflow_test

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/ec2sim"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
)

// life is one invocation of a function that may die at one of its calls to EC2, S3 or SNS.
type life struct {
	dies  int  // at which of its calls, from 1
	after bool // when the call has been carried out
	made  int
	dead  bool
}

type lifeKey struct{}

// live makes a call, unless its invocation has died or dies now. A dead invocation makes no more calls.
func live(ctx context.Context, call func() error) error {
	f, _ := ctx.Value(lifeKey{}).(*life)
	switch {
	case f == nil:
		return call()
	case f.dead:
		return errCrash
	}
	f.made++
	if f.made != f.dies {
		return call()
	}
	f.dead = true
	if f.after {
		_ = call() // nobody hears the answer
	}
	return errCrash
}

// diesAt makes invocations die at their nth call, the first so many of them.
func diesAt(n int, after bool, times int) meddling {
	return func(i invocation) (json.RawMessage, error) {
		if times <= 0 { // several may die side by side
			return i.call()
		}
		f := &life{dies: n, after: after}
		i.ctx = context.WithValue(i.ctx, lifeKey{}, f)
		out, err := i.call()
		if f.dead {
			times--
			return nil, errCrash
		}
		return out, err
	}
}

type mortalEC2 struct{ *ec2sim.Account }

func (m mortalEC2) Do(r *http.Request) (answer *http.Response, err error) {
	err = live(r.Context(), func() (err error) {
		answer, err = m.Account.Do(r) //nolint:bodyclose // it is the caller's
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

type mortalObjects struct{ *localstore.Memory }

func (m mortalObjects) Get(ctx context.Context, key string) (body []byte, etag string, err error) {
	err = live(ctx, func() (err error) { body, etag, err = m.Memory.Get(ctx, key); return err })
	return body, etag, err
}

func (m mortalObjects) Put(ctx context.Context, key string, body []byte) error {
	return live(ctx, func() error { return m.Memory.Put(ctx, key, body) })
}

func (m mortalObjects) Create(ctx context.Context, key string, body []byte) error {
	return live(ctx, func() error { return m.Memory.Create(ctx, key, body) })
}

func (m mortalObjects) Replace(ctx context.Context, key string, body []byte, etag string) error {
	return live(ctx, func() error { return m.Memory.Replace(ctx, key, body, etag) })
}

func (m mortalObjects) List(ctx context.Context, prefix string) (keys []string, err error) {
	err = live(ctx, func() (err error) { keys, err = m.Memory.List(ctx, prefix); return err })
	return keys, err
}

type mortalTopic struct{ *topic }

func (m mortalTopic) Publish(ctx context.Context, subject, message string) error {
	return live(ctx, func() error { return m.topic.Publish(ctx, subject, message) })
}
