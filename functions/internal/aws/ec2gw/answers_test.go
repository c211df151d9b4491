package ec2gw

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// What is not EC2's answer, although its status is 200.
var notAnswers = map[string]string{
	"empty":                      "",
	"a declaration alone":        `<?xml version="1.0" encoding="UTF-8"?>`,
	"a proxy's page":             "<html><head/><body>Sign in</body></html>",
	"not XML":                    "Bad gateway",
	"JSON":                       `{"Snapshots": []}`,
	"the answer to another call": `<DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>`,
	"an error with another root": `<Response><Errors><Error><Code>InternalError</Code></Error></Errors></Response>`,
}

func TestA200WithoutAnAnswerIsAnErrorAndTriedAgain(t *testing.T) {
	for action, do := range calls {
		for what, body := range notAnswers {
			t.Run(action+" is answered with "+what, func(t *testing.T) {
				attempts := attempts
				if action == "CreateSnapshot" { // it may have acted: the state machine looks before it tries again
					attempts = 1
				}
				r := &replies{t: t}
				for range attempts {
					r.next = append(r.next, reply{status: 200, body: body})
				}
				g := New(aws.Config{
					Region: "eu-central-1", HTTPClient: r, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
				}, Options{Backoff: func(time.Duration) {}})
				err := do(t.Context(), g)
				if _, ok := errors.AsType[*notAnAnswerError](err); !ok || len(r.next) != 0 {
					t.Errorf("%d of %d attempts were not made: %v", len(r.next), attempts, err)
				}
				if got := outermost(err); !strings.HasPrefix(got, "*contract.UnexpectedError") {
					t.Errorf("got %s", got)
				}
			})
		}
	}
}

func TestAListThatBreaksOffIsAnError(t *testing.T) {
	for _, action := range []string{"DescribeInstances", "DescribeVolumes", "DescribeSnapshots"} {
		for _, body := range []string{
			`<%sResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId><nextTok`,
			`<%sResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId>`,
			`<%sResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">`,
		} {
			g := New(aws.Config{
				Region: "eu-central-1", HTTPClient: &replies{t: t, next: []reply{{status: 200, body: strings.ReplaceAll(body, "%s", action)}}},
				Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
			}, Options{Backoff: func(time.Duration) {}})
			if err := calls[action](t.Context(), g); err == nil {
				t.Errorf("%s: %s: no error", action, body)
			}
		}
	}
}
