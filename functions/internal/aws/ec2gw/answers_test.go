package ec2gw

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// What is not EC2's answer, although the SDK takes its status for a success.
var notAnswers = map[string]reply{
	"nothing":                                {status: 200},
	"a declaration alone":                    {status: 200, body: `<?xml version="1.0" encoding="UTF-8"?>`},
	"a proxy's page":                         {status: 200, body: "<html><head/><body>Sign in</body></html>"},
	"not XML":                                {status: 200, body: "Bad gateway"},
	"JSON":                                   {status: 200, body: `{"Snapshots": []}`},
	"the answer to another call":             {status: 200, body: `<DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>`},
	"an error with another root":             {status: 200, body: `<Response><Errors><Error><Code>InternalError</Code></Error></Errors></Response>`},
	"201 and nothing":                        {status: 201},
	"202 and nothing":                        {status: 202},
	"203 and nothing":                        {status: 203},
	"204":                                    {status: 204},
	"206 and nothing":                        {status: 206},
	"299 and a page":                         {status: 299, body: "<html><head/><body>Sign in</body></html>"},
	"202 and the root of an answer":          {status: 202, body: rightRoot},
	"206 and a part of the right answer":     {status: 206, body: rightRoot},
	"203 and what a proxy made of an answer": {status: 203, body: rightRoot},
}

// rightRoot is replaced by a document with the root of the call's response.
const rightRoot = "<%sResponse/>"

func TestASuccessWithoutAnAnswerIsAnErrorAndRetried(t *testing.T) {
	for action, do := range calls {
		for what, answer := range notAnswers {
			answer.body = strings.ReplaceAll(answer.body, "%s", action)
			t.Run(action+" is answered with "+what, func(t *testing.T) {
				attempts := attempts
				if triedOnce[action] { // it may have acted: the state machine looks before it retries
					attempts = 1
				}
				r := &replies{t: t}
				for range attempts {
					r.next = append(r.next, answer)
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

func TestAListThatIsCutOffIsAnError(t *testing.T) {
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
