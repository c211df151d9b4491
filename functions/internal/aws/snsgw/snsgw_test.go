package snsgw

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
)

const topicARN = "arn:aws:sns:us-east-1:123456789012:alerts"

func publish(t *testing.T, answer http.HandlerFunc) error {
	t.Helper()
	s := httptest.NewServer(answer)
	defer s.Close()
	return New(aws.Config{
		Region: "us-east-1", BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}, topicARN).Publish(t.Context(), "subject", "message")
}

func TestPublishSendsSubjectAndMessageToTheTopic(t *testing.T) {
	err := publish(t, func(w http.ResponseWriter, r *http.Request) {
		got := []string{r.FormValue("Action"), r.FormValue("TopicArn"), r.FormValue("Subject"), r.FormValue("Message")}
		if d := cmp.Diff([]string{"Publish", topicARN, "subject", "message"}, got); d != "" {
			t.Errorf("request (-want +got):\n%s", d)
		}
		fmt.Fprint(w, `<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAnAnswerThatIsNotSNSsIsAnError(t *testing.T) {
	const page = "<html><body>a proxy</body></html>"
	for _, c := range []struct {
		status int
		body   string
	}{{200, ""}, {200, page}, {202, ""}, {203, page}, {204, ""}} {
		err := publish(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		if err == nil {
			t.Errorf("%d %q: no error, although the mail was not sent", c.status, c.body)
		}
	}
}

func TestAFailureNamesTheTopic(t *testing.T) {
	err := publish(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Code>AuthorizationError</Code><Message>no</Message></Error></ErrorResponse>`)
	})
	if err == nil || !strings.Contains(err.Error(), topicARN) {
		t.Errorf("error %v, want one that names %s", err, topicARN)
	}
}
